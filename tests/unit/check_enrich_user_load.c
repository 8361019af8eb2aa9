/* check_enrich_user_load: the message of a user, who is refused and who is left out. */
#include <stdio.h>
#include <string.h>

#include "../../plugins/common/uuid.h"
#include "../../plugins/enrich-user-load/user_seen.h"
#include "one_suite.h"
#include "plugin_host.h"

#define JOB "6ba7b810-9dad-11d1-80b4-00c04fd430c8" /* the DNS namespace of RFC 4122 */
#define FIXED "job_id: " JOB "\nrequested_at: 2026-01-31T08:00:00Z\n"

static struct plugin_host *open_load(const char *yaml)
{
    struct plugin_host *h = plugin_host_open("enrich", "user-load", yaml);

    plugin_host_start(h);
    return h;
}

static void check_made(struct plugin_host *h, const char *before, const char *after)
{
    const struct sluice_verdict *v = plugin_host_one(h, before);

    ck_assert_msg(v->code == SLUICE_OK, "%s: %s", v->reason, v->detail);
    ck_assert_str_eq(plugin_host_document(h, 0), after);
}

static void check_ended(struct plugin_host *h, const char *line, uint32_t code, const char *reason,
                        const char *words)
{
    const struct sluice_verdict *v = plugin_host_one(h, line);

    ck_assert_msg(v->code == code, "%s: %u %s", line, v->code, v->detail);
    ck_assert_str_eq(v->reason, reason);
    ck_assert_msg(strstr(v->detail, words) != NULL, "%s: %s", line, v->detail);
}

static void check_uuid(const char *space, const char *name, const char *expected)
{
    struct uuid s, u;
    char text[UUID_LEN + 1];

    ck_assert(uuid_parse(space, strlen(space), &s));
    ck_assert_int_eq(uuid_v5(&s, name, strlen(name), &u), 0);
    uuid_format(&u, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(uuids_are_those_of_the_rfc)
{
    struct uuid u;

    /* RFC 9562, A.4 (the example of RFC 4122, with its erratum) and Python's documentation */
    check_uuid(JOB, "www.example.com", "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    check_uuid(JOB, "python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d");
    check_uuid("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d");
    ck_assert(!uuid_parse(JOB, 35, &u));
    ck_assert(!uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430cg", 36, &u));
    ck_assert(!uuid_parse("6ba7b8109-dad-11d1-80b4-00c04fd430c8", 36, &u));
}
END_TEST

#define MESSAGE(user, request)                                                                               \
    "{\"event_type\":\"user_load_request\",\"user_id\":\"" user "\",\"reason\":\"batch_backfill\","          \
    "\"requested_at\":\"2026-01-31T08:00:00Z\",\"lookback_days\":365,\"request_id\":\"backfill-" request     \
    "\",\"priority\":\"low\",\"job_id\":\"" JOB "\""

START_TEST(a_line_or_an_object_becomes_the_message)
{
    struct plugin_host *h = open_load(FIXED);

    check_made(h, "{\"user_id\":\"python.org\"}",
               MESSAGE("python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d") "}");
    check_made(h, "{\"line\":\"  www.example.com\\t\"}",
               MESSAGE("www.example.com", "2ed6657d-e927-568b-95e1-2665a8aea6a2") "}");
    ck_assert_double_eq(plugin_host_metric(h, "users", NULL), 2);
    plugin_host_close(h);
}
END_TEST

START_TEST(unknown_members_are_kept_and_known_ones_are_ours)
{
    struct plugin_host *h = open_load(FIXED);

    check_made(
        h, "{\"cohort\":{\"n\":[1]},\"user_id\":\"python.org\",\"priority\":\"high\",\"x\":null}",
        MESSAGE("python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d") ",\"cohort\":{\"n\":[1]},\"x\":null}");
    check_made(h, "{\"line\":\"{\\\"user_id\\\":\\\"www.example.com\\\",\\\"y\\\":1}\"}",
               MESSAGE("www.example.com", "2ed6657d-e927-568b-95e1-2665a8aea6a2") ",\"y\":1}");
    plugin_host_close(h);
}
END_TEST

START_TEST(options_go_into_the_message)
{
    struct plugin_host *h =
        open_load(FIXED "lookback_days: 30\nreason: enrollment\npriority: high\nforce: true\n");

    check_made(h, "{\"user_id\":\"python.org\"}",
               "{\"event_type\":\"user_load_request\",\"user_id\":\"python.org\",\"reason\":\"enrollment\","
               "\"requested_at\":\"2026-01-31T08:00:00Z\",\"lookback_days\":30,"
               "\"request_id\":\"backfill-886313e1-3b8a-5372-9b90-0c9aee199e5d\",\"priority\":\"high\","
               "\"job_id\":\"" JOB "\",\"force\":true}");
    plugin_host_close(h);
}
END_TEST

static int64_t fixed_clock(void)
{
    return INT64_C(1767225600999);
}

START_TEST(the_time_is_now_and_a_named_job_has_a_namespace)
{
    const struct plugin_host_setup setup = {.now_ms = fixed_clock};
    struct plugin_host *h = plugin_host_open_with("enrich", "user-load", "job_id: spring\n", &setup);

    plugin_host_start(h);
    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"u1\"}")->code, SLUICE_OK);
    ck_assert_ptr_nonnull(strstr(plugin_host_document(h, 0), "\"requested_at\":\"2026-01-01T00:00:00Z\""));
    /* uuid5(uuid5(NAMESPACE_URL, "spring"), "u1") */
    ck_assert_ptr_nonnull(
        strstr(plugin_host_document(h, 0), "\"backfill-976b8cde-25b7-5e37-94c2-b93742971e95\""));
    plugin_host_close(h);
}
END_TEST

START_TEST(bad_ids_are_refused_with_words)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"{\"user_id\":\"\"}", "is empty"},
        {"{\"user_id\":\"  \"}", "is empty"},
        {"{\"user_id\":\"a b\"}", "byte 2 of the user id is 0x20"},
        {"{\"user_id\":\"u1,u2\"}", "byte 3 of the user id is ','"},
        {"{\"user_id\":\"a\\u0000b\"}", "byte 2 of the user id is 0x00"},
        {"{\"user_id\":\"a\\nb\"}", "byte 2 of the user id is 0x0a"},
        {"{\"user_id\":\"\\u00fc\"}", "byte 1 of the user id is 0xc3"},
        {"{\"user_id\":\"../x\"}", "byte 3 of the user id is '/'"},
        {"{\"user_id\":\"\\\"u\\\"\"}", "byte 1 of the user id is '\"'"},
        {"{\"user_id\":\"123456789\"}", "has 9 bytes; at most 8"},
        {"{\"user_id\":7}", "no text user_id"},
        {"{\"user_id\":null}", "no text user_id"},
        {"{\"user_id\":{\"a\":1}}", "no text user_id"},
        {"{\"id\":\"u1\",\"x\":1}", "no text user_id"},
        {"{}", "no text user_id"},
        {"[\"u1\"]", "no text user_id"},
        {"\"u1\"", "no text user_id"},
        {"{\"line\":\"{broken\"}", "no JSON object"},
        {"{\"line\":\"{\\\"id\\\":1}\"}", "no text user_id"},
    };
    struct plugin_host *h = open_load("job_id: j\nmax_length: 8\n");
    size_t i;

    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        check_ended(h, cases[i].line, SLUICE_REJECT, "invalid_id", cases[i].words);
    ck_assert_double_eq(plugin_host_metric(h, "left_out_total", "invalid_id"), (double)i);
    ck_assert_double_eq(plugin_host_metric(h, "users", NULL), 0);
    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"a.b:@|+=\"}")->code, SLUICE_OK);
    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"~-_Z09\"}")->code, SLUICE_OK);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_user_comes_once_a_run)
{
    struct plugin_host *h = open_load("job_id: j\n");
    struct sluice_error err = {.struct_size = sizeof err};
    int round;

    for (round = 0; round < 2; round++) {
        plugin_host_clear(h);
        plugin_host_add(h, "{\"user_id\":\"u1\"}");
        plugin_host_add(h, "{\"user_id\":\"u2\"}");
        plugin_host_add(h, "{\"line\":\"u1\"}");
        ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
        /* in the second round the same records are tried again: they are no duplicates of themselves */
        ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_OK);
        ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK);
        ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_DROP);
        ck_assert_str_eq(plugin_host_verdict(h, 2)->reason, "duplicate");
    }
    ck_assert_double_eq(plugin_host_metric(h, "users", NULL), 2);
    plugin_host_stop(h);
    plugin_host_start(h);
    plugin_host_clear(h);
    plugin_host_add(h, "{\"user_id\":\"u9\"}");
    plugin_host_add(h, "{\"user_id\":\"u1\"}");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK); /* another run */
    plugin_host_close(h);
}
END_TEST

START_TEST(only_the_first_plain_line_may_name_the_column)
{
    struct plugin_host *h = open_load("job_id: j\n");
    struct sluice_error err = {.struct_size = sizeof err};

    check_ended(h, "{\"user_id\":\"User_ID\"}", SLUICE_DROP, "header", "names the column");
    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"id\",\"x\":1}")->code, SLUICE_OK);
    plugin_host_clear(h);
    plugin_host_add(h, "{\"user_id\":\"u1\"}");
    plugin_host_add(h, "{\"user_id\":\"user_id\"}");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK);
    plugin_host_close(h);
}
END_TEST

START_TEST(there_are_most_users)
{
    struct plugin_host *h = open_load("job_id: j\nmax_users: 1\n");
    struct sluice_error err = {.struct_size = sizeof err};

    ck_assert_uint_eq(plugin_host_one(h, "{\"user_id\":\"u1\"}")->code, SLUICE_OK);
    plugin_host_clear(h);
    plugin_host_add(h, "{\"user_id\":\"u2\"}");
    plugin_host_add(h, "{\"user_id\":\"u3\"}");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "raise max_users"));
    plugin_host_close(h);
}
END_TEST

START_TEST(a_set_of_users_grows_and_forgets_nobody)
{
    struct user_seen seen = {NULL, 0};
    const struct sluice_str lane = {"l", 1};
    char text[32];
    uint64_t i;
    int round;

    for (round = 0; round < 3; round++)
        for (i = 0; i < 50000; i++) {
            const enum user_met expected[] = {USER_NEW, USER_AGAIN, USER_DUPLICATE};

            (void)snprintf(text, sizeof text, "user-%llu", (unsigned long long)i);
            ck_assert_int_eq(user_seen_add(&seen, sluice_str_of(text), lane, round == 2 ? i + 50000 : i),
                             expected[round]);
        }
    ck_assert_uint_eq(seen.users, 50000);
    user_seen_release(&seen);
}
END_TEST

static void check_refused(const char *yaml, const char *words)
{
    char *said = plugin_host_refusal("enrich", "user-load", yaml);

    ck_assert_msg(strstr(said, words) != NULL, "%s: %s", yaml, said);
    free(said);
}

START_TEST(bad_options_are_refused)
{
    check_refused("", "job_id");
    check_refused("job_id: \"\"\n", "job_id");
    check_refused("job_id: \"a b\"\n", "letters, digits");
    check_refused("job_id: j\nlookback_days: 0\n", "lookback_days");
    check_refused("job_id: j\nrequested_at: yesterday\n", "requested_at: yesterday");
    check_refused("job_id: j\nmax_length: 1000\n", "max_length");
}
END_TEST

ONE_SUITE("enrich/user-load", 60, uuids_are_those_of_the_rfc, a_line_or_an_object_becomes_the_message,
          unknown_members_are_kept_and_known_ones_are_ours, options_go_into_the_message,
          the_time_is_now_and_a_named_job_has_a_namespace, bad_ids_are_refused_with_words,
          a_user_comes_once_a_run, only_the_first_plain_line_may_name_the_column, there_are_most_users,
          a_set_of_users_grows_and_forgets_nobody, bad_options_are_refused)
