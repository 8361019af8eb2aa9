/* Pipelines in trouble: gates that cannot tell, stores that fail, sinks that block,
 * stops in the middle. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "one_suite.h"
#include "strbuf.h"
#include "toy.h"

static struct toy_run run;
static char text_space[TOY_MAX][64];
static const char *text_list[TOY_MAX];
static atomic_int open_now; /* what the scripted plugins wait for */

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

static void setup(void)
{
    toy_reset();
    atomic_store(&open_now, 0);
}

static struct sluice_verdict unknown_until_open(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return atomic_load(&open_now) ? (struct sluice_verdict){SLUICE_ADMIT, 0, NULL, NULL}
                                  : (struct sluice_verdict){SLUICE_UNKNOWN, 1, "cannot_tell", NULL};
}

static int all_wait(void *context)
{
    (void)context;
    return toy_counts(&run, 0).in_flight == 50 && toy_counts(&run, 0).waiting > 0;
}

START_TEST(a_gate_that_cannot_tell_holds_the_records_and_loses_none)
{
    make_texts(50);
    toy.gate = unknown_until_open;
    toy_open(&run, "  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], sink: {plugin: toy}}\n");
    toy_start(&run);
    toy_until(all_wait, NULL);
    ck_assert_uint_eq(toy.calls, 0);
    ck_assert_uint_eq(toy.settled, 0);
    atomic_store(&open_now, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 50);
    ck_assert_uint_eq(toy_counts(&run, 0).retries, 0);
    toy_close(&run);
}
END_TEST

START_TEST(a_key_that_somebody_else_holds_is_waited_for_and_spends_no_attempt)
{
    make_texts(50);
    toy.gate = unknown_until_open;
    toy_open(&run,
             "  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy-hold}}], sink: {plugin: toy}, retry: "
             "{attempts: 1}}\n");
    toy_start(&run);
    toy_until(all_wait, NULL);
    atomic_store(&open_now, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 50);
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 0);
    ck_assert_uint_eq(toy.concluded_ok, 50);
    toy_close(&run);
}
END_TEST

START_TEST(unavailable_deny_gates_what_the_gate_cannot_tell)
{
    make_texts(5);
    toy.gate = unknown_until_open;
    toy_open(&run, "  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy, unavailable: deny}}], sink: "
                   "{plugin: toy}}\n");
    toy_start(&run);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).gated, 5);
    toy_close(&run);
}
END_TEST

START_TEST(under_not_an_outage_does_not_turn_a_killswitch_round)
{
    make_texts(5);
    toy.gate = unknown_until_open;
    toy_open(&run,
             "  p: {source: {plugin: toy}, stages: [{gate: {not: {plugin: toy}, unavailable: deny}}], sink: "
             "{plugin: toy}}\n");
    toy_start(&run);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).gated, 5);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 0);
    toy_close(&run);
}
END_TEST

static uint32_t wait_until_open(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)call;
    (void)n;
    while (!atomic_load(&open_now))
        if (toy.host->wait(toy.host, 1))
            return sluice_fail(err, SLUICE_CANCELLED, NULL, "cancelled");
    return SLUICE_NONE;
}

static int polled_enough(void *context)
{
    (void)context;
    return toy_counts(&run, 0).in_flight == 15;
}

START_TEST(a_sink_that_blocks_stops_the_source_at_the_limit_of_records_in_flight)
{
    make_texts(3000);
    toy.sink_call = wait_until_open;
    toy_open(&run,
             "  p: {source: {plugin: toy}, sink: {plugin: toy}, max_in_flight: 15, batch: {records: 10}}\n");
    toy_start(&run);
    toy_until(polled_enough, NULL);
    ck_assert_uint_le(toy.polled, 30);
    atomic_store(&open_now, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 3000);
    ck_assert_uint_le(toy.largest, 10);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict tenth_never(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return position == 10 ? (struct sluice_verdict){SLUICE_RETRY, 60000, "not_yet", NULL}
                          : (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL};
}

static int all_but_one(void *context)
{
    (void)context;
    return toy_counts(&run, 0).written == 99;
}

START_TEST(a_stop_settles_only_what_is_done_without_a_gap)
{
    make_texts(100);
    toy.sink = tenth_never;
    toy.endless = 1;
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    toy_start(&run);
    toy_until(all_but_one, NULL);
    pipeline_drain(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_uint_eq(toy.settled, 10);
    ck_assert_uint_eq(toy_counts(&run, 0).returned, 1);
    ck_assert_uint_eq(toy_counts(&run, 0).in_flight, 0);
    toy_close(&run);
}
END_TEST

static int lane_is_paused(void *context)
{
    (void)context;
    return toy_counts(&run, 0).written == 99 && toy.polled >= 100;
}

START_TEST(a_slow_retry_stops_its_lane_at_the_window_and_not_before)
{
    make_texts(1000);
    toy.sink = tenth_never;
    toy_open(&run,
             "  p: {source: {plugin: toy}, sink: {plugin: toy}, lane_window: 90, batch: {records: 10}}\n");
    toy_start(&run);
    toy_until(lane_is_paused, NULL);
    ck_assert_uint_eq(toy.polled, 100);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict reject_all(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return (struct sluice_verdict){SLUICE_REJECT, 0, "bad", NULL};
}

static int not_ready(void *context)
{
    struct strbuf *reasons = context;

    strbuf_clear(reasons);
    return !pipeline_ready(run.pipelines[0], reasons) && strstr(strbuf_text(reasons), "dead letters") != NULL;
}

START_TEST(a_dead_letter_that_cannot_be_stored_keeps_its_record_and_fails_readiness)
{
    struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    struct strbuf reasons;

    strbuf_init(&reasons, 4096);
    (void)signal(SIGXFSZ, SIG_IGN);
    make_texts(5);
    toy.sink = reject_all;
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0); /* every write to a file fails */
    toy_start(&run);
    toy_until(not_ready, &reasons);
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 0);
    ck_assert_uint_eq(toy_counts(&run, 0).in_flight, 5);
    ck_assert_uint_eq(toy.settled, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 5);
    ck_assert_uint_eq(toy_letters(&run, "bad"), 5);
    ck_assert_uint_eq(toy.settled, 5);
    strbuf_release(&reasons);
    toy_close(&run);
}
END_TEST

static uint32_t fatal(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)call;
    (void)n;
    return sluice_fail(err, SLUICE_FATAL, NULL, "broken for good");
}

START_TEST(a_pipeline_that_fails_leaves_the_other_one_alone)
{
    char why[256];

    make_texts(1000);
    toy.sink_call = fatal; /* of sink/toy only */
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n"
                   "  q: {source: {plugin: toy}, sink: {plugin: toy2}}\n");
    toy_start(&run);
    toy_wait(&run);
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_FAILED);
    ck_assert_int_eq(pipeline_state(run.pipelines[1]), PIPELINE_DONE);
    ck_assert_uint_eq(toy_counts(&run, 1).written, 1000);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 0);
    ck_assert_uint_eq(toy_counts(&run, 0).in_flight, 0);
    pipeline_error(run.pipelines[0], why, sizeof why);
    ck_assert_ptr_nonnull(strstr(why, "broken for good"));
    toy_close(&run);
}
END_TEST

static int in_write(void *context)
{
    (void)context;
    return atomic_load(&toy.calls) > 0;
}

START_TEST(what_blocks_a_stop_is_named_with_its_age)
{
    struct strbuf doing;

    strbuf_init(&doing, 4096);
    make_texts(10);
    toy.sink_call = wait_until_open;
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy, name: graph}}\n");
    toy_start(&run);
    toy_until(in_write, NULL);
    pipeline_drain(run.pipelines[0]);
    pipeline_doing(run.pipelines[0], &doing);
    ck_assert_ptr_nonnull(strstr(strbuf_text(&doing), "is in write of 'graph' for"));
    ck_assert_ptr_nonnull(strstr(strbuf_text(&doing), "10 records in flight"));
    pipeline_abort(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).returned, 10);
    ck_assert_uint_eq(toy.settled, 0);
    strbuf_release(&doing);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict fail_all(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return atomic_load(&open_now) ? (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL}
                                  : (struct sluice_verdict){SLUICE_RETRY, 0, "busy", NULL};
}

static int breaker_is_open(void *context)
{
    struct strbuf *reasons = context;

    strbuf_clear(reasons);
    return !pipeline_ready(run.pipelines[0], reasons) &&
           strstr(strbuf_text(reasons), "circuit breaker") != NULL;
}

START_TEST(an_open_breaker_saves_the_attempts_that_are_left)
{
    struct strbuf reasons;

    strbuf_init(&reasons, 4096);
    make_texts(10);
    toy.sink = fail_all;
    toy_open(&run,
             "  p: {source: {plugin: toy}, sink: {plugin: toy}, retry: {attempts: 6, min: 1ms, max: 2ms}, "
             "breaker: {failures: 3, open: 100ms}, batch: {linger: 20ms}}\n");
    toy_start(&run);
    toy_until(breaker_is_open, &reasons);
    atomic_store(&open_now, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 0);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 10);
    strbuf_release(&reasons);
    toy_close(&run);
}
END_TEST

ONE_SUITE_WITH("pipeline_trouble", 60, setup, NULL, a_gate_that_cannot_tell_holds_the_records_and_loses_none,
               a_key_that_somebody_else_holds_is_waited_for_and_spends_no_attempt,
               unavailable_deny_gates_what_the_gate_cannot_tell,
               under_not_an_outage_does_not_turn_a_killswitch_round,
               a_sink_that_blocks_stops_the_source_at_the_limit_of_records_in_flight,
               a_stop_settles_only_what_is_done_without_a_gap,
               a_slow_retry_stops_its_lane_at_the_window_and_not_before,
               a_dead_letter_that_cannot_be_stored_keeps_its_record_and_fails_readiness,
               a_pipeline_that_fails_leaves_the_other_one_alone, what_blocks_a_stop_is_named_with_its_age,
               an_open_breaker_saves_the_attempts_that_are_left)
