/* Who waits for whom in the flow, and what a stop does to those who wait. */
#include "flow_drive.h"
#include "one_suite.h"

static void setup(void)
{
    plain_spec();
    open_flow();
}

/* ---- keys ---- */

START_TEST(records_of_one_key_wait_behind_the_one_that_failed)
{
    uint32_t a, b, c;

    setup();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    c = arrive_key(3, 6);
    verdict(a, SLUICE_RETRY);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_WAIT);
    ck_assert_int_eq(flow_may_run(flow, c), FLOW_STEP);
    ck_assert_uint_eq(counts().waiting, 2);
    ck_assert_uint_eq(due_some_time(), a);
    ck_assert_uint_eq(due_some_time(), 0); /* b waits for a, not for time */
    verdict(a, SLUICE_OK);
    ck_assert_uint_eq(due_some_time(), b);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_STEP);
    close_flow();
}
END_TEST

START_TEST(a_commutative_sink_lets_later_records_of_the_key_pass)
{
    uint32_t a, b;

    plain_spec();
    spec.commutative = 1;
    open_flow();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    verdict(a, SLUICE_RETRY);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_STEP);
    ck_assert_int_eq(verdict(b, SLUICE_REJECT), FLOW_BURY);
    close_flow();
}
END_TEST

START_TEST(three_records_of_one_key_go_on_one_after_the_other)
{
    uint32_t t[4], i;

    setup();
    for (i = 1; i <= 3; i++)
        t[i] = arrive_key(i, 5);
    verdict(t[1], SLUICE_RETRY);
    flow_may_run(flow, t[3]);
    flow_may_run(flow, t[2]);
    for (i = 1; i <= 3; i++) {
        ck_assert_uint_eq(due_some_time(), t[i]);
        ck_assert_uint_eq(due_some_time(), 0);
        ck_assert_int_eq(flow_may_run(flow, t[i]), FLOW_STEP);
        verdict(t[i], SLUICE_OK);
    }
    ck_assert_uint_eq(counts().written, 3);
    close_flow();
}
END_TEST

START_TEST(a_later_record_that_failed_first_lets_the_earlier_one_go_first)
{
    uint32_t a, b;

    setup();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    flow_verdict(flow, b, SLUICE_RETRY, "busy", 5000, 0);
    flow_verdict(flow, a, SLUICE_RETRY, "busy", 1000, 0);
    ck_assert_uint_eq(due_some_time(), a);
    ck_assert_uint_eq(due_some_time(), b);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_WAIT);
    verdict(a, SLUICE_OK);
    ck_assert_uint_eq(due_some_time(), b);
    close_flow();
}
END_TEST

START_TEST(a_record_that_fails_behind_a_waiting_one_is_parked)
{
    uint32_t a, b;

    setup();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    verdict(a, SLUICE_RETRY);
    ck_assert_int_eq(verdict(b, SLUICE_RETRY), FLOW_WAIT);
    ck_assert_uint_eq(due_some_time(), a);
    ck_assert_uint_eq(due_some_time(), 0);
    verdict(a, SLUICE_OK);
    ck_assert_uint_eq(due_some_time(), b);
    close_flow();
}
END_TEST

START_TEST(a_parked_record_does_not_come_back_before_the_other_side_wished)
{
    uint32_t a, b;
    int bury;

    setup();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    verdict(a, SLUICE_RETRY);
    flow_verdict(flow, b, SLUICE_RETRY, "busy", 5000, 0);
    ck_assert_uint_eq(flow_due(flow, 200, &bury), a);
    verdict(a, SLUICE_OK);
    ck_assert_uint_eq(flow_due(flow, 4999, &bury), 0);
    ck_assert_uint_eq(due_some_time(), b);
    close_flow();
}
END_TEST

START_TEST(a_record_that_is_being_buried_holds_its_key_for_its_later_steps)
{
    uint32_t a, b;

    plain_spec();
    spec.n_steps = 2;
    open_flow();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    verdict(a, SLUICE_REJECT);
    verdict(b, SLUICE_OK);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_WAIT);
    buried(a);
    verdict(a, SLUICE_OK);
    ck_assert_uint_eq(due_some_time(), b);
    close_flow();
}
END_TEST

START_TEST(a_record_with_a_time_of_its_own_is_not_woken_by_the_one_before_it)
{
    uint32_t a, b;
    int bury;

    setup();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    flow_verdict(flow, b, SLUICE_RETRY, "busy", 5000, 0);
    flow_verdict(flow, a, SLUICE_RETRY, "busy", 1000, 0);
    ck_assert_uint_eq(flow_due(flow, 1100, &bury), a);
    verdict(a, SLUICE_OK);
    ck_assert_uint_eq(flow_due(flow, 4999, &bury), 0);
    ck_assert_uint_eq(due_some_time(), b);
    close_flow();
}
END_TEST

START_TEST(keys_that_share_a_bucket_do_not_wait_for_each_other)
{
    uint32_t a, b, c;

    setup();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5 + 1024);
    c = arrive_key(3, 5 + 2048);
    verdict(a, SLUICE_RETRY);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_STEP);
    verdict(b, SLUICE_RETRY);
    verdict(c, SLUICE_RETRY);
    while (due_some_time() != 0)
        ;
    ck_assert_int_eq(verdict(a, SLUICE_OK), FLOW_FINISHED); /* behind the others in the chain */
    ck_assert_int_eq(verdict(b, SLUICE_OK), FLOW_FINISHED);
    ck_assert_int_eq(verdict(c, SLUICE_OK), FLOW_FINISHED);
    close_flow();
}
END_TEST

/* ---- stop ---- */

START_TEST(a_stopped_flow_takes_nothing_and_returns_what_waits)
{
    struct lane_mark m = mark_of(3);
    uint32_t waits;

    setup();
    waits = arrive(1);
    verdict(waits, SLUICE_RETRY);
    flow_stop(flow);
    ck_assert_uint_eq(flow_room(flow), 0);
    ck_assert_uint_eq(counts().returned, 1);
    ck_assert_uint_eq(flow_returned(flow), waits);
    ck_assert_uint_eq(arrive_in(1, 2, 2, 0), 0);
    flow_pass(flow, 1, &m, "x"); /* it may not pass the one that could not enter */
    ck_assert_uint_eq(counts().in, 1);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(what_runs_when_the_flow_stops_is_finished_and_settled)
{
    uint32_t t;

    setup();
    t = arrive(1);
    flow_stop(flow);
    ck_assert_int_eq(flow_may_run(flow, t), FLOW_STEP);
    ck_assert_int_eq(verdict(t, SLUICE_OK), FLOW_FINISHED);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(what_would_wait_after_the_stop_is_returned)
{
    static const uint32_t codes[] = {SLUICE_RETRY, SLUICE_UNKNOWN, SLUICE_CANCELLED, SLUICE_FATAL};
    uint32_t t[5], i;

    setup();
    for (i = 0; i < 5; i++)
        t[i] = arrive(i + 1);
    flow_stop(flow);
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(verdict(t[i], codes[i]), FLOW_RETURNED);
    ck_assert_int_eq(verdict(t[4], SLUICE_REJECT), FLOW_BURY);
    ck_assert_int_eq(not_buried(t[4], 0), FLOW_RETURNED);
    ck_assert_uint_eq(counts().returned, 5);
    ck_assert_uint_eq(counts().unburied, 0);
    close_flow();
}
END_TEST

START_TEST(nobody_overtakes_a_record_that_was_returned_by_the_stop)
{
    uint32_t a, b, c, d;

    setup();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    c = arrive_key(3, 6);
    d = arrive_key(4, 6);
    verdict(a, SLUICE_RETRY);
    flow_stop(flow);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_RETURNED);
    ck_assert_int_eq(verdict(c, SLUICE_RETRY), FLOW_RETURNED);
    ck_assert_int_eq(flow_may_run(flow, d), FLOW_RETURNED);
    close_flow();
}
END_TEST

START_TEST(before_a_commutative_sink_what_was_not_returned_goes_on_after_the_stop)
{
    uint32_t a, b;

    plain_spec();
    spec.commutative = 1;
    open_flow();
    a = arrive_key(1, 5);
    b = arrive_key(2, 5);
    verdict(a, SLUICE_RETRY);
    flow_stop(flow);
    ck_assert_int_eq(flow_may_run(flow, b), FLOW_STEP);
    close_flow();
}
END_TEST

START_TEST(records_parked_behind_a_lost_lane_go_on)
{
    uint32_t a, b, c;

    setup();
    flow_lane(flow, 2);
    a = arrive_in(1, 1, 5, 0);
    b = arrive_in(1, 2, 5, 0);
    c = arrive_in(2, 1, 5, 0);
    verdict(a, SLUICE_RETRY);
    flow_may_run(flow, b);
    flow_may_run(flow, c);
    flow_lane_lost(flow, 1);
    ck_assert_uint_eq(counts().returned, 2);
    ck_assert_uint_eq(due_some_time(), c);
    ck_assert_uint_eq(counts().waiting, 0);
    close_flow();
}
END_TEST

START_TEST(returned_records_have_no_age)
{
    setup();
    verdict(arrive(1), SLUICE_RETRY);
    flow_lane_lost(flow, 1);
    ck_assert_int_eq(flow_oldest_ms(flow, 100), 0);
    close_flow();
}
END_TEST

ONE_SUITE("flow_order", 10, records_of_one_key_wait_behind_the_one_that_failed,
          a_commutative_sink_lets_later_records_of_the_key_pass,
          three_records_of_one_key_go_on_one_after_the_other,
          a_later_record_that_failed_first_lets_the_earlier_one_go_first,
          a_record_that_fails_behind_a_waiting_one_is_parked,
          a_parked_record_does_not_come_back_before_the_other_side_wished,
          a_record_that_is_being_buried_holds_its_key_for_its_later_steps,
          a_record_with_a_time_of_its_own_is_not_woken_by_the_one_before_it,
          keys_that_share_a_bucket_do_not_wait_for_each_other,
          a_stopped_flow_takes_nothing_and_returns_what_waits,
          what_runs_when_the_flow_stops_is_finished_and_settled, what_would_wait_after_the_stop_is_returned,
          nobody_overtakes_a_record_that_was_returned_by_the_stop,
          before_a_commutative_sink_what_was_not_returned_goes_on_after_the_stop,
          records_parked_behind_a_lost_lane_go_on, returned_records_have_no_age)
