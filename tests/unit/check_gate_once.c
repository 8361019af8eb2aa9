/* check_gate_once: keys reserved, done and released, through crashes and two owners.
 *
 * The same cases run on both stores: SQLite in a state_dir, and Valkey, which is a double here and the
 * real server where SLUICE_TEST_VALKEY names one (tests/integration/once.sh does). */
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "once_keys.h"
#include "one_suite.h"
#include "plugin_host.h"
#include "temp_dir.h"
#include "test_file.h"

#define KEY "key: \"receipt-{request_id}\"\n"
#define R1 "{\"user_id\":\"u1\",\"request_id\":\"r1\"}"
#define R2 "{\"user_id\":\"u2\",\"request_id\":\"r2\"}"
#define DAY INT64_C(86400000)
#define MINUTE INT64_C(60000)

static char *dir;
static int on_valkey;
static struct once_keys *keys; /* of Valkey; made in a test's body */
static atomic_llong now = INT64_C(1700000000000);

static int64_t test_now(void)
{
    return atomic_load(&now);
}

static void make_dir(void)
{
    dir = temp_dir_make();
    keys = NULL;
    on_valkey = 0;
    atomic_store(&now, INT64_C(1700000000000));
}

static void use_valkey(void)
{
    make_dir();
    on_valkey = 1;
}

static void remove_dir(void)
{
    if (keys != NULL)
        once_keys_free(keys);
    temp_dir_remove(dir);
}

static void pass(int64_t ms)
{
    atomic_fetch_add(&now, ms);
    if (keys != NULL)
        once_keys_age(keys, ms);
}

/* The block for the store of this case. */
static const char *block(const char *yaml)
{
    static char text[1000];

    if (!on_valkey)
        return yaml;
    if (keys == NULL)
        keys = once_keys_new(test_now);
    (void)snprintf(text, sizeof text, "%saddress: \"%s\"\nprefix: \"%s\"\n", yaml, once_keys_address(keys),
                   once_keys_prefix(keys));
    return text;
}

static struct plugin_host *open_once(const char *yaml)
{
    struct plugin_host_setup with = {.state_dir = on_valkey ? NULL : dir, .now_ms = test_now};
    struct plugin_host *h = plugin_host_open_with("gate", "once", block(yaml), &with);

    plugin_host_start(h);
    return h;
}

/* A second owner of the same keys: state_dir belongs to one run, so the second shares its state. */
static struct plugin_host *open_second(struct plugin_host *first, const char *yaml)
{
    struct plugin_host_setup with = {.now_ms = test_now, .state_of = on_valkey ? NULL : first};
    struct plugin_host *h = plugin_host_open_with("gate", "once", block(yaml), &with);

    plugin_host_start(h);
    return h;
}

START_TEST(a_key_that_was_written_is_done_for_ever)
{
    struct plugin_host *h = open_once(KEY);

    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    pass(DAY * 4000);
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
    pass(59 * MINUTE);
    ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_UNKNOWN);
    pass(MINUTE);
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
    struct plugin_host *a = open_once(KEY "lease: 3s\n");
    struct plugin_host *b = open_second(a, KEY "lease: 3s\n");
    struct timespec moment = {0, 5000000};
    uint32_t left = 0;
    int tries;

    ck_assert_uint_eq(plugin_host_one(a, R1)->code, SLUICE_ADMIT);
    /* Half a lease later by the clock, the thread (which turns on real time) moves the end. */
    pass(1500);
    for (tries = 0; tries < 2000 && left < 2000; tries++) {
        (void)nanosleep(&moment, NULL);
        ck_assert_uint_eq(plugin_host_one(b, R1)->code, SLUICE_UNKNOWN);
        left = plugin_host_verdict(b, 0)->retry_after_ms;
    }
    ck_assert_uint_eq(left, 2000);
    pass(1900);
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

START_TEST(after_a_crash_the_work_is_repeated)
{
    struct plugin_host *h;

    (void)block(""); /* the server is the parent's */
    reserve_and_die();
    h = open_once(KEY);
    if (on_valkey) { /* nobody tells it that the worker died */
        ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_UNKNOWN);
        ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "leased");
        pass(5 * MINUTE);
    }
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
    pass(7 * DAY - MINUTE);
    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_DENY);
    pass(MINUTE);
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

/* One message may pass by itself, and only by the word that the option names. */
START_TEST(a_member_of_the_record_forces_it)
{
    struct plugin_host *h = open_once(KEY "force_member: again\n");

    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_one(h, "{\"request_id\":\"r1\",\"again\":false}")->code, SLUICE_DENY);
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 0)->detail, "again: true in the record"));
    ck_assert_uint_eq(plugin_host_one(h, "{\"request_id\":\"r1\",\"force\":true}")->code, SLUICE_DENY);
    ck_assert_uint_eq(plugin_host_one(h, "{\"request_id\":\"r1\",\"again\":true}")->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_one(h, "{\"request_id\":\"r1\",\"again\":\"true\"}")->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(what_is_skipped_is_told_with_the_user_and_the_time_left)
{
    struct plugin_host *h = open_once("key: \"loaded_users:{user_id}\"\nttl: 7d\n");
    int i;

    ck_assert_uint_eq(plugin_host_one(h, R1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    pass(3 * DAY + MINUTE);
    plugin_host_clear(h);
    for (i = 0; i < 10; i++)
        plugin_host_add(h, R1);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 9)->code, SLUICE_DENY);
    ck_assert_str_eq(plugin_host_verdict(h, 9)->reason, "already_done");
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 9)->detail, "counts for another 3 d 23 h"));
    ck_assert(plugin_host_logged(h, "skipped user u1: "));
    ck_assert(plugin_host_logged(h, "counts for another 3 d 23 h; force: true does it again"));
    ck_assert_double_eq(plugin_host_metric(h, "keys_total", "already_done"), 10);
    plugin_host_close(h);
}
END_TEST

/* --- Valkey only ---------------------------------------------------------------------- */

static uint32_t decide(struct plugin_host *h)
{
    return plugin_host_one(h, R1)->code;
}

START_TEST(a_batch_is_one_round_trip)
{
    struct plugin_host *h = open_once(KEY "command_timeout: 30s\n"); /* the double is slow */
    char record[64];
    int i;

    plugin_host_clear(h);
    for (i = 0; i < 2500; i++) {
        (void)snprintf(record, sizeof record, "{\"request_id\":%d}", i);
        plugin_host_add(h, record);
    }
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 2500; i++)
        ck_assert_uint_eq(plugin_host_verdict(h, (uint32_t)i)->code, SLUICE_ADMIT);
    ck_assert_double_eq(plugin_host_metric(h, "round_trips_total", NULL), 1);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "round_trips_total", NULL), 2);
    ck_assert_double_eq(plugin_host_metric(h, "connects_total", "ok"), 1);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 2500; i++)
        ck_assert_uint_eq(plugin_host_verdict(h, (uint32_t)i)->code, SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_key_is_exactly_what_the_option_says)
{
    struct plugin_host *h = open_once(KEY);

    ck_assert_uint_eq(decide(h), SLUICE_ADMIT);
    ck_assert(once_keys_has(keys, "receipt-r1"));
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_RETRY, NULL), SLUICE_OK);
    ck_assert(!once_keys_has(keys, "receipt-r1"));
    plugin_host_close(h);
}
END_TEST

START_TEST(what_an_older_worker_wrote_counts_as_done)
{
    struct plugin_host *h = open_once(KEY);

    once_keys_put(keys, "receipt-r1", "1");
    ck_assert_uint_eq(decide(h), SLUICE_DENY);
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 0)->detail, "was done before and counts for ever"));
    plugin_host_close(h);
}
END_TEST

/* The work is done all the same: the key has to say so. */
START_TEST(a_lease_that_ran_out_unseen_is_committed_nevertheless)
{
    struct plugin_host *a = open_once(KEY "lease: 1h\n");

    ck_assert_uint_eq(decide(a), SLUICE_ADMIT);
    pass(61 * MINUTE);
    ck_assert(!once_keys_has(keys, "receipt-r1"));
    ck_assert_uint_eq(plugin_host_conclude(a, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_uint_eq(decide(a), SLUICE_DENY);
    plugin_host_close(a);
}
END_TEST

START_TEST(a_lease_that_was_taken_over_is_told)
{
    struct plugin_host *a = open_once(KEY "lease: 1h\n");
    struct plugin_host *b = open_second(a, KEY "lease: 1h\n");

    ck_assert_uint_eq(decide(a), SLUICE_ADMIT);
    pass(61 * MINUTE);
    ck_assert_uint_eq(decide(b), SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_conclude(a, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(a, "keys_total", "lease_lost"), 1);
    ck_assert(plugin_host_logged(a, "taken over by another worker"));
    ck_assert_uint_eq(plugin_host_one(a, R1)->code, SLUICE_UNKNOWN);
    plugin_host_close(b);
    plugin_host_close(a);
}
END_TEST

/* --- the double only: a real server does not fail on demand ---------------------------- */

START_TEST(an_answer_that_was_lost_is_asked_for_again)
{
    struct plugin_host *h = open_once(KEY);

    ck_assert_uint_eq(plugin_host_one(h, R2)->code, SLUICE_ADMIT);
    resp_server_cut(once_keys_server(keys), 0);
    ck_assert_uint_eq(decide(h), SLUICE_ADMIT);
    resp_server_cut(once_keys_server(keys), 0);
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, NULL), SLUICE_OK);
    ck_assert_uint_eq(decide(h), SLUICE_DENY);
    ck_assert_double_eq(plugin_host_metric(h, "keys_total", "lease_lost"), 0);
    plugin_host_close(h);
}
END_TEST

/* The reservation happened and nobody heard of it: it must not wait for its own lease. */
START_TEST(a_lease_of_ours_that_nobody_holds_is_taken)
{
    struct plugin_host *h = open_once(KEY "command_timeout: 50ms\n");

    ck_assert_uint_eq(plugin_host_one(h, R2)->code, SLUICE_ADMIT);
    resp_server_hold(once_keys_server(keys), 1);
    ck_assert_uint_eq(decide(h), SLUICE_UNKNOWN);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "valkey_unavailable");
    resp_server_hold(once_keys_server(keys), 0);
    while (decide(h) == SLUICE_UNKNOWN) {
        ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "valkey_unavailable");
        ck_assert_uint_gt(plugin_host_verdict(h, 0)->retry_after_ms, 0);
    }
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(while_valkey_is_away_the_gate_cannot_tell)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h = open_once(KEY), *other = open_second(h, KEY);

    ck_assert_uint_eq(decide(h), SLUICE_ADMIT);
    resp_server_down(once_keys_server(keys));
    ck_assert_uint_eq(plugin_host_conclude(h, SLUICE_OK, &err), SLUICE_RETRY);
    ck_assert_uint_eq(plugin_host_one(other, R2)->code, SLUICE_UNKNOWN);
    ck_assert_str_eq(plugin_host_verdict(other, 0)->reason, "valkey_unavailable");
    ck_assert(plugin_host_logged(h, "keys can be neither reserved nor concluded"));
    resp_server_up(once_keys_server(keys));
    while (plugin_host_conclude(h, SLUICE_OK, &err) == SLUICE_RETRY)
        ;
    ck_assert_uint_eq(decide(h), SLUICE_DENY);
    ck_assert(plugin_host_logged(h, "connected again"));
    plugin_host_close(other);
    plugin_host_close(h);
}
END_TEST

START_TEST(what_valkey_refuses_is_told_and_holds)
{
    struct plugin_host *h = open_once(KEY);

    resp_server_answer(once_keys_server(keys), "EVAL",
                       "-NOPERM User worker has no permissions to run the 'eval' command\r\n");
    ck_assert_uint_eq(decide(h), SLUICE_UNKNOWN);
    ck_assert(plugin_host_logged(h, "extend its access list"));
    plugin_host_close(h);
}
END_TEST

START_TEST(an_answer_that_makes_no_sense_is_none)
{
    static const char *const odd[] = {":1\r\n", "*2\r\n:0\r\n:0\r\n", "*3\r\n:9\r\n:0\r\n:0\r\n",
                                      "*3\r\n$1\r\n0\r\n:0\r\n:0\r\n"};
    size_t i;

    for (i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct plugin_host *h = open_once(KEY);

        resp_server_answer(once_keys_server(keys), "EVAL", odd[i]);
        ck_assert_uint_eq(decide(h), SLUICE_UNKNOWN);
        ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "valkey_unavailable");
        plugin_host_close(h);
    }
}
END_TEST

START_TEST(options_about_valkey_need_its_address)
{
    char *said = plugin_host_refusal("gate", "once", KEY "user: worker\n");

    ck_assert_msg(strstr(said, "set address") != NULL, "%s", said);
    free(said);
    said = plugin_host_refusal("gate", "once", KEY "address: v\ntls: true\n");
    ck_assert_msg(strstr(said, "without TLS") != NULL, "%s", said);
    free(said);
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

/* --- SQLite only ---------------------------------------------------------------------- */

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

static void add(Suite *suite, const char *name, void (*before)(void), const TTest *const *tests, size_t n)
{
    TCase *t = tcase_create(name);
    size_t i;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, before, remove_dir);
    for (i = 0; i < n; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(suite, t);
}

int main(void)
{
    const TTest *const both[] = {a_key_that_was_written_is_done_for_ever,
                                 a_key_that_is_done_survives_the_process,
                                 a_failure_frees_the_key,
                                 a_key_at_work_means_later_and_never_no,
                                 of_two_records_with_one_key_in_a_batch_the_second_waits,
                                 an_expired_lease_is_taken_over,
                                 a_lease_is_renewed_while_the_work_lasts,
                                 after_a_crash_the_work_is_repeated,
                                 a_stop_gives_up_what_was_not_concluded,
                                 ttl_ends_what_is_done,
                                 force_passes_what_is_done_but_not_what_is_at_work,
                                 a_member_of_the_record_forces_it,
                                 what_is_skipped_is_told_with_the_user_and_the_time_left,
                                 a_record_without_a_member_of_the_key_is_refused_by_name};
    const TTest *const sqlite[] = {a_store_that_cannot_be_written_makes_the_gate_unknown,
                                   without_a_state_dir_start_says_what_to_do,
                                   keys_that_cannot_work_are_refused, options_about_valkey_need_its_address};
    const TTest *const valkey[] = {a_batch_is_one_round_trip, the_key_is_exactly_what_the_option_says,
                                   what_an_older_worker_wrote_counts_as_done,
                                   a_lease_that_ran_out_unseen_is_committed_nevertheless,
                                   a_lease_that_was_taken_over_is_told};
    const TTest *const trouble[] = {
        an_answer_that_was_lost_is_asked_for_again, a_lease_of_ours_that_nobody_holds_is_taken,
        while_valkey_is_away_the_gate_cannot_tell, what_valkey_refuses_is_told_and_holds,
        an_answer_that_makes_no_sense_is_none};
    Suite *suite = suite_create("gate_once");
    SRunner *r;
    int failed;

    if (getenv("SLUICE_TEST_VALKEY") == NULL) {
        add(suite, "sqlite", make_dir, both, sizeof both / sizeof *both);
        add(suite, "sqlite only", make_dir, sqlite, sizeof sqlite / sizeof *sqlite);
        add(suite, "trouble", use_valkey, trouble, sizeof trouble / sizeof *trouble);
    }
    add(suite, "valkey", use_valkey, both, sizeof both / sizeof *both);
    add(suite, "valkey only", use_valkey, valkey, sizeof valkey / sizeof *valkey);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
