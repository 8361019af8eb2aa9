/* check_gate_list: who is let through by a list, and by which version of it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "temp_dir.h"
#include "test_file.h"

static char *dir, *path;
static int64_t steady;

static int64_t test_steady(void)
{
    return steady;
}

static void make_files(void)
{
    dir = temp_dir_make();
    path = test_file_path(dir, "users.txt");
}

static void remove_files(void)
{
    free(path);
    temp_dir_remove(dir);
}

/* The thread looks once a day, so that only the test's own reload counts. */
static struct plugin_host *open_list(const char *text, const char *more)
{
    static const struct plugin_host_setup with = {.steady_ms = test_steady};
    struct plugin_host *h;
    char yaml[8192];

    test_file_text(path, text);
    (void)snprintf(yaml, sizeof yaml, "path: %s\ncheck_interval: 1d\n%s", path, more);
    h = plugin_host_open_with("gate", "list", yaml, &with);
    plugin_host_start(h);
    return h;
}

static uint32_t decision(struct plugin_host *h, const char *user)
{
    char json[1024];

    (void)snprintf(json, sizeof json, "{\"user_id\":\"%s\",\"status\":\"FINISHED\"}", user);
    return plugin_host_one(h, json)->code;
}

START_TEST(who_stands_in_the_file_is_admitted_and_others_are_denied)
{
    struct plugin_host *h = open_list("u1\nu2\n", "");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u3"), SLUICE_DENY);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "not_listed");
    ck_assert_uint_eq(decision(h, "u"), SLUICE_DENY);
    ck_assert_double_eq(plugin_host_metric(h, "ids", NULL), 2);
    plugin_host_close(h);
}
END_TEST

START_TEST(mark_crlf_blanks_spaces_and_repeats_are_tolerated_and_counted)
{
    struct plugin_host *h = open_list("\xef\xbb\xbfu1\r\n\r\n  u2 \t\r\nu1\n\n   \nu3", "");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u3"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, ""), SLUICE_REJECT);
    ck_assert_double_eq(plugin_host_metric(h, "ids", NULL), 3);
    ck_assert_double_eq(plugin_host_metric(h, "lines_ignored", "blank"), 3);
    ck_assert_double_eq(plugin_host_metric(h, "lines_ignored", "repeated"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_header_is_no_id_when_told)
{
    struct plugin_host *h = open_list("user_id\nu1\n", "header: true\n");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "user_id"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_first_column_of_a_csv_is_the_id)
{
    struct plugin_host *h = open_list("u1,Ann,\"x,y\"\n\"u,2\",Bob\n\"u\"\"3\"\nu4\n", "format: csv\n");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u,2"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u\\\"3"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u4"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "Ann"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_comma_belongs_to_the_id_in_a_file_of_lines)
{
    struct plugin_host *h = open_list("u1,Ann\n", "");

    ck_assert_uint_eq(decision(h, "u1,Ann"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(inline_ids_stand_alone_or_join_the_file)
{
    struct plugin_host *h = plugin_host_open("gate", "list", "ids: [ a, b ]\n");

    plugin_host_start(h);
    ck_assert_uint_eq(decision(h, "b"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    plugin_host_close(h);
    h = open_list("u1\n", "ids: [ a, b ]\n");
    ck_assert_uint_eq(decision(h, "b"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(deny_listed_turns_the_list_round)
{
    struct plugin_host *h = open_list("u1\n", "deny_listed: true\n");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "listed");
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_record_without_the_field_is_refused_by_its_name)
{
    struct plugin_host *h = open_list("7\n", "field: Shop-Id\n");
    const struct sluice_verdict *v = plugin_host_one(h, "{\"user_id\":\"u1\"}");

    ck_assert_uint_eq(v->code, SLUICE_REJECT);
    ck_assert_str_eq(v->reason, "no_shop_id");
    ck_assert_ptr_nonnull(strstr(v->detail, "Shop-Id"));
    ck_assert_uint_eq(plugin_host_one(h, "{\"Shop-Id\":{}}")->code, SLUICE_REJECT);
    ck_assert_uint_eq(plugin_host_one(h, "{\"Shop-Id\":7}")->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_batch_larger_than_a_chunk_is_decided_in_order)
{
    struct plugin_host *h = open_list("u0\nu7\nu14\nu21\nu28\nu31\nu32\nu63\nu64\nu70\nu99\n", "");
    static const uint32_t listed[] = {0, 7, 14, 21, 28, 31, 32, 63, 64, 70, 99};
    char json[64];
    uint32_t i, at = 0;

    plugin_host_clear(h);
    for (i = 0; i < 100; i++) {
        (void)snprintf(json, sizeof json, i % 10 == 5 ? "{\"id\":\"u%u\"}" : "{\"user_id\":\"u%u\"}", i);
        plugin_host_add(h, json);
    }
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 100; i++)
        if (i % 10 == 5)
            ck_assert_uint_eq(plugin_host_verdict(h, i)->code, SLUICE_REJECT);
        else if (at < sizeof listed / sizeof listed[0] && listed[at] == i && at++ < 100)
            ck_assert_uint_eq(plugin_host_verdict(h, i)->code, SLUICE_ADMIT);
        else
            ck_assert_uint_eq(plugin_host_verdict(h, i)->code, SLUICE_DENY);
    ck_assert_uint_eq(at, sizeof listed / sizeof listed[0]);
    plugin_host_close(h);
}
END_TEST

START_TEST(reload_takes_the_new_file)
{
    struct plugin_host *h = open_list("u1\n", "");

    test_file_text(path, "u2\n");
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_thread_sees_a_new_file_by_itself)
{
    struct plugin_host *h;
    struct timespec moment = {0, 2000000};
    char yaml[4096];
    int tries = 0;

    test_file_text(path, "u1\n");
    (void)snprintf(yaml, sizeof yaml, "path: %s\ncheck_interval: 10ms\n", path);
    h = plugin_host_open("gate", "list", yaml);
    plugin_host_start(h);
    test_file_text(path, "u2\n");
    while (decision(h, "u2") != SLUICE_ADMIT && tries++ < 2500)
        (void)nanosleep(&moment, NULL);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_broken_new_file_leaves_the_old_list_until_max_age)
{
    struct plugin_host *h = open_list("u1\n", "max_age: 1m\n");
    struct sluice_error err = {.struct_size = sizeof err};

    test_file_write(path, "u2\nu\0003\n", 7);
    ck_assert_uint_eq(plugin_host_reload(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "line 2 has a control character"));
    ck_assert_int_eq(plugin_host_logged(h, "stays in use"), 1);
    steady += 60000;
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    steady += 1;
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "list_stale");
    test_file_text(path, "u2\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_removed_file_leaves_the_old_list_for_ever_if_max_age_is_0)
{
    struct plugin_host *h = open_list("u1\n", "max_age: 0s\n");

    ck_assert_int_eq(unlink(path), 0);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_RETRY);
    steady += INT64_C(1000) * 86400 * 365;
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_double_gt(plugin_host_metric(h, "age_seconds", NULL), 86400);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_same_file_again_is_good_news)
{
    struct plugin_host *h = open_list("u1\n", "max_age: 1m\n");

    steady += 3600000;
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_double_eq(plugin_host_metric(h, "age_seconds", NULL), 0);
    plugin_host_close(h);
}
END_TEST

START_TEST(an_empty_file_is_broken_unless_it_is_meant)
{
    struct plugin_host *h = open_list("u1\n", "");

    test_file_text(path, "\n\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_FATAL);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    plugin_host_close(h);
    h = open_list("", "allow_empty: true\n");
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

static void check_no_start(const char *text, size_t len, const char *more, uint32_t code, const char *words)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h;
    char yaml[8192];

    test_file_write(path, text, len);
    (void)snprintf(yaml, sizeof yaml, "path: %s\n%s", path, more);
    h = plugin_host_open("gate", "list", yaml);
    ck_assert_uint_eq(plugin_host_try_start(h, &err), code);
    ck_assert_msg(strstr(err.message, words) != NULL, "\"%s\" does not say \"%s\"", err.message, words);
    plugin_host_close(h);
}

START_TEST(what_is_no_list_of_ids_is_refused_with_its_line)
{
    char *longest = malloc(6000);

    memset(longest, 'x', 6000);
    memcpy(longest, "u1\n", 3);
    check_no_start(longest, 3 + 513, "", SLUICE_FATAL, "line 2 is longer than 512 bytes");
    check_no_start(longest, 6000, "", SLUICE_FATAL, "line 2 is longer than 512 bytes");
    check_no_start("\x1f\x8b\x08\x00", 4, "", SLUICE_FATAL, "line 1 has a control character");
    check_no_start("\"u1\n", 4, "format: csv\n", SLUICE_FATAL,
                   "line 1 has a quoted first column without an end");
    check_no_start("\"u\"1\n", 5, "format: csv\n", SLUICE_FATAL, "line 1 has a quote inside");
    check_no_start("", 0, "", SLUICE_FATAL, "allow_empty");
    check_no_start("1\n2\n3\n4\n5\n6\n", 12, "max_ids: 3\n", SLUICE_FATAL, "max_ids");
    free(longest);
}
END_TEST

START_TEST(a_folder_or_a_missing_file_is_refused_at_start)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h;
    char yaml[4096];

    (void)snprintf(yaml, sizeof yaml, "path: %s\n", dir);
    h = plugin_host_open("gate", "list", yaml);
    ck_assert_uint_eq(plugin_host_try_start(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "not a regular file"));
    plugin_host_close(h);
    (void)snprintf(yaml, sizeof yaml, "path: %s/nobody\n", dir);
    h = plugin_host_open("gate", "list", yaml);
    ck_assert_uint_eq(plugin_host_try_start(h, &err), SLUICE_RETRY);
    ck_assert_ptr_nonnull(strstr(err.message, "nobody: No such file"));
    plugin_host_close(h);
}
END_TEST

START_TEST(options_that_cannot_work_are_refused_by_name)
{
    char *said = plugin_host_refusal("gate", "list", "");

    ck_assert_ptr_nonnull(strstr(said, "a list needs path, ids, or both"));
    free(said);
    said = plugin_host_refusal("gate", "list", "ids: [ u1 ]\nfield: data.user\n");
    ck_assert_ptr_nonnull(strstr(said, "top-level"));
    free(said);
    said = plugin_host_refusal("gate", "list", "ids: [ u1, '' ]\n");
    ck_assert_ptr_nonnull(strstr(said, "number 2 is empty"));
    free(said);
}
END_TEST

/* --- many ids, many threads -------------------------------------------------------- */

#define MANY 1000000

static void write_many(int version)
{
    FILE *out = fopen(path, "w");
    int i;

    ck_assert_ptr_nonnull(out);
    for (i = 0; i < MANY; i++)
        (void)fprintf(out, "%08x-%04d-4000-8000-%012x\n", (unsigned)i * 2654435761u, version, (unsigned)i);
    ck_assert_int_eq(fclose(out), 0);
}

static long resident_kib(void)
{
    long total = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "r");

    ck_assert_ptr_nonnull(in);
    ck_assert_int_eq(fscanf(in, "%ld %ld", &total, &resident), 2);
    (void)fclose(in);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

#if defined(SANITIZED)
#define MEMORY_COUNTS 0
#else
#define MEMORY_COUNTS 1
#endif

START_TEST(a_million_uuids_take_less_than_64_mib_also_while_they_are_read_again)
{
    struct plugin_host *h;
    char yaml[4096];
    long before, started, reloaded;

    write_many(1);
    (void)snprintf(yaml, sizeof yaml, "path: %s\ncheck_interval: 1d\n", path);
    h = plugin_host_open("gate", "list", yaml);
    before = resident_kib();
    plugin_host_start(h);
    started = resident_kib() - before;
    ck_assert_uint_eq(decision(h, "00000000-0001-4000-8000-000000000000"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "00000000-0002-4000-8000-000000000000"), SLUICE_DENY);
    write_many(2);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    reloaded = resident_kib() - before;
    ck_assert_uint_eq(decision(h, "00000000-0002-4000-8000-000000000000"), SLUICE_ADMIT);
    if (MEMORY_COUNTS) {
        ck_assert_msg(started < 32 * 1024, "%ld KiB", started);
        ck_assert_msg(reloaded < 64 * 1024, "%ld KiB", reloaded);
    }
    plugin_host_close(h);
}
END_TEST

struct decider {
    struct plugin_host *h;
    const struct sluice_record *const *records;
    uint32_t n;
    atomic_int *stop;
    atomic_uint wrong;
    atomic_ullong rounds;
};

/* In each version of the list either a or b stands in it, and always c. */
static void *decide_on(void *context)
{
    struct decider *d = context;
    struct sluice_verdict items[3];
    struct sluice_verdicts verdicts = {3, sizeof items[0], items};
    struct sluice_error err = {.struct_size = sizeof err};

    while (!atomic_load(d->stop)) {
        memset(items, 0, sizeof items);
        if (plugin_host_gate(d->h)->decide(plugin_host_self(d->h), d->records, 3, &verdicts, &err) !=
                SLUICE_OK ||
            items[2].code != SLUICE_ADMIT ||
            (items[0].code == SLUICE_ADMIT) == (items[1].code == SLUICE_ADMIT))
            atomic_fetch_add(&d->wrong, 1);
        atomic_fetch_add(&d->rounds, 1);
    }
    return NULL;
}

START_TEST(every_batch_sees_one_whole_version_while_the_list_changes)
{
    struct plugin_host *h = open_list("a\nc\n", "");
    struct decider d[3];
    pthread_t threads[3];
    atomic_int stop = 0;
    uint32_t n;
    int i;

    plugin_host_clear(h);
    plugin_host_add(h, "{\"user_id\":\"a\"}");
    plugin_host_add(h, "{\"user_id\":\"b\"}");
    plugin_host_add(h, "{\"user_id\":\"c\"}");
    for (i = 0; i < 3; i++) {
        d[i].h = h;
        d[i].records = (const struct sluice_record *const *)plugin_host_records(h, &n);
        d[i].stop = &stop;
        atomic_init(&d[i].wrong, 0);
        atomic_init(&d[i].rounds, 0);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, decide_on, &d[i]), 0);
    }
    for (i = 0; i < 200; i++) {
        test_file_text(path, i % 2 == 0 ? "b\nc\n" : "a\nc\n");
        ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    }
    for (i = 0; i < 3; i++)
        while (atomic_load(&d[i].rounds) == 0)
            (void)sched_yield();
    atomic_store(&stop, 1);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_uint_eq(atomic_load(&d[i].wrong), 0);
    }
    plugin_host_close(h);
}
END_TEST

START_TEST(start_stop_start_leaves_a_working_gate)
{
    struct plugin_host *h = open_list("u1\n", "");

    plugin_host_stop(h);
    test_file_text(path, "u2\n");
    plugin_host_start(h);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

ONE_SUITE_WITH("gate_list", 60, make_files, remove_files,
               who_stands_in_the_file_is_admitted_and_others_are_denied,
               mark_crlf_blanks_spaces_and_repeats_are_tolerated_and_counted, a_header_is_no_id_when_told,
               the_first_column_of_a_csv_is_the_id, a_comma_belongs_to_the_id_in_a_file_of_lines,
               inline_ids_stand_alone_or_join_the_file, deny_listed_turns_the_list_round,
               a_record_without_the_field_is_refused_by_its_name,
               a_batch_larger_than_a_chunk_is_decided_in_order, reload_takes_the_new_file,
               the_thread_sees_a_new_file_by_itself, a_broken_new_file_leaves_the_old_list_until_max_age,
               a_removed_file_leaves_the_old_list_for_ever_if_max_age_is_0, the_same_file_again_is_good_news,
               an_empty_file_is_broken_unless_it_is_meant, what_is_no_list_of_ids_is_refused_with_its_line,
               a_folder_or_a_missing_file_is_refused_at_start, options_that_cannot_work_are_refused_by_name,
               a_million_uuids_take_less_than_64_mib_also_while_they_are_read_again,
               every_batch_sees_one_whole_version_while_the_list_changes,
               start_stop_start_leaves_a_working_gate)
