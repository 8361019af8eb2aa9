/* sink/sqlite is exact: the graph is a function of the set of purchases, whatever the
 * order, the repetition, the split into batches, the trouble and the company.
 *
 * The model (graph_model.c) works the same graph out by brute force and shares no code with the
 * plugin.  A failing seed is named; SLUICE_SEED runs it alone. */
#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph_lines.h"
#include "graph_model.h"
#include "one_suite.h"
#include "strbuf.h"
#include "temp_dir.h"

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

static void add(struct plugin_host *h, const struct model_record *r)
{
    struct strbuf json;

    strbuf_init(&json, 1 << 20);
    graph_model_json(r, &json);
    plugin_host_add(h, strbuf_text(&json));
    strbuf_release(&json);
}

static void write_batch(struct plugin_host *h)
{
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_msg(plugin_host_call(h, &err) == SLUICE_OK, "%s", err.message);
    plugin_host_clear(h);
}

static void expect_model(struct plugin_host *h, const struct model_record *records)
{
    char *want = graph_model_lines(records), *got = graph_lines(h, NULL);

    graph_lines_expect(got, want);
    free(want);
    free(got);
}

/* All records, shuffled, some twice, in batches of random size. */
static void deliver(struct plugin_host *h, const struct model_record *records)
{
    unsigned order[MODEL_RECORDS * 2], n = MODEL_RECORDS, i;

    for (i = 0; i < MODEL_RECORDS; i++)
        order[i] = i;
    while (n < MODEL_RECORDS * 2 && graph_model_pick(4) > 0)
        order[n++] = graph_model_pick(MODEL_RECORDS);
    for (i = n - 1; i > 0; i--) {
        unsigned j = graph_model_pick(i + 1), swap = order[i];

        order[i] = order[j];
        order[j] = swap;
    }
    for (i = 0; i < n; i++) {
        add(h, &records[order[i]]);
        if (graph_model_pick(7) == 0)
            write_batch(h);
    }
    write_batch(h);
}

START_TEST(any_order_repetition_and_split_gives_the_same_graph)
{
    const char *only = getenv("SLUICE_SEED"); /* the seed of a failure, to see it alone */
    uint64_t seed = only == NULL ? 1 : strtoull(only, NULL, 10), last = only == NULL ? 25 : seed;
    struct model_record records[MODEL_RECORDS];

    for (; seed <= last; seed++) {
        char *dir = temp_dir_make();
        struct plugin_host *h =
            open_sink(dir, seed % 2 ? "load: full\nsynchronous: normal\n" : "synchronous: normal\n");

        graph_model_records(records, seed);
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
    struct model_record records[MODEL_RECORDS];
    char *dir = temp_dir_make();
    struct plugin_host *h = open_sink(dir, "synchronous: normal\n");
    unsigned i;

    graph_model_records(records, 99);
    for (i = 0; i < MODEL_RECORDS; i++) {
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
    struct model_record records[MODEL_RECORDS];
    char *dir = temp_dir_make(), file[4200];
    struct plugin_host *h = open_sink(dir, "busy_timeout: 0ms\n");
    sqlite3 *db;
    unsigned i;

    graph_model_records(records, 5);
    (void)snprintf(file, sizeof file, "%s/graph.sqlite", dir);
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (i = 0; i < MODEL_RECORDS; i++)
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
    struct model_record records[MODEL_RECORDS];
    char *dir = temp_dir_make(), *lines;
    struct plugin_host *h = open_sink(dir, "");
    unsigned i;

    graph_model_records(records, 6);
    add(h, &records[0]);
    write_batch(h);
    lines = graph_lines(h, NULL);
    for (i = 0; i < MODEL_RECORDS; i++)
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

static void run_sql(const char *dir, const char *sql)
{
    char file[4200];
    sqlite3 *db;

    (void)snprintf(file, sizeof file, "%s/graph.sqlite", dir);
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(a_batch_that_fails_at_its_last_edge_leaves_not_even_a_node)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct model_record records[MODEL_RECORDS];
    char *dir = temp_dir_make(), *lines;
    struct plugin_host *h = open_sink(dir, "");
    unsigned i;

    graph_model_records(records, 9);
    run_sql(dir, "CREATE TRIGGER broken BEFORE INSERT ON purchases WHEN new.product ="
                 " (SELECT max(id) FROM products) BEGIN SELECT RAISE(ABORT, 'broken'); END");
    for (i = 0; i < MODEL_RECORDS; i++)
        add(h, &records[i]);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_FATAL);
    lines = graph_lines(h, NULL);
    ck_assert_str_eq(lines, "");
    free(lines);
    run_sql(dir, "DROP TRIGGER broken");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    expect_model(h, records);
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

START_TEST(a_file_that_is_not_ours_is_refused_by_name)
{
    char *dir = temp_dir_make(), file[4200];
    FILE *f;

    (void)snprintf(file, sizeof file, "%s/graph.sqlite", dir);
    f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    fputs("this is a text of a person and not a database, however long one reads on in it, and on and on and "
          "on\n",
          f);
    (void)fclose(f);
    expect_refused(dir, "not an SQLite database");
    (void)unlink(file);
    run_sql(dir, "CREATE TABLE other(x)");
    expect_refused(dir, "another program");
    (void)unlink(file);
    plugin_host_close(open_sink(dir, ""));
    run_sql(dir, "PRAGMA user_version = 9");
    expect_refused(dir, "version 9");
    run_sql(dir, "PRAGMA user_version = 1");
    expect_refused(dir, "move the file away and load again");
    temp_dir_remove(dir);
}
END_TEST

/* A child delivers every step-th record from first on, for ever if asked, and tells of
 * each batch through the pipe. */
static pid_t deliver_apart(const char *dir, const struct model_record *records, unsigned first, unsigned step,
                           int for_ever, int tell)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct plugin_host *h = open_sink(dir, "busy_timeout: 60s\n");
        unsigned i, n = 0;

        do {
            for (i = first; i < MODEL_RECORDS; i += step) {
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
    struct model_record records[MODEL_RECORDS];
    char *dir = temp_dir_make(), byte;
    unsigned round, i;
    struct plugin_host *h;

    graph_model_records(records, 7);
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
    for (i = 0; i < MODEL_RECORDS; i++)
        add(h, &records[i]);
    write_batch(h);
    expect_model(h, records);
    plugin_host_close(h);
    temp_dir_remove(dir);
}
END_TEST

START_TEST(two_programs_write_one_file_at_once)
{
    struct model_record records[MODEL_RECORDS];
    char *dir = temp_dir_make();
    pid_t pids[3];
    int status, null[2];
    struct plugin_host *h;
    unsigned i;

    graph_model_records(records, 8);
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
          a_full_disk_is_an_outage_that_leaves_the_batch_undone,
          a_batch_that_fails_at_its_last_edge_leaves_not_even_a_node,
          a_file_that_is_not_ours_is_refused_by_name,
          a_writer_killed_at_any_moment_leaves_a_graph_that_the_same_records_complete,
          two_programs_write_one_file_at_once)
