/* The lane settles only what is done without a gap before it, and only while it is owned. */
#include "failing_alloc.h"
#include "lane.h"
#include "one_suite.h"

static struct lane lane;

static void fresh(void)
{
    lane_release(&lane);
}

static struct lane_mark mark_at(uint64_t n)
{
    struct lane_mark m = {.next = n + 1, .position = n, .ordinal = n + 1};

    return m;
}

static uint64_t enter(uint64_t n)
{
    struct lane_mark m = mark_at(n);

    ck_assert_int_eq(lane_reserve(&lane, 1), 0);
    return lane_enter(&lane, &m);
}

static void pass(uint64_t n)
{
    struct lane_mark m = mark_at(n);

    ck_assert_int_eq(lane_reserve(&lane, 1), 0);
    lane_pass(&lane, &m);
}

/* The `next` that is offered; 0: nothing. */
static uint64_t taken(void)
{
    struct lane_mark m = {0};

    return lane_take(&lane, &m) ? m.next : 0;
}

START_TEST(a_new_lane_has_nothing_to_settle)
{
    fresh();
    ck_assert_uint_eq(taken(), 0);
    ck_assert_uint_eq(lane_span(&lane), 0);
}
END_TEST

START_TEST(a_record_that_is_done_is_offered_once_with_its_whole_mark)
{
    struct lane_mark m;

    fresh();
    lane_done(&lane, enter(7));
    ck_assert_int_eq(lane_take(&lane, &m), 1);
    ck_assert_uint_eq(m.next, 8);
    ck_assert_uint_eq(m.position, 7);
    ck_assert_uint_eq(m.ordinal, 8);
    ck_assert_uint_eq(taken(), 0);
}
END_TEST

START_TEST(a_done_record_behind_an_open_one_is_not_offered_until_that_is_done)
{
    uint64_t first, second;

    fresh();
    first = enter(0);
    second = enter(1);
    lane_done(&lane, second);
    ck_assert_uint_eq(taken(), 0);
    lane_done(&lane, first);
    ck_assert_uint_eq(taken(), 2);
}
END_TEST

START_TEST(the_mark_stops_before_the_oldest_open_record)
{
    uint64_t first;

    fresh();
    first = enter(0);
    enter(1);
    lane_done(&lane, enter(2));
    lane_done(&lane, first);
    ck_assert_uint_eq(taken(), 1);
}
END_TEST

START_TEST(a_gated_record_with_nothing_open_moves_the_mark_and_takes_no_memory)
{
    struct lane_mark m = mark_at(4);

    fresh();
    lane_pass(&lane, &m);
    ck_assert_uint_eq(taken(), 5);
    ck_assert_ptr_null(lane.ring);
}
END_TEST

START_TEST(a_gated_record_behind_an_open_one_does_not_move_the_settled_mark)
{
    uint64_t first;

    fresh();
    first = enter(0);
    pass(1);
    ck_assert_uint_eq(taken(), 0);
    lane_done(&lane, first);
    ck_assert_uint_eq(taken(), 2);
}
END_TEST

START_TEST(gated_neighbours_share_one_entry)
{
    uint64_t i, first;

    fresh();
    first = enter(0);
    for (i = 1; i <= 1000; i++)
        pass(i);
    ck_assert_uint_eq(lane.tail - lane.head, 2);
    ck_assert_uint_eq(lane_span(&lane), 1001);
    lane_done(&lane, first);
    ck_assert_uint_eq(taken(), 1001);
}
END_TEST

START_TEST(the_span_counts_from_the_oldest_open_record_gated_ones_included)
{
    uint64_t first;

    fresh();
    pass(0);
    first = enter(1);
    pass(2);
    enter(3);
    ck_assert_uint_eq(lane_span(&lane), 3);
    lane_done(&lane, first);
    ck_assert_uint_eq(lane_span(&lane), 1);
}
END_TEST

START_TEST(the_ring_grows_over_its_wrap_without_mixing_records)
{
    uint64_t sequence[400], i;

    fresh();
    for (i = 0; i < 40; i++)
        lane_done(&lane, enter(i)); /* head and tail stand in the middle of 64 */
    for (i = 40; i < 400; i++)
        sequence[i] = enter(i);
    for (i = 399; i > 40; i--)
        lane_done(&lane, sequence[i]);
    ck_assert_uint_eq(taken(), 40);
    lane_done(&lane, sequence[40]);
    ck_assert_uint_eq(taken(), 400);
}
END_TEST

START_TEST(a_reserve_that_fails_leaves_the_lane_as_it_was)
{
    uint64_t i, sequence[64];

    fresh();
    for (i = 0; i < 64; i++)
        sequence[i] = enter(i);
    failing_alloc_at(1);
    ck_assert_int_eq(lane_reserve(&lane, 1), -1);
    for (i = 64; i-- > 0;)
        lane_done(&lane, sequence[i]);
    ck_assert_uint_eq(taken(), 64);
}
END_TEST

START_TEST(reserved_room_is_not_reserved_twice)
{
    fresh();
    ck_assert_int_eq(lane_reserve(&lane, 64), 0);
    failing_alloc_at(1);
    ck_assert_int_eq(lane_reserve(&lane, 64), 0);
    failing_alloc_at(0);
}
END_TEST

START_TEST(a_mark_that_could_not_be_settled_is_offered_again)
{
    struct lane_mark m;

    fresh();
    pass(0);
    ck_assert_int_eq(lane_take(&lane, &m), 1);
    lane_untake(&lane, &m);
    ck_assert_uint_eq(taken(), 1);
}
END_TEST

START_TEST(after_a_failed_settle_a_later_mark_is_offered_in_its_place)
{
    struct lane_mark m;

    fresh();
    pass(0);
    ck_assert_int_eq(lane_take(&lane, &m), 1);
    pass(1);
    lane_untake(&lane, &m);
    ck_assert_uint_eq(taken(), 2);
    ck_assert_uint_eq(taken(), 0);
}
END_TEST

START_TEST(a_lost_lane_offers_nothing)
{
    fresh();
    pass(0);
    lane_lose(&lane);
    pass(1);
    ck_assert_uint_eq(taken(), 0);
}
END_TEST

START_TEST(a_lane_that_is_owned_again_offers_nothing_of_before)
{
    fresh();
    pass(0);
    lane_lose(&lane);
    pass(1); /* the rest of a poll that was under way */
    lane_gain(&lane);
    ck_assert_uint_eq(taken(), 0);
    pass(5);
    ck_assert_uint_eq(taken(), 6);
}
END_TEST

START_TEST(a_failed_settle_of_an_earlier_ownership_is_forgotten)
{
    struct lane_mark m;

    fresh();
    pass(9);
    ck_assert_int_eq(lane_take(&lane, &m), 1);
    lane_lose(&lane);
    lane_gain(&lane);
    lane_untake(&lane, &m);
    ck_assert_uint_eq(taken(), 0);
}
END_TEST

START_TEST(losing_and_gaining_change_the_generation)
{
    uint32_t first, second;

    fresh();
    first = lane.generation;
    lane_lose(&lane);
    second = lane.generation;
    ck_assert_uint_ne(second, first);
    lane_gain(&lane);
    ck_assert_uint_ne(lane.generation, second);
}
END_TEST

START_TEST(announcing_a_lane_that_is_owned_changes_nothing)
{
    uint64_t first;

    fresh();
    first = enter(0);
    lane_gain(&lane);
    lane_done(&lane, first);
    ck_assert_uint_eq(taken(), 1);
}
END_TEST

ONE_SUITE("lane", 10, a_new_lane_has_nothing_to_settle,
          a_record_that_is_done_is_offered_once_with_its_whole_mark,
          a_done_record_behind_an_open_one_is_not_offered_until_that_is_done,
          the_mark_stops_before_the_oldest_open_record,
          a_gated_record_with_nothing_open_moves_the_mark_and_takes_no_memory,
          a_gated_record_behind_an_open_one_does_not_move_the_settled_mark, gated_neighbours_share_one_entry,
          the_span_counts_from_the_oldest_open_record_gated_ones_included,
          the_ring_grows_over_its_wrap_without_mixing_records, a_reserve_that_fails_leaves_the_lane_as_it_was,
          reserved_room_is_not_reserved_twice, a_mark_that_could_not_be_settled_is_offered_again,
          after_a_failed_settle_a_later_mark_is_offered_in_its_place, a_lost_lane_offers_nothing,
          a_lane_that_is_owned_again_offers_nothing_of_before,
          a_failed_settle_of_an_earlier_ownership_is_forgotten, losing_and_gaining_change_the_generation,
          announcing_a_lane_that_is_owned_changes_nothing)
