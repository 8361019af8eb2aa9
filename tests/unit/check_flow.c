/* The life of one record in the flow: verdicts, attempts, waiting, burial, reasons. */
#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"
#include "flow_drive.h"
#include "one_suite.h"

static void setup(void)
{
    plain_spec();
    open_flow();
}

static void setup_steps(uint32_t n)
{
    plain_spec();
    spec.n_steps = n;
    open_flow();
}

START_TEST(a_record_whose_sink_said_ok_is_written_and_may_be_settled)
{
    uint32_t t;

    setup();
    t = arrive(1);
    ck_assert_int_eq(flow_may_run(flow, t), FLOW_STEP);
    ck_assert_int_eq(verdict(t, SLUICE_OK), FLOW_FINISHED);
    ck_assert_uint_eq(counts().written, 1);
    ck_assert_uint_eq(counts().in_flight, 0);
    ck_assert_uint_eq(counts().bytes, 0);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(a_record_that_a_gate_denied_on_entry_is_gated_with_its_reason)
{
    setup();
    pass_by(1, "not_enabled");
    ck_assert_uint_eq(counts().gated, 1);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "not_enabled"), 1);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(a_gated_record_behind_an_open_one_is_not_settled)
{
    uint32_t t;

    setup();
    t = arrive(1);
    pass_by(2, "x");
    ck_assert_uint_eq(ack(), 0);
    verdict(t, SLUICE_OK);
    ck_assert_uint_eq(ack(), 2);
    close_flow();
}
END_TEST

START_TEST(drop_and_deny_end_as_gated_under_their_last_reason)
{
    setup_steps(2);
    uint32_t t = arrive(1);

    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_DROP, "first", 0, 0), FLOW_STEP);
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_DENY, "last", 0, 0), FLOW_FINISHED);
    ck_assert_uint_eq(counts().gated, 1);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "first"), 0);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "last"), 1);
    close_flow();
}
END_TEST

START_TEST(a_record_written_in_one_step_and_gated_in_another_counts_as_written)
{
    uint32_t t;

    setup_steps(2);
    t = arrive(1);
    ck_assert_uint_eq(flow_step(flow, t), 0);
    ck_assert_int_eq(verdict(t, SLUICE_OK), FLOW_STEP);
    ck_assert_uint_eq(flow_step(flow, t), 1);
    ck_assert_int_eq(verdict(t, SLUICE_DENY), FLOW_FINISHED);
    ck_assert_uint_eq(counts().written, 1);
    ck_assert_uint_eq(counts().gated, 0);
    close_flow();
}
END_TEST

START_TEST(nothing_is_settled_between_two_steps)
{
    uint32_t t;

    setup_steps(2);
    t = arrive(1);
    verdict(t, SLUICE_OK);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(a_retry_waits_and_comes_back_with_one_attempt_spent)
{
    uint32_t t;
    int bury = 7;

    setup();
    t = arrive(1);
    ck_assert_int_eq(verdict(t, SLUICE_RETRY), FLOW_WAIT);
    ck_assert_uint_eq(counts().waiting, 1);
    ck_assert_uint_eq(counts().retries, 1);
    ck_assert_uint_le(flow_due_in_ms(flow, 0), 100);
    ck_assert_uint_eq(flow_due(flow, 100, &bury), t);
    ck_assert_int_eq(bury, 0);
    ck_assert_uint_eq(flow_attempts(flow, t), 1);
    ck_assert_uint_eq(counts().waiting, 0);
    close_flow();
}
END_TEST

START_TEST(a_retry_does_not_come_back_before_the_other_side_wished)
{
    uint32_t t;
    int bury;

    setup();
    t = arrive(1);
    flow_verdict(flow, t, SLUICE_RETRY, "busy", 5000, 0);
    ck_assert_uint_eq(flow_due(flow, 4999, &bury), 0);
    ck_assert_uint_ge(flow_due_in_ms(flow, 0), 5000);
    ck_assert_uint_eq(flow_due(flow, 5100, &bury), t);
    close_flow();
}
END_TEST

START_TEST(the_last_attempt_that_fails_leads_to_the_dead_letters)
{
    uint32_t t;

    setup();
    t = arrive(1);
    ck_assert_int_eq(verdict(t, SLUICE_RETRY), FLOW_WAIT);
    ck_assert_uint_eq(due_some_time(), t);
    ck_assert_int_eq(verdict(t, SLUICE_RETRY), FLOW_WAIT);
    ck_assert_uint_eq(due_some_time(), t);
    ck_assert_int_eq(verdict(t, SLUICE_RETRY), FLOW_BURY);
    close_flow();
}
END_TEST

START_TEST(each_step_has_all_attempts)
{
    uint32_t t;

    setup_steps(2);
    t = arrive(1);
    verdict(t, SLUICE_RETRY);
    due_some_time();
    verdict(t, SLUICE_OK);
    ck_assert_uint_eq(flow_attempts(flow, t), 0);
    verdict(t, SLUICE_RETRY);
    due_some_time();
    ck_assert_int_eq(verdict(t, SLUICE_RETRY), FLOW_WAIT);
    close_flow();
}
END_TEST

START_TEST(the_deadline_ends_the_tries_before_the_attempts_do)
{
    uint32_t t;

    plain_spec();
    spec.retry.deadline_ms = 5000;
    open_flow();
    t = arrive(1);
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 100), FLOW_WAIT);
    due_some_time();
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 5100), FLOW_BURY);
    close_flow();
}
END_TEST

START_TEST(waiting_for_the_first_try_spends_no_deadline)
{
    uint32_t t;

    plain_spec();
    spec.retry.deadline_ms = 5000;
    open_flow();
    t = arrive(1);
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 3600000), FLOW_WAIT);
    ck_assert_uint_gt(due_some_time(), 0);
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 3604999), FLOW_WAIT);
    close_flow();
}
END_TEST

START_TEST(an_outage_spends_no_deadline)
{
    uint32_t t;

    plain_spec();
    spec.retry.attempts = 10;
    spec.retry.deadline_ms = 5000;
    open_flow();
    t = arrive(1);
    flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 1000);
    flow_pause(flow, 2000);
    due_some_time();
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 3000000), FLOW_WAIT);
    flow_resume(flow, 3602000);
    flow_resume(flow, 3602500); /* once is enough */
    due_some_time();
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 3605999), FLOW_WAIT);
    due_some_time();
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 3606000), FLOW_BURY);
    close_flow();
}
END_TEST

START_TEST(being_on_hold_spends_no_deadline)
{
    uint32_t t;

    plain_spec();
    spec.retry.deadline_ms = 5000;
    open_flow();
    t = arrive(1);
    flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 0);
    due_some_time();
    flow_verdict(flow, t, SLUICE_UNKNOWN, "list_missing", 60000, 1000);
    due_some_time();
    ck_assert_int_eq(flow_verdict(flow, t, SLUICE_RETRY, "busy", 0, 61500), FLOW_WAIT);
    close_flow();
}
END_TEST

START_TEST(an_answer_that_is_not_the_records_fault_spends_no_attempt)
{
    static const uint32_t codes[] = {SLUICE_UNKNOWN, SLUICE_DISCONNECTED, SLUICE_CANCELLED, SLUICE_FATAL};
    uint32_t t, i;

    setup();
    t = arrive(1);
    for (i = 0; i < 40; i++) {
        ck_assert_int_eq(verdict(t, codes[i % 4]), FLOW_WAIT);
        ck_assert_uint_eq(due_some_time(), t);
        ck_assert_uint_eq(flow_attempts(flow, t), 0);
    }
    ck_assert_uint_eq(counts().retries, 0);
    close_flow();
}
END_TEST

START_TEST(a_record_on_hold_looks_again_when_told_or_after_half_a_second)
{
    uint32_t t;

    setup();
    t = arrive(1);
    flow_verdict(flow, t, SLUICE_UNKNOWN, "list_missing", 0, 0);
    ck_assert_uint_eq(flow_due_in_ms(flow, 0), HOLD_MS);
    due_some_time();
    flow_verdict(flow, t, SLUICE_UNKNOWN, "list_missing", 70, 0);
    ck_assert_uint_eq(flow_due_in_ms(flow, 0), 70);
    close_flow();
}
END_TEST

START_TEST(a_reject_is_dead_only_after_its_letter_is_stored)
{
    uint32_t t;

    setup();
    t = arrive(1);
    ck_assert_int_eq(verdict(t, SLUICE_REJECT), FLOW_BURY);
    ck_assert_uint_eq(counts().dead, 0);
    ck_assert_uint_eq(ack(), 0);
    ck_assert_int_eq(buried(t), FLOW_FINISHED);
    ck_assert_uint_eq(counts().dead, 1);
    ck_assert_uint_eq(reason_count(flow_dead_by(flow), "because"), 1);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(an_answer_that_is_no_verdict_is_buried_and_not_dropped)
{
    setup();
    ck_assert_int_eq(verdict(arrive(1), SLUICE_NONE), FLOW_BURY);
    ck_assert_int_eq(verdict(arrive(2), SLUICE_SPLIT), FLOW_BURY);
    ck_assert_int_eq(verdict(arrive(3), 12345), FLOW_BURY);
    close_flow();
}
END_TEST

START_TEST(a_dead_letter_that_cannot_be_stored_keeps_the_record_in_flight_and_closes_the_door)
{
    uint32_t t;

    setup();
    t = arrive(1);
    verdict(t, SLUICE_REJECT);
    ck_assert_int_eq(not_buried(t, 0), FLOW_WAIT);
    ck_assert_uint_eq(flow_room(flow), 0);
    ck_assert_uint_eq(counts().in_flight, 1);
    ck_assert_uint_eq(counts().unburied, 1);
    ck_assert_uint_eq(counts().burial_failures, 1);
    ck_assert_uint_eq(counts().dead, 0);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(the_door_stays_closed_while_the_letter_is_tried_again)
{
    uint32_t t;
    int bury = 0;

    setup();
    t = arrive(1);
    verdict(t, SLUICE_REJECT);
    not_buried(t, 0);
    ck_assert_uint_eq(flow_due(flow, REBURY_MS - 1, &bury), 0);
    ck_assert_uint_eq(flow_due(flow, REBURY_MS, &bury), t);
    ck_assert_int_eq(bury, 1);
    ck_assert_uint_eq(flow_room(flow), 0);
    not_buried(t, REBURY_MS);
    ck_assert_uint_eq(counts().unburied, 1);
    ck_assert_uint_eq(due_some_time(), t);
    ck_assert_int_eq(buried(t), FLOW_FINISHED);
    ck_assert_uint_gt(flow_room(flow), 0);
    close_flow();
}
END_TEST

START_TEST(a_record_whose_step_is_dead_still_runs_its_later_steps_and_counts_as_dead_once)
{
    uint32_t t;

    setup_steps(3);
    t = arrive(1);
    verdict(t, SLUICE_REJECT);
    ck_assert_int_eq(flow_buried(flow, t, 1, "first", 0), FLOW_STEP);
    ck_assert_uint_eq(flow_step(flow, t), 1);
    ck_assert_int_eq(verdict(t, SLUICE_OK), FLOW_STEP);
    verdict(t, SLUICE_REJECT);
    ck_assert_int_eq(flow_buried(flow, t, 1, "second", 0), FLOW_FINISHED);
    ck_assert_uint_eq(counts().dead, 1);
    ck_assert_uint_eq(counts().written, 0);
    ck_assert_uint_eq(reason_count(flow_dead_by(flow), "first"), 1);
    ck_assert_uint_eq(reason_count(flow_dead_by(flow), "second"), 0);
    close_flow();
}
END_TEST

START_TEST(unsure_is_tried_again_only_before_an_idempotent_sink)
{
    plain_spec();
    spec.idempotent = 1;
    open_flow();
    ck_assert_int_eq(verdict(arrive(1), SLUICE_UNSURE), FLOW_WAIT);
    close_flow();
    setup();
    ck_assert_int_eq(verdict(arrive(1), SLUICE_UNSURE), FLOW_BURY);
    close_flow();
}
END_TEST

START_TEST(a_stale_ticket_is_ignored)
{
    uint32_t t, again;

    setup();
    t = arrive(1);
    verdict(t, SLUICE_OK);
    ck_assert_int_eq(verdict(t, SLUICE_REJECT), FLOW_STALE);
    again = arrive(2); /* the same slot */
    ck_assert_uint_ne(again, t);
    ck_assert_int_eq(verdict(t, SLUICE_REJECT), FLOW_STALE);
    ck_assert_int_eq(flow_may_run(flow, t), FLOW_STALE);
    ck_assert_int_eq(buried(t), FLOW_STALE);
    ck_assert_uint_eq(flow_step(flow, t), 0);
    ck_assert_uint_eq(flow_attempts(flow, t), 0);
    ck_assert_int_eq(verdict(again, SLUICE_OK), FLOW_FINISHED);
    ck_assert_uint_eq(counts().dead, 0);
    close_flow();
}
END_TEST

START_TEST(a_ticket_that_never_was_is_ignored)
{
    setup();
    arrive(1);
    ck_assert_int_eq(verdict(0, SLUICE_OK), FLOW_STALE);
    ck_assert_int_eq(verdict(1u << 20, SLUICE_OK), FLOW_STALE);
    ck_assert_int_eq(verdict(77, SLUICE_OK), FLOW_STALE);
    close_flow();
}
END_TEST

START_TEST(an_event_in_the_wrong_state_is_ignored)
{
    uint32_t t;

    setup();
    t = arrive(1);
    ck_assert_int_eq(buried(t), FLOW_STALE);
    verdict(t, SLUICE_RETRY);
    ck_assert_int_eq(verdict(t, SLUICE_OK), FLOW_STALE);
    ck_assert_int_eq(flow_may_run(flow, t), FLOW_STALE);
    ck_assert_uint_eq(counts().waiting, 1);
    close_flow();
}
END_TEST

START_TEST(records_come_back_in_the_order_of_their_time_then_of_their_arrival)
{
    static const uint32_t after[] = {900, 300, 700, 300, 100, 800, 200, 300};
    static const uint64_t order[] = {5, 7, 2, 4, 8, 3, 6, 1};
    uint32_t t[9], i;

    plain_spec();
    spec.retry.min_ms = spec.retry.max_ms = 0;
    open_flow();
    for (i = 1; i <= 8; i++)
        t[i] = arrive(i);
    for (i = 8; i >= 1; i--)
        flow_verdict(flow, t[i], SLUICE_RETRY, "busy", after[i - 1], 0);
    for (i = 0; i < 8; i++)
        ck_assert_uint_eq(due_some_time(), t[order[i]]);
    ck_assert_uint_eq(due_some_time(), 0);
    close_flow();
}
END_TEST

START_TEST(nothing_waits_means_never_and_long_waits_are_cut)
{
    setup();
    ck_assert_uint_eq(flow_due_in_ms(flow, 0), UINT32_MAX);
    flow_verdict(flow, arrive(1), SLUICE_UNKNOWN, "x", UINT32_MAX, 0);
    ck_assert_uint_eq(flow_due_in_ms(flow, 0), INT32_MAX);
    ck_assert_uint_eq(flow_due_in_ms(flow, INT64_MAX), 0);
    close_flow();
}
END_TEST

START_TEST(the_oldest_record_tells_its_age)
{
    uint32_t t;

    setup();
    ck_assert_int_eq(flow_oldest_ms(flow, 500), 0);
    t = arrive_in(1, 1, 1, 100);
    arrive_in(1, 2, 2, 300);
    ck_assert_int_eq(flow_oldest_ms(flow, 500), 400);
    verdict(t, SLUICE_OK);
    ck_assert_int_eq(flow_oldest_ms(flow, 500), 200);
    close_flow();
}
END_TEST

START_TEST(the_reason_table_folds_into_other)
{
    char reason[16];
    uint64_t n;

    setup();
    for (n = 0; n < FLOW_MAX_REASONS + 20; n++) {
        snprintf(reason, sizeof reason, "reason_%d", (int)n);
        pass_by(n + 1, reason);
    }
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "reason_0"), 1);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "other"), 21);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), reason), 0);
    close_flow();
}
END_TEST

START_TEST(a_record_without_reason_is_counted_all_the_same)
{
    setup();
    pass_by(1, NULL);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "unspecified"), 1);
    close_flow();
}
END_TEST

START_TEST(a_reason_without_memory_for_it_counts_as_other)
{
    struct lane_mark m = mark_of(1);

    setup();
    flow_reserve(flow, 1, 1);
    failing_alloc_at(1);
    flow_pass(flow, 1, &m, "lost_name");
    pass_by(2, "kept_name");
    pass_by(3, "lost_name");
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "other"), 1);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "kept_name"), 1);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "lost_name"), 1);
    close_flow();
}
END_TEST

START_TEST(a_reason_that_is_no_token_counts_as_other_and_is_told)
{
    static const char *const bad[] = {"",          "Not Found", "a\"b",
                                      "n\xc3\xa4", "user-17",   "a123456789012345678901234567890123456789x"};
    const struct flow_count *by;
    size_t i;

    plain_spec();
    open_flow();
    ck_assert_str_eq(flow_bad_reason(flow), "");
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        pass_by(i + 1, bad[i]);
    pass_by(7, "a12345678901234567890123456789012345678x");
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "other"), 6);
    ck_assert_uint_eq(reason_count(flow_gated_by(flow), "a12345678901234567890123456789012345678x"), 1);
    pass_by(8, "Not\nFound");
    ck_assert_str_eq(flow_bad_reason(flow), "Not Found"); /* the first that has any letters */
    for (by = flow_gated_by(flow); by->reason != NULL; by++)
        ck_assert_int_eq(flow_reason_valid(by->reason), 1);
    close_flow();
}
END_TEST

START_TEST(more_reasons_than_the_table_takes_are_told)
{
    char reason[16];
    uint64_t i;

    setup();
    for (i = 1; i < FLOW_MAX_REASONS; i++) {
        ck_assert_int_eq(flow_reasons_full(flow), 0);
        (void)snprintf(reason, sizeof reason, "r%u", (unsigned)i);
        pass_by(i, reason);
    }
    ck_assert_int_eq(flow_reasons_full(flow), 0);
    pass_by(i, "one_more");
    ck_assert_int_eq(flow_reasons_full(flow), 1);
    close_flow();
}
END_TEST

ONE_SUITE("flow", 10, a_record_whose_sink_said_ok_is_written_and_may_be_settled,
          a_record_that_a_gate_denied_on_entry_is_gated_with_its_reason,
          a_gated_record_behind_an_open_one_is_not_settled,
          drop_and_deny_end_as_gated_under_their_last_reason,
          a_record_written_in_one_step_and_gated_in_another_counts_as_written,
          nothing_is_settled_between_two_steps, a_retry_waits_and_comes_back_with_one_attempt_spent,
          a_retry_does_not_come_back_before_the_other_side_wished,
          the_last_attempt_that_fails_leads_to_the_dead_letters, each_step_has_all_attempts,
          the_deadline_ends_the_tries_before_the_attempts_do, waiting_for_the_first_try_spends_no_deadline,
          an_outage_spends_no_deadline, being_on_hold_spends_no_deadline,
          an_answer_that_is_not_the_records_fault_spends_no_attempt,
          a_record_on_hold_looks_again_when_told_or_after_half_a_second,
          a_reject_is_dead_only_after_its_letter_is_stored,
          an_answer_that_is_no_verdict_is_buried_and_not_dropped,
          a_dead_letter_that_cannot_be_stored_keeps_the_record_in_flight_and_closes_the_door,
          the_door_stays_closed_while_the_letter_is_tried_again,
          a_record_whose_step_is_dead_still_runs_its_later_steps_and_counts_as_dead_once,
          unsure_is_tried_again_only_before_an_idempotent_sink, a_stale_ticket_is_ignored,
          a_ticket_that_never_was_is_ignored, an_event_in_the_wrong_state_is_ignored,
          records_come_back_in_the_order_of_their_time_then_of_their_arrival,
          nothing_waits_means_never_and_long_waits_are_cut, the_oldest_record_tells_its_age,
          the_reason_table_folds_into_other, a_record_without_reason_is_counted_all_the_same,
          a_reason_without_memory_for_it_counts_as_other,
          a_reason_that_is_no_token_counts_as_other_and_is_told, more_reasons_than_the_table_takes_are_told)
