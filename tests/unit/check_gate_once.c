/* check_gate_once: keys reserved, done and released, through crashes and two owners. */
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "temp_dir.h"
#include "test_file.h"

#define KEY "key: \"receipt-{request_id}\"\n"
#define R1 "{\"request_id\":\"r1\"}"
#define R2 "{\"request_id\":\"r2\"}"

static char *dir;
static atomic_llong now = INT64_C(1700000000000);

static int64_t test_now(void)
{
    return atomic_load(&now);
}

static void make_dir(void)
{
    dir = temp_dir_make();
    atomic_store(&now, INT64_C(1700000000000));
}

static void remove_dir(void)
{
    temp_dir_remove(dir);
}

static struct plugin_host *open_once(const char *yaml)
{
    struct plugin_host_setup with = {.state_dir = dir, .now_ms = test_now};
    struct plugin_host *h = plugin_host_open_with("gate", "once", yaml, &with);

    plugin_host_start(h);
    return h;
}

/* A second owner of the same keys: state_dir belongs to one run, so the second shares its state. */
static struct plugin_host *open_second(struct plugin_host *first, const char *yaml)
{
    struct plugin_host_setup with = {.now_ms = test_now, .state_of = first};
    struct plugin_host *h = plugin_host_open_with("gate", "once", yaml, &with);

    plugin_host_start(h);
    return h;
}

START_TEST(a_key_that_was_written_is_done_for_ever)
{
    struct plugin_host *h = open_once(KEY);

    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    atomic_fetch_add(&now, INT64_C(86400000) * 4000);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_DENY);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "already_done");
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 0)->detail, "force: true"));
    ck_assert_uint_eq(plugin_host_one(h, R2)->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_key_that_is_done_survives_the_process)
{
    struct plugin_host *h = open_once(KEY);

    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    plugin_host_close(h);
    h = open_once(KEY);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_failure_frees_the_key)
{
    static const uint32_t outcomes[] = {SLUICE_RETRY, SLUICE_REJECT};
    struct plugin_host *h = open_once(KEY);
    size_t i;

    for (i = 0; i < 2; i++) {
        ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
        ck_assert_uint_eq(plugin_host_conclude(h, outcomes[i], NULL), SLUICE_OK);
    }
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    ck_assert_double_eq(plugin_host_metric(h, "keys_total", "released"), 2);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_key_at_work_means_later_and_never_no)
{
    struct plugin_host *a = open_once(KEY "lease: 10s\n");
    struct plugin_host *b = open_second(a, KEY "lease: 10s\n");
    const struct sluice_verdict *v;

    ck_assert_uint_eq(plugin_host_one(a, R1)->code, SLUICE_ADMIT);
    v = plugin_host_one(b, R1);
    ck_assert_uint_eq(v->code, SLUICE_UNKNOWN);
    ck_assert_str_eq(v->reason, "leased");
    ck_assert_uint_eq(v->retry_after_ms, 2000);
    ck_assert_uint_eq(plugin_host_conclude(a, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_DENY);
    plugin_host_close(b);
    plugin_host_close(a);
}
END_TEST

START_TEST(of_two_records_with_one_key_in_a_batch_the_second_waits)
{
    struct plugin_host *h = open_once(KEY);

    plugin_host_clear(h);
    plugin_host_add(h, R1);
    plugin_host_add(h, R2);
    plugin_host_add(h, R1);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_UNKNOWN);
    plugin_host_close(h);
}
END_TEST

START_TEST(an_expired_lease_is_taken_over)
{
    struct plugin_host *a = open_once(KEY "lease: 1h\n");
    struct plugin_host *b = open_second(a, KEY "lease: 1h\n");

    ck_assert_uint_eq(plugin_host_one(a, R1)->code, SLUICE_ADMIT);
    atomic_fetch_add(&now, 3600000 - 1);
    ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_UNKNOWN);
    atomic_fetch_add(&now, 1);
    ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_ADMIT);
    /* The first owner's release must not free what is the second's now. */
    ck_assert_uint_eq(plugin_host_conclude(a, SLUICE_RETRY, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_one(a, R1)->code, SLUICE_UNKNOWN);
    plugin_host_close(b);
    plugin_host_close(a);
}
END_TEST

START_TEST(a_lease_is_renewed_while_the_work_lasts)
{
    struct plugin_host *a = open_once(KEY "lease: 1s\n");
    struct plugin_host *b = open_second(a, KEY "lease: 1s\n");
    struct timespec moment = {0, 5000000};
    int64_t renewed = 0;
    int tries;

    ck_assert_uint_eq(plugin_host_one(a, R1)->code, SLUICE_ADMIT);
    /* Half a lease later by the clock, the thread (which turns on real time) moves the end. */
    atomic_fetch_add(&now, 500);
    for (tries = 0; tries < 2000 && renewed <= 500; tries++) {
        (void)nanosleep(&moment, NULL);
        ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_UNKNOWN);
        renewed = plugin_host_verdict(b, 0)->retry_after_ms;
    }
    ck_assert_int_eq(renewed, 1000);
    atomic_fetch_add(&now, 900);
    ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_UNKNOWN);
    plugin_host_close(b);
    plugin_host_close(a);
}
END_TEST

/* Reserves a key in a process of its own and dies without a word. */
static void reserve_and_die(void)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct plugin_host *h = open_once(KEY);

        _exit(plugin_host_one(h, R1)->code == SLUICE_ADMIT ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(after_a_crash_the_work_is_repeated_at_once)
{
    struct plugin_host *h;

    reserve_and_die();
    h = open_once(KEY);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_stop_gives_up_what_was_not_concluded)
{
    struct plugin_host *h = open_once(KEY);

    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    plugin_host_stop(h);
    plugin_host_start(h);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(ttl_ends_what_is_done)
{
    struct plugin_host *h = open_once(KEY "ttl: 7d\n");

    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    atomic_fetch_add(&now, INT64_C(7) * 86400000 - 1);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_DENY);
    atomic_fetch_add(&now, 1);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(force_passes_what_is_done_but_not_what_is_at_work)
{
    struct plugin_host *a = open_once(KEY);
    struct plugin_host *b = open_second(a, KEY "force: true\n");

    ck_assert_uint_eq(plugin_host_one(a, R1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_UNKNOWN);
    ck_assert_uint_eq(plugin_host_conclude(a, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_ADMIT);
    plugin_host_close(b);
    plugin_host_close(a);
}
END_TEST

START_TEST(a_record_without_a_member_of_the_key_is_refused_by_name)
{
    struct plugin_host *h = open_once("key: \"{user_id}/{request_id}\"\n");
    const struct sluice_verdict *v = plugin_host_one(h, "{\"user_id\":\"u1\"}");
    char huge[1100];

    ck_assert_uint_eq(v->code, SLUICE_REJECT);
    ck_assert_str_eq(v->reason, "no_request_id");
    ck_assert_ptr_nonnull(strstr(v->detail, "request_id"));
    memset(huge, 'x', sizeof huge);
    memcpy(huge, "{\"user_id\":\"u1\",\"request_id\":\"", 30);
    memcpy(huge + sizeof huge - 3, "\"}", 3);
    ck_assert_uint_eq(plugin_host_one(h, huge)->code, SLUICE_REJECT);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "key_too_long");
    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":1,\"request_id\":2}")->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_store_that_cannot_be_written_makes_the_gate_unknown)
{
    struct plugin_host *h = open_once(KEY);
    char *path = test_file_path(dir, "once.sqlite");
    sqlite3 *other = NULL;

    ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "DROP TABLE once", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_UNKNOWN);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "store_failed");
    (void)sqlite3_close(other);
    free(path);
    plugin_host_close(h);
}
END_TEST

START_TEST(without_a_state_dir_start_says_what_to_do)
{
    struct plugin_host *h = plugin_host_open("gate", "once", KEY);
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_uint_eq(plugin_host_try_start(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "set state_dir"));
    plugin_host_close(h);
}
END_TEST

START_TEST(keys_that_cannot_work_are_refused)
{
    static const struct {
        const char *yaml, *words;
    } bad[] = {
        {"{}", "key"},
        {"key: \"receipt\"\n", "names no member"},
        {"key: \"receipt-{request_id\"\n", "brace"},
        {"key: \"receipt-request_id}\"\n", "brace"},
        {"key: \"receipt-{}\"\n", "top-level"},
        {"key: \"receipt-{data.id}\"\n", "top-level"},
        {"key: \"{a{b}}\"\n", "brace"},
        {"key: \"{a}{b}{c}{d}{e}{f}{g}{h}-{i}{j}{k}{l}{m}{n}{o}{p}{q}\"\n", "parts"},
    };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *said = plugin_host_refusal("gate", "once", bad[i].yaml);

        ck_assert_msg(strstr(said, bad[i].words) != NULL, "\"%s\" does not say \"%s\"", said, bad[i].words);
        free(said);
    }
}
END_TEST

ONE_SUITE_WITH("gate_once", 60, make_dir, remove_dir, a_key_that_was_written_is_done_for_ever,
               a_key_that_is_done_survives_the_process, a_failure_frees_the_key,
               a_key_at_work_means_later_and_never_no,
               of_two_records_with_one_key_in_a_batch_the_second_waits, an_expired_lease_is_taken_over,
               a_lease_is_renewed_while_the_work_lasts, after_a_crash_the_work_is_repeated_at_once,
               a_stop_gives_up_what_was_not_concluded, ttl_ends_what_is_done,
               force_passes_what_is_done_but_not_what_is_at_work,
               a_record_without_a_member_of_the_key_is_refused_by_name,
               a_store_that_cannot_be_written_makes_the_gate_unknown,
               without_a_state_dir_start_says_what_to_do, keys_that_cannot_work_are_refused)
