#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kafka_drive.h"
#include "one_suite.h"

static struct kafka_drive d;

static void begin(void)
{
    kafka_drive_begin(&d);
}

static void end(void)
{
    kafka_drive_end(&d);
}

START_TEST(a_partition_without_an_offset_begins_at_its_first_message)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 2);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 3), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@0:0|t/0@1:1|t/0@2:2|");
}
END_TEST

START_TEST(a_record_has_key_headers_time_and_the_lane_of_its_partition)
{
    const struct sluice_record *r;
    struct sluice_str trace;

    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put(&d, "t", 0, "k1", "{}");
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 1), SLUICE_OK);
    r = d.host->batch.refs[0];
    ck_assert(sluice_str_equal(r->key, sluice_str_of("k1")));
    ck_assert_int_eq(r->time_ms, 1700000000123);
    ck_assert_uint_eq(r->ordinal, 1);
    trace = record_api.attribute(r, "trace");
    ck_assert(sluice_str_equal(trace, sluice_str_of("t1")));
    ck_assert_uint_eq(r->n_headers, 2);
    ck_assert(sluice_str_equal(record_api.attribute(r, "topic"), sluice_str_of("t")));
    ck_assert(sluice_str_equal(record_api.attribute(r, "partition"), sluice_str_of("0")));
}
END_TEST

START_TEST(a_tombstone_is_a_record_without_payload)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put(&d, "t", 0, "k", NULL);
    kafka_drive_put(&d, "t", 0, "k", "x");
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 2), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@0:<none>|t/0@1:x|");
}
END_TEST

START_TEST(a_tombstone_that_is_skipped_is_counted_and_committed_once_all_before_it_is_done)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put(&d, "t", 0, "k", "x");
    kafka_drive_put(&d, "t", 0, "k", NULL);
    kafka_drive_open(&d, "t", "tombstones: skip\n");
    ck_assert_uint_eq(kafka_drive_poll(&d, 1), SLUICE_OK);
    while (plugin_host_metric(d.host, "tombstones_total", NULL) < 1)
        ck_assert_uint_eq(kafka_drive_once(&d, 50), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 0), 0); /* x is not done */
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 1), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 2), 2);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@0:x|");
}
END_TEST

START_TEST(only_what_is_settled_is_committed)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 9);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 10), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 4), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 4), 4);
    kafka_drive_close(&d); /* nor does a stop commit more */
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 4), 4);
    (void)kafka_drive_seen(&d);
    d.n_seen = 0;
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 6), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@4:4|t/0@5:5|t/0@6:6|t/0@7:7|t/0@8:8|t/0@9:9|");
}
END_TEST

START_TEST(what_is_settled_last_is_committed_by_stop)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 9);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 10), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 4), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 10), SLUICE_OK);
    kafka_drive_close(&d);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 10), 10);
}
END_TEST

START_TEST(an_ack_beyond_what_was_delivered_moves_nothing)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 4);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 5), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 99), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(d.host, "stale_acks_total", NULL), 1);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 2), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 2), 2);
}
END_TEST

START_TEST(the_start_at_the_latest_is_committed_so_that_a_crash_skips_nothing)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 4);
    kafka_drive_open(&d, "t", "start: latest\n");
    while (d.host->n_lanes == 0)
        ck_assert_uint_eq(kafka_drive_once(&d, 50), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 5), 5);
    kafka_drive_put_numbers(&d, "t", 0, 5, 5);
    ck_assert_uint_eq(kafka_drive_poll(&d, 1), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@5:5|");
}
END_TEST

/* An offset of the group that the partition does not have. */
static void commit_far(int64_t offset)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_t *rk;
    char why[256];

    (void)rd_kafka_conf_set(conf, "bootstrap.servers", d.brokers, why, sizeof why);
    (void)rd_kafka_conf_set(conf, "group.id", "g", why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    ck_assert_ptr_nonnull(rk);
    rd_kafka_topic_partition_list_add(list, "t", 0)->offset = offset;
    ck_assert_int_eq(rd_kafka_commit(rk, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

START_TEST(an_offset_out_of_range_stops_with_the_numbers_and_the_way_out)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 4);
    commit_far(77);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 1), SLUICE_FATAL);
    ck_assert_str_eq(d.err.option, "on_out_of_range");
    ck_assert_msg(strstr(d.err.message, "t/0: offset 77 is not there any more; the brokers hold 0 to 5") !=
                      NULL,
                  "%s", d.err.message);
    ck_assert_ptr_nonnull(strstr(d.err.message, "set on_out_of_range"));
}
END_TEST

START_TEST(an_offset_out_of_range_goes_on_at_the_earliest_where_that_is_chosen)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 2);
    commit_far(77);
    kafka_drive_open(&d, "t", "on_out_of_range: earliest\n");
    ck_assert_uint_eq(kafka_drive_poll(&d, 3), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@0:0|t/0@1:1|t/0@2:2|");
    ck_assert_double_eq(plugin_host_metric(d.host, "out_of_range_total", NULL), 1);
    ck_assert_int_eq(plugin_host_logged(d.host, "offset 77 is not there any more; going on at 0"), 1);
}
END_TEST

START_TEST(until_end_says_END_once_all_is_read)
{
    kafka_drive_topic(&d, "t", 2);
    kafka_drive_put_numbers(&d, "t", 0, 0, 1);
    kafka_drive_open(&d, "t", "until_end: true\n");
    ck_assert_uint_eq(kafka_drive_poll(&d, 3), SLUICE_END);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@0:0|t/0@1:1|");
}
END_TEST

START_TEST(keepalive_takes_nothing_and_the_bytes_of_the_last_poll_stay)
{
    struct sluice_error err;
    const struct sluice_record *r;
    int i;

    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put(&d, "t", 0, NULL, "first");
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 1), SLUICE_OK);
    r = d.host->batch.refs[0];
    kafka_drive_put_numbers(&d, "t", 0, 0, 50);
    for (i = 0; i < 20; i++) {
        error_clear(&err);
        ck_assert_uint_eq(d.host->plugin->ops.source.keepalive(plugin_host_self(d.host), &err), SLUICE_OK);
    }
    ck_assert_uint_eq(d.host->batch.n, 1);
    ck_assert(sluice_str_equal(r->payload, sluice_str_of("first")));
    ck_assert_uint_eq(kafka_drive_poll(&d, 52), SLUICE_OK);
}
END_TEST

START_TEST(a_whole_message_can_be_fetched_in_pieces_until_the_next_poll)
{
    const struct sluice_source_ops *ops;
    struct sluice_error err;
    char piece[4];

    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put(&d, "t", 0, NULL, "abcdef");
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 1), SLUICE_OK);
    ops = &d.host->plugin->ops.source;
    error_clear(&err);
    ck_assert_int_eq(ops->fetch(plugin_host_self(d.host), 1, 0, 4, piece, sizeof piece, &err), 2);
    ck_assert_mem_eq(piece, "ef", 2);
    ck_assert_int_eq(ops->fetch(plugin_host_self(d.host), 1, 0, 6, piece, sizeof piece, &err), 0);
    ck_assert_int_eq(ops->fetch(plugin_host_self(d.host), 1, 9, 0, piece, sizeof piece, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "is not one of the last poll"));
}
END_TEST

START_TEST(a_failed_commit_is_said_and_sent_again)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 4);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 5), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 0), 0); /* the begin */
    rd_kafka_mock_push_request_errors(d.cluster, 8 /* OffsetCommit */, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 5), SLUICE_OK);
    while (plugin_host_metric(d.host, "commit_failures_total", NULL) < 1)
        ck_assert_uint_eq(kafka_drive_once(&d, 20), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 5), SLUICE_RETRY);
    ck_assert_ptr_nonnull(strstr(d.err.message, "offsets are not committed"));
    while (plugin_host_metric(d.host, "commits_total", NULL) < 2)
        ck_assert_uint_eq(kafka_drive_once(&d, 20), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 5), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 5), 5);
}
END_TEST

START_TEST(position_end_and_lag_are_metrics_of_each_partition)
{
    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 9);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 10), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(d.host, "position_offset", "t/0"), 10);
    ck_assert_double_eq(plugin_host_metric(d.host, "end_offset", "t/0"), 10);
    ck_assert_double_eq(plugin_host_metric(d.host, "assigned", "t/0"), 1);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 7), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 7), 7);
    while (plugin_host_metric(d.host, "lag_messages", "t/0") > 3)
        ck_assert_uint_eq(kafka_drive_once(&d, 20), SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(d.host, "lag_messages", "t/0"), 3);
}
END_TEST

ONE_SUITE_WITH("source-kafka", 40, begin, end, a_partition_without_an_offset_begins_at_its_first_message,
               a_record_has_key_headers_time_and_the_lane_of_its_partition,
               a_tombstone_is_a_record_without_payload,
               a_tombstone_that_is_skipped_is_counted_and_committed_once_all_before_it_is_done,
               only_what_is_settled_is_committed, what_is_settled_last_is_committed_by_stop,
               an_ack_beyond_what_was_delivered_moves_nothing,
               the_start_at_the_latest_is_committed_so_that_a_crash_skips_nothing,
               an_offset_out_of_range_stops_with_the_numbers_and_the_way_out,
               an_offset_out_of_range_goes_on_at_the_earliest_where_that_is_chosen,
               until_end_says_END_once_all_is_read,
               keepalive_takes_nothing_and_the_bytes_of_the_last_poll_stay,
               a_whole_message_can_be_fetched_in_pieces_until_the_next_poll,
               a_failed_commit_is_said_and_sent_again, position_end_and_lag_are_metrics_of_each_partition)
