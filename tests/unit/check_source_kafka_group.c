/* Options, words, rebalances, windows and the lag of source/kafka. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/lag.h>

#include "clock.h"
#include "kafka_drive.h"
#include "one_suite.h"

#include "../../plugins/source-kafka/kafka_source.h"

#define BLOCK "brokers: [127.0.0.1:1]\ntopic: t\ngroup: g\n"

static struct kafka_drive d;

static void begin(void)
{
    kafka_drive_begin(&d);
}

static void end(void)
{
    kafka_drive_end(&d);
}

static void refused(const char *more, const char *part)
{
    char text[1024], *said;

    (void)snprintf(text, sizeof text, "%s%s", BLOCK, more);
    said = plugin_host_refusal("source", "kafka", text);
    ck_assert_msg(strstr(said, part) != NULL, "'%s' does not say '%s'", said, part);
    free(said);
}

START_TEST(a_property_that_loads_code_or_moves_offsets_is_refused_by_name_with_the_reason)
{
    refused("properties: { plugin.library.paths: /tmp/x.so }\n",
            "plugin.library.paths is not allowed: it loads code into the process");
    refused("properties: { ssl.engine.location: /tmp/x.so }\n", "ssl.engine.location is not allowed");
    refused("properties: { enable.auto.commit: \"true\" }\n", "offsets are committed by sluice alone");
    refused("properties: { auto.offset.reset: latest }\n", "use the options start and on_out_of_range");
    refused("properties: { sasl.password: x }\n", "use the option password, which is kept secret");
    refused("properties: { test.mock.num.brokers: \"1\" }\n", "test.mock.num.brokers is not allowed");
    refused("properties: { no.such.thing: x }\n", "no.such.thing is not allowed: it is not on the list");
    refused("properties: { partition.assignment.strategy: cooperative-sticky }\n",
            "can lose an assignment in librdkafka 2.0");
    refused("properties: { fetch.wait.max.ms: soon }\n", "librdkafka refuses fetch.wait.max.ms");
}
END_TEST

START_TEST(options_that_do_not_go_together_are_refused_by_name)
{
    refused("username: u\npassword: p\n", "a user is given and no way to log in; set mechanism");
    refused("mechanism: scram-sha-256\n", "mechanism needs a username and a password");
    refused("ca_file: ca.pem\n", "this needs tls: true");
    refused("tls: true\ncert_file: c.pem\n", "cert_file and key_file go together");
    refused("insecure: true\n", "this needs tls: true");
}
END_TEST

START_TEST(a_topic_that_cannot_be_one_is_refused)
{
    char *said = plugin_host_refusal("source", "kafka", "brokers: a:1\ntopic: ^a.*\ngroup: g\n");

    ck_assert_ptr_nonnull(strstr(said, "is a pattern; name each topic"));
    free(said);
    said = plugin_host_refusal("source", "kafka", "brokers: a:1\ntopic: [a, a]\ngroup: g\n");
    ck_assert_ptr_nonnull(strstr(said, "'a' is named twice"));
    free(said);
    said = plugin_host_refusal("source", "kafka", "brokers: \"a:1, b:1\"\ntopic: a\ngroup: g\n");
    ck_assert_ptr_nonnull(strstr(said, "is not one address; write a list"));
    free(said);
}
END_TEST

START_TEST(properties_of_the_list_and_every_login_are_taken)
{
    plugin_host_close(plugin_host_open("source", "kafka",
                                       BLOCK "properties: { client.rack: a, fetch.wait.max.ms: \"10\" }\n"
                                             "instance_id: w1\nmechanism: scram-sha-512\nusername: u\n"
                                             "password: p\ntls: true\n"));
}
END_TEST

START_TEST(the_least_and_the_most_of_every_size_start)
{
    kafka_drive_open(&d, "t", "queue: 64KiB\nfetch: 16KiB\n");
    kafka_drive_open(&d, "t", "queue: 2047MiB\nfetch: 900MiB\n");
    plugin_host_close(plugin_host_open("source", "kafka", BLOCK "session_timeout: 5m\n"));
}
END_TEST

START_TEST(brokers_that_are_away_are_DISCONNECTED_with_the_option_and_come_back)
{
    int64_t until = clock_steady_ms() + 20000;
    uint32_t code;

    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 0);
    rd_kafka_mock_broker_set_down(d.cluster, 1);
    kafka_drive_open(&d, "t", "properties: { reconnect.backoff.max.ms: \"100\" }\n");
    do
        code = kafka_drive_once(&d, 50);
    while (code == SLUICE_OK && clock_steady_ms() < until);
    ck_assert_uint_eq(code, SLUICE_DISCONNECTED);
    ck_assert_str_eq(d.err.option, "brokers");
    ck_assert_ptr_nonnull(strstr(d.err.message, "no broker answers; check brokers"));
    rd_kafka_mock_broker_set_up(d.cluster, 1);
    while (d.n_seen < 1 && clock_steady_ms() < until)
        (void)kafka_drive_once(&d, 50);
    ck_assert_uint_eq(d.n_seen, 1);
}
END_TEST

START_TEST(a_topic_that_is_not_there_is_said_with_the_way_out)
{
    int64_t until = clock_steady_ms() + 20000;
    struct sluice_error err;
    uint32_t code;

    rd_kafka_mock_topic_set_error(d.cluster, "missing", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    kafka_drive_open(&d, "missing", "");
    do
        code = kafka_drive_once(&d, 50);
    while (code == SLUICE_OK && clock_steady_ms() < until);
    ck_assert_uint_eq(code, SLUICE_DISCONNECTED);
    ck_assert_str_eq(d.err.option, "topic");
    ck_assert_ptr_nonnull(strstr(d.err.message, "the brokers have no such topic; create it"));
    error_clear(&err);
    ck_assert_uint_eq(instance_probe(d.host->instance, &err), SLUICE_DISCONNECTED);
    ck_assert_str_eq(err.option, "topic");
}
END_TEST

START_TEST(probe_answers_OK_where_the_topic_is)
{
    struct sluice_error err;

    kafka_drive_topic(&d, "t", 1);
    kafka_drive_open(&d, "t", "");
    error_clear(&err);
    ck_assert_uint_eq(instance_probe(d.host->instance, &err), SLUICE_OK);
}
END_TEST

/* A second member in the group, polled beside ours, until ours has so many partitions. */
static void share(struct kafka_drive *other, double wanted)
{
    int64_t until = clock_steady_ms() + 20000;

    while (plugin_host_metric(d.host, "assigned", NULL) != wanted && clock_steady_ms() < until) {
        (void)kafka_drive_once(&d, 20);
        if (other->host != NULL)
            (void)kafka_drive_once(other, 20);
    }
    ck_assert_double_eq(plugin_host_metric(d.host, "assigned", NULL), wanted);
}

START_TEST(acks_of_a_partition_that_was_lost_or_taken_again_do_not_move_its_offset)
{
    struct kafka_drive other = d;
    uint32_t lane;

    kafka_drive_topic(&d, "t", 2);
    kafka_drive_put_numbers(&d, "t", 0, 0, 9);
    kafka_drive_put_numbers(&d, "t", 1, 0, 9);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 20), SLUICE_OK);
    lane = kafka_drive_lane(&d, "t/0");
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 3), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 3), 3);
    strbuf_init(&other.seen, 1u << 20);
    kafka_drive_open(&other, "t", "");
    share(&other, 1);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 3), 3);
    ck_assert_uint_gt(d.host->lanes[lane - 1]->generation, 0); /* what was in flight is given up */
    kafka_drive_close(&other);
    d.n_seen = 0;
    (void)kafka_drive_seen(&d);
    share(&other, 2);
    ck_assert_uint_eq(kafka_drive_poll(&d, 17), SLUICE_OK); /* from the committed offsets on */
    ck_assert_ptr_nonnull(strstr(kafka_drive_seen(&d), "t/0@3:3|"));
    strbuf_release(&other.seen);
}
END_TEST

static int64_t stopped_clock(const struct sluice_host *host)
{
    (void)host;
    return 1;
}

/* While this clock stands still nothing is committed by the way: only the revocation does it.  The
 * partitions go because the subscription ends: in a rebalance the mock takes no commits. */
START_TEST(what_is_done_is_committed_when_the_partitions_go)
{
    struct kafka_source *k;
    struct sluice_host *host;

    kafka_drive_topic(&d, "t", 1);
    kafka_drive_put_numbers(&d, "t", 0, 0, 9);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 10), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 3), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 3), 3);
    k = plugin_host_self(d.host);
    host = (struct sluice_host *)(uintptr_t)k->host;
    host->steady_ms = stopped_clock;
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 7), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_once(&d, 50), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 3), 3);
    ck_assert_int_eq(rd_kafka_unsubscribe(k->rk), RD_KAFKA_RESP_ERR_NO_ERROR);
    while (plugin_host_metric(d.host, "assigned", NULL) > 0) /* the test's own time limit ends it */
        ck_assert_uint_eq(kafka_drive_once(&d, 20), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 7), 7);
}
END_TEST

static uint32_t full_lane;

static uint32_t lane_full(const struct sluice_host *host, uint32_t lane)
{
    (void)host;
    return lane == full_lane;
}

START_TEST(a_full_lane_is_paused_alone_and_goes_on_without_a_hole)
{
    struct sluice_host *host;
    uint64_t before;
    int i;

    kafka_drive_topic(&d, "t", 2);
    kafka_drive_put_numbers(&d, "t", 0, 0, 4);
    kafka_drive_put_numbers(&d, "t", 1, 0, 4);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 10), SLUICE_OK);
    (void)kafka_drive_seen(&d);
    host = *(struct sluice_host **)plugin_host_self(d.host); /* its first member */
    host->lane_full = lane_full;
    full_lane = kafka_drive_lane(&d, "t/0");
    ck_assert_uint_eq(kafka_drive_once(&d, 10), SLUICE_OK);
    kafka_drive_put_numbers(&d, "t", 0, 5, 9);
    kafka_drive_put_numbers(&d, "t", 1, 5, 9);
    ck_assert_uint_eq(kafka_drive_poll(&d, 15), SLUICE_OK);
    for (i = 0; i < 10; i++)
        ck_assert_uint_eq(kafka_drive_once(&d, 20), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/1@5:5|t/1@6:6|t/1@7:7|t/1@8:8|t/1@9:9|");
    full_lane = 0;
    before = d.n_seen;
    ck_assert_uint_eq(kafka_drive_poll(&d, before + 5), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@5:5|t/0@6:6|t/0@7:7|t/0@8:8|t/0@9:9|");
}
END_TEST

static uint64_t one_at_most(struct sluice_batch *batch, const struct sluice_item *items, uint64_t n,
                            uint64_t stride)
{
    return batch_add(batch, items, n > 1 ? 1 : n, stride);
}

START_TEST(a_batch_that_takes_one_record_a_time_loses_none_between_tombstones)
{
    struct sluice_host *host;
    int i;

    kafka_drive_topic(&d, "t", 1);
    for (i = 0; i < 5; i++) {
        kafka_drive_put(&d, "t", 0, "k", "x");
        kafka_drive_put(&d, "t", 0, "k", NULL);
    }
    kafka_drive_open(&d, "t", "tombstones: skip\n");
    host = *(struct sluice_host **)plugin_host_self(d.host); /* its first member */
    host->batch_add = one_at_most;
    ck_assert_uint_eq(kafka_drive_poll(&d, 5), SLUICE_OK);
    ck_assert_str_eq(kafka_drive_seen(&d), "t/0@0:x|t/0@2:x|t/0@4:x|t/0@6:x|t/0@8:x|");
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 9), SLUICE_OK);
    for (i = 0; i < 200 && plugin_host_metric(d.host, "lag_messages", "t/0") > 0; i++)
        ck_assert_uint_eq(kafka_drive_once(&d, 50), SLUICE_OK); /* the end is seen by a poll */
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 10), 10);
}
END_TEST

struct lag_seen {
    uint32_t state;
    char text[512];
};

static void see_group(void *context, const struct sluice_lag_group *group)
{
    struct lag_seen *s = context;

    s->state = group->state;
    ck_assert(sluice_str_equal(group->name, sluice_str_of("g")));
}

static void see_partition(void *context, const struct sluice_lag_partition *p)
{
    struct lag_seen *s = context;
    size_t len = strlen(s->text);

    (void)snprintf(s->text + len, sizeof s->text - len, "%.*s/%u %lld %lld %lld|", (int)p->topic.len,
                   p->topic.data, p->partition, (long long)p->committed, (long long)p->begin,
                   (long long)p->end);
}

START_TEST(the_lag_shows_every_partition_without_joining_the_group)
{
    struct lag_seen seen = {0, ""};
    const struct sluice_lag_visitor visitor = {sizeof visitor, 0, &seen, see_group, see_partition};
    const struct sluice_lag *lag;
    struct sluice_error err;
    void *reader;

    kafka_drive_topic(&d, "t", 2);
    kafka_drive_put_numbers(&d, "t", 0, 0, 9);
    kafka_drive_open(&d, "t", "");
    ck_assert_uint_eq(kafka_drive_poll(&d, 10), SLUICE_OK);
    ck_assert_uint_eq(kafka_drive_settle(&d, "t/0", 4), SLUICE_OK);
    ck_assert_int_eq(kafka_drive_committed(&d, "t", 0, 4), 4);
    lag = d.host->plugin->lifecycle.extension(plugin_host_self(d.host), SLUICE_LAG_ID);
    ck_assert_ptr_nonnull(lag);
    error_clear(&err);
    ck_assert_uint_eq(lag->open(plugin_host_self(d.host), &reader, &err), SLUICE_OK);
    ck_assert_msg(lag->read(reader, &visitor, 10000, &err) == SLUICE_OK, "%s", err.message);
    lag->close(reader);
    ck_assert_str_eq(seen.text, "t/0 4 0 10|t/1 0 0 0|");
    ck_assert_uint_eq(seen.state, SLUICE_GROUP_UNKNOWN); /* the mock does not tell */
    ck_assert_double_eq(plugin_host_metric(d.host, "rebalances_total", NULL), 1);
}
END_TEST

START_TEST(the_lag_of_a_topic_that_is_not_there_fails_with_its_name)
{
    struct lag_seen seen = {0, ""};
    const struct sluice_lag_visitor visitor = {sizeof visitor, 0, &seen, see_group, see_partition};
    const struct sluice_lag *lag;
    struct sluice_error err;
    void *reader;

    rd_kafka_mock_topic_set_error(d.cluster, "missing", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    kafka_drive_open(&d, "missing", "");
    lag = d.host->plugin->lifecycle.extension(plugin_host_self(d.host), SLUICE_LAG_ID);
    error_clear(&err);
    ck_assert_uint_eq(lag->open(plugin_host_self(d.host), &reader, &err), SLUICE_OK);
    ck_assert_uint_eq(lag->read(reader, &visitor, 5000, &err), SLUICE_DISCONNECTED);
    lag->close(reader);
    ck_assert_str_eq(err.option, "topic");
    ck_assert_ptr_nonnull(strstr(err.message, "missing"));
}
END_TEST

ONE_SUITE_WITH("source-kafka-group", 60, begin, end,
               a_property_that_loads_code_or_moves_offsets_is_refused_by_name_with_the_reason,
               options_that_do_not_go_together_are_refused_by_name, a_topic_that_cannot_be_one_is_refused,
               properties_of_the_list_and_every_login_are_taken, the_least_and_the_most_of_every_size_start,
               brokers_that_are_away_are_DISCONNECTED_with_the_option_and_come_back,
               a_topic_that_is_not_there_is_said_with_the_way_out, probe_answers_OK_where_the_topic_is,
               acks_of_a_partition_that_was_lost_or_taken_again_do_not_move_its_offset,
               what_is_done_is_committed_when_the_partitions_go,
               a_full_lane_is_paused_alone_and_goes_on_without_a_hole,
               a_batch_that_takes_one_record_a_time_loses_none_between_tombstones,
               the_lag_shows_every_partition_without_joining_the_group,
               the_lag_of_a_topic_that_is_not_there_fails_with_its_name)
