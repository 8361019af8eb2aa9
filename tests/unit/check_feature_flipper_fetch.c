/* check_feature_flipper_fetch: which version of a flag is used, and when it is fetched. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "flipper_case.h"
#include "one_suite.h"
#include "test_file.h"

#define FLAG "GET /flags/f"

/* --- the service ---------------------------------------------------------------------- */

START_TEST(a_flag_travels_only_when_its_etag_changed)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_ONE);
    h = flipper_url("token: canary-token\n");
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    ck_assert_ptr_nonnull(
        strstr(http_double_last(flipper_server, FLAG), "Authorization: Bearer canary-token\r\n"));
    ck_assert_ptr_null(strstr(http_double_last(flipper_server, FLAG), "If-None-Match"));
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_ptr_nonnull(strstr(http_double_last(flipper_server, FLAG), "If-None-Match: \"v1\"\r\n"));
    ck_assert_uint_eq(http_double_asked(flipper_server, FLAG), 2);
    ck_assert_uint_eq(http_double_sent(flipper_server, FLAG), 1);
    flipper_serve("\"v2\"", FLIPPER_TWO);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    flipper_check(h, "u1", SLUICE_DENY, "not_in_flag");
    flipper_check(h, "u2", SLUICE_ADMIT, NULL);
    ck_assert_double_eq(plugin_host_metric(h, "refreshes_total", "changed"), 2);
    ck_assert_double_eq(plugin_host_metric(h, "refreshes_total", "same"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_service_without_etags_is_compared_by_content)
{
    struct plugin_host *h;

    flipper_serve(NULL, FLIPPER_ONE);
    h = flipper_url("");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(http_double_sent(flipper_server, FLAG), 2);
    ck_assert_double_eq(plugin_host_metric(h, "refreshes_total", "same"), 1);
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_flag_that_was_never_read_is_unknown_until_it_is)
{
    struct plugin_host *h;

    http_double_set(flipper_server, FLAG, 503, NULL, "Retry-After: 3000\r\n", "busy");
    h = flipper_url("");
    flipper_check(h, "u1", SLUICE_UNKNOWN, "flag_unread");
    ck_assert_int_eq(plugin_host_logged(h, "answered 503; it is unknown until it can be read"), 1);
    flipper_serve("\"v1\"", FLIPPER_ONE);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    ck_assert_int_eq(plugin_host_logged(h, "can be read again"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_flag_that_does_not_exist_is_told_with_its_address)
{
    struct plugin_host *h = flipper_url("");

    flipper_check(h, "u1", SLUICE_UNKNOWN, "flag_unread");
    ck_assert_int_eq(plugin_host_logged(h, "/flags/f is not there (404)"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_last_known_good_counts_for_max_age_and_no_longer)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_ONE);
    h = flipper_url("");
    http_double_set(flipper_server, FLAG, 0, NULL, NULL, NULL);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_int_eq(plugin_host_logged(h, "what was read before stays in use"), 1);
    atomic_fetch_add(&flipper_steady, 7200000);
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    flipper_check(h, "u2", SLUICE_DENY, "not_in_flag");
    atomic_fetch_add(&flipper_steady, 1);
    flipper_check(h, "u1", SLUICE_UNKNOWN, "flag_stale");
    flipper_check(h, "u2", SLUICE_UNKNOWN, "flag_stale");
    ck_assert_double_eq(plugin_host_metric(h, "age_seconds", NULL), 7200.001);
    flipper_serve("\"v1\"", FLIPPER_ONE);
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK); /* 304 is good news too */
    ck_assert_uint_eq(http_double_sent(flipper_server, FLAG), 1);
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    plugin_host_close(h);
}
END_TEST

START_TEST(max_age_0_is_for_ever)
{
    struct plugin_host *h;
    char yaml[300];

    flipper_serve("\"v1\"", FLIPPER_ONE);
    (void)snprintf(yaml, sizeof yaml, "flag: f\nurl: http://127.0.0.1:%u\ninterval: 1h\nmax_age: 0s\n",
                   http_double_port(flipper_server));
    h = flipper_open(yaml);
    atomic_fetch_add(&flipper_steady, INT64_C(1000) * 86400 * 365);
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_thread_sees_a_new_flag_by_itself)
{
    struct timespec moment = {0, 2000000};
    struct plugin_host *h;
    char yaml[300];
    int tries = 0;

    flipper_serve("\"v1\"", FLIPPER_ONE);
    (void)snprintf(yaml, sizeof yaml, "flag: f\nurl: http://127.0.0.1:%u\ninterval: 10ms\n",
                   http_double_port(flipper_server));
    h = plugin_host_open("gate", "feature-flipper", yaml);
    plugin_host_start(h);
    flipper_serve("\"v2\"", FLIPPER_TWO);
    while (flipper_decision(h, "u2") != SLUICE_ADMIT && tries++ < 2500)
        (void)nanosleep(&moment, NULL);
    flipper_check(h, "u2", SLUICE_ADMIT, NULL);
    plugin_host_close(h);
}
END_TEST

START_TEST(stop_does_not_wait_for_a_service_that_never_answers)
{
    struct timespec a, b, moment = {0, 1000000};
    struct plugin_host *h;
    char yaml[300];

    flipper_serve("\"v1\"", FLIPPER_ONE);
    (void)snprintf(yaml, sizeof yaml, "flag: f\nurl: http://127.0.0.1:%u\ninterval: 10ms\ntimeout: 10m\n",
                   http_double_port(flipper_server));
    h = plugin_host_open("gate", "feature-flipper", yaml);
    plugin_host_start(h);
    http_double_set(flipper_server, FLAG, 1, NULL, NULL, NULL);
    while (http_double_asked(flipper_server, FLAG) < 2)
        (void)nanosleep(&moment, NULL);
    clock_gettime(CLOCK_MONOTONIC, &a);
    plugin_host_stop(h);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ck_assert_int_lt(b.tv_sec - a.tv_sec, 10);
    plugin_host_close(h);
}
END_TEST

/* --- lists ---------------------------------------------------------------------------- */

#define LIST "GET /lists/beta.csv"
#define S3LIST "GET /flag-bucket/seg/beta.csv"

static const char *lists_option(const char *of)
{
    static char text[300];

    (void)snprintf(text, sizeof text, "lists: http://127.0.0.1:%u%s\n", http_double_port(flipper_server), of);
    return text;
}

START_TEST(a_list_of_the_web_is_read_with_header_crlf_and_columns)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_LISTED);
    http_double_set(flipper_server, LIST, 200, "\"l1\"", NULL,
                    "\xef\xbb\xbfUser_ID,name\r\ns1,Ann\r\n\r\n\"s2\",Bob\r\ns1\r\nbad id\r\ns3");
    h = flipper_url(lists_option("/lists/"));
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    flipper_check(h, "s1", SLUICE_ADMIT, NULL);
    flipper_check(h, "s2", SLUICE_ADMIT, NULL);
    flipper_check(h, "s3", SLUICE_ADMIT, NULL);
    flipper_check(h, "User_ID", SLUICE_DENY, "not_in_flag");
    ck_assert_double_eq(plugin_host_metric(h, "ids", NULL), 4);
    ck_assert_double_eq(plugin_host_metric(h, "ids_ignored", "header"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "ids_ignored", "blank"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "ids_ignored", "repeated"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "ids_ignored", "bad"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_list_travels_only_when_its_etag_changed)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_LISTED);
    http_double_set(flipper_server, LIST, 200, "\"l1\"", NULL, "s1\n");
    h = flipper_url(lists_option("/lists"));
    flipper_serve("\"v2\"",
                  "{\"enabled\":true,\"segments\":[{\"allowedS3IDs\":\"beta.csv\",\"rollout\":100}]}");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    flipper_check(h, "u1", SLUICE_DENY, "not_in_flag");
    flipper_check(h, "s1", SLUICE_ADMIT, NULL);
    ck_assert_uint_eq(http_double_asked(flipper_server, LIST), 2);
    ck_assert_uint_eq(http_double_sent(flipper_server, LIST), 1);
    http_double_set(flipper_server, LIST, 200, "\"l2\"", NULL, "s2\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    flipper_check(h, "s1", SLUICE_DENY, "not_in_flag");
    flipper_check(h, "s2", SLUICE_ADMIT, NULL);
    ck_assert_uint_eq(http_double_sent(flipper_server, FLAG), 2);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_disabled_flag_asks_for_no_list)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"",
                  "{\"enabled\":false,\"segments\":[{\"allowedS3IDs\":\"beta.csv\",\"rollout\":100}]}");
    h = flipper_url(lists_option("/lists"));
    flipper_check(h, "s1", SLUICE_DENY, "flag_disabled");
    ck_assert_uint_eq(http_double_asked(flipper_server, LIST), 0);
    plugin_host_close(h);
}
END_TEST

START_TEST(without_a_list_the_other_segments_still_answer)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_LISTED);
    h = flipper_url(lists_option("/lists"));
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    flipper_check(h, "s1", SLUICE_UNKNOWN, "list_unread");
    ck_assert_int_eq(plugin_host_logged(h, "segment s: "), 1);
    http_double_set(flipper_server, LIST, 200, "\"l1\"", NULL, "s1\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    flipper_check(h, "s1", SLUICE_ADMIT, NULL);
    flipper_check(h, "s2", SLUICE_DENY, "not_in_flag");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_new_version_counts_only_once_all_its_lists_were_read)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_ONE);
    h = flipper_url(lists_option("/lists"));
    flipper_serve("\"v2\"",
                  "{\"enabled\":true,\"segments\":[{\"allowedS3IDs\":\"beta.csv\",\"rollout\":100}]}");
    ck_assert_uint_eq(plugin_host_reload(h, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "beta.csv is not there"));
    flipper_check(h, "u1", SLUICE_ADMIT, NULL);
    http_double_set(flipper_server, LIST, 200, "\"l1\"", NULL, "s1\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    flipper_check(h, "u1", SLUICE_DENY, "not_in_flag");
    flipper_check(h, "s1", SLUICE_ADMIT, NULL);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_page_of_html_is_no_list)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_LISTED);
    http_double_set(flipper_server, LIST, 200, NULL, NULL, "<html lang=\"en\">\n<p>please log in</p>\n");
    h = flipper_url(lists_option("/lists"));
    flipper_check(h, "s1", SLUICE_UNKNOWN, "list_unread");
    ck_assert_int_eq(plugin_host_logged(h, "is no list of ids"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_list_lies_in_a_local_folder)
{
    char *list = test_file_path(flipper_dir, "beta.csv"), more[4200];
    struct plugin_host *h;

    test_file_text(list, "s1\n");
    (void)snprintf(more, sizeof more, "lists: file://%s\n", flipper_dir);
    h = flipper_file(FLIPPER_LISTED, more);
    flipper_check(h, "s1", SLUICE_ADMIT, NULL);
    test_file_text(list, "s2\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    flipper_check(h, "s1", SLUICE_DENY, "not_in_flag");
    plugin_host_close(h);
    free(list);
}
END_TEST

START_TEST(a_list_lies_in_a_bucket)
{
    struct plugin_host *h;
    const char *asked;
    char more[300];

    flipper_serve("\"v1\"", FLIPPER_LISTED);
    http_double_set(flipper_server, S3LIST, 200, "\"abc\"", NULL, "s1\n");
    (void)snprintf(more, sizeof more, "lists: s3://flag-bucket/seg/\naws_endpoint: http://127.0.0.1:%u\n",
                   http_double_port(flipper_server));
    h = flipper_url(more);
    flipper_check(h, "s1", SLUICE_ADMIT, NULL);
    asked = http_double_last(flipper_server, S3LIST);
    ck_assert_ptr_nonnull(strstr(asked, "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    ck_assert_ptr_nonnull(strstr(asked, "/us-east-1/s3/aws4_request, "
                                        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="));
    ck_assert_ptr_null(strstr(asked, "canary"));
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(http_double_asked(flipper_server, S3LIST), 2);
    ck_assert_uint_eq(http_double_sent(flipper_server, S3LIST), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(what_s3_refuses_is_told_in_words)
{
    static const char *const cases[][2] = {
        {"RequestTimeTooSkewed", "set the clock"},
        {"ExpiredToken", "have expired"},
        {"AccessDenied", "policy does not allow"},
        {"SignatureDoesNotMatch", "secret does not belong"},
        {"InvalidAccessKeyId", "does not know these credentials"},
        {"NoSuchBucket", "there is no such bucket"},
    };
    struct plugin_host *h;
    char more[300], body[200];
    size_t i;

    flipper_serve("\"v1\"", FLIPPER_LISTED);
    (void)snprintf(more, sizeof more, "lists: s3://flag-bucket/seg\naws_endpoint: http://127.0.0.1:%u\n",
                   http_double_port(flipper_server));
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(body, sizeof body,
                       "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>m</Message></Error>",
                       cases[i][0]);
        http_double_set(flipper_server, S3LIST, 403, NULL, NULL, body);
        h = flipper_url(more);
        flipper_check(h, "s1", SLUICE_UNKNOWN, "list_unread");
        ck_assert_msg(plugin_host_logged(h, cases[i][1]), "%s", cases[i][0]);
        plugin_host_close(h);
    }
}
END_TEST

/* --- versions ------------------------------------------------------------------------- */

#define VERSION_1 "3f55e9828d62a95f"
#define VERSION_2 "292352a1dae9bed6"

START_TEST(the_version_is_made_of_the_content_and_of_nothing_else)
{
    struct plugin_host *h;

    flipper_serve("\"v1\"", FLIPPER_LISTED);
    http_double_set(flipper_server, LIST, 200, "\"l1\"", NULL, "s1\n");
    h = flipper_url(lists_option("/lists"));
    ck_assert_int_eq(plugin_host_logged(h, "flag f is at version " VERSION_1 ": enabled, 2 segments"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "version", VERSION_1), 1);
    flipper_serve("\"again\"",
                  "{ \"segments\":[{\"rollout\":100.0,\"allowedIDs\":\"u1\",\"name\":\"a\"},"
                  "{\"allowedS3IDs\":\"beta.csv\",\"name\":\"s\",\"rollout\":100}], \"enabled\":true}");
    http_double_set(flipper_server, LIST, 200, "\"l9\"", NULL, "s1\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "refreshes_total", "same"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "version", VERSION_1), 1);
    flipper_check(h, "s1", SLUICE_ADMIT, NULL);
    http_double_set(flipper_server, LIST, 200, "\"l2\"", NULL, "s1\ns2\n");
    ck_assert_uint_eq(plugin_host_reload(h, NULL), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "refreshes_total", "changed"), 2);
    ck_assert_double_eq(plugin_host_metric(h, "version", VERSION_1), 0);
    ck_assert_double_eq(plugin_host_metric(h, "version", VERSION_2), 1);
    plugin_host_close(h);
}
END_TEST

ONE_SUITE_WITH("feature_flipper_fetch", 60, flipper_before, flipper_after,
               a_flag_travels_only_when_its_etag_changed, a_service_without_etags_is_compared_by_content,
               a_flag_that_was_never_read_is_unknown_until_it_is,
               a_flag_that_does_not_exist_is_told_with_its_address,
               the_last_known_good_counts_for_max_age_and_no_longer, max_age_0_is_for_ever,
               the_thread_sees_a_new_flag_by_itself, stop_does_not_wait_for_a_service_that_never_answers,
               a_list_of_the_web_is_read_with_header_crlf_and_columns,
               a_list_travels_only_when_its_etag_changed, a_disabled_flag_asks_for_no_list,
               without_a_list_the_other_segments_still_answer,
               a_new_version_counts_only_once_all_its_lists_were_read, a_page_of_html_is_no_list,
               a_list_lies_in_a_local_folder, a_list_lies_in_a_bucket, what_s3_refuses_is_told_in_words,
               the_version_is_made_of_the_content_and_of_nothing_else)
