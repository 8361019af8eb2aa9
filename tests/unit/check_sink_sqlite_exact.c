/* sink/sqlite is exact: the graph is a function of the set of purchases, whatever the
 * order, the repetition, the split into batches, the trouble and the company.
 *
 * The model below works the same graph out by brute force and shares no code with the
 * plugin.  A failing seed is named; SLUICE_SEED runs it alone. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph_lines.h"
#include "one_suite.h"
#include "strbuf.h"
#include "temp_dir.h"

#define USERS 6u
#define PRODUCTS 9u
#define STORES 4u
#define CATEGORIES 3u
#define RECEIPTS 14u
#define RECORDS 70u
#define MOST 4u /* purchases a record */

struct purchase {
    unsigned product, receipt, store; /* store STORES: not known */
    int64_t time;
    int with_category;
};
struct record {
    unsigned user, n;
    struct purchase purchases[MOST];
};

static uint64_t state;

static unsigned pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

static void make_records(struct record *records, uint64_t seed)
{
    unsigned i, j;

    state = seed * 7919 + 1;
    for (i = 0; i < RECORDS; i++) {
        records[i].user = pick(USERS);
        records[i].n = pick(MOST + 1);
        for (j = 0; j < records[i].n; j++) {
            struct purchase *p = &records[i].purchases[j];

            p->product = pick(PRODUCTS);
            p->receipt = pick(RECEIPTS);
            p->store = pick(STORES + 1);
            p->time = (int64_t)pick(40) * 43200000 + (pick(3) == 0 ? pick(1000) : 0);
            p->with_category = pick(5) > 0;
        }
    }
}

/* Products 0 and up: one in three has no category; names of a category differ in case. */
static int category_of(unsigned product)
{
    return product % 3 == 2 ? -1 : (int)(product % CATEGORIES);
}

static void record_json(const struct record *r, struct strbuf *out)
{
    unsigned j;

    strbuf_printf(out, "{\"user_id\":\"u%u\",\"purchases\":[", r->user);
    for (j = 0; j < r->n; j++) {
        const struct purchase *p = &r->purchases[j];

        strbuf_printf(out, "%s{\"receipt_id\":\"r%u\",\"time\":%" PRId64 ",\"product_id\":\"p%u\",\"name\":\"N%u\"",
                      j == 0 ? "" : ",", p->receipt, p->time, p->product, p->product);
        if (p->store < STORES)
            strbuf_printf(out, ",\"retailer\":\"S%u\"", p->store);
        if (p->with_category && category_of(p->product) >= 0)
            strbuf_printf(out, ",\"category\":\"%s %d\"", p->product % 2 ? "Cat" : "CAT", category_of(p->product));
        strbuf_puts(out, "}");
    }
    strbuf_puts(out, "]}");
}

/* --- the model ------------------------------------------------------------------------ */

static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Latest time of each receipt on an edge; INT64_MIN: not counted. */
typedef int (*on_edge)(const struct record *r, const struct purchase *p, unsigned target);

static int on_product(const struct record *r, const struct purchase *p, unsigned target)
{
    (void)r;
    return p->product == target;
}

static int on_store(const struct record *r, const struct purchase *p, unsigned target)
{
    (void)r;
    return p->store == target;
}

static int on_category(const struct record *r, const struct purchase *p, unsigned target)
{
    (void)r;
    return p->with_category && category_of(p->product) == (int)target;
}

static unsigned model_receipts(const struct record *records, unsigned user, on_edge on, unsigned target,
                               int64_t *latest)
{
    unsigned i, j, n = 0;

    for (i = 0; i < RECEIPTS; i++)
        latest[i] = INT64_MIN;
    for (i = 0; i < RECORDS; i++)
        for (j = 0; records[i].user == user && j < records[i].n; j++) {
            const struct purchase *p = &records[i].purchases[j];

            if (on(&records[i], p, target) && p->time > latest[p->receipt]) {
                n += latest[p->receipt] == INT64_MIN;
                latest[p->receipt] = p->time;
            }
        }
    return n;
}

static void model_purchased(struct strbuf *out, unsigned user, unsigned product, const int64_t *latest, unsigned n)
{
    int64_t times[RECEIPTS], last = 0;
    char ids[RECEIPTS][16];
    double mean = 0, variance = 0, likelihood = 0;
    unsigned i, j, k = 0, m;
    int done[RECEIPTS] = {0};

    for (i = 0; i < n; i++) { /* by time, then id: the smallest of what is left, each time */
        int best = -1;

        for (j = 0; j < RECEIPTS; j++) {
            char a[16], b[16];

            (void)snprintf(a, sizeof a, "r%u", j);
            (void)snprintf(b, sizeof b, "r%d", best);
            if (latest[j] != INT64_MIN && !done[j] &&
                (best < 0 || latest[j] < latest[best] || (latest[j] == latest[best] && strcmp(a, b) < 0)))
                best = (int)j;
        }
        done[best] = 1;
        times[k] = latest[best];
        (void)snprintf(ids[k++], sizeof ids[0], "r%d", best);
    }
    last = times[n - 1];
    if (n >= 2) {
        m = n - 1;
        mean = (double)(times[n - 1] - times[0]) / 86400000.0 / m;
        for (i = 1; i < n; i++)
            variance += pow((double)(times[i] - times[i - 1]) / 86400000.0 - mean, 2) / m;
        likelihood = (1 - 1.0 / n) / (1 + (mean > 0 ? sqrt(variance) / mean : 0));
    }
    strbuf_printf(out, "PURCHASED\tu%u\tp%u\t%u\t%" PRId64 "\t%.0f\t%.6f", user, product, n, last, floor(mean + 0.5),
                  likelihood);
    for (i = 0; i < n; i++)
        strbuf_printf(out, "\t%" PRId64 "\t%s", times[i], ids[i]);
    strbuf_putc(out, '\n');
}

static void model_shops(struct strbuf *out, const char *type, unsigned user, const char *target,
                        const int64_t *latest, unsigned n)
{
    char ids[RECEIPTS][16], *sorted[RECEIPTS];
    int64_t last = INT64_MIN;
    unsigned i, k = 0;

    for (i = 0; i < RECEIPTS; i++) {
        if (latest[i] == INT64_MIN)
            continue;
        if (latest[i] > last)
            last = latest[i];
        (void)snprintf(ids[k], sizeof ids[k], "r%u", i);
        sorted[k] = ids[k];
        k++;
    }
    qsort(sorted, k, sizeof sorted[0], by_string);
    strbuf_printf(out, "%s\tu%u\t%s\t%u\t%" PRId64, type, user, target, n, last);
    for (i = 0; i < k; i++)
        strbuf_printf(out, "\t%s", sorted[i]);
    strbuf_putc(out, '\n');
}

static void model_user(struct strbuf *out, const struct record *records, unsigned user)
{
    int64_t latest[RECEIPTS];
    char target[32];
    unsigned i, n;

    for (i = 0; i < PRODUCTS; i++)
        if ((n = model_receipts(records, user, on_product, i, latest)) > 0)
            model_purchased(out, user, i, latest, n);
    for (i = 0; i < STORES; i++)
        if ((n = model_receipts(records, user, on_store, i, latest)) > 0) {
            (void)snprintf(target, sizeof target, "RET_S%u", i);
            model_shops(out, "SHOPS_AT", user, target, latest, n);
        }
    for (i = 0; i < CATEGORIES; i++)
        if ((n = model_receipts(records, user, on_category, i, latest)) > 0) {
            (void)snprintf(target, sizeof target, "CAT_cat_%u", i);
            model_shops(out, "SHOPS_IN", user, target, latest, n);
        }
}

static char *model(const struct record *records)
{
    int users[USERS] = {0}, stores[STORES] = {0}, products[PRODUCTS] = {0}, categories[PRODUCTS] = {0};
    const char *names[CATEGORIES] = {NULL};
    struct strbuf out;
    unsigned i, j;
    char *sorted;

    strbuf_init(&out, 1 << 24);
    for (i = 0; i < RECORDS; i++) {
        users[records[i].user] = 1;
        for (j = 0; j < records[i].n; j++) {
            const struct purchase *p = &records[i].purchases[j];

            products[p->product] = 1;
            categories[p->product] |= p->with_category && category_of(p->product) >= 0;
            if (p->store < STORES)
                stores[p->store] = 1;
        }
    }
    for (i = 0; i < USERS; i++) {
        if (users[i])
            strbuf_printf(&out, "User\tu%u\tUTC\n", i);
        model_user(&out, records, i);
    }
    for (i = 0; i < STORES; i++)
        if (stores[i])
            strbuf_printf(&out, "Retailer\tRET_S%u\tS%u\tGrocery\n", i, i);
    for (i = 0; i < PRODUCTS; i++) {
        const char *spelt = i % 2 ? "Cat" : "CAT";

        if (!products[i])
            continue;
        strbuf_printf(&out, "Product\tp%u\tN%u\t\t", i, i);
        if (categories[i]) {
            strbuf_printf(&out, "%s %d\t\nIN_CATEGORY\tp%u\tCAT_cat_%d\n", spelt, category_of(i), i, category_of(i));
            if (names[category_of(i)] == NULL || strcmp(spelt, names[category_of(i)]) < 0)
                names[category_of(i)] = spelt;
        } else {
            strbuf_puts(&out, "\t\n");
        }
    }
    for (i = 0; i < CATEGORIES; i++)
        if (names[i] != NULL)
            strbuf_printf(&out, "Category\tCAT_cat_%u\t%s %u\n", i, names[i], i);
    sorted = graph_lines_sort(strbuf_text(&out));
    strbuf_release(&out);
    return sorted;
}

/* --- delivering ------------------------------------------------------------------------ */

static struct plugin_host *open_sink(const char *dir, const char *options)
{
    char yaml[4200];
    struct plugin_host *h;

    (void)snprintf(yaml, sizeof yaml, "path: %s/graph.sqlite\n%s", dir, options);
    h = plugin_host_open("sink", "sqlite", yaml);
    plugin_host_start(h);
    return h;
}

static void add(struct plugin_host *h, const struct record *r)
{
    struct strbuf json;

    strbuf_init(&json, 1 << 20);
    record_json(r, &json);
    plugin_host_add(h, strbuf_text(&json));
    strbuf_release(&json);
}

static void write_batch(struct plugin_host *h)
{
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_msg(plugin_host_call(h, &err) == SLUICE_OK, "%s", err.message);
    plugin_host_clear(h);
}

static void expect_model(struct plugin_host *h, const struct record *records)
{
    char *want = model(records), *got = graph_lines(h, NULL);

    graph_lines_expect(got, want);
    free(want);
    free(got);
}

/* All records, shuffled, some twice, in batches of random size. */
static void deliver(struct plugin_host *h, const struct record *records)
{
    unsigned order[RECORDS * 2], n = RECORDS, i;

    for (i = 0; i < RECORDS; i++)
        order[i] = i;
    while (n < RECORDS * 2 && pick(4) > 0)
        order[n++] = pick(RECORDS);
    for (i = n - 1; i > 0; i--) {
        unsigned j = pick(i + 1), swap = order[i];

        order[i] = order[j];
        order[j] = swap;
    }
    for (i = 0; i < n; i++) {
        add(h, &records[order[i]]);
        if (pick(7) == 0)
            write_batch(h);
    }
    write_batch(h);
}

START_TEST(any_order_repetition_and_split_gives_the_same_graph)
{
    const char *only = getenv("SLUICE_SEED"); /* the seed of a failure, to see it alone */
    uint64_t seed = only == NULL ? 1 : strtoull(only, NULL, 10), last = only == NULL ? 25 : seed;
    struct record records[RECORDS];

    for (; seed <= last; seed++) {
        char *dir = temp_dir_make();
        struct plugin_host *h = open_sink(dir, seed % 2 ? "load: full\nsynchronous: normal\n" : "synchronous: normal\n");

        make_records(records, seed);
        fprintf(stderr, "seed %" PRIu64 "\n", seed);
        deliver(h, records);
        expect_model(h, records);
        deliver(h, records);
        expect_model(h, records);
        plugin_host_close(h);
        temp_dir_remove(dir);
    }
}
END_TEST

START_TEST(an_instance_that_forgets_everything_between_batches_gives_the_same_graph)
{
    struct record records[RECORDS];
    char *dir = temp_dir_make();
    struct plugin_host *h = open_sink(dir, "synchronous: normal\n");
    unsigned i;

    make_records(records, 99);
    for (i = 0; i < RECORDS; i++) {
        plugin_host_stop(h);
        plugin_host_start(h);
        add(h, &records[i]);
        write_batch(h);
    }
    expect_model(h, records);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

/* --- trouble ------------------------------------------------------------------------------ */

START_TEST(a_held_write_lock_is_tried_again_later_and_nothing_is_lost)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct record records[RECORDS];
    char *dir = temp_dir_make(), file[4200];
    struct plugin_host *h = open_sink(dir, "busy_timeout: 0ms\n");
    sqlite3 *db;
    unsigned i;

    make_records(records, 5);
    (void)snprintf(file, sizeof file, "%s/graph.sqlite", dir);
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (i = 0; i < RECORDS; i++)
        add(h, &records[i]);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_RETRY);
    ck_assert_msg(strstr(err.message, "busy_timeout") != NULL, "%s", err.message);
    ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    expect_model(h, records);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(a_full_disk_is_an_outage_that_leaves_the_batch_undone)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct rlimit before, tiny;
    struct record records[RECORDS];
    char *dir = temp_dir_make(), *lines;
    struct plugin_host *h = open_sink(dir, "");
    unsigned i;

    make_records(records, 6);
    add(h, &records[0]);
    write_batch(h);
    lines = graph_lines(h, NULL);
    for (i = 0; i < RECORDS; i++)
        add(h, &records[i]);
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    tiny = before;
    tiny.rlim_cur = 70000; /* tables fit, the batch does not */
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_DISCONNECTED);
    ck_assert_msg(strlen(err.message) > 20, "%s", err.message);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_NONE);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    {
        struct plugin_host *other = open_sink(dir, "");
        char *now = graph_lines(other, NULL);

        graph_lines_expect(now, lines);
        free(now);
        plugin_host_close(other);
    }
    ck_assert_msg(plugin_host_call(h, &err) == SLUICE_OK, "%s", err.message);
    expect_model(h, records);
    free(lines);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

static void expect_refused(const char *dir, const char *word)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h;
    char yaml[4200];

    (void)snprintf(yaml, sizeof yaml, "path: %s/graph.sqlite\n", dir);
    h = plugin_host_open("sink", "sqlite", yaml);
    ck_assert_uint_eq(plugin_host_try_start(h, &err), SLUICE_FATAL);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s", err.message);
    plugin_host_close(h);
}

static void run_sql(const char *dir, const char *sql)
{
    char file[4200];
    sqlite3 *db;

    (void)snprintf(file, sizeof file, "%s/graph.sqlite", dir);
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(a_file_that_is_not_ours_is_refused_by_name)
{
    char *dir = temp_dir_make(), file[4200];
    FILE *f;

    (void)snprintf(file, sizeof file, "%s/graph.sqlite", dir);
    f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    fputs("this is a text of a person and not a database, however long one reads on in it, and on and on and on\n", f);
    (void)fclose(f);
    expect_refused(dir, "not an SQLite database");
    (void)unlink(file);
    run_sql(dir, "CREATE TABLE other(x)");
    expect_refused(dir, "another program");
    (void)unlink(file);
    plugin_host_close(open_sink(dir, ""));
    run_sql(dir, "PRAGMA user_version = 9");
    expect_refused(dir, "version 9");
    temp_dir_remove(dir);
}
END_TEST

/* A child delivers every step-th record from first on, for ever if asked, and tells of
 * each batch through the pipe. */
static pid_t deliver_apart(const char *dir, const struct record *records, unsigned first, unsigned step, int for_ever,
                           int tell)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct plugin_host *h = open_sink(dir, "busy_timeout: 60s\n");
        unsigned i, n = 0;

        do {
            for (i = first; i < RECORDS; i += step) {
                add(h, &records[i]);
                if (++n % 3 == 0) {
                    write_batch(h);
                    if (write(tell, "b", 1) != 1)
                        _exit(2);
                }
            }
            write_batch(h);
        } while (for_ever);
        plugin_host_close(h);
        _exit(0);
    }
    return pid;
}

START_TEST(a_writer_killed_at_any_moment_leaves_a_graph_that_the_same_records_complete)
{
    struct record records[RECORDS];
    char *dir = temp_dir_make(), byte;
    unsigned round, i;
    struct plugin_host *h;

    make_records(records, 7);
    for (round = 0; round < 6; round++) {
        int tell[2], status;
        pid_t pid;

        ck_assert_int_eq(pipe(tell), 0);
        pid = deliver_apart(dir, records, round, 1, 1, tell[1]);
        (void)close(tell[1]);
        for (i = 0; i < 1 + round * 5; i++)
            ck_assert_int_eq((int)read(tell[0], &byte, 1), 1);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        (void)close(tell[0]);
    }
    h = open_sink(dir, "");
    for (i = 0; i < RECORDS; i++)
        add(h, &records[i]);
    write_batch(h);
    expect_model(h, records);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(two_programs_write_one_file_at_once)
{
    struct record records[RECORDS];
    char *dir = temp_dir_make();
    pid_t pids[3];
    int status, null[2];
    struct plugin_host *h;
    unsigned i;

    make_records(records, 8);
    ck_assert_int_eq(pipe(null), 0);
    pids[0] = deliver_apart(dir, records, 0, 2, 0, null[1]);
    pids[1] = deliver_apart(dir, records, 1, 2, 0, null[1]);
    pids[2] = deliver_apart(dir, records, 0, 1, 0, null[1]);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    (void)close(null[0]);
    (void)close(null[1]);
    h = open_sink(dir, "");
    expect_model(h, records);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

ONE_SUITE("sink_sqlite_exact", 240, any_order_repetition_and_split_gives_the_same_graph,
          an_instance_that_forgets_everything_between_batches_gives_the_same_graph,
          a_held_write_lock_is_tried_again_later_and_nothing_is_lost,
          a_full_disk_is_an_outage_that_leaves_the_batch_undone, a_file_that_is_not_ours_is_refused_by_name,
          a_writer_killed_at_any_moment_leaves_a_graph_that_the_same_records_complete,
          two_programs_write_one_file_at_once)
