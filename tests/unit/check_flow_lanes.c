/* What lanes mean to the flow: room, losing and gaining one, settling in order and in any order. */

#include "failing_alloc.h"
#include "flow_drive.h"
#include "one_suite.h"

static void setup(void)
{
    plain_spec();
    open_flow();
}

static void setup_any_order(void)
{
    plain_spec();
    spec.any_order = 1;
    open_flow();
}

/* ---- room ---- */

START_TEST(the_room_is_what_is_left_of_the_records)
{
    uint32_t t;

    setup();
    ck_assert_uint_eq(flow_room(flow), 8);
    t = arrive(1);
    ck_assert_uint_eq(flow_room(flow), 7);
    verdict(t, SLUICE_OK);
    ck_assert_uint_eq(flow_room(flow), 8);
    close_flow();
}
END_TEST

START_TEST(a_record_beyond_the_room_gets_no_ticket)
{
    uint64_t i;

    setup();
    for (i = 1; i <= 8; i++)
        arrive(i);
    ck_assert_uint_eq(flow_room(flow), 0);
    ck_assert_uint_eq(arrive_in(1, 9, 9, 0), 0);
    ck_assert_uint_eq(counts().in, 8);
    close_flow();
}
END_TEST

START_TEST(there_is_no_room_while_the_memory_budget_is_used_up)
{
    uint32_t t;

    plain_spec();
    spec.memory_bytes = 20;
    open_flow();
    t = arrive(1);
    ck_assert_uint_eq(flow_room(flow), 7);
    arrive(2);
    ck_assert_uint_eq(flow_room(flow), 0);
    verdict(t, SLUICE_OK);
    ck_assert_uint_eq(flow_room(flow), 7);
    close_flow();
}
END_TEST

START_TEST(documents_leave_no_room_when_they_take_the_memory)
{
    plain_spec();
    spec.memory_bytes = 20;
    open_flow();
    arrive(1);
    flow_documents(flow, 9);
    ck_assert_uint_eq(flow_room(flow), 7);
    flow_documents(flow, 10);
    ck_assert_uint_eq(flow_room(flow), 0);
    ck_assert_uint_eq(counts().document_bytes, 10);
    flow_documents(flow, 0);
    ck_assert_uint_eq(flow_room(flow), 7);
    close_flow();
}
END_TEST

START_TEST(a_poll_may_not_pass_the_window_of_the_fullest_lane)
{
    uint32_t t;

    plain_spec();
    spec.lane_window = 5;
    open_flow();
    flow_lane(flow, 2);
    flow_lane(flow, 3);
    ck_assert_uint_eq(flow_room(flow), 5);
    t = arrive(1);
    pass_by(2, "x");
    arrive_in(2, 1, 77, 0);
    ck_assert_uint_eq(flow_room(flow), 3);
    pass_by(3, "x");
    pass_by(4, "x");
    pass_by(5, "x");
    ck_assert_uint_eq(flow_room(flow), 0);
    verdict(t, SLUICE_OK);
    ck_assert_uint_eq(flow_room(flow), 4);
    close_flow();
}
END_TEST

START_TEST(the_window_of_a_lost_lane_holds_nobody_back)
{
    uint64_t i;

    plain_spec();
    spec.lane_window = 3;
    open_flow();
    flow_lane(flow, 2);
    flow_lane_lost(flow, 2);
    for (i = 1; i <= 3; i++)
        arrive_in(2, i, i, 0); /* the rest of a poll that was under way */
    ck_assert_uint_eq(flow_room(flow), 3);
    close_flow();
}
END_TEST

START_TEST(a_full_lane_holds_back_only_itself_if_the_source_asks)
{
    uint32_t slow;

    plain_spec();
    spec.lane_window = 3;
    open_flow();
    flow_lane(flow, 2);
    flow_lanes_apart(flow, 1);
    slow = arrive(1);
    verdict(slow, SLUICE_RETRY);
    pass_by(2, "x");
    ck_assert_int_eq(flow_lane_full(flow, 1, 0), 0);
    ck_assert_int_eq(flow_lane_full(flow, 1, 1), 1);
    pass_by(3, "x");
    ck_assert_int_eq(flow_lane_full(flow, 1, 0), 1);
    ck_assert_int_eq(flow_lane_full(flow, 2, 0), 0);
    ck_assert_uint_eq(flow_room(flow), 7);
    verdict(arrive_in(2, 1, 77, 0), SLUICE_OK);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(a_full_lane_goes_on_when_its_oldest_record_has_ended)
{
    uint32_t slow;

    plain_spec();
    spec.lane_window = 3;
    open_flow();
    flow_lanes_apart(flow, 1);
    slow = arrive(1);
    arrive(2);
    pass_by(3, "x");
    ck_assert_int_eq(flow_lane_full(flow, 1, 0), 1);
    verdict(slow, SLUICE_OK);
    ck_assert_int_eq(flow_lane_full(flow, 1, 0), 0);
    ck_assert_int_eq(flow_lane_full(flow, 1, 1), 1);
    close_flow();
}
END_TEST

START_TEST(there_is_no_room_when_all_lanes_are_full_even_if_the_source_asks)
{
    uint32_t t;

    plain_spec();
    spec.lane_window = 1;
    open_flow();
    flow_lane(flow, 2);
    flow_lane(flow, 3);
    flow_lanes_apart(flow, 1);
    flow_lane_lost(flow, 3);
    arrive(1);
    t = arrive_in(2, 1, 77, 0);
    ck_assert_uint_eq(flow_room(flow), 0);
    verdict(t, SLUICE_OK);
    ck_assert_uint_eq(flow_room(flow), 7);
    close_flow();
}
END_TEST

START_TEST(a_source_that_owns_no_lane_is_polled_for_one)
{
    setup();
    flow_lanes_apart(flow, 1);
    flow_lane_lost(flow, 1);
    ck_assert_uint_eq(flow_room(flow), 8);
    close_flow();
}
END_TEST

START_TEST(a_lane_that_is_lost_or_never_was_is_full)
{
    setup();
    ck_assert_int_eq(flow_lane_full(flow, 0, 0), 1);
    ck_assert_int_eq(flow_lane_full(flow, 2, 0), 1);
    ck_assert_int_eq(flow_lane_full(flow, 1, 0), 0);
    flow_lane_lost(flow, 1);
    ck_assert_int_eq(flow_lane_full(flow, 1, 0), 1);
    flow_lane(flow, 1);
    ck_assert_int_eq(flow_lane_full(flow, 1, 0), 0);
    close_flow();
}
END_TEST

START_TEST(a_lane_of_any_order_has_no_window)
{
    setup_any_order();
    spec.lane_window = 1;
    arrive(1);
    arrive(2);
    ck_assert_int_eq(flow_lane_full(flow, 1, 5), 0);
    ck_assert_uint_eq(flow_lane_span(flow, 1), 0);
    ck_assert_uint_eq(flow_lane_span(flow, 2), 0);
    close_flow();
}
END_TEST

START_TEST(slots_of_returned_records_are_no_room_until_they_are_handed_back)
{
    uint64_t i;

    setup();
    flow_lane(flow, 2);
    for (i = 1; i <= 8; i++)
        verdict(arrive_in(2, i, i, 0), SLUICE_RETRY);
    flow_lane_lost(flow, 2);
    ck_assert_uint_eq(flow_room(flow), 0);
    for (i = 1; i <= 8; i++)
        ck_assert_uint_gt(flow_returned(flow), 0);
    ck_assert_uint_eq(flow_returned(flow), 0);
    ck_assert_uint_eq(flow_room(flow), 8);
    close_flow();
}
END_TEST

START_TEST(more_records_than_tickets_are_never_promised)
{
    plain_spec();
    spec.max_in_flight = UINT64_MAX;
    spec.lane_window = UINT64_MAX;
    open_flow();
    ck_assert_uint_eq(flow_room(flow), FLOW_MAX_IN_FLIGHT);
    close_flow();
}
END_TEST

/* ---- lanes ---- */

START_TEST(lanes_settle_apart_and_by_turns)
{
    struct lane_mark m;
    uint32_t first, second;

    setup();
    flow_lane(flow, 2);
    verdict(arrive_in(1, 1, 1, 0), SLUICE_OK);
    verdict(arrive_in(2, 1, 2, 0), SLUICE_OK);
    ck_assert_int_eq(flow_take_ack(flow, &first, &m), 1);
    verdict(arrive_in(first, 2, 3, 0), SLUICE_OK);
    ck_assert_int_eq(flow_take_ack(flow, &second, &m), 1);
    ck_assert_uint_ne(first, second);
    ck_assert_uint_eq(m.next, 1);
    close_flow();
}
END_TEST

START_TEST(a_settle_that_failed_is_offered_again)
{
    struct lane_mark m;
    uint32_t lane;

    setup();
    pass_by(1, "x");
    flow_take_ack(flow, &lane, &m);
    flow_ack_failed(flow, lane, &m);
    ck_assert_uint_eq(ack(), 1);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(a_lost_lane_gives_its_waiting_records_back_and_settles_nothing)
{
    uint32_t waits, buries, runs;

    setup();
    pass_by(1, "x");
    waits = arrive(2);
    verdict(waits, SLUICE_RETRY);
    buries = arrive(3);
    verdict(buries, SLUICE_REJECT);
    not_buried(buries, 0);
    runs = arrive(4);
    flow_lane_lost(flow, 1);
    ck_assert_uint_eq(counts().returned, 2);
    ck_assert_uint_eq(counts().unburied, 0);
    ck_assert_uint_eq(counts().waiting, 0);
    ck_assert_uint_eq(flow_due_in_ms(flow, 0), UINT32_MAX);
    ck_assert_uint_gt(flow_returned(flow), 0);
    ck_assert_uint_gt(flow_returned(flow), 0);
    ck_assert_uint_eq(flow_returned(flow), 0);
    ck_assert_int_eq(verdict(runs, SLUICE_OK), FLOW_RETURNED);
    ck_assert_uint_eq(counts().returned, 3);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(a_returned_record_is_known_until_its_copy_is_given_up)
{
    uint32_t t;

    setup();
    t = arrive(1);
    verdict(t, SLUICE_RETRY);
    ck_assert_int_eq(flow_knows(flow, t), 1);
    flow_lane_lost(flow, 1);
    ck_assert_int_eq(flow_knows(flow, t), 1);
    ck_assert_uint_eq(flow_returned(flow), t);
    ck_assert_int_eq(flow_knows(flow, t), 0);
    flow_lane(flow, 2);
    ck_assert_uint_ne(arrive_in(2, 1, 1, 0), t);
    ck_assert_int_eq(flow_knows(flow, t), 0);
    close_flow();
}
END_TEST

START_TEST(a_lost_lane_leaves_the_other_lanes_alone)
{
    uint32_t t;

    setup();
    flow_lane(flow, 2);
    t = arrive_in(2, 1, 1, 0);
    verdict(t, SLUICE_RETRY);
    flow_lane_lost(flow, 1);
    ck_assert_uint_eq(flow_returned(flow), 0);
    ck_assert_uint_eq(due_some_time(), t);
    ck_assert_int_eq(verdict(t, SLUICE_OK), FLOW_FINISHED);
    close_flow();
}
END_TEST

START_TEST(taking_records_of_a_lost_lane_out_keeps_the_others_in_their_time)
{
    static const uint32_t after[] = {1, 10, 2, 11, 12, 3, 4};
    static const uint64_t order[] = {1, 3, 6, 7, 2, 5};
    uint32_t t[8], i;

    plain_spec();
    spec.retry.min_ms = spec.retry.max_ms = 0;
    open_flow();
    flow_lane(flow, 2);
    for (i = 1; i <= 7; i++) {
        t[i] = arrive_in(i == 4 ? 2 : 1, i, i, 0);
        flow_verdict(flow, t[i], SLUICE_RETRY, "busy", after[i - 1], 0);
    }
    flow_lane_lost(flow, 2);
    for (i = 0; i < 6; i++)
        ck_assert_uint_eq(due_some_time(), t[order[i]]);
    close_flow();
}
END_TEST

START_TEST(a_record_that_is_parked_is_given_back_with_its_lane)
{
    uint32_t a, b;

    setup();
    flow_lane(flow, 2);
    a = arrive_in(1, 1, 5, 0);
    b = arrive_in(2, 1, 5, 0);
    verdict(a, SLUICE_RETRY);
    flow_may_run(flow, b);
    flow_lane_lost(flow, 2);
    ck_assert_uint_eq(flow_returned(flow), b);
    ck_assert_uint_eq(due_some_time(), a);
    ck_assert_int_eq(verdict(a, SLUICE_OK), FLOW_FINISHED);
    ck_assert_uint_eq(counts().waiting, 0);
    close_flow();
}
END_TEST

START_TEST(records_of_a_lost_lane_do_not_run_and_are_not_buried)
{
    uint32_t runs, buries;

    setup();
    runs = arrive(1);
    buries = arrive(2);
    verdict(buries, SLUICE_REJECT);
    flow_lane_lost(flow, 1);
    ck_assert_int_eq(flow_may_run(flow, runs), FLOW_RETURNED);
    ck_assert_int_eq(buried(buries), FLOW_RETURNED);
    ck_assert_uint_eq(counts().dead, 0);
    close_flow();
}
END_TEST

START_TEST(a_stale_ack_after_a_rebalance_is_not_accepted)
{
    uint32_t before, after;

    setup();
    before = arrive(1);
    flow_lane_lost(flow, 1);
    flow_lane(flow, 1);
    after = arrive(1);
    ck_assert_int_eq(verdict(before, SLUICE_OK), FLOW_RETURNED);
    ck_assert_uint_eq(ack(), 0);
    ck_assert_int_eq(verdict(after, SLUICE_OK), FLOW_FINISHED);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(a_settle_that_failed_before_a_rebalance_is_not_offered_after_it)
{
    struct lane_mark m;
    uint32_t lane;

    setup();
    pass_by(9, "x");
    flow_take_ack(flow, &lane, &m);
    flow_lane_lost(flow, 1);
    flow_lane(flow, 1);
    flow_ack_failed(flow, lane, &m);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(what_enters_a_lost_lane_is_given_back_even_if_the_lane_returns)
{
    uint32_t t;

    setup();
    flow_lane_lost(flow, 1);
    t = arrive(1); /* the rest of a poll that was under way */
    pass_by(2, "x");
    flow_lane(flow, 1);
    ck_assert_uint_eq(ack(), 0);
    ck_assert_int_eq(flow_may_run(flow, t), FLOW_RETURNED);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(a_lane_that_never_was_is_refused)
{
    setup();
    ck_assert_int_eq(flow_lane(flow, 0), -1);
    ck_assert_int_eq(flow_reserve(flow, 0, 1), -1);
    ck_assert_int_eq(flow_reserve(flow, 2, 1), -1);
    flow_lane_lost(flow, 0);
    flow_lane_lost(flow, 2);
    ck_assert_uint_eq(counts().in, 0);
    close_flow();
}
END_TEST

/* ---- any order ---- */

START_TEST(a_source_of_any_order_settles_each_record_when_it_is_done)
{
    uint32_t a, b;

    setup_any_order();
    a = arrive(1);
    b = arrive(2);
    pass_by(3, "x");
    verdict(b, SLUICE_OK);
    ck_assert_uint_eq(ack(), 3);
    ck_assert_uint_eq(ack(), 2);
    ck_assert_uint_eq(ack(), 0);
    verdict(a, SLUICE_OK);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(a_single_settle_that_failed_is_offered_again)
{
    struct lane_mark m;
    uint32_t lane;

    setup_any_order();
    pass_by(1, "x");
    pass_by(2, "x");
    ck_assert_int_eq(flow_take_ack(flow, &lane, &m), 1);
    flow_ack_failed(flow, lane, &m);
    ck_assert_uint_eq(ack(), 2);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
}
END_TEST

START_TEST(a_single_settle_that_failed_before_a_rebalance_is_not_offered_after_it)
{
    struct lane_mark m;
    uint32_t lane;

    setup_any_order();
    pass_by(1, "x");
    ck_assert_int_eq(flow_take_ack(flow, &lane, &m), 1);
    flow_lane_lost(flow, 1);
    flow_lane(flow, 1);
    flow_ack_failed(flow, lane, &m);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(a_source_of_any_order_settles_nothing_of_a_lost_lane)
{
    setup_any_order();
    pass_by(1, "x");
    flow_lane_lost(flow, 1);
    ck_assert_uint_eq(ack(), 0);
    pass_by(2, "x");
    flow_lane(flow, 1);
    ck_assert_uint_eq(ack(), 0);
    pass_by(3, "x");
    ck_assert_uint_eq(ack(), 3);
    close_flow();
}
END_TEST

START_TEST(unsettled_records_of_any_order_fill_the_room)
{
    uint64_t i;

    setup_any_order();
    for (i = 1; i <= 8; i++)
        pass_by(i, "x");
    ck_assert_uint_eq(flow_room(flow), 0);
    ack();
    ck_assert_uint_eq(flow_room(flow), 8);
    close_flow();
}
END_TEST

START_TEST(the_ring_of_any_order_grows_over_its_wrap)
{
    uint64_t i;

    setup_any_order();
    for (i = 1; i <= 40; i++) {
        pass_by(i, "x");
        ck_assert_uint_eq(ack(), i);
    }
    for (i = 41; i <= 400; i++)
        pass_by(i, "x");
    for (i = 41; i <= 400; i++)
        ck_assert_uint_eq(ack(), i);
    close_flow();
}
END_TEST

START_TEST(a_settle_that_failed_and_finds_no_memory_is_left_to_redelivery)
{
    struct lane_mark m;
    uint32_t lane;
    uint64_t i;

    setup_any_order();
    pass_by(1, "x");
    flow_take_ack(flow, &lane, &m);
    for (i = 2; i <= 65; i++)
        pass_by(i, "x"); /* the ring of 64 is full */
    failing_alloc_at(1);
    flow_ack_failed(flow, lane, &m);
    for (i = 2; i <= 65; i++)
        ck_assert_uint_eq(ack(), i);
    ck_assert_uint_eq(ack(), 0);
    close_flow();
}
END_TEST

START_TEST(each_allocation_may_fail_and_nothing_is_lost)
{
    unsigned i;

    for (i = 1; i <= 3; i++) {
        plain_spec();
        failing_alloc_at(i);
        ck_assert_ptr_null(flow_new(&spec));
    }
    failing_alloc_at(0);
    setup();
    failing_alloc_at(1);
    ck_assert_int_eq(flow_lane(flow, 2), -1);
    failing_alloc_at(1);
    ck_assert_int_eq(flow_reserve(flow, 1, 1), -1);
    verdict(arrive(1), SLUICE_OK);
    ck_assert_uint_eq(ack(), 1);
    close_flow();
    flow_free(NULL);
}
END_TEST

ONE_SUITE(
    "flow_lanes", 10, documents_leave_no_room_when_they_take_the_memory,
    the_room_is_what_is_left_of_the_records, a_record_beyond_the_room_gets_no_ticket,
    there_is_no_room_while_the_memory_budget_is_used_up, a_poll_may_not_pass_the_window_of_the_fullest_lane,
    the_window_of_a_lost_lane_holds_nobody_back, a_full_lane_holds_back_only_itself_if_the_source_asks,
    a_full_lane_goes_on_when_its_oldest_record_has_ended,
    there_is_no_room_when_all_lanes_are_full_even_if_the_source_asks,
    a_source_that_owns_no_lane_is_polled_for_one, a_lane_that_is_lost_or_never_was_is_full,
    a_lane_of_any_order_has_no_window, slots_of_returned_records_are_no_room_until_they_are_handed_back,
    more_records_than_tickets_are_never_promised, lanes_settle_apart_and_by_turns,
    a_settle_that_failed_is_offered_again, a_lost_lane_gives_its_waiting_records_back_and_settles_nothing,
    a_lost_lane_leaves_the_other_lanes_alone, a_returned_record_is_known_until_its_copy_is_given_up,
    taking_records_of_a_lost_lane_out_keeps_the_others_in_their_time,
    a_record_that_is_parked_is_given_back_with_its_lane, records_of_a_lost_lane_do_not_run_and_are_not_buried,
    a_stale_ack_after_a_rebalance_is_not_accepted,
    a_settle_that_failed_before_a_rebalance_is_not_offered_after_it,
    what_enters_a_lost_lane_is_given_back_even_if_the_lane_returns, a_lane_that_never_was_is_refused,
    a_source_of_any_order_settles_each_record_when_it_is_done, a_single_settle_that_failed_is_offered_again,
    a_single_settle_that_failed_before_a_rebalance_is_not_offered_after_it,
    a_source_of_any_order_settles_nothing_of_a_lost_lane, unsettled_records_of_any_order_fill_the_room,
    the_ring_of_any_order_grows_over_its_wrap, a_settle_that_failed_and_finds_no_memory_is_left_to_redelivery,
    each_allocation_may_fail_and_nothing_is_lost)
