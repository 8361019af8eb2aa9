/* check_source_sqs: messages become records once, are kept while they last, and are deleted when done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "one_suite.h"
#include "plugin_host.h"
#include "record.h"
#include "sqs_double.h"

#define DELETE "DeleteMessageBatch"
#define EXTEND "ChangeMessageVisibilityBatch"
#define RECEIVE "ReceiveMessage"
#define MOST 2000u

static struct sqs_double *queue;
static struct plugin_host *host;

/* What poll gave since the test began. */
static struct got {
    uint64_t next, position;
    char id[40], body[80], count[16], redriven[80], color[20];
    int64_t time_ms;
} got[MOST];
static uint32_t n_got;

static void setup(void)
{
    queue = sqs_double_start();
    host = NULL;
    n_got = 0;
}

static void teardown(void)
{
    if (host != NULL)
        plugin_host_close(host);
    sqs_double_stop(queue);
}

static void start(const char *more)
{
    host = plugin_host_open("source", "sqs", sqs_double_yaml(queue, "users", more));
    plugin_host_start(host);
}

static void put(unsigned from, unsigned n)
{
    char id[40], body[60];
    unsigned i;

    for (i = from; i < from + n; i++) {
        (void)snprintf(id, sizeof id, "m%u", i);
        (void)snprintf(body, sizeof body, "{\"user_id\":\"u%u\"}", i);
        sqs_double_put(queue, id, body, "");
    }
}

static void copy(char *out, size_t size, struct sluice_str text)
{
    (void)snprintf(out, size, "%.*s", (int)text.len, text.data == NULL ? "" : text.data);
}

static uint32_t poll(uint64_t max, struct sluice_error *err)
{
    uint32_t i, n, code = plugin_host_poll(host, max, 20, err);
    struct sluice_record *const *records = plugin_host_records(host, &n);

    for (i = 0; i < n; i++, n_got++) {
        struct got *g = &got[n_got];

        ck_assert_uint_lt(n_got, MOST);
        g->next = records[i]->next;
        g->position = records[i]->position;
        g->time_ms = records[i]->time_ms;
        copy(g->body, sizeof g->body, record_api.payload(records[i]));
        copy(g->id, sizeof g->id, record_api.attribute(records[i], "message_id"));
        copy(g->count, sizeof g->count, record_api.attribute(records[i], "sqs.receive_count"));
        copy(g->redriven, sizeof g->redriven, record_api.attribute(records[i], "sqs.redriven_from"));
        copy(g->color, sizeof g->color, record_api.attribute(records[i], "color"));
    }
    return code;
}

static int64_t steady(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until so many came. */
static void poll_until(uint32_t n)
{
    struct sluice_error err = {.struct_size = sizeof err};
    int64_t end = steady() + 20000;

    while (n_got < n && steady() < end) {
        uint32_t code = poll(100, &err);

        ck_assert_msg(code == SLUICE_OK, "%u: %s", code, err.message);
    }
    ck_assert_uint_eq(n_got, n);
}

static uint32_t settle(uint32_t from, uint32_t n, struct sluice_error *err)
{
    uint64_t next[MOST];
    uint32_t i;

    for (i = 0; i < n; i++)
        next[i] = got[from + i].next;
    return plugin_host_settle(host, next, n, err);
}

/* Polls until the condition holds, for at most 20 seconds. */
#define UNTIL(condition)                                                                                     \
    do {                                                                                                     \
        const struct timespec moment_ = {0, 2000000};                                                        \
        int64_t end_ = steady() + 20000;                                                                     \
        while (!(condition) && steady() < end_) {                                                            \
            (void)poll(100, NULL);                                                                           \
            (void)nanosleep(&moment_, NULL);                                                                 \
        }                                                                                                    \
        ck_assert_msg((condition), "never: %s", #condition);                                                 \
    } while (0)

/* --- the plain way ------------------------------------------------------------------ */

START_TEST(messages_come_once_and_are_deleted_when_settled)
{
    uint32_t i;

    put(0, 57);
    start("receivers: 3\n");
    poll_until(57);
    for (i = 0; i < 57; i++) {
        ck_assert(i == 0 || got[i].next > got[i - 1].next);
        ck_assert_str_eq(got[i].count, "1");
    }
    ck_assert_uint_eq(sqs_double_left(queue), 57);
    ck_assert_uint_eq(settle(0, 57, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
    ck_assert_uint_eq(sqs_double_calls(queue, DELETE), 6);
    ck_assert_double_eq(plugin_host_metric(host, "deleted_total", NULL), 57);
    ck_assert_double_eq(plugin_host_metric(host, "messages_total", "first"), 57);
}
END_TEST

START_TEST(anything_may_be_settled_in_any_order)
{
    uint64_t odd[10];
    uint32_t i;

    put(0, 20);
    start("");
    poll_until(20);
    for (i = 0; i < 10; i++)
        odd[i] = got[19 - 2 * i].next;
    ck_assert_uint_eq(plugin_host_settle(host, odd, 10, NULL), SLUICE_OK);
    for (i = 0; i < 20; i++)
        ck_assert_uint_eq(sqs_double_count(queue, got[i].body), i % 2 == 0);
    ck_assert_uint_eq(plugin_host_settle(host, odd, 10, NULL), SLUICE_OK); /* again does no harm */
    ck_assert_uint_eq(sqs_double_calls(queue, DELETE), 1);
}
END_TEST

START_TEST(what_sqs_knows_of_a_message_comes_with_it)
{
    sqs_double_put(queue, "m1", "b",
                   "\"Attributes\":{\"SentTimestamp\":\"1760000000123\",\"DeadLetterQueueSourceArn\":"
                   "\"arn:aws:sqs:us-east-1:1:users\"},\"MessageAttributes\":{\"color\":{\"DataType\":"
                   "\"String\",\"StringValue\":\"red\"}}");
    start("");
    poll_until(1);
    ck_assert_str_eq(got[0].id, "m1");
    ck_assert_str_eq(got[0].body, "b");
    ck_assert_str_eq(got[0].redriven, "arn:aws:sqs:us-east-1:1:users");
    ck_assert_str_eq(got[0].color, "red");
    ck_assert_int_eq(got[0].time_ms, INT64_C(1760000000123));
    ck_assert_double_eq(plugin_host_metric(host, "messages_total", "redriven"), 1);
}
END_TEST

START_TEST(a_message_has_one_position_for_ever)
{
    uint64_t first;

    put(0, 1);
    start("");
    poll_until(1);
    first = got[0].position;
    plugin_host_stop(host);
    plugin_host_start(host);
    n_got = 0;
    poll_until(1);
    ck_assert_uint_eq(got[0].position, first);
    ck_assert_str_eq(got[0].count, "2");
    ck_assert_double_eq(plugin_host_metric(host, "messages_total", "again"), 1);
}
END_TEST

START_TEST(while_the_host_takes_nothing_no_more_is_received_than_waits)
{
    const struct timespec moment = {0, 100000000};

    put(0, 200);
    start("receivers: 2\n");
    while (sqs_double_calls(queue, RECEIVE) < 3)
        (void)nanosleep(&moment, NULL);
    (void)nanosleep(&moment, NULL);
    ck_assert_uint_eq(sqs_double_calls(queue, RECEIVE), 3);
    poll_until(200);
}
END_TEST

START_TEST(it_ends_once_the_queue_is_empty_and_all_is_deleted)
{
    put(0, 12);
    start("until_empty: true\nwait: 0s\n");
    poll_until(12);
    ck_assert_uint_eq(poll(10, NULL), SLUICE_OK); /* they are not settled */
    ck_assert_uint_eq(settle(0, 12, NULL), SLUICE_OK);
    UNTIL(poll(10, NULL) == SLUICE_END);
}
END_TEST

/* --- trouble with deleting ------------------------------------------------------------ */

START_TEST(a_delete_that_fails_is_tried_again_alone)
{
    put(0, 10);
    start("");
    poll_until(10);
    sqs_double_fail(queue, DELETE, "m3#", "InternalError", 0, 1);
    sqs_double_fail(queue, DELETE, "m4#", "", 0, 1);
    ck_assert_uint_eq(settle(0, 10, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
    ck_assert_uint_eq(sqs_double_calls(queue, DELETE), 2);
    ck_assert_ptr_nonnull(strstr(sqs_double_body(queue, DELETE, 1), "m3#"));
    ck_assert_ptr_nonnull(strstr(sqs_double_body(queue, DELETE, 1), "m4#"));
    ck_assert_ptr_null(strstr(sqs_double_body(queue, DELETE, 1), "m5#"));
}
END_TEST

START_TEST(a_delete_that_goes_on_failing_is_asked_for_again)
{
    struct sluice_error err = {.struct_size = sizeof err};

    put(0, 3);
    start("");
    poll_until(3);
    sqs_double_fail(queue, DELETE, "m1#", "InternalError", 0, 3);
    ck_assert_uint_eq(settle(0, 3, &err), SLUICE_RETRY);
    ck_assert_ptr_nonnull(strstr(err.message, "1 messages are not deleted yet: InternalError"));
    ck_assert_uint_eq(sqs_double_left(queue), 1);
    ck_assert_uint_eq(settle(0, 3, &err), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
}
END_TEST

START_TEST(a_delete_of_all_that_fails_keeps_all)
{
    struct sluice_error err = {.struct_size = sizeof err};

    put(0, 3);
    start("");
    poll_until(3);
    sqs_double_refuse(queue, DELETE, 403, "AccessDenied", "", 1);
    ck_assert_uint_eq(settle(0, 3, &err), SLUICE_DISCONNECTED);
    ck_assert_ptr_nonnull(strstr(err.message, "policy does not allow it"));
    ck_assert_uint_eq(sqs_double_left(queue), 3);
    ck_assert_uint_eq(settle(0, 3, &err), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
}
END_TEST

START_TEST(a_delete_refused_as_a_whole_is_done_one_by_one)
{
    put(0, 5);
    start("");
    poll_until(5);
    sqs_double_refuse(queue, DELETE, 400, "InvalidParameterValue", "", 1);
    ck_assert_uint_eq(settle(0, 5, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
    ck_assert_uint_eq(sqs_double_calls(queue, DELETE), 6);
}
END_TEST

START_TEST(what_is_done_and_comes_again_is_deleted_unseen)
{
    put(0, 2);
    start("wait: 0s\n");
    poll_until(2);
    sqs_double_fail(queue, DELETE, "m1#", "ReceiptHandleIsInvalid", 1, 1);
    ck_assert_uint_eq(settle(0, 2, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 1);
    ck_assert_double_eq(plugin_host_metric(host, "undeleted_total", NULL), 1);
    ck_assert_int_eq(
        plugin_host_logged(host, "message m1 is done and cannot be deleted: ReceiptHandleIsInvalid"), 1);
    sqs_double_expire(queue, "m1");
    UNTIL(sqs_double_left(queue) == 0);
    ck_assert_uint_eq(n_got, 2);
}
END_TEST

/* --- visibility ------------------------------------------------------------------------ */

START_TEST(messages_stay_invisible_for_as_long_as_their_work_lasts)
{
    put(0, 25);
    start("visibility: 1s\nwait: 0s\n");
    poll_until(25);
    UNTIL(plugin_host_metric(host, "extended_total", NULL) >= 150); /* two seconds and more */
    ck_assert_uint_eq(n_got, 25);
    ck_assert_int_eq(sqs_double_visible(queue, "m7"), 0);
    ck_assert_uint_eq(settle(0, 25, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
}
END_TEST

START_TEST(a_message_that_comes_twice_at_once_is_one_record)
{
    put(0, 1);
    start("wait: 0s\n");
    poll_until(1);
    sqs_double_expire(queue, "m0");
    UNTIL(plugin_host_metric(host, "received_twice_total", NULL) == 1);
    ck_assert_uint_eq(n_got, 1);
    ck_assert_uint_eq(settle(0, 1, NULL), SLUICE_OK); /* by the newer handle: the double knows no other */
    ck_assert_uint_eq(sqs_double_left(queue), 0);
}
END_TEST

START_TEST(a_message_that_cannot_be_kept_goes_on_and_is_told)
{
    put(0, 1);
    start("visibility: 1s\n");
    poll_until(1);
    sqs_double_fail(queue, EXTEND, "m0#", "InvalidParameterValue", 1, 1);
    UNTIL(plugin_host_metric(host, "visibility_lost_total", NULL) == 1);
    ck_assert_int_eq(plugin_host_logged(host, "message m0 is visible to others again"), 1);
    ck_assert_uint_eq(settle(0, 1, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
}
END_TEST

START_TEST(what_was_not_handed_out_in_time_is_left_to_others)
{
    const struct timespec moment = {0, 1000000};

    put(0, 20);
    sqs_double_refuse(queue, EXTEND, 503, "ServiceUnavailable", "", 100000);
    start("visibility: 1s\nreceivers: 1\n"); /* which receives no more while 20 wait */
    while (sqs_double_visible(queue, "m19"))
        (void)nanosleep(&moment, NULL);
    while (!sqs_double_visible(queue, "m19"))
        (void)nanosleep(&moment, NULL);
    UNTIL(n_got == 20); /* of the second delivery */
    ck_assert_double_eq(plugin_host_metric(host, "expired_total", NULL), 20);
    ck_assert_str_eq(got[0].count, "2");
    ck_assert_uint_eq(settle(0, 20, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
}
END_TEST

START_TEST(stop_gives_back_what_is_not_done)
{
    put(0, 30);
    start("visibility: 1h\n");
    poll_until(30);
    ck_assert_uint_eq(settle(0, 10, NULL), SLUICE_OK);
    plugin_host_stop(host);
    ck_assert_uint_eq(sqs_double_left(queue), 20);
    ck_assert_int_eq(sqs_double_visible(queue, got[10].id), 1);
    ck_assert_int_eq(sqs_double_visible(queue, got[29].id), 1);
    plugin_host_start(host);
    n_got = 0;
    poll_until(20);
    ck_assert_uint_eq(settle(0, 20, NULL), SLUICE_OK);
    ck_assert_uint_eq(sqs_double_left(queue), 0);
}
END_TEST

START_TEST(stop_does_not_wait_for_a_queue_that_never_answers)
{
    int64_t begun;

    sqs_double_refuse(queue, RECEIVE, 0, NULL, NULL, 10);
    sqs_double_refuse(queue, EXTEND, 0, NULL, NULL, 10);
    start("timeout: 2m\n");
    UNTIL(sqs_double_calls(queue, RECEIVE) >= 1);
    begun = steady();
    plugin_host_stop(host);
    ck_assert_int_lt(steady() - begun, 8000);
}
END_TEST

/* --- trouble with receiving ------------------------------------------------------------- */

/* poll says so in words, and goes on once it is over. */
static void check_trouble(unsigned status, const char *type, const char *message, const char *words)
{
    struct sluice_error err = {.struct_size = sizeof err};

    n_got = 0;
    put(0, 1);
    sqs_double_refuse(queue, RECEIVE, status, type, message, 2);
    start("receivers: 1\n");
    UNTIL(poll(10, &err) == SLUICE_DISCONNECTED);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "canary"));
    UNTIL(n_got == 1);
    teardown(), setup();
}

START_TEST(trouble_is_told_in_words_and_passes)
{
    check_trouble(400, "com.amazonaws.sqs#QueueDoesNotExist", "", "there is no such thing");
    check_trouble(403, "AccessDeniedException", "", "their policy does not allow it");
    check_trouble(403, "ExpiredToken", "", "have expired");
    check_trouble(403, "RequestTimeTooSkewed", "", "clock");
    check_trouble(403, "OverLimit", "", "as many messages are in work as SQS allows");
    check_trouble(400, "InvalidParameterValue", "what is it", "what is it");
    check_trouble(500, "InternalError", "", "trouble of its own");
}
END_TEST

START_TEST(a_message_without_an_id_is_left_alone)
{
    put(0, 3);
    sqs_double_put(queue, "", "body", "");
    start("receivers: 1\n");
    poll_until(3);
    ck_assert_int_eq(plugin_host_logged(host, "1 of 4 messages could not be taken"), 1);
}
END_TEST

/* --- options ------------------------------------------------------------------------------ */

static void check_refusal(const char *yaml, const char *words)
{
    char *said = plugin_host_refusal("source", "sqs", yaml);

    ck_assert_msg(strstr(said, words) != NULL, "%s", said);
    free(said);
}

START_TEST(options_that_cannot_work_are_refused_in_words)
{
    check_refusal("queue_url: http://h/1/q\nwait: 1500ms\n", "whole seconds");
    check_refusal("queue_url: http://h/1/q\nvisibility: 1500ms\n", "whole seconds");
    check_refusal("queue_url: http://h/1/q\nwait: 21s\n", "20s");
    check_refusal("queue_url: http://h\n", "names no queue");
}
END_TEST

ONE_SUITE_WITH("source_sqs", 60, setup, teardown, messages_come_once_and_are_deleted_when_settled,
               anything_may_be_settled_in_any_order, what_sqs_knows_of_a_message_comes_with_it,
               a_message_has_one_position_for_ever,
               while_the_host_takes_nothing_no_more_is_received_than_waits,
               it_ends_once_the_queue_is_empty_and_all_is_deleted, a_delete_that_fails_is_tried_again_alone,
               a_delete_that_goes_on_failing_is_asked_for_again, a_delete_of_all_that_fails_keeps_all,
               a_delete_refused_as_a_whole_is_done_one_by_one, what_is_done_and_comes_again_is_deleted_unseen,
               messages_stay_invisible_for_as_long_as_their_work_lasts,
               a_message_that_comes_twice_at_once_is_one_record,
               a_message_that_cannot_be_kept_goes_on_and_is_told,
               what_was_not_handed_out_in_time_is_left_to_others, stop_gives_back_what_is_not_done,
               stop_does_not_wait_for_a_queue_that_never_answers, trouble_is_told_in_words_and_passes,
               a_message_without_an_id_is_left_alone, options_that_cannot_work_are_refused_in_words)
