// kafka_reference: the least that a program must do to gate receipts from Kafka:
// librdkafka's batch consume, simdjson On-Demand for the user id, one look-up.
//
// The gate path of sluice is measured against this and nothing faster was left out
// on purpose: no group, no offsets to keep, no metrics, one thread of its own.
//
//   kafka_reference USERS BROKERS TOPIC PARTITIONS COUNT [PROPERTY=VALUE...]
//   prints "messages=… admitted=… denied=… broken=… seconds=…"
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <librdkafka/rdkafka.h>
#include <simdjson.h>

namespace
{

struct Count {
    unsigned long long messages = 0, admitted = 0, denied = 0, broken = 0;
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
        padded.resize(4u << 20);
    }

    // A message's bytes are librdkafka's, with nothing readable behind them for sure.
    void decide(const char *data, size_t len, Count &count)
    {
        simdjson::ondemand::document doc;
        std::string_view user;

        count.messages++;
        if (len + simdjson::SIMDJSON_PADDING > padded.size())
            padded.resize(len + simdjson::SIMDJSON_PADDING);
        std::memcpy(padded.data(), data, len);
        if (parser.iterate(padded.data(), len, padded.size()).get(doc) != simdjson::SUCCESS ||
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
    std::vector<char> padded;
};

void set(rd_kafka_conf_t *conf, const std::string &name, const std::string &value)
{
    char why[256];

    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
        std::fprintf(stderr, "%s\n", why);
        std::exit(1);
    }
}

rd_kafka_t *connect(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *parts;
    rd_kafka_t *rk;
    char why[256];

    set(conf, "bootstrap.servers", argv[2]);
    set(conf, "group.id", "reference");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    for (int i = 6; i < argc; i++) {
        std::string word = argv[i];
        set(conf, word.substr(0, word.find('=')), word.substr(word.find('=') + 1));
    }
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == nullptr) {
        std::fprintf(stderr, "%s\n", why);
        std::exit(1);
    }
    rd_kafka_poll_set_consumer(rk);
    parts = rd_kafka_topic_partition_list_new(1);
    const long partitions = std::strtol(argv[4], nullptr, 10);
    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(parts, argv[3], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, parts);
    rd_kafka_topic_partition_list_destroy(parts);
    return rk;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 6) {
        std::fprintf(stderr,
                     "usage: kafka_reference USERS BROKERS TOPIC PARTITIONS COUNT [PROPERTY=VALUE...]\n");
        return 2;
    }
    const unsigned long long wanted = std::strtoull(argv[5], nullptr, 10);
    auto begin = std::chrono::steady_clock::now();
    std::vector<rd_kafka_message_t *> messages(1000);
    Gate gate(argv[1]);
    Count count;
    rd_kafka_t *rk = connect(argc, argv);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);

    while (count.messages < wanted) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 1000, messages.data(), messages.size());
        for (ssize_t i = 0; i < n; i++) {
            rd_kafka_message_t *m = messages[static_cast<size_t>(i)];

            if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                gate.decide(static_cast<const char *>(m->payload), m->len, count);
            rd_kafka_message_destroy(m);
        }
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("messages=%llu admitted=%llu denied=%llu broken=%llu seconds=%.3f\n", count.messages,
                count.admitted, count.denied, count.broken, took.count());
    std::fflush(stdout);
    std::_Exit(0); // closing is not what is measured
}
