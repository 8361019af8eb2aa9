/* check_gate_valkey_enrollment: who is enrolled, and what happens while nobody can tell. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "resp_server.h"

static struct resp_server *server;
static int64_t steady;

static int64_t test_steady(void)
{
    return steady;
}

static void reset(void)
{
    server = NULL;
    steady = 1000;
}

static void clean_up(void)
{
    if (server != NULL)
        resp_server_free(server);
}

/* Not waited for in vain: `wait` is long unless a test is about it. */
static struct plugin_host *open_gate(const char *more)
{
    static const struct plugin_host_setup with = {.steady_ms = test_steady};
    struct plugin_host *h;
    char yaml[1024];

    if (server == NULL)
        server = resp_server_new();
    (void)snprintf(yaml, sizeof yaml, "address: %s\n%s%s", resp_server_address(server),
                   strstr(more, "wait:") != NULL ? "" : "wait: 1s\n", more);
    h = plugin_host_open_with("gate", "valkey-enrollment", yaml, &with);
    plugin_host_start(h);
    return h;
}

static void enrol(const char *user, int enrolled)
{
    char key[200];

    (void)snprintf(key, sizeof key, "experiment:enrolled:%s", user);
    resp_server_key(server, key, enrolled);
}

static uint32_t decision(struct plugin_host *h, const char *user)
{
    char json[200];

    (void)snprintf(json, sizeof json, "{\"user_id\":\"%s\"}", user);
    return plugin_host_one(h, json)->code;
}

static const char *reason(struct plugin_host *h)
{
    return plugin_host_verdict(h, 0)->reason;
}

/* Asks, a millisecond apart, until the answer is the expected one. */
static void ck_decided_soon(struct plugin_host *h, const char *user, uint32_t expected)
{
    const struct timespec ms = {0, 1000000};
    int i;

    for (i = 0; i < 10000 && decision(h, user) != expected; i++)
        (void)nanosleep(&ms, NULL);
    ck_assert_uint_eq(decision(h, user), expected);
}

START_TEST(who_is_enrolled_is_admitted_and_others_are_denied)
{
    struct plugin_host *h = open_gate("");

    enrol("u1", 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_DENY);
    ck_assert_str_eq(reason(h), "not_enrolled");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_batch_is_one_round_trip_and_each_user_one_question)
{
    struct plugin_host *h = open_gate("");
    struct sluice_error err = {.struct_size = sizeof err};
    char json[64];
    uint32_t i;

    enrol("u7", 1);
    for (i = 0; i < 1000; i++) {
        (void)snprintf(json, sizeof json, "{\"user_id\":\"u%u\"}", i % 100);
        plugin_host_add(h, json);
    }
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    for (i = 0; i < 1000; i++)
        ck_assert_uint_eq(plugin_host_verdict(h, i)->code, i % 100 == 7 ? SLUICE_ADMIT : SLUICE_DENY);
    ck_assert_uint_eq(resp_server_count(server, "EXISTS"), 100);
    ck_assert_double_eq(plugin_host_metric(h, "round_trips_total", NULL), 1);
    ck_assert_double_eq(plugin_host_metric(h, "users_total", "asked_enrolled"), 10);
    ck_assert_double_eq(plugin_host_metric(h, "users_total", "asked_not_enrolled"), 990);
    plugin_host_close(h);
}
END_TEST

START_TEST(an_enrolment_becomes_visible_after_negative_ttl)
{
    struct plugin_host *h = open_gate("negative_ttl: 5s\n");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    enrol("u1", 1);
    steady += 4999;
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    ck_assert_double_eq(plugin_host_metric(h, "users_total", "cached_not_enrolled"), 1);
    steady += 1;
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_end_of_an_enrolment_becomes_visible_after_positive_ttl)
{
    struct plugin_host *h = open_gate("positive_ttl: 1m\n");

    enrol("u1", 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    enrol("u1", 0);
    steady += 59999;
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_double_eq(plugin_host_metric(h, "users_total", "cached_enrolled"), 1);
    steady += 1;
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(nothing_is_remembered_where_no_time_is_given)
{
    struct plugin_host *h = open_gate("positive_ttl: 0s\nnegative_ttl: 0s\n");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    enrol("u1", 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    enrol("u1", 0);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_full_cache_asks_again_and_keeps_those_who_are_enrolled)
{
    struct plugin_host *h = open_gate("cache_size: 8\nnegative_ttl: 1h\n");
    char user[24];
    int i;

    enrol("u1", 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    for (i = 0; i < 100; i++) {
        (void)snprintf(user, sizeof user, "other%d", i);
        ck_assert_uint_eq(decision(h, user), SLUICE_DENY);
    }
    ck_assert_uint_eq(resp_server_count(server, "EXISTS"), 101);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_uint_eq(resp_server_count(server, "EXISTS"), 101);
    plugin_host_close(h);
}
END_TEST

START_TEST(another_key_can_be_asked_for)
{
    struct plugin_host *h = open_gate("key: \"{country}/{user_id}/on\"\n");

    resp_server_key(server, "de/u1/on", 1);
    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"u1\",\"country\":\"de\"}")->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"u1\",\"country\":\"fr\"}")->code, SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_record_without_a_user_is_refused_and_the_others_are_decided)
{
    struct plugin_host *h = open_gate("");
    struct sluice_error err = {.struct_size = sizeof err};

    enrol("u1", 1);
    plugin_host_add(h, "{\"user_id\":\"\"}");
    plugin_host_add(h, "{\"user_id\":\"u1\"}");
    plugin_host_add(h, "{}");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_REJECT);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "no_user_id");
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_ADMIT);
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_REJECT);
    plugin_host_close(h);
}
END_TEST

START_TEST(an_outage_is_unknown_and_passes)
{
    struct plugin_host *h = open_gate("");

    enrol("u1", 1);
    enrol("u2", 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    resp_server_down(server);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_UNKNOWN);
    ck_assert_str_eq(reason(h), "valkey_unavailable");
    ck_assert_int_eq(plugin_host_logged(h, "connection refused"), 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    ck_assert_double_eq(plugin_host_metric(h, "users_total", "valkey_unavailable"), 1);
    resp_server_up(server);
    ck_decided_soon(h, "u2", SLUICE_ADMIT);
    ck_assert_int_eq(plugin_host_logged(h, "connected again"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_server_that_is_not_there_at_the_start_is_waited_for)
{
    struct plugin_host *h;

    server = resp_server_new();
    resp_server_down(server);
    h = open_gate("");
    enrol("u1", 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    resp_server_up(server);
    ck_decided_soon(h, "u1", SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_connection_that_died_unused_is_replaced_within_the_call)
{
    struct plugin_host *h = open_gate("");

    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    resp_server_drop(server);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_DENY);
    ck_assert_uint_eq(resp_server_count(server, "connect"), 2);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_batch_cut_in_its_middle_is_asked_again_whole)
{
    struct plugin_host *h = open_gate("");
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_uint_eq(decision(h, "u0"), SLUICE_DENY);
    enrol("u3", 1);
    plugin_host_clear(h);
    plugin_host_add(h, "{\"user_id\":\"u1\"}");
    plugin_host_add(h, "{\"user_id\":\"u2\"}");
    plugin_host_add(h, "{\"user_id\":\"u3\"}");
    resp_server_cut(server, 2);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_DENY);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_DENY);
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_ADMIT);
    plugin_host_close(h);
}
END_TEST

START_TEST(an_answer_that_is_late_is_remembered_for_the_record_that_waits)
{
    struct plugin_host *h = open_gate("wait: 20ms\nnegative_ttl: 0s\ncommand_timeout: 1m\n");
    uint64_t asked;

    ck_decided_soon(h, "u0", SLUICE_DENY);
    asked = resp_server_count(server, "EXISTS");
    resp_server_hold(server, 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    ck_assert_str_eq(reason(h), "valkey_slow");
    ck_assert_uint_gt(plugin_host_verdict(h, 0)->retry_after_ms, 0);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    ck_assert_uint_eq(decision(h, "u2"), SLUICE_UNKNOWN);
    resp_server_hold(server, 0);
    ck_decided_soon(h, "u1", SLUICE_DENY);
    ck_assert_uint_eq(resp_server_count(server, "EXISTS"), asked + 1);
    ck_assert_double_eq(plugin_host_metric(h, "users_total", "cached_not_enrolled"), 2);
    ck_decided_soon(h, "u2", SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_server_that_never_answers_is_left_after_command_timeout)
{
    struct plugin_host *h = open_gate("command_timeout: 30ms\n");

    ck_assert_uint_eq(decision(h, "u0"), SLUICE_DENY);
    resp_server_hold(server, 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    ck_assert_str_eq(reason(h), "valkey_unavailable");
    ck_assert_int_eq(plugin_host_logged(h, "did not answer within command_timeout"), 1);
    resp_server_hold(server, 0);
    ck_decided_soon(h, "u1", SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_server_that_loads_or_forbids_is_unknown_and_never_a_denial)
{
    struct plugin_host *h = open_gate("");

    ck_assert_uint_eq(decision(h, "u0"), SLUICE_DENY);
    resp_server_answer(server, "EXISTS", "-LOADING Valkey is loading the dataset in memory\r\n");
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    ck_assert_int_eq(plugin_host_logged(h, "still loading"), 1);
    resp_server_answer(server, "EXISTS", "-NOPERM this user has no permissions\r\n");
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    resp_server_answer(server, "EXISTS", "+OK\r\n");
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    resp_server_answer(server, "EXISTS", NULL);
    ck_decided_soon(h, "u1", SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_wrong_password_holds_everybody_and_is_said)
{
    struct plugin_host *h;

    server = resp_server_new();
    resp_server_login(server, NULL, "right");
    h = open_gate("password: wrong-canary\n");
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_UNKNOWN);
    ck_assert_int_eq(plugin_host_logged(h, "does not know this user and password"), 1);
    plugin_host_close(h);
    h = open_gate("password: right\n");
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

START_TEST(it_starts_again_after_a_stop_and_remembers_nothing_of_before)
{
    struct plugin_host *h = open_gate("");

    enrol("u1", 1);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_ADMIT);
    plugin_host_stop(h);
    enrol("u1", 0);
    plugin_host_start(h);
    ck_assert_uint_eq(decision(h, "u1"), SLUICE_DENY);
    plugin_host_close(h);
}
END_TEST

static void ck_refused(const char *yaml, const char *words)
{
    char *said = plugin_host_refusal("gate", "valkey-enrollment", yaml);

    ck_assert_msg(strstr(said, words) != NULL, "'%s' is refused with: %s", yaml, said);
    free(said);
}

START_TEST(options_that_cannot_work_are_refused_in_words)
{
    ck_refused("tls: true\n", "without TLS");
    ck_refused("address: rediss://valkey.example.com:6379\n", "without TLS");
    ck_refused("address: \"redis://u:canary@valkey.example.com\"\n", "options of their own");
    ck_refused("address: valkey.example.com:port\n", "1 to 65535");
    ck_refused("address: valkey.example.com:70000\n", "1 to 65535");
    ck_refused("address: redis://valkey.example.com/3\n", "option of its own, db");
    ck_refused("address: fe80::1:6379\n", "in brackets");
    ck_refused("address: \"[::1\"\n", "not closed");
    ck_refused("address: \":6379\"\n", "host is empty");
    ck_refused("address: unix:run/valkey.sock\n", "absolute");
    ck_refused("user: worker\n", "without a password");
    ck_refused("key: experiment\n", "names no member");
    ck_refused("key: \"{user.id}\"\n", "top-level");
}
END_TEST

START_TEST(addresses_are_taken_in_all_their_forms)
{
    static const char *const good[] = {"valkey.example.com", "valkey://valkey.example.com:7000", "[::1]:6379",
                                       "[::1]", "unix:/run/valkey.sock"};
    char yaml[200];
    size_t i;

    for (i = 0; i < sizeof good / sizeof *good; i++) {
        (void)snprintf(yaml, sizeof yaml, "address: %s%s%s\n", good[i][0] == '[' ? "\"" : "", good[i],
                       good[i][0] == '[' ? "\"" : "");
        plugin_host_close(plugin_host_open("gate", "valkey-enrollment", yaml));
    }
}
END_TEST

ONE_SUITE_WITH(
    "gate_valkey_enrollment", 60, reset, clean_up, who_is_enrolled_is_admitted_and_others_are_denied,
    a_batch_is_one_round_trip_and_each_user_one_question, an_enrolment_becomes_visible_after_negative_ttl,
    the_end_of_an_enrolment_becomes_visible_after_positive_ttl, nothing_is_remembered_where_no_time_is_given,
    a_full_cache_asks_again_and_keeps_those_who_are_enrolled, another_key_can_be_asked_for,
    a_record_without_a_user_is_refused_and_the_others_are_decided, an_outage_is_unknown_and_passes,
    a_server_that_is_not_there_at_the_start_is_waited_for,
    a_connection_that_died_unused_is_replaced_within_the_call, a_batch_cut_in_its_middle_is_asked_again_whole,
    an_answer_that_is_late_is_remembered_for_the_record_that_waits,
    a_server_that_never_answers_is_left_after_command_timeout,
    a_server_that_loads_or_forbids_is_unknown_and_never_a_denial,
    a_wrong_password_holds_everybody_and_is_said,
    it_starts_again_after_a_stop_and_remembers_nothing_of_before,
    options_that_cannot_work_are_refused_in_words, addresses_are_taken_in_all_their_forms)
