/* The way of a record through a whole pipeline, with scripted plugins. */
#include <stdio.h>
#include <string.h>

#include "one_suite.h"
#include "strbuf.h"
#include "toy.h"

#define SINK "sink: {plugin: toy}"
#define FAST "retry: {attempts: 3, min: 1ms, max: 5ms}"

static struct toy_run run;
static char text_space[TOY_MAX][64];
static const char *text_list[TOY_MAX];

/* n well-formed records of 10 users. */
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

static void go(const char *pipelines)
{
    toy_open(&run, pipelines);
    toy_start(&run);
    toy_wait(&run);
}

START_TEST(every_record_is_written_once_and_settled)
{
    uint64_t i;

    make_texts(3000);
    go("  p: {source: {plugin: toy}, " SINK "}\n");
    for (i = 0; i < 3000; i++)
        ck_assert_uint_eq(toy.writes[i], 1);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 3000);
    ck_assert_uint_eq(toy.settled, 3000);
    ck_assert_uint_eq(toy.settles_backwards, 0);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict deny_even(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return position % 2 == 0 ? (struct sluice_verdict){SLUICE_DENY, 0, "even", NULL}
                             : (struct sluice_verdict){SLUICE_ADMIT, 0, NULL, NULL};
}

START_TEST(a_broken_message_of_a_denied_user_is_gated_and_not_dead)
{
    static const char *const texts[] = {"{\"user_id\":\"u1\", broken", "{\"user_id\":\"u1\", broken",
                                        "{\"user_id\":\"u1\"}"};

    toy.texts = texts;
    toy.n_texts = 3;
    toy.gate = deny_even;
    go("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], " SINK "}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).gated, 2);
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 1);
    ck_assert_uint_eq(toy_letters(&run, "bad_json"), 1);
    ck_assert_uint_eq(toy.settled, 3);
    toy_close(&run);
}
END_TEST

START_TEST(a_message_that_breaks_before_its_user_id_is_decoded_to_hear_why)
{
    static const char *const texts[] = {"{broken", "{\"user_id\":\"u1\"}"};

    toy.texts = texts;
    toy.n_texts = 2;
    toy.gate = deny_even;
    go("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], " SINK "}\n");
    ck_assert_uint_eq(toy_letters(&run, "bad_json"), 1);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 1);
    toy_close(&run);
}
END_TEST

static uint32_t away_five_times(uint32_t call, uint32_t n, struct sluice_error *err)
{
    (void)n;
    return call < 5 ? sluice_fail(err, SLUICE_DISCONNECTED, NULL, "away") : SLUICE_NONE;
}

START_TEST(an_outage_pauses_the_sink_and_spends_no_attempt)
{
    make_texts(20);
    toy.sink_call = away_five_times;
    go("  p: {source: {plugin: toy}, " SINK ", retry: {attempts: 1, min: 1ms, max: 5ms}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 20);
    ck_assert_uint_eq(toy_counts(&run, 0).retries, 0);
    ck_assert_uint_eq(toy_letters(&run, NULL), 0);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict never(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return position == 7 ? (struct sluice_verdict){SLUICE_RETRY, 0, "not_yet", NULL}
                         : (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL};
}

START_TEST(a_record_whose_attempts_are_spent_is_buried_with_its_reason)
{
    make_texts(20);
    toy.sink = never;
    go("  p: {source: {plugin: toy}, " SINK ", "
       "retry: {attempts: 3, min: 1ms, max: 5ms}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 19);
    ck_assert_uint_eq(toy_counts(&run, 0).retries, 3);
    ck_assert_uint_eq(toy_letters(&run, "not_yet"), 1);
    ck_assert_uint_eq(toy.settled, 20);
    toy_close(&run);
}
END_TEST

static uint64_t bad_position;

static struct sluice_verdict one_is_bad(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return (struct sluice_verdict){position == bad_position ? SLUICE_SPLIT : SLUICE_OK, 0, NULL, NULL};
}

START_TEST(one_bad_record_is_found_at_each_place_of_a_batch)
{
    bad_position = (uint64_t)_i;
    make_texts(9);
    toy.sink = one_is_bad;
    go("  p: {source: {plugin: toy}, " SINK "}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 8);
    ck_assert_uint_eq(toy_letters(&run, "refused_by_destination"), 1);
    ck_assert_uint_eq(toy.writes[bad_position], 0);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict unsure_once(uint64_t position, uint32_t attempts)
{
    (void)position;
    return (struct sluice_verdict){attempts == 0 ? SLUICE_UNSURE : SLUICE_OK, 0, NULL, NULL};
}

START_TEST(what_may_have_been_applied_is_repeated_only_if_the_sink_is_idempotent)
{
    make_texts(5);
    toy.sink = toy.sink2 = unsure_once;
    go("  p: {source: {plugin: toy}, " SINK ", " FAST "}\n"
       "  q: {source: {plugin: toy}, sink: {plugin: toy2}, " FAST "}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 5);
    ck_assert_uint_eq(toy_counts(&run, 1).dead, 5);
    ck_assert_uint_eq(toy_letters(&run, "unsure"), 5);
    toy_close(&run);
}
END_TEST

START_TEST(an_oversize_record_is_kept_whole_in_the_dead_letters)
{
    make_texts(2);
    toy.oversize = 5u << 20;
    go("  p: {source: {plugin: toy}, " SINK "}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 2);
    ck_assert_uint_eq(toy_letters(&run, "too_large"), 2);
    ck_assert_uint_eq(toy.settled, 2);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict reject_third(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return position % 3 == 0 ? (struct sluice_verdict){SLUICE_REJECT, 0, "third", "every third"}
                             : (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL};
}

START_TEST(a_step_that_fails_for_a_record_does_not_undo_the_other_step)
{
    make_texts(9);
    toy.sink = reject_third;
    go("  p: {source: {plugin: toy}, steps: [{name: a, sink: {plugin: toy, name: s1}}, {name: b, sink: "
       "{plugin: "
       "toy2, name: s2}}]}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).dead, 3);
    ck_assert_uint_eq(toy_counts(&run, 0).written, 6);
    ck_assert_uint_eq(toy.writes[0], 0);
    ck_assert_uint_eq(toy.writes2[0], 1);
    ck_assert_uint_eq(toy_letters(&run, "third"), 3);
    toy_close(&run);
}
END_TEST

START_TEST(a_two_phase_gate_hears_the_end_of_each_record_it_admitted)
{
    make_texts(9);
    toy.gate = deny_even; /* admits 1, 3, 5, 7 */
    toy.sink = reject_third;
    go("  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy-hold}}], " SINK "}\n");
    ck_assert_uint_eq(toy.concluded_ok, 3);
    ck_assert_uint_eq(toy.concluded_back, 1);
    ck_assert_uint_eq(toy_counts(&run, 0).gated, 5);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict no_verdict(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return (struct sluice_verdict){position == 1 ? SLUICE_NONE : SLUICE_OK, 0, NULL, NULL};
}

START_TEST(a_record_without_a_verdict_is_a_defect_that_loses_nothing)
{
    make_texts(3);
    toy.enrich = no_verdict;
    go("  p: {source: {plugin: toy}, stages: [{enrich: {plugin: toy}}], " SINK ", " FAST "}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 2);
    ck_assert_uint_eq(toy_letters(&run, "no_verdict"), 1);
    toy_close(&run);
}
END_TEST

static uint64_t last_of_user[10];
static unsigned disorder;

static void watch_order(struct sluice_record *const *records, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        uint64_t p = toy.host->record->position(records[i]), user = p % 10;

        if (toy.host->record->attempts(records[i]) == 0 && p + 1 < last_of_user[user])
            disorder++;
        last_of_user[user] = p + 1;
    }
}

START_TEST(records_of_one_key_reach_a_sink_in_their_order)
{
    make_texts(2000);
    toy.on_write = watch_order;
    go("  p: {source: {plugin: toy}, sink: {plugin: toy2}, batch: {records: 7}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 2000);
    ck_assert_uint_eq(disorder, 0);
    toy_close(&run);
}
END_TEST

static struct sluice_verdict third_fails_twice(uint64_t position, uint32_t attempts)
{
    return position == 3 && attempts < 2 ? (struct sluice_verdict){SLUICE_RETRY, 0, "later", NULL}
                                         : (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL};
}

static uint64_t order_seen[TOY_MAX];
static unsigned n_seen;

static void note_user3(struct sluice_record *const *records, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (toy.host->record->position(records[i]) % 10 == 3)
            order_seen[n_seen++] = toy.host->record->position(records[i]);
}

START_TEST(later_records_of_a_key_wait_for_the_one_that_is_tried_again)
{
    unsigned i;

    make_texts(200);
    toy.sink2 = third_fails_twice;
    toy.on_write = note_user3;
    go("  p: {source: {plugin: toy}, sink: {plugin: toy2}, batch: {records: 1}, " FAST "}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 200);
    for (i = 0; i < 3; i++)
        ck_assert_uint_eq(order_seen[i], 3);
    for (i = 3; i < n_seen; i++)
        ck_assert_uint_eq(order_seen[i], 3 + 10 * (i - 2));
    toy_close(&run);
}
END_TEST

static atomic_int user_busy[10];
static atomic_uint overlaps;

static void watch_overlap(struct sluice_record *const *records, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (atomic_fetch_add(&user_busy[toy.host->record->position(records[i]) % 10], 1) > 0 && n == 1)
            atomic_fetch_add(&overlaps, 1);
    for (i = 0; i < n; i++)
        atomic_fetch_sub(&user_busy[toy.host->record->position(records[i]) % 10], 1);
}

START_TEST(one_user_is_never_in_two_writers)
{
    make_texts(4000);
    toy.on_write = watch_overlap;
    go("  p: {source: {plugin: toy}, sink: {plugin: toy, writers: 4}, batch: {records: 1}}\n");
    ck_assert_uint_eq(toy_counts(&run, 0).written, 4000);
    ck_assert_uint_eq(overlaps, 0);
    toy_close(&run);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pipeline");
    TCase *t = tcase_create("pipeline");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, toy_reset, NULL);
    tcase_add_test(t, every_record_is_written_once_and_settled);
    tcase_add_test(t, a_broken_message_of_a_denied_user_is_gated_and_not_dead);
    tcase_add_test(t, a_message_that_breaks_before_its_user_id_is_decoded_to_hear_why);
    tcase_add_test(t, an_outage_pauses_the_sink_and_spends_no_attempt);
    tcase_add_test(t, a_record_whose_attempts_are_spent_is_buried_with_its_reason);
    tcase_add_loop_test(t, one_bad_record_is_found_at_each_place_of_a_batch, 0, 9);
    tcase_add_test(t, what_may_have_been_applied_is_repeated_only_if_the_sink_is_idempotent);
    tcase_add_test(t, an_oversize_record_is_kept_whole_in_the_dead_letters);
    tcase_add_test(t, a_step_that_fails_for_a_record_does_not_undo_the_other_step);
    tcase_add_test(t, a_two_phase_gate_hears_the_end_of_each_record_it_admitted);
    tcase_add_test(t, a_record_without_a_verdict_is_a_defect_that_loses_nothing);
    tcase_add_test(t, records_of_one_key_reach_a_sink_in_their_order);
    tcase_add_test(t, later_records_of_a_key_wait_for_the_one_that_is_tried_again);
    tcase_add_test(t, one_user_is_never_in_two_writers);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
