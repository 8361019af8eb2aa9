/* The source's thread: it must go on settling, retrying and staying alive, and hear a stop,
 * whatever it waits for. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "one_suite.h"
#include "toy.h"

#define FOR_EVER_MS 3600000u

static struct toy_run run;
static char text_space[TOY_MAX][64];
static const char *text_list[TOY_MAX];
static char large[3][40000];
static atomic_int open_now, open_sink;

#define FINE ((struct sluice_verdict){SLUICE_OK, 0, NULL, NULL})

static void make_texts(uint64_t n)
{
    uint64_t i;

    for (i = 0; i < n; i++) {
        (void)snprintf(text_space[i], sizeof text_space[i], "{\"user_id\":\"u%d\",\"n\":%d}", (int)(i % 10),
                       (int)i);
        text_list[i] = text_space[i];
    }
    toy.texts = text_list;
    toy.n_texts = n;
}

static void make_large_texts(uint64_t n, int bytes)
{
    uint64_t i;

    for (i = 0; i < n; i++) {
        (void)snprintf(large[i], sizeof large[i], "{\"user_id\":\"u%d\",\"pad\":\"%0*d\"}", (int)i, bytes, 0);
        text_list[i] = large[i];
    }
    toy.texts = text_list;
    toy.n_texts = n;
}

static void setup(void)
{
    toy_reset();
    atomic_store(&open_now, 0);
    atomic_store(&open_sink, 0);
}

static void begin(const char *pipelines)
{
    toy_open(&run, pipelines);
    toy_start(&run);
}

static int is_reached(void *context)
{
    const atomic_uint *counter = context;

    return atomic_load(counter) >= 10;
}

static int all_written(void *context)
{
    (void)context;
    return toy_counts(&run, 0).written == toy.n_texts;
}

static int all_settled(void *context)
{
    (void)context;
    return toy.settled == toy.n_texts;
}

static struct sluice_verdict unknown_until_open(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return atomic_load(&open_now) ? (struct sluice_verdict){SLUICE_ADMIT, 0, NULL, NULL}
                                  : (struct sluice_verdict){SLUICE_UNKNOWN, 20, "cannot_tell", NULL};
}

static int two_wait_and_one_has_no_room(void *context)
{
    (void)context;
    return toy_counts(&run, 0).in_flight == 2 && toy.keepalives > 0;
}

START_TEST(records_on_hold_are_asked_again_while_the_rest_of_their_poll_has_no_room)
{
    make_large_texts(3, 39000);
    toy.gate = unknown_until_open;
    begin("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], sink: {plugin: toy}, memory: 64KiB, "
          "max_record: 50KiB, batch: {bytes: 50KiB}}\n");
    toy_until(two_wait_and_one_has_no_room, NULL);
    atomic_store(&open_now, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 3);
    toy_close(&run);
}
END_TEST

static uint32_t block_sink(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)call;
    (void)n;
    while (!atomic_load(&open_sink))
        if (toy.host->wait(toy.host, 1))
            return sluice_fail(err, SLUICE_CANCELLED, NULL, "cancelled");
    return SLUICE_NONE;
}

static int all_wait(void *context)
{
    (void)context;
    return toy_counts(&run, 0).waiting == toy.n_texts;
}

static int in_write(void *context)
{
    (void)context;
    return toy.calls > 0;
}

START_TEST(the_source_stays_alive_while_released_records_find_no_room)
{
    make_texts(8);
    toy.gate = unknown_until_open;
    toy.sink_call = block_sink;
    toy.endless = 1;
    begin("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], sink: {plugin: toy}, batch: "
          "{records: 1}}\n");
    toy_until(all_wait, NULL);
    atomic_store(&open_now, 1);
    toy_until(in_write, NULL);
    atomic_store(&toy.keepalives, 0);
    toy_until(is_reached, &toy.keepalives);
    atomic_store(&open_sink, 1);
    toy_until(all_written, NULL);
    toy_close(&run);
}
END_TEST

START_TEST(the_source_is_kept_alive_and_not_polled_while_the_sink_blocks)
{
    unsigned polls;

    make_texts(100);
    toy.sink_call = block_sink;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, max_in_flight: 10, batch: {records: 10}}\n");
    toy_until(in_write, NULL);
    toy_until(is_reached, &toy.keepalives);
    polls = toy.polls;
    atomic_store(&toy.keepalives, 0);
    toy_until(is_reached, &toy.keepalives);
    ck_assert_uint_eq(toy.polls, polls);
    atomic_store(&open_sink, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 100);
    toy_close(&run);
}
END_TEST

/* Away for an hour once everything is delivered. */
static uint32_t deliver_then_away(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                                  uint32_t call, struct sluice_error *err)
{
    (void)host;
    (void)batch;
    (void)call;
    if (*at < toy.n_texts)
        return SLUICE_NONE;
    err->retry_after_ms = FOR_EVER_MS;
    return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "away");
}

static struct sluice_verdict all_need_two(uint64_t position, uint32_t attempts)
{
    (void)position;
    return attempts == 0 ? (struct sluice_verdict){SLUICE_RETRY, 100, "later", NULL} : FINE;
}

START_TEST(while_the_source_is_away_records_are_tried_again_and_settled)
{
    make_texts(10);
    toy.poll = deliver_then_away;
    toy.sink = all_need_two;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, retry: {min: 1ms, max: 2ms}, commit_interval: "
          "10ms, "
          "breaker: {failures: 0}}\n");
    toy_until(all_settled, NULL);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 10);
    pipeline_drain(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_DONE);
    toy_close(&run);
}
END_TEST

static uint32_t start_away(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)call;
    (void)n;
    err->retry_after_ms = FOR_EVER_MS;
    return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "away");
}

static int was_started(void *context)
{
    (void)context;
    return toy.starts > 0;
}

START_TEST(a_stop_does_not_wait_for_the_next_try_of_a_start)
{
    make_texts(10);
    toy.start_call = start_away;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    toy_until(was_started, NULL);
    pipeline_drain(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_uint_eq(toy.starts, 1);
    ck_assert_uint_eq(toy.polls, 0);
    toy_close(&run);
}
END_TEST

static uint32_t start_blocks(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)call;
    (void)n;
    return toy.host->wait(toy.host, FOR_EVER_MS) ? sluice_fail(err, SLUICE_CANCELLED, NULL, "cancelled")
                                                 : SLUICE_OK;
}

START_TEST(a_stop_wakes_a_start_that_blocks)
{
    make_texts(10);
    toy.start_call = start_blocks;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    toy_until(was_started, NULL);
    pipeline_drain(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_DONE);
    toy_close(&run);
}
END_TEST

static uint32_t start_works_the_third_time(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)n;
    return call < 2 ? sluice_fail(err, SLUICE_DISCONNECTED, NULL, "away") : SLUICE_OK;
}

START_TEST(a_start_is_tried_again_while_the_other_side_is_away)
{
    make_texts(10);
    toy.start_call = start_works_the_third_time;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, retry: {min: 1ms, max: 2ms}}\n");
    toy_wait(&run);
    ck_assert_uint_eq(toy.starts, 3);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 10);
    toy_close(&run);
}
END_TEST

START_TEST(the_last_settle_of_a_stop_is_not_cancelled)
{
    make_texts(10);
    toy.endless = 1;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, commit_interval: 1h}\n");
    toy_until(all_written, NULL);
    pipeline_drain(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_uint_eq(toy.settled, 10);
    ck_assert_uint_eq(toy.settles_cancelled, 0);
    toy_close(&run);
}
END_TEST

static uint32_t settle_works_the_sixth_time(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)n;
    return call < 5 ? sluice_fail(err, SLUICE_RETRY, NULL, "not now") : SLUICE_OK;
}

START_TEST(a_settle_that_fails_at_the_end_is_repeated_until_it_works)
{
    make_texts(10);
    toy.settle_call = settle_works_the_sixth_time;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, retry: {min: 1ms, max: 2ms}}\n");
    toy_wait(&run);
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_DONE);
    ck_assert_uint_eq(toy.settled, 10);
    ck_assert_uint_eq(toy.settles, 6);
    toy_close(&run);
}
END_TEST

static uint32_t nothing_at_first(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                                 uint32_t call, struct sluice_error *err)
{
    (void)host;
    (void)batch;
    (void)at;
    (void)err;
    return call == 0 ? SLUICE_OK : SLUICE_NONE;
}

START_TEST(a_poll_that_finds_nothing_spends_nothing_of_the_rate)
{
    make_texts(1);
    toy.poll = nothing_at_first;
    toy.endless = 1;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, rate_limit: 0.01}\n");
    toy_until(all_written, NULL);
    toy_close(&run);
}
END_TEST

static void check_rate(const char *pipeline)
{
    int64_t since = clock_steady_ms();

    make_texts(60);
    begin(pipeline);
    toy_wait(&run);
    /* 60 records at 200 a second, 20 (or all of a second's) at once at most */
    ck_assert_int_ge(clock_steady_ms() - since, 190);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 60);
    toy_close(&run);
}

START_TEST(no_more_records_are_taken_than_the_rate_allows)
{
    check_rate("  p: {source: {plugin: toy}, sink: {plugin: toy}, rate_limit: 200}\n");
}
END_TEST

START_TEST(the_rate_limit_of_a_source_holds_too)
{
    check_rate("  p: {source: {plugin: toy, rate_limit: 200}, sink: {plugin: toy}}\n");
}
END_TEST

/* Adds 5 to 9, loses the lane, owns it again and adds 0 to 2, all in one poll. */
static uint32_t lose_in_the_middle(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                                   uint32_t call, struct sluice_error *err)
{
    static const uint64_t positions[] = {5, 6, 7, 8, 9, 0, 1, 2};
    uint32_t lane = host->lane_open(host, "toy", NULL, 0), i;

    (void)at;
    (void)err;
    if (call > 0)
        return host->wait(host, 5) ? SLUICE_CANCELLED : SLUICE_OK;
    for (i = 0; i < 8; i++) {
        uint64_t p = positions[i];
        struct sluice_item item = {.struct_size = sizeof item,
                                   .lane = lane,
                                   .data = text_list[p],
                                   .len = strlen(text_list[p]),
                                   .size = strlen(text_list[p]),
                                   .position = p,
                                   .next = p + 1,
                                   .ordinal = p + 1};

        if (p == 0) {
            host->lane_lost(host, lane);
            ck_assert_uint_eq(host->lane_open(host, "toy", NULL, 0), lane);
        }
        host->batch_add(batch, &item, 1, sizeof item);
    }
    return SLUICE_OK;
}

static struct sluice_verdict first_three_never(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return position < 3 ? (struct sluice_verdict){SLUICE_RETRY, FOR_EVER_MS, "not_yet", NULL} : FINE;
}

static int three_wait(void *context)
{
    (void)context;
    return toy_counts(&run, 0).waiting == 3;
}

START_TEST(records_polled_before_their_lane_was_lost_are_not_settled_by_its_next_owner)
{
    make_texts(10);
    toy.poll = lose_in_the_middle;
    toy.sink = first_three_never;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, commit_interval: 1ms}\n");
    toy_until(three_wait, NULL);
    pipeline_drain(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_uint_eq(toy.settled, 0);
    ck_assert_uint_eq(toy.writes[9], 0);
    toy_close(&run);
}
END_TEST

START_TEST(a_pipeline_whose_threads_cannot_be_made_has_failed)
{
    pthread_attr_t attr, usual;

    make_texts(10);
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    ck_assert_int_eq(pthread_getattr_default_np(&attr), 0);
    ck_assert_int_eq(pthread_getattr_default_np(&usual), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attr, (size_t)1 << 47), 0); /* more than there is */
    ck_assert_int_eq(pthread_setattr_default_np(&attr), 0);
    ck_assert_int_eq(pipeline_start(run.pipelines[0]), -1);
    ck_assert_int_eq(pthread_setattr_default_np(&usual), 0);
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_FAILED);
    toy_close(&run);
    pthread_attr_destroy(&attr);
    pthread_attr_destroy(&usual);
}
END_TEST

START_TEST(a_batch_that_is_full_by_its_bytes_does_not_linger)
{
    make_large_texts(2, 600); /* the second comes when the worker waits already */
    toy.endless = 1;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, rate_limit: 5, batch: {bytes: 1KiB, linger: "
          "1m}}\n");
    toy_until(all_written, NULL);
    toy_close(&run);
}
END_TEST

static uint32_t fatal_the_second_time(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)n;
    return call > 0 ? sluice_fail(err, SLUICE_FATAL, NULL, "broken for good") : SLUICE_NONE;
}

START_TEST(records_on_hold_are_returned_when_their_gate_fails_for_good)
{
    make_texts(10);
    toy.gate = unknown_until_open;
    toy.gate_call = fatal_the_second_time;
    toy.endless = 1;
    begin("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], sink: {plugin: toy}}\n");
    toy_wait(&run);
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_FAILED);
    ck_assert_uint_eq(toy_counts(&run, 0).in_flight, 0);
    ck_assert_uint_eq(toy_counts(&run, 0).returned, 10);
    toy_close(&run);
}
END_TEST

/* One text a poll, so that fetch can only give the last one. */
static uint32_t one_a_poll(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                           uint32_t call, struct sluice_error *err)
{
    (void)batch;
    (void)err;
    (void)at;
    return call % 2 == 1 ? (host->wait(host, 1) ? SLUICE_CANCELLED : SLUICE_OK) : SLUICE_NONE;
}

START_TEST(an_oversize_record_does_not_outlive_its_poll_on_hold)
{
    make_texts(3);
    toy.gate = unknown_until_open;
    toy.poll = one_a_poll;
    toy.oversize = 3000;
    begin("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], sink: {plugin: toy}, batch: "
          "{records: 1}, "
          "max_record: 2KiB}\n");
    toy_wait(&run);
    ck_assert_uint_eq(toy_letters(&run, "too_large"), 3);
    ck_assert_uint_eq(toy.settled, 3);
    toy_close(&run);
}
END_TEST

START_TEST(a_stop_ends_the_source_first_and_flushes_the_sink_before_it_stops)
{
    make_texts(10);
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    toy_wait(&run);
    ck_assert_str_eq(toy.life, "SfK");
    toy_close(&run);
}
END_TEST

ONE_SUITE_WITH("pipeline_source", 60, setup, NULL,
               records_on_hold_are_asked_again_while_the_rest_of_their_poll_has_no_room,
               the_source_stays_alive_while_released_records_find_no_room,
               the_source_is_kept_alive_and_not_polled_while_the_sink_blocks,
               while_the_source_is_away_records_are_tried_again_and_settled,
               a_stop_does_not_wait_for_the_next_try_of_a_start, a_stop_wakes_a_start_that_blocks,
               a_start_is_tried_again_while_the_other_side_is_away,
               the_last_settle_of_a_stop_is_not_cancelled,
               a_settle_that_fails_at_the_end_is_repeated_until_it_works,
               a_poll_that_finds_nothing_spends_nothing_of_the_rate,
               no_more_records_are_taken_than_the_rate_allows, the_rate_limit_of_a_source_holds_too,
               records_polled_before_their_lane_was_lost_are_not_settled_by_its_next_owner,
               a_pipeline_whose_threads_cannot_be_made_has_failed,
               a_batch_that_is_full_by_its_bytes_does_not_linger,
               records_on_hold_are_returned_when_their_gate_fails_for_good,
               an_oversize_record_does_not_outlive_its_poll_on_hold,
               a_stop_ends_the_source_first_and_flushes_the_sink_before_it_stops)
