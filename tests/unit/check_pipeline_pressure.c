/* What comes faster than it goes: an hour without the sink, documents that take the memory, a
 * writer that is full.  Nothing is lost, nothing is given up, and the memory stays flat. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "hash.h"
#include "one_suite.h"
#include "toy.h"

#define FINE ((struct sluice_verdict){SLUICE_OK, 0, NULL, NULL})
#define MINUTE_MS 60000
#define N 3000u

static struct toy_run run;
static char text_space[TOY_MAX][64];
static const char *text_list[TOY_MAX];
static atomic_int open_now;
static atomic_uint in_call, polls_in_call;

static void setup(void)
{
    uint64_t i;

    toy_reset();
    atomic_store(&open_now, 0);
    atomic_store(&in_call, 0);
    atomic_store(&polls_in_call, 0);
    for (i = 0; i < N; i++) {
        (void)snprintf(text_space[i], sizeof text_space[i], "{\"user_id\":\"u%u\"}", (unsigned)i % 10);
        text_list[i] = text_space[i];
    }
    toy.texts = text_list;
    toy.n_texts = N;
}

static void begin(const char *pipelines)
{
    toy_open(&run, pipelines);
    toy_start(&run);
}

/* ---- an hour without the sink ---- */

/* The first ten fail once before the outage, and once after it. */
static struct sluice_verdict ten_fail_twice(uint64_t position, uint32_t attempts)
{
    return position < 10 && attempts < 2 ? (struct sluice_verdict){SLUICE_RETRY, 1, "busy", NULL} : FINE;
}

static uint32_t away_after_the_first(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)n;
    return call > 0 && !atomic_load(&open_now) ? sluice_fail(err, SLUICE_DISCONNECTED, NULL, "nobody listens")
                                               : SLUICE_NONE;
}

static uint32_t busy_after_the_first(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)n;
    return call > 0 && !atomic_load(&open_now) ? sluice_fail(err, SLUICE_RETRY, NULL, "busy") : SLUICE_NONE;
}

static unsigned calls_wanted;

static int is_called_often(void *context)
{
    (void)context;
    return atomic_load(&toy.calls) >= calls_wanted;
}

static int is_paused(void *context)
{
    struct strbuf why;
    int ready;

    (void)context;
    strbuf_init(&why, 4096);
    ready = pipeline_ready(run.pipelines[0], &why);
    strbuf_release(&why);
    return !ready;
}

static int all_are_written(void *context)
{
    (void)context;
    return toy_counts(&run, 0).written == N;
}

/* Sixty minutes go by, and the stage is tried in each of them. */
static void let_an_hour_pass(void)
{
    size_t before = mallinfo2().uordblks;
    int minute;

    for (minute = 0; minute < 60; minute++) {
        clock_skip_ms(MINUTE_MS);
        calls_wanted = atomic_load(&toy.calls) + 2;
        toy_until(is_called_often, NULL);
        ck_assert_uint_le(toy_counts(&run, 0).in_flight, 100);
        ck_assert_uint_eq(toy_counts(&run, 0).dead, 0);
    }
    ck_assert_uint_le(mallinfo2().uordblks, before + (1u << 20));
    ck_assert_uint_le(atomic_load(&toy.polled), 100 + 100); /* and those of the first call */
}

static void check_drain(void)
{
    uint64_t i;

    atomic_store(&open_now, 1);
    toy_until(all_are_written, NULL);
    ck_assert_uint_eq(toy_letters(&run, NULL), 0);
    for (i = 0; i < N; i++)
        ck_assert_uint_eq(atomic_load(&toy.writes[i]), 1);
    toy_close(&run);
}

START_TEST(an_hour_without_the_sink_costs_no_record_and_no_memory)
{
    toy.sink = ten_fail_twice;
    toy.sink_call = away_after_the_first;
    begin(
        "  p: {source: {plugin: toy}, sink: {plugin: toy}, max_in_flight: 100, batch: {records: 10}, retry: "
        "{min: 1ms, max: 5ms, attempts: 3, deadline: 10m}}\n");
    toy_until(is_paused, NULL);
    let_an_hour_pass();
    check_drain();
}
END_TEST

START_TEST(an_hour_behind_an_open_breaker_costs_no_record)
{
    toy.sink = ten_fail_twice;
    toy.sink_call = busy_after_the_first;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, max_in_flight: 100, batch: {records: 100}, "
          "breaker: "
          "{failures: 1, open: 20ms}, retry: {min: 1ms, max: 5ms, attempts: 8, deadline: 10m}}\n");
    toy_until(is_paused, NULL);
    let_an_hour_pass();
    check_drain();
}
END_TEST

/* ---- documents ---- */

/* The first four at once; the next when the sink has them. */
static uint32_t four_first(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                           uint32_t call, struct sluice_error *err)
{
    (void)batch;
    (void)call;
    (void)err;
    if (*at == 0)
        return SLUICE_NONE;
    if (atomic_load(&in_call) && !atomic_load(&open_now))
        atomic_fetch_add(&polls_in_call, 1);
    if (atomic_load(&open_now))
        return SLUICE_NONE;
    return host->wait(host, 2) ? SLUICE_CANCELLED : SLUICE_OK;
}

static void block_until_open(struct sluice_record *const *records, uint32_t n)
{
    (void)records;
    (void)n;
    atomic_store(&in_call, 1);
    while (!atomic_load(&open_now) && !toy.host->wait(toy.host, 1))
        continue;
}

static int was_kept_alive(void *context)
{
    (void)context;
    return atomic_load(&in_call) && atomic_load(&toy.keepalives) > 5;
}

START_TEST(documents_count_against_the_memory)
{
    static char large[60000]; /* some thirty thousand nodes */
    size_t len = 0;
    uint64_t i;

    len = (size_t)snprintf(large, sizeof large, "{\"user_id\":\"u\",\"list\":[1");
    while (len + 4 < sizeof large)
        len += (size_t)snprintf(large + len, sizeof large - len, ",1");
    (void)snprintf(large + len, sizeof large - len, "]}");
    for (i = 0; i < N; i++)
        text_list[i] = large;
    toy.n_texts = 40;
    toy.poll = four_first;
    toy.on_write = block_until_open;
    begin(
        "  p: {source: {plugin: toy}, sink: {plugin: toy}, memory: 1MiB, batch: {records: 4, linger: 0s}}\n");
    toy_until(was_kept_alive, NULL);
    ck_assert_uint_le(atomic_load(&polls_in_call), 1); /* one was under way */
    ck_assert_uint_lt(toy_counts(&run, 0).bytes, 1u << 20);
    ck_assert_uint_ge(toy_counts(&run, 0).bytes + toy_counts(&run, 0).document_bytes, 1u << 20);
    atomic_store(&open_now, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 40);
    ck_assert_uint_eq(toy_counts(&run, 0).document_bytes, 0);
    toy_close(&run);
}
END_TEST

/* ---- writers ---- */

/* Two users whose records go to different ones of two writers. */
static void make_users(char *first, char *second, size_t cap)
{
    unsigned i;

    (void)snprintf(first, cap, "u0");
    for (i = 1;; i++) {
        (void)snprintf(second, cap, "u%u", i);
        if ((hash_bytes(first, strlen(first)) >> 33) % 2 != (hash_bytes(second, strlen(second)) >> 33) % 2)
            return;
    }
}

/* 0 and 3 fail once; 3 comes back when 0 waits for its writer. */
static struct sluice_verdict two_fail_once(uint64_t position, uint32_t attempts)
{
    uint32_t after = position == 0 ? 10 : 300;

    return (position == 0 || position == 3) && attempts == 0
               ? (struct sluice_verdict){SLUICE_RETRY, after, "busy", NULL}
               : FINE;
}

static void second_blocks(struct sluice_record *const *records, uint32_t n)
{
    if (n == 1 && toy.host->record->position(records[0]) == 1)
        block_until_open(records, n);
}

static int third_is_written(void *context)
{
    (void)context;
    return atomic_load(&toy.writes[3]) == 1;
}

START_TEST(a_full_writer_does_not_hold_up_the_retries_of_another)
{
    char first[16], second[16];
    uint64_t i;

    make_users(first, second, sizeof first);
    for (i = 0; i < 4; i++)
        (void)snprintf(text_space[i], sizeof text_space[i], "{\"user_id\":\"%s\"}", i == 3 ? second : first);
    toy.n_texts = 4;
    toy.endless = 1;
    toy.sink = two_fail_once;
    toy.on_write = second_blocks;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy, writers: 2}, batch: {records: 1, linger: 0s}, "
          "retry: "
          "{min: 1ms, max: 1ms}}\n");
    toy_until(third_is_written, NULL);
    ck_assert_uint_eq(atomic_load(&toy.writes[0]), 0); /* its writer is not free yet */
    atomic_store(&open_now, 1);
    toy_close(&run);
}
END_TEST

ONE_SUITE_WITH("pipeline_pressure", 60, setup, NULL, an_hour_without_the_sink_costs_no_record_and_no_memory,
               an_hour_behind_an_open_breaker_costs_no_record, documents_count_against_the_memory,
               a_full_writer_does_not_hold_up_the_retries_of_another)
