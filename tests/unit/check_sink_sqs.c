/* check_sink_sqs: records become messages, and every answer of the queue becomes the right verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "sqs_double.h"

#define SEND "SendMessageBatch"

static struct sqs_double *queue;

static void setup(void)
{
    queue = sqs_double_start();
}

static void teardown(void)
{
    sqs_double_stop(queue);
}

static struct plugin_host *start_named(const char *name, const char *more)
{
    struct plugin_host *h = plugin_host_open("sink", "sqs", sqs_double_yaml(queue, name, more));

    plugin_host_start(h);
    return h;
}

static struct plugin_host *start(const char *more)
{
    return start_named("users", more);
}

static void add_users(struct plugin_host *h, unsigned n)
{
    char text[80];
    unsigned i;

    plugin_host_clear(h);
    for (i = 0; i < n; i++) {
        (void)snprintf(text, sizeof text, "{\"user_id\":\"u%u\",\"group\":\"g%u\"}", i, i % 3);
        plugin_host_add(h, text);
    }
}

static void check_verdict(struct plugin_host *h, uint32_t i, uint32_t code, const char *reason)
{
    const struct sluice_verdict *v = plugin_host_verdict(h, i);

    ck_assert_msg(v->code == code, "record %u: %u %s: %s", i, v->code, v->reason == NULL ? "" : v->reason,
                  v->detail == NULL ? "" : v->detail);
    if (reason != NULL)
        ck_assert_str_eq(v->reason, reason);
}

/* --- what is sent ------------------------------------------------------------------- */

START_TEST(records_go_out_in_tens_and_each_once)
{
    struct plugin_host *h = start("");
    char text[80];
    uint32_t i;

    add_users(h, 57);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 57; i++) {
        check_verdict(h, i, SLUICE_OK, NULL);
        (void)snprintf(text, sizeof text, "{\"user_id\":\"u%u\",\"group\":\"g%u\"}", i, i % 3);
        ck_assert_uint_eq(sqs_double_count(queue, text), 1);
    }
    ck_assert_uint_eq(sqs_double_left(queue), 57);
    ck_assert_uint_eq(sqs_double_calls(queue, SEND), 6);
    ck_assert_double_eq(plugin_host_metric(h, "messages_total", "sent"), 57);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_batch_is_no_longer_than_max_message)
{
    struct plugin_host *h = start("max_message: 1KiB\n");
    char text[700];
    int i;

    plugin_host_clear(h);
    for (i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof text, "{\"a\":\"%0592d\"}", i); /* 600 bytes: no two in 1024 */
        plugin_host_add(h, text);
    }
    for (i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof text, "{\"a\":\"%0248d\"}", i); /* 256 bytes: four are 1024 */
        plugin_host_add(h, text);
    }
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 8);
    ck_assert_uint_eq(sqs_double_calls(queue, SEND), 5); /* 600, 600, 600, 600 + 256, 3 x 256 */
    plugin_host_close(h);
}
END_TEST

START_TEST(a_message_that_is_too_long_is_refused_alone)
{
    struct plugin_host *h = start("max_message: 1KiB\nattributes: { a: a }\n");
    char text[1200];

    plugin_host_clear(h);
    (void)snprintf(text, sizeof text, "{\"b\":\"%01017d\"}", 1); /* 1025 */
    plugin_host_add(h, text);
    (void)snprintf(text, sizeof text, "{\"b\":\"%01016d\"}", 1); /* 1024 */
    plugin_host_add(h, text);
    (void)snprintf(text, sizeof text, "{\"a\":\"%0600d\"}", 1); /* with the attribute it is above it */
    plugin_host_add(h, text);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    check_verdict(h, 0, SLUICE_REJECT, "too_large");
    ck_assert_ptr_nonnull(
        strstr(plugin_host_verdict(h, 0)->detail, "1025 bytes, and max_message allows 1024"));
    check_verdict(h, 1, SLUICE_OK, NULL);
    check_verdict(h, 2, SLUICE_REJECT, "too_large");
    ck_assert_uint_eq(sqs_double_left(queue), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(the_payload_goes_out_as_it_came)
{
    struct plugin_host *h = start("write: payload\n");

    plugin_host_clear(h);
    plugin_host_add_bytes(h, "any \"text\"\n\xc3\xa9\t", 14);
    plugin_host_add_bytes(h, "\x01", 1);
    plugin_host_add_bytes(h, "\xff\xfe", 2);
    plugin_host_add_bytes(h, "\xef\xbf\xbf", 3);
    plugin_host_add_bytes(h, "", 0);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    check_verdict(h, 0, SLUICE_OK, NULL);
    ck_assert_str_eq(sqs_double_sent(queue, 0), "any \"text\"\n\xc3\xa9\t");
    check_verdict(h, 1, SLUICE_REJECT, "bad_text");
    check_verdict(h, 2, SLUICE_REJECT, "bad_text");
    check_verdict(h, 3, SLUICE_REJECT, "bad_text");
    check_verdict(h, 4, SLUICE_REJECT, "bad_text");
    plugin_host_close(h);
}
END_TEST

START_TEST(attributes_and_delay_go_with_the_message)
{
    struct plugin_host *h =
        start("attributes: { request: request_id, days: a.days, none: none }\ndelay: 3s\n");

    (void)plugin_host_one(h, "{\"request_id\":\"r\\\"1\",\"a\":{\"days\":365}}");
    check_verdict(h, 0, SLUICE_OK, NULL);
    ck_assert_ptr_nonnull(strstr(
        sqs_double_body(queue, SEND, 0),
        "\"DelaySeconds\":3,\"MessageAttributes\":{\"request\":{\"DataType\":\"String\",\"StringValue\":"
        "\"r\\\"1\"},\"days\":{\"DataType\":\"String\",\"StringValue\":\"365\"}}}"));
    plugin_host_close(h);
}
END_TEST

/* --- what the queue answers --------------------------------------------------------- */

START_TEST(of_a_batch_taken_in_part_the_rest_alone_comes_again)
{
    struct plugin_host *h = start("");
    uint32_t i;

    sqs_double_fail(queue, SEND, "\\\"u3\\\"", "InternalError", 0, 1);
    sqs_double_fail(queue, SEND, "\\\"u5\\\"", "ThrottlingException", 1, 1);
    sqs_double_fail(queue, SEND, "\\\"u7\\\"", "InvalidMessageContents", 1, 1);
    sqs_double_fail(queue, SEND, "\\\"u8\\\"", "", 1, 1); /* in neither list */
    add_users(h, 10);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 10; i++)
        if (i != 3 && i != 5 && i != 7 && i != 8)
            check_verdict(h, i, SLUICE_OK, NULL);
    check_verdict(h, 3, SLUICE_RETRY, "not_taken");
    check_verdict(h, 5, SLUICE_RETRY, "not_taken");
    check_verdict(h, 7, SLUICE_REJECT, "refused");
    ck_assert_ptr_nonnull(
        strstr(plugin_host_verdict(h, 7)->detail, "InvalidMessageContents: as the test asked"));
    check_verdict(h, 8, SLUICE_RETRY, "not_taken");
    ck_assert_uint_eq(sqs_double_left(queue), 6);
    ck_assert_uint_eq(sqs_double_calls(queue, SEND), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_batch_refused_as_a_whole_is_sent_one_by_one)
{
    struct plugin_host *h = start("");
    uint32_t i;

    sqs_double_refuse(queue, SEND, 400, "com.amazonaws.sqs#InvalidParameterValue", "one of them is bad", 1);
    sqs_double_fail(queue, SEND, "\\\"u4\\\"", "InvalidParameterValue", 1, 1);
    add_users(h, 10);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 10; i++)
        check_verdict(h, i, i == 4 ? SLUICE_REJECT : SLUICE_OK, NULL);
    ck_assert_uint_eq(sqs_double_calls(queue, SEND), 11);
    ck_assert_uint_eq(sqs_double_left(queue), 9);
    plugin_host_close(h);
}
END_TEST

START_TEST(one_alone_that_is_refused_is_rejected_in_words)
{
    struct plugin_host *h = start("");

    sqs_double_refuse(queue, SEND, 400, "com.amazonaws.sqs#InvalidMessageContents", "a bad character", 1);
    check_verdict((add_users(h, 1), (void)plugin_host_call(h, NULL), h), 0, SLUICE_REJECT, "refused");
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 0)->detail, "a bad character"));
    plugin_host_close(h);
}
END_TEST

/* The call answers DISCONNECTED, says so, and nothing was lost of it. */
static void check_paused(unsigned status, const char *type, const char *message, const char *words)
{
    struct plugin_host *h = start("");
    struct sluice_error err = {.struct_size = sizeof err};
    uint32_t i;

    sqs_double_refuse(queue, SEND, status, type, message, 1);
    add_users(h, 3);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_DISCONNECTED);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "canary"));
    for (i = 0; i < 3; i++)
        check_verdict(h, i, SLUICE_NONE, NULL);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 3);
    plugin_host_close(h);
}

START_TEST(trouble_that_is_not_about_a_message_pauses_in_words)
{
    check_paused(400, "com.amazon.coral.service#ThrottlingException", "Rate exceeded", "slow down");
    teardown(), setup();
    check_paused(503, "ServiceUnavailable", "", "trouble of its own");
    teardown(), setup();
    check_paused(500, "InternalFailure", "", "trouble of its own");
    teardown(), setup();
    check_paused(400, "com.amazonaws.sqs#QueueDoesNotExist", "",
                 "queue users: SendMessageBatch: there is no such");
    teardown(), setup();
    check_paused(403, "AccessDeniedException", "", "their policy does not allow it");
    teardown(), setup();
    check_paused(403, "ExpiredTokenException", "", "have expired");
    teardown(), setup();
    check_paused(403, "InvalidClientTokenId", "", "does not know these credentials");
    teardown(), setup();
    check_paused(403, "SignatureDoesNotMatch", "", "the secret does not belong");
    teardown(), setup();
    check_paused(403, "InvalidSignatureException", "Signature expired: 20200101T000000Z is now earlier",
                 "clock");
    teardown(), setup();
    check_paused(400, "KmsDisabled", "", "encryption key cannot be used");
}
END_TEST

START_TEST(no_answer_means_again_or_unsure)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plugin_host *h = start("timeout: 200ms\n");

    sqs_double_refuse(queue, SEND, 0, NULL, NULL, 2);
    add_users(h, 2);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_DISCONNECTED);
    check_verdict(h, 0, SLUICE_NONE, NULL);
    plugin_host_close(h);
    h = start("timeout: 200ms\nno_answer: unsure\n");
    add_users(h, 2);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_DISCONNECTED);
    check_verdict(h, 0, SLUICE_UNSURE, "no_answer");
    check_verdict(h, 1, SLUICE_UNSURE, "no_answer");
    plugin_host_close(h);
}
END_TEST

/* --- FIFO ---------------------------------------------------------------------------- */

START_TEST(a_fifo_queue_gets_a_group_once_in_a_batch_and_in_order)
{
    struct plugin_host *h = start_named("users.fifo", "group: group\ndeduplication: user_id\n");
    uint32_t i;
    char text[80];

    add_users(h, 9); /* groups g0 g1 g2 g0 … */
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_calls(queue, SEND), 3);
    for (i = 0; i < 9; i++) {
        (void)snprintf(text, sizeof text, "{\"user_id\":\"u%u\",\"group\":\"g%u\"}", i, i % 3);
        ck_assert_str_eq(sqs_double_sent(queue, i), text);
    }
    ck_assert_ptr_nonnull(strstr(sqs_double_body(queue, SEND, 0),
                                 "\"MessageGroupId\":\"g0\",\"MessageDeduplicationId\":\"u0\"}"));
    plugin_host_close(h);
}
END_TEST

START_TEST(on_a_fifo_queue_nothing_passes_what_failed)
{
    struct plugin_host *h = start_named("users.fifo", "group: group\n");
    uint32_t i;

    sqs_double_fail(queue, SEND, "\\\"u1\\\"", "InternalError", 0, 1);
    add_users(h, 9);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 9; i++)
        check_verdict(h, i, i % 3 == 1 ? SLUICE_RETRY : SLUICE_OK,
                      i % 3 != 1 ? NULL
                      : i == 1   ? "not_taken"
                                 : "behind_another");
    ck_assert_uint_eq(sqs_double_left(queue), 6);
    plugin_host_close(h);
}
END_TEST

START_TEST(on_a_fifo_queue_a_refused_batch_keeps_its_order)
{
    struct plugin_host *h = start_named("users.fifo", "group: group\n");
    uint32_t i;
    char text[80];

    sqs_double_refuse(queue, SEND, 400, "InvalidParameterValue", "", 1);
    add_users(h, 6);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    for (i = 0; i < 6; i++) {
        (void)snprintf(text, sizeof text, "{\"user_id\":\"u%u\",\"group\":\"g%u\"}", i, i % 3);
        ck_assert_str_eq(sqs_double_sent(queue, i), text);
    }
    plugin_host_close(h);
}
END_TEST

START_TEST(a_group_that_is_missing_or_bad_is_rejected)
{
    struct plugin_host *h = start_named("users.fifo", "group: group\n");

    plugin_host_clear(h);
    plugin_host_add(h, "{\"a\":1}");
    plugin_host_add(h, "{\"group\":\"with space\"}");
    plugin_host_add(h, "{\"group\":[]}");
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    check_verdict(h, 0, SLUICE_REJECT, "no_id");
    check_verdict(h, 1, SLUICE_REJECT, "bad_id");
    check_verdict(h, 2, SLUICE_REJECT, "no_id");
    plugin_host_close(h);
}
END_TEST

/* --- options ------------------------------------------------------------------------- */

static void check_refusal(const char *yaml, const char *words)
{
    char *said = plugin_host_refusal("sink", "sqs", yaml);

    ck_assert_msg(strstr(said, words) != NULL, "%s", said);
    free(said);
}

#define AWS_URL "queue_url: https://sqs.eu-west-1.amazonaws.com/123456789012/"

START_TEST(options_that_cannot_work_are_refused_in_words)
{
    check_refusal("queue_url: https://sqs.eu-west-1.amazonaws.com/\n", "names no queue");
    check_refusal("queue_url: https://sqs.eu-west-1.amazonaws.com\n", "names no queue");
    check_refusal(AWS_URL "a%20b\n", "other characters");
    check_refusal(AWS_URL "q\naws_region: us-east-1\n", "the address is of eu-west-1");
    check_refusal(AWS_URL "q.fifo\n", "needs a group");
    check_refusal(AWS_URL "q\ndeduplication: a\n", "is not FIFO");
    check_refusal(AWS_URL "q.fifo\ngroup: a\ndelay: 5s\n", "one delay for all");
    check_refusal(AWS_URL "q\ndelay: 1500ms\n", "whole seconds");
    check_refusal(AWS_URL "q\nattributes: { AWS.x: a }\n", "is no name of an attribute");
    check_refusal(AWS_URL
                  "q\nattributes: { a: b, b: b, c: b, d: b, e: b, f: b, g: b, h: b, i: b, j: b, k: b }\n",
                  "at most 10");
    check_refusal(AWS_URL "q\ngroup: a[].b\n", "member of a list");
    check_refusal(AWS_URL "q\naws_endpoint: http://h/?a\n", "has a '?'");
}
END_TEST

ONE_SUITE_WITH("sink_sqs", 60, setup, teardown, records_go_out_in_tens_and_each_once,
               a_batch_is_no_longer_than_max_message, a_message_that_is_too_long_is_refused_alone,
               the_payload_goes_out_as_it_came, attributes_and_delay_go_with_the_message,
               of_a_batch_taken_in_part_the_rest_alone_comes_again,
               a_batch_refused_as_a_whole_is_sent_one_by_one, one_alone_that_is_refused_is_rejected_in_words,
               trouble_that_is_not_about_a_message_pauses_in_words, no_answer_means_again_or_unsure,
               a_fifo_queue_gets_a_group_once_in_a_batch_and_in_order,
               on_a_fifo_queue_nothing_passes_what_failed, on_a_fifo_queue_a_refused_batch_keeps_its_order,
               a_group_that_is_missing_or_bad_is_rejected, options_that_cannot_work_are_refused_in_words)
