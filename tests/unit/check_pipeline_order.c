/* Before a sink that minds the order, records of one user are written in the order of the source. */
#include <stdio.h>
#include <string.h>

#include "one_suite.h"
#include "toy.h"

#define FAST "retry: {attempts: 3, min: 20ms, max: 50ms}"
#define RECORDS 60u
#define USERS 3u

static struct toy_run run;
static char text_space[RECORDS][64];
static const char *text_list[RECORDS];
static unsigned last_of_user[USERS]; /* 1 + position of the last one written */
static unsigned disorder;

static void make_texts(void)
{
    unsigned i;

    for (i = 0; i < RECORDS; i++) {
        (void)snprintf(text_space[i], sizeof text_space[i], "{\"user_id\":\"u%u\",\"n\":%u}", i % USERS, i);
        text_list[i] = text_space[i];
    }
    toy.texts = text_list;
    toy.n_texts = RECORDS;
}

/* The verdict of the sink that minds the order; called under a lock. */
static struct sluice_verdict note_order(uint64_t position, uint32_t attempts)
{
    unsigned *last = &last_of_user[position % USERS];

    (void)attempts;
    disorder += position + 1 < *last;
    *last = (unsigned)position + 1;
    return (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL};
}

static struct sluice_verdict fail_some_once(uint64_t position, uint32_t attempts)
{
    return (struct sluice_verdict){attempts == 0 && position % 7 == 0 ? SLUICE_RETRY : SLUICE_OK, 0, NULL,
                                   NULL};
}

static void expect_order(const char *pipelines)
{
    make_texts();
    toy.sink2 = note_order;
    toy_open(&run, pipelines);
    toy_start(&run);
    toy_wait(&run);
    ck_assert_uint_eq(toy_counts(&run, 0).written, RECORDS);
    ck_assert_uint_ge(toy_counts(&run, 0).retries, RECORDS / 7);
    ck_assert_uint_eq(disorder, 0);
    toy_close(&run);
}

START_TEST(a_record_that_an_enricher_holds_back_holds_back_the_later_ones_of_its_user)
{
    toy.enrich = fail_some_once;
    expect_order("  p: {source: {plugin: toy}, stages: [{enrich: {plugin: toy}}], sink: {plugin: toy2}, "
                 "batch: {records: 30}, " FAST "}\n");
}
END_TEST

START_TEST(a_record_that_an_earlier_step_holds_back_is_not_overtaken_in_the_next)
{
    toy.sink = fail_some_once;
    expect_order("  p: {source: {plugin: toy}, steps: [{name: a, sink: {plugin: toy, name: s1}}, "
                 "{name: b, sink: {plugin: toy2, name: s2}}], batch: {records: 30}, " FAST "}\n");
}
END_TEST

static void setup(void)
{
    toy_reset();
    memset(last_of_user, 0, sizeof last_of_user);
    disorder = 0;
}

ONE_SUITE_WITH("pipeline_order", 60, setup, NULL,
               a_record_that_an_enricher_holds_back_holds_back_the_later_ones_of_its_user,
               a_record_that_an_earlier_step_holds_back_is_not_overtaken_in_the_next)
