/* The ends of records where something else fails at the same moment: what a two-phase gate
 * hears, what a dead letter keeps, what is tried twice and what must not be. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "dead_letter.h"
#include "one_suite.h"
#include "toy.h"

static struct toy_run run;
static char text_space[TOY_MAX][64];
static const char *text_list[TOY_MAX];
static atomic_uint asked; /* of whatever the test counts */
static atomic_int open_now;
static uint64_t order_seen[TOY_MAX];
static unsigned n_seen;

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

static void setup(void)
{
    toy_reset();
    n_seen = 0;
    atomic_store(&asked, 0);
    atomic_store(&open_now, 0);
}

static void go(const char *pipelines)
{
    toy_open(&run, pipelines);
    toy_start(&run);
    toy_wait(&run);
}

static struct sluice_verdict always_fatal(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return (struct sluice_verdict){SLUICE_FATAL, 0, NULL, NULL};
}

START_TEST(a_gate_of_a_later_step_does_not_hear_of_the_earlier_steps_success)
{
    make_texts(5);
    toy.sink2 = always_fatal;
    go("  p: {source: {plugin: toy}, steps: [{name: a, sink: {plugin: toy}}, "
       "{name: b, stages: [{gate: {plugin: toy-hold}}], sink: {plugin: toy2}}]}\n");
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_FAILED);
    ck_assert_uint_eq(toy.concluded_ok, 0);
    ck_assert_uint_ge(toy.concluded_back, 1);
    ck_assert_uint_eq(toy.settled, 0);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict fourth_is_fatal(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return position == 3 ? (struct sluice_verdict){SLUICE_FATAL, 0, NULL, NULL} : FINE;
}

START_TEST(what_was_durable_before_a_failure_counts_and_is_settled)
{
    make_texts(4);
    toy.sink = fourth_is_fatal;
    go("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy-hold}}], sink: {plugin: toy}}\n");
    ck_assert_int_eq(pipeline_state(run.pipelines[0]), PIPELINE_FAILED);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 3);
    ck_assert_uint_eq(toy_counts(&run, 0).in_flight, 0);
    ck_assert_uint_eq(toy.concluded_ok, 3);
    ck_assert_uint_eq(toy.concluded_back, 1);
    ck_assert_uint_eq(toy.settled, 3);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict never(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return (struct sluice_verdict){SLUICE_RETRY, 0, "busy", NULL};
}

static int count_letter(void *context, int64_t id, const struct dead_letter *letter)
{
    (void)id;
    (void)letter;
    ++*(unsigned *)context;
    return 0;
}

START_TEST(a_letter_written_after_retries_still_names_its_user)
{
    struct dead_letter_filter filter = {.order_key = "u7"};
    struct sluice_error err = {.struct_size = sizeof err};
    unsigned n = 0;

    make_texts(10);
    toy.sink = never;
    go("  p: {source: {plugin: toy}, sink: {plugin: toy}, retry: {attempts: 3, min: 1ms, max: 1ms}, "
       "breaker: {failures: 0}}\n");
    ck_assert_uint_eq(toy_letters(&run, "busy"), 10);
    ck_assert_uint_eq(dead_letter_list(run.state, &filter, count_letter, &n, &err), SLUICE_OK);
    ck_assert_uint_eq(n, 1);
    toy_close(&run);
}
END_TEST

static void note_user3(struct sluice_record *const *records, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (toy.host->record->position(records[i]) % 10 == 3)
            order_seen[n_seen++] = toy.host->record->position(records[i]);
}

static struct sluice_verdict third_needs_two(uint64_t position, uint32_t attempts)
{
    return position == 3 && attempts == 0 ? (struct sluice_verdict){SLUICE_RETRY, 0, "later", NULL} : FINE;
}

START_TEST(a_record_that_an_enricher_holds_back_is_not_overtaken_in_its_batch)
{
    unsigned i;

    make_texts(200);
    toy.enrich = third_needs_two;
    toy.on_write = note_user3;
    go("  p: {source: {plugin: toy}, stages: [{enrich: {plugin: toy}}], sink: {plugin: toy2}, "
       "retry: {min: 1ms, max: 2ms}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 200);
    ck_assert_uint_eq(n_seen, 20);
    for (i = 0; i < n_seen; i++)
        ck_assert_uint_eq(order_seen[i], 3 + 10 * i);
    toy_close(&run);
}
END_TEST

/* The fourth record is to be tried again, and the connection breaks right after it. */
static struct sluice_verdict away_after_the_fourth(uint64_t position, uint32_t attempts)
{
    static atomic_uint seen[TOY_MAX];

    if (position == 3 && attempts == 0)
        return (struct sluice_verdict){SLUICE_RETRY, 0, "later", NULL};
    if (position > 3 && atomic_fetch_add(&seen[position], 1) == 0)
        return (struct sluice_verdict){SLUICE_DISCONNECTED, 0, NULL, NULL};
    if (position % 10 == 3)
        order_seen[n_seen++] = position;
    return FINE;
}

START_TEST(a_record_is_not_overtaken_by_those_that_an_outage_kept_from_the_same_call)
{
    unsigned i;

    make_texts(40);
    toy.sink2 = away_after_the_fourth;
    go("  p: {source: {plugin: toy}, sink: {plugin: toy2}, retry: {min: 1ms, max: 2ms}, breaker: {failures: "
       "0}, "
       "batch: {linger: 50ms}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 40);
    for (i = 0; i < 4; i++)
        ck_assert_uint_eq(order_seen[i], 3 + 10 * i);
    toy_close(&run);
}
END_TEST

/* A batch with the last record in it is bad as a whole; of others the fourth is to be tried again. */
static int batch_is_bad, fourth_failed;

static void look_for_the_bad_one(struct sluice_record *const *records, uint32_t n)
{
    uint32_t i;

    batch_is_bad = fourth_failed = 0;
    for (i = 0; i < n; i++)
        batch_is_bad |= toy.host->record->position(records[i]) == 39;
}

static struct sluice_verdict fourth_later_last_bad(uint64_t position, uint32_t attempts)
{
    if (batch_is_bad)
        return (struct sluice_verdict){position == 39 ? SLUICE_SPLIT : SLUICE_NONE, 0, NULL, NULL};
    fourth_failed |= position == 3 && attempts == 0;
    if (position % 10 == 3 && fourth_failed) /* as a sink that minds the order has to */
        return (struct sluice_verdict){SLUICE_RETRY, 0, "later", NULL};
    if (position % 10 == 3)
        order_seen[n_seen++] = position;
    return FINE;
}

START_TEST(a_record_is_not_overtaken_when_its_batch_is_split)
{
    unsigned i;

    make_texts(40);
    toy.sink2 = fourth_later_last_bad;
    toy.on_write = look_for_the_bad_one;
    go("  p: {source: {plugin: toy}, sink: {plugin: toy2}, retry: {min: 1ms, max: 2ms}, breaker: {failures: "
       "0}, "
       "batch: {linger: 50ms}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 39);
    for (i = 0; i < 4; i++)
        ck_assert_uint_eq(order_seen[i], 3 + 10 * i);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict unsure_and_an_outage(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    if (position == 0) {
        atomic_fetch_add(&asked, 1);
        return (struct sluice_verdict){SLUICE_UNSURE, 0, "unsure", NULL};
    }
    return atomic_fetch_add(&open_now, 1) == 0 ? (struct sluice_verdict){SLUICE_DISCONNECTED, 0, NULL, NULL}
                                               : FINE;
}

START_TEST(what_may_have_been_applied_is_not_repeated_after_an_outage_of_its_neighbour)
{
    make_texts(2);
    toy.sink2 = unsure_and_an_outage;
    go("  p: {source: {plugin: toy}, sink: {plugin: toy2}, retry: {min: 1ms, max: 2ms}, batch: {linger: "
       "50ms}}\n");
    ck_assert_uint_eq(asked, 1);
    ck_assert_uint_eq(toy_letters(&run, "unsure"), 1);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 1);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict reject_until_open(uint64_t position, uint32_t attempts)
{
    (void)position;
    (void)attempts;
    return atomic_load(&open_now) ? FINE : (struct sluice_verdict){SLUICE_REJECT, 0, "bad", NULL};
}

/* Delivers the texts a second time once the test opens. */
static uint32_t deliver_twice(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                              uint32_t call, struct sluice_error *err)
{
    (void)batch;
    (void)call;
    (void)err;
    if (*at < toy.n_texts || atomic_load(&asked) > 0)
        return SLUICE_NONE;
    if (!atomic_load(&open_now))
        return host->wait(host, 1) ? SLUICE_CANCELLED : SLUICE_OK;
    atomic_store(&asked, 1);
    *at = 0;
    return SLUICE_NONE;
}

static int all_dead(void *context)
{
    (void)context;
    return toy_counts(&run, 0).dead == toy.n_texts;
}

START_TEST(a_letter_of_this_run_is_resolved_when_its_record_is_written_after_all)
{
    make_texts(3);
    toy.sink = reject_until_open;
    toy.poll = deliver_twice;
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    toy_start(&run);
    toy_until(all_dead, NULL);
    ck_assert_uint_eq(toy_letters(&run, NULL), 3);
    atomic_store(&open_now, 1);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 3);
    ck_assert_uint_eq(toy_letters(&run, NULL), 0);
    toy_close(&run);
}
END_TEST

static int not_ready(void *context)
{
    struct strbuf *reasons = context;

    strbuf_clear(reasons);
    return !pipeline_ready(run.pipelines[0], reasons) && strstr(strbuf_text(reasons), "dead letters") != NULL;
}

START_TEST(a_record_is_not_settled_while_its_old_letter_cannot_be_resolved)
{
    struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    struct strbuf reasons;

    strbuf_init(&reasons, 4096);
    (void)signal(SIGXFSZ, SIG_IGN);
    make_texts(3);
    toy.sink = reject_until_open;
    toy.poll = deliver_twice;
    toy_open(&run, "  p: {source: {plugin: toy}, sink: {plugin: toy}}\n");
    toy_start(&run);
    toy_until(all_dead, NULL);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    atomic_store(&open_now, 1);
    toy_until(not_ready, &reasons);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 3);
    ck_assert_uint_eq(toy_letters(&run, NULL), 0);
    ck_assert_int_eq(pipeline_ready(run.pipelines[0], &reasons), 1);
    strbuf_release(&reasons);
    toy_close(&run);
}
END_TEST

static uint32_t away_five_times(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)n;
    err->retry_after_ms = 1;
    return call < 5 ? SLUICE_DISCONNECTED : SLUICE_NONE;
}

START_TEST(a_decoder_that_is_away_spends_no_attempts_before_the_gates)
{
    make_texts(20);
    toy.decode_call = away_five_times;
    go("  p: {source: {plugin: toy}, decoder: {plugin: toy}, stages: [{gate: {plugin: toy}}], sink: {plugin: "
       "toy}, "
       "retry: {attempts: 2, min: 1ms, max: 1ms}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).retries, 0);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 20);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict fine_at_first_try(uint64_t position, uint32_t attempts)
{
    (void)position;
    if (attempts > 0)
        atomic_fetch_add(&asked, 1);
    return FINE;
}

static struct sluice_verdict all_need_two(uint64_t position, uint32_t attempts)
{
    (void)position;
    return attempts == 0 ? (struct sluice_verdict){SLUICE_RETRY, 0, "later", NULL} : FINE;
}

START_TEST(each_step_counts_its_tries_anew)
{
    make_texts(10);
    toy.sink = all_need_two;
    toy.sink2 = fine_at_first_try;
    go("  p: {source: {plugin: toy}, steps: [{name: a, sink: {plugin: toy}}, {name: b, sink: {plugin: "
       "toy2}}], "
       "retry: {min: 1ms, max: 2ms}, breaker: {failures: 0}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 10);
    ck_assert_uint_eq(asked, 0);
    toy_close(&run);
}
END_TEST

ONE_SUITE_WITH("pipeline_ends", 60, setup, NULL,
               a_gate_of_a_later_step_does_not_hear_of_the_earlier_steps_success,
               what_was_durable_before_a_failure_counts_and_is_settled,
               a_letter_written_after_retries_still_names_its_user,
               a_record_that_an_enricher_holds_back_is_not_overtaken_in_its_batch,
               a_record_is_not_overtaken_by_those_that_an_outage_kept_from_the_same_call,
               a_record_is_not_overtaken_when_its_batch_is_split,
               what_may_have_been_applied_is_not_repeated_after_an_outage_of_its_neighbour,
               a_letter_of_this_run_is_resolved_when_its_record_is_written_after_all,
               a_record_is_not_settled_while_its_old_letter_cannot_be_resolved,
               a_decoder_that_is_away_spends_no_attempts_before_the_gates, each_step_counts_its_tries_anew)
