// sqlite_loader: what a good programmer would write by hand to load receipts into the
// purchase graph, for this one job and this one database.
//
// The written path of sluice is measured against it, so it is tuned (statements prepared
// once, ids cached, rows of a transaction sorted by the tables' own keys, new users not
// looked up) and exact in the same sense: same schema, same durability (a transaction of
// 2,000 purchases, synchronous=FULL), any repetition and any order give the same graph.
// tests/bench/run compares the fingerprints.
//
//   sqlite_loader PRODUCTS.csv RECEIPTS.jsonl GRAPH.db
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include <simdjson.h>
#include <sqlite3.h>

#include "../../plugins/sink-sqlite/schema.h"

namespace
{

const size_t batch_rows = 2000;

[[noreturn]] void die(const char *what, const char *why)
{
    std::fprintf(stderr, "sqlite_loader: %s: %s\n", what, why);
    std::exit(1);
}

class Database
{
  public:
    explicit Database(const char *path)
    {
        if (sqlite3_open(path, &handle) != SQLITE_OK)
            die(path, sqlite3_errmsg(handle));
        exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384;"
             "PRAGMA wal_autocheckpoint=8192; BEGIN;" SCHEMA_TABLES SCHEMA_VIEWS);
        std::string version = "PRAGMA application_id=" + std::to_string(SCHEMA_APPLICATION) +
                              "; PRAGMA user_version=" + std::to_string(SCHEMA_VERSION) + "; COMMIT;";
        exec(version.c_str());
    }
    void exec(const char *sql)
    {
        if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
            die(sql, sqlite3_errmsg(handle));
    }
    sqlite3_stmt *prepare(const char *sql)
    {
        sqlite3_stmt *s = nullptr;
        if (sqlite3_prepare_v3(handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, nullptr) != SQLITE_OK)
            die(sql, sqlite3_errmsg(handle));
        return s;
    }
    int run(sqlite3_stmt *s)
    {
        if (sqlite3_step(s) != SQLITE_DONE)
            die(sqlite3_sql(s), sqlite3_errmsg(handle));
        sqlite3_reset(s);
        return sqlite3_changes(handle);
    }
    int64_t last()
    {
        return sqlite3_last_insert_rowid(handle);
    }

  private:
    sqlite3 *handle = nullptr;
};

void bind(sqlite3_stmt *s, int at, int64_t v)
{
    sqlite3_bind_int64(s, at, v);
}

void bind(sqlite3_stmt *s, int at, std::string_view v)
{
    if (v.empty())
        sqlite3_bind_null(s, at);
    else
        sqlite3_bind_text(s, at, v.data(), static_cast<int>(v.size()), SQLITE_STATIC);
}

struct Product {
    std::string name, brand, category, category_id;
    int64_t id = 0, category_node = 0;
};

struct Row {
    int64_t user, product, retailer, category, time;
    std::string receipt;
    bool new_user;
};

struct Seen {
    std::string receipt;
    int64_t retailer, category, time;
};

std::string category_key(const std::string &name)
{
    std::string out = "CAT_";
    bool in_run = false;
    for (char c : name) {
        char l = (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
        bool plain = (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9');
        if (plain || !in_run)
            out += plain ? l : '_';
        in_run = !plain;
    }
    return out;
}

// "2025-01-02T03:04:05Z", the only form in the benchmark's data.
int64_t parse_time(std::string_view t)
{
    std::tm tm = {};
    auto two = [&](size_t at) { return (t[at] - '0') * 10 + (t[at + 1] - '0'); };
    if (t.size() != 20)
        die("time", std::string(t).c_str());
    tm.tm_year = two(0) * 100 + two(2) - 1900;
    tm.tm_mon = two(5) - 1;
    tm.tm_mday = two(8);
    tm.tm_hour = two(11);
    tm.tm_min = two(14);
    tm.tm_sec = two(17);
    return static_cast<int64_t>(timegm(&tm)) * 1000;
}

class Loader
{
  public:
    Loader(const char *products, const char *path) : db(path)
    {
        read_products(products);
        find_user = db.prepare("SELECT id FROM user_keys WHERE user_id = ?1");
        add_user =
            db.prepare("INSERT INTO user_keys(user_id, created_at, last_updated_at) VALUES(?1, ?2, ?2)");
        add_product = db.prepare("INSERT INTO products(product_id, name, name_is_catalogue, brand, category,"
                                 " category_id, created_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        add_category = db.prepare("INSERT INTO categories(category_id, name, created_at) VALUES(?1, ?2, ?3)");
        add_retailer =
            db.prepare("INSERT INTO retailers(retailer_id, name, venue_type) VALUES(?1, ?2, 'Grocery')");
        add_link = db.prepare("INSERT INTO in_category(product, category) VALUES(?1, ?2)");
        facts = db.prepare("SELECT receipt, retailer, category, time FROM purchases"
                           " WHERE user = ?1 AND product = ?2 AND receipt > ''");
        add_fact = db.prepare("INSERT OR REPLACE INTO purchases(user, product, receipt, retailer, category,"
                              " time) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
        put_edge =
            db.prepare("INSERT OR REPLACE INTO purchases VALUES(?1, ?2, '', 0, 0, ?4, ?3, ?5, ?6, ?7)");
    }

    void receipt(simdjson::ondemand::document &doc)
    {
        std::string_view user, receipt, store, when, fido;
        simdjson::ondemand::array items;

        if (doc["receipt_id"].get_string().get(receipt) || doc["user_id"].get_string().get(user) ||
            doc["purchased_at"].get_string().get(when) || doc["items"].get_array().get(items))
            die("receipt", "a member is missing");
        Row row = {};
        row.receipt = receipt;
        row.time = parse_time(when);
        std::tie(row.user, row.new_user) = user_id(user);
        size_t first = rows.size();
        for (auto item : items) {
            if (item["fido"].get_string().get(fido))
                die("item", "no fido");
            Product &p = product(fido);
            row.product = p.id;
            row.category = p.category_node;
            rows.push_back(row);
        }
        if (!doc["store_name"].get_string().get(store)) {
            int64_t retailer = retailer_id(store);
            for (size_t i = first; i < rows.size(); i++)
                rows[i].retailer = retailer;
        }
        purchases += rows.size() - first;
        if (rows.size() >= batch_rows)
            flush();
    }

    void flush()
    {
        if (rows.empty())
            return;
        begin();
        write_purchased();
        db.exec("COMMIT");
        open = false;
        rows.clear();
        new_users.clear();
    }

    size_t purchases = 0;

  private:
    void begin()
    {
        if (!open)
            db.exec("BEGIN IMMEDIATE");
        open = true;
    }

    void read_products(const char *path)
    {
        std::ifstream in_file(path);
        std::string line;
        std::getline(in_file, line);
        while (std::getline(in_file, line)) { // id,name,brand,category,category_id without quotes
            std::vector<std::string> f;
            size_t from = 0, comma;
            while ((comma = line.find(',', from)) != std::string::npos) {
                f.push_back(line.substr(from, comma - from));
                from = comma + 1;
            }
            f.push_back(line.substr(from));
            if (f.size() == 5)
                catalogue[f[0]] = Product{f[1], f[2], f[3], f[4], 0, 0};
        }
    }

    std::pair<int64_t, bool> user_id(std::string_view id)
    {
        key.assign(id);
        auto known = users.find(key);
        if (known != users.end())
            return {known->second, new_users.count(known->second) != 0};
        begin();
        bind(find_user, 1, id);
        int64_t row = sqlite3_step(find_user) == SQLITE_ROW ? sqlite3_column_int64(find_user, 0) : 0;
        sqlite3_reset(find_user);
        bool added = row == 0;
        if (added) {
            bind(add_user, 1, id);
            bind(add_user, 2, now());
            db.run(add_user);
            row = db.last();
            new_users[row] = true;
        }
        users.emplace(key, row);
        return {row, added};
    }

    int64_t category(const std::string &name)
    {
        int64_t &id = categories[category_key(name)];
        if (id == 0) {
            std::string node = category_key(name);
            bind(add_category, 1, node);
            bind(add_category, 2, name);
            bind(add_category, 3, now());
            db.run(add_category);
            id = db.last();
        }
        return id;
    }

    Product &product(std::string_view fido)
    {
        key.assign(fido);
        Product &p = catalogue[key];
        if (p.id != 0)
            return p;
        begin();
        bind(add_product, 1, fido);
        bind(add_product, 2, p.name);
        bind(add_product, 3, p.name.empty() ? 0 : 1);
        bind(add_product, 4, p.brand);
        bind(add_product, 5, p.category);
        bind(add_product, 6, p.category_id);
        bind(add_product, 7, now());
        db.run(add_product);
        p.id = db.last();
        if (!p.category.empty()) {
            p.category_node = category(p.category);
            bind(add_link, 1, p.id);
            bind(add_link, 2, p.category_node);
            db.run(add_link);
        }
        return p;
    }

    int64_t retailer_id(std::string_view store)
    {
        key.assign("RET_").append(store);
        int64_t &id = retailers[key];
        if (id == 0) {
            begin();
            bind(add_retailer, 1, key);
            bind(add_retailer, 2, store);
            db.run(add_retailer);
            id = db.last();
        }
        return id;
    }

    static int64_t now()
    {
        return static_cast<int64_t>(std::time(nullptr)) * 1000;
    }

    void write_purchased()
    {
        std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
            return std::tie(a.user, a.product, a.receipt, a.time) <
                   std::tie(b.user, b.product, b.receipt, b.time);
        });
        for (size_t i = 0, j; i < rows.size(); i = j) {
            for (j = i; j < rows.size() && rows[j].user == rows[i].user && rows[j].product == rows[i].product;
                 j++)
                ;
            write_edge(i, j);
        }
    }

    // A purchase is new if it makes its receipt later on any of the three edges.
    void write_edge(size_t from, size_t to)
    {
        const Row &r = rows[from];
        bool changed = false;

        seen.clear();
        if (!r.new_user) {
            bind(facts, 1, r.user);
            bind(facts, 2, r.product);
            while (sqlite3_step(facts) == SQLITE_ROW)
                seen.push_back({reinterpret_cast<const char *>(sqlite3_column_text(facts, 0)),
                                sqlite3_column_int64(facts, 1), sqlite3_column_int64(facts, 2),
                                sqlite3_column_int64(facts, 3)});
            sqlite3_reset(facts);
        }
        for (size_t i = from; i < to; i++) {
            const Row &row = rows[i];
            int64_t bought = INT64_MIN, at = INT64_MIN, in = INT64_MIN;
            for (const Seen &s : seen) {
                if (s.receipt != row.receipt)
                    continue;
                bought = std::max(bought, s.time);
                if (s.retailer == row.retailer)
                    at = std::max(at, s.time);
                if (s.category == row.category)
                    in = std::max(in, s.time);
            }
            if (bought >= row.time && (row.retailer == 0 || at >= row.time) &&
                (row.category == 0 || in >= row.time))
                continue;
            changed = true;
            seen.push_back({row.receipt, row.retailer, row.category, row.time});
            bind(add_fact, 1, row.user);
            bind(add_fact, 2, row.product);
            bind(add_fact, 3, row.receipt);
            bind(add_fact, 4, row.retailer);
            bind(add_fact, 5, row.category);
            bind(add_fact, 6, row.time);
            db.run(add_fact);
        }
        if (changed)
            put(r);
    }

    void put(const Row &r)
    {
        times.clear();
        std::sort(seen.begin(), seen.end(), [](const Seen &a, const Seen &b) {
            return std::tie(a.receipt, b.time) < std::tie(b.receipt, a.time);
        });
        for (size_t i = 0; i < seen.size(); i++)
            if (i == 0 || seen[i].receipt != seen[i - 1].receipt)
                times.push_back(seen[i].time);
        std::sort(times.begin(), times.end());
        size_t n = times.size();
        int64_t interval = 0;
        double likelihood = 0;
        if (n > 1) {
            __int128 squares = 0, span = times[n - 1] - times[0];
            for (size_t i = 1; i < n; i++)
                squares += static_cast<__int128>(times[i] - times[i - 1]) * (times[i] - times[i - 1]);
            __int128 spread = static_cast<__int128>(n - 1) * squares - span * span;
            double cv = span > 0 && spread > 0
                            ? std::sqrt(static_cast<double>(spread)) / static_cast<double>(span)
                            : 0;
            int64_t unit = static_cast<int64_t>(n - 1) * 86400000, whole = times[n - 1] - times[0];
            interval = whole / unit + (whole % unit >= unit - whole % unit ? 1 : 0);
            likelihood = (1.0 - 1.0 / static_cast<double>(n)) / (1.0 + cv);
        }
        bind(put_edge, 1, r.user);
        bind(put_edge, 2, r.product);
        bind(put_edge, 3, static_cast<int64_t>(n));
        bind(put_edge, 4, times[n - 1]);
        bind(put_edge, 5, interval);
        sqlite3_bind_double(put_edge, 6, likelihood);
        bind(put_edge, 7, now());
        db.run(put_edge);
    }

    Database db;
    sqlite3_stmt *find_user, *add_user, *add_product, *add_category, *add_retailer, *add_link, *facts,
        *add_fact, *put_edge;
    std::unordered_map<std::string, int64_t> users, categories, retailers;
    std::unordered_map<int64_t, bool> new_users;
    std::unordered_map<std::string, Product> catalogue;
    std::vector<Row> rows;
    std::vector<Seen> seen;
    std::vector<int64_t> times;
    std::string key;
    bool open = false;
};

void load(const char *path, Loader &loader)
{
    const size_t room = 4u << 20;
    std::vector<char> buffer(room + simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::parser parser;
    size_t held = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        die(path, std::strerror(errno));
    for (ssize_t got; (got = read(fd, buffer.data() + held, room - held)) > 0;) {
        held += static_cast<size_t>(got);
        char *from = buffer.data(), *end = from + held;
        while (char *newline = static_cast<char *>(memchr(from, '\n', static_cast<size_t>(end - from)))) {
            simdjson::ondemand::document doc;
            if (parser
                    .iterate(from, static_cast<size_t>(newline - from),
                             static_cast<size_t>(buffer.data() + buffer.size() - from))
                    .get(doc))
                die(path, "not JSON");
            loader.receipt(doc);
            from = newline + 1;
        }
        held = static_cast<size_t>(end - from);
        memmove(buffer.data(), from, held);
    }
    close(fd);
    loader.flush();
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4) {
        std::fputs("usage: sqlite_loader PRODUCTS.csv RECEIPTS.jsonl GRAPH.db\n", stderr);
        return 2;
    }
    auto start = std::chrono::steady_clock::now();
    Loader loader(argv[1], argv[3]);
    load(argv[2], loader);
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("purchases=%zu seconds=%.3f\n", loader.purchases, took.count());
    return 0;
}
