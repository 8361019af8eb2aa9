// gate_reference: the least that a program must do to gate a file of receipts:
// read(2), memchr for the line, simdjson On-Demand for the user id, one look-up.
//
// The gate path of sluice is measured against this and nothing faster was left
// out on purpose: no documents, no copies, no allocation a line.
//
//   gate_reference USERS RECEIPTS   prints "lines=… admitted=… denied=… broken=… seconds=…"
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <simdjson.h>

namespace
{

struct Count {
    unsigned long long lines = 0, admitted = 0, denied = 0, broken = 0;
};

class Gate
{
  public:
    explicit Gate(const char *path)
    {
        std::ifstream in(path);
        std::string line;

        while (std::getline(in, line))
            if (!line.empty())
                names.push_back(line);
        for (const std::string &name : names)
            ids.insert(name);
    }

    // The line's bytes are followed by at least SIMDJSON_PADDING readable ones.
    void decide(const char *line, size_t len, size_t capacity, Count &count)
    {
        simdjson::ondemand::document doc;
        std::string_view user;

        count.lines++;
        if (parser.iterate(line, len, capacity).get(doc) != simdjson::SUCCESS ||
            doc["user_id"].get_string().get(user) != simdjson::SUCCESS)
            count.broken++;
        else if (ids.find(user) != ids.end())
            count.admitted++;
        else
            count.denied++;
    }

  private:
    std::vector<std::string> names;
    std::unordered_set<std::string_view> ids;
    simdjson::ondemand::parser parser;
};

bool run(int fd, Gate &gate, Count &count)
{
    const size_t room = 8u << 20;
    std::vector<char> buffer(room + simdjson::SIMDJSON_PADDING);
    size_t held = 0;

    for (;;) {
        ssize_t got = read(fd, buffer.data() + held, room - held);
        if (got < 0)
            return false;
        if (got == 0)
            break;
        held += static_cast<size_t>(got);
        char *at = buffer.data();
        char *end = at + held;
        while (char *newline = static_cast<char *>(memchr(at, '\n', static_cast<size_t>(end - at)))) {
            gate.decide(at, static_cast<size_t>(newline - at),
                        static_cast<size_t>(buffer.data() + buffer.size() - at), count);
            at = newline + 1;
        }
        held = static_cast<size_t>(end - at);
        memmove(buffer.data(), at, held);
        if (held == room)
            return false;
    }
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fputs("usage: gate_reference USERS RECEIPTS\n", stderr);
        return 2;
    }
    Gate gate(argv[1]);
    Count count;
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    auto start = std::chrono::steady_clock::now();

    if (fd < 0 || !run(fd, gate, count)) {
        std::perror(argv[2]);
        return 1;
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("lines=%llu admitted=%llu denied=%llu broken=%llu seconds=%.3f\n", count.lines,
                count.admitted, count.denied, count.broken, took.count());
    close(fd);
    return 0;
}
