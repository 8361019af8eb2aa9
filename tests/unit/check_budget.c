/* check_budget: what a worker takes of a shared budget, by a clock of the test. */
#include "../../plugins/common/budget.h"
#include "one_suite.h"

static struct budget_core c;
static uint32_t wait_ms;

static uint32_t take(uint32_t want, int64_t now_ms)
{
    return budget_core_take(&c, want, now_ms, &wait_ms);
}

START_TEST(a_lease_is_used_up_before_valkey_is_asked_again)
{
    budget_core_init(&c, 200, BUDGET_SHARE, 2);
    ck_assert_uint_eq(budget_core_bulk(&c), 20);
    ck_assert_uint_eq(take(8, 1000), 0);
    ck_assert_uint_eq(wait_ms, 0); /* ask */
    budget_core_lease(&c, 20, 0, 0, 1000);
    ck_assert_uint_eq(take(8, 1000), 8);
    ck_assert_uint_eq(take(8, 1001), 8);
    ck_assert_uint_eq(take(8, 1002), 4);
    ck_assert_uint_eq(take(8, 1003), 0);
    ck_assert_uint_eq(wait_ms, 0);
}
END_TEST

START_TEST(a_slow_budget_is_leased_one_by_one)
{
    budget_core_init(&c, 0.5, BUDGET_SHARE, 3);
    ck_assert_uint_eq(budget_core_bulk(&c), 1);
}
END_TEST

START_TEST(what_was_not_used_in_time_is_worth_nothing)
{
    budget_core_init(&c, 200, BUDGET_SHARE, 2);
    budget_core_lease(&c, 20, 0, 0, 1000);
    ck_assert_uint_eq(take(1, 1000 + BUDGET_KEEP_MS - 1), 1);
    ck_assert_uint_eq(take(1, 1000 + BUDGET_KEEP_MS), 0);
    ck_assert_uint_eq(wait_ms, 0);
}
END_TEST

START_TEST(nobody_asks_before_valkey_has_some)
{
    budget_core_init(&c, 10, BUDGET_SHARE, 2);
    budget_core_lease(&c, 0, 80, 0, 1000);
    ck_assert_uint_eq(take(1, 1010), 0);
    ck_assert_uint_eq(wait_ms, 70);
    ck_assert_uint_eq(take(1, 1080), 0);
    ck_assert_uint_eq(wait_ms, 0);
}
END_TEST

START_TEST(a_pause_ends_what_was_leased_and_is_never_made_shorter)
{
    budget_core_init(&c, 200, BUDGET_SHARE, 2);
    budget_core_lease(&c, 20, 0, 0, 1000);
    budget_core_pause(&c, 3000, 1000);
    budget_core_pause(&c, 500, 1000);
    ck_assert_uint_eq(take(1, 1100), 0);
    ck_assert_uint_eq(wait_ms, 2900);
    ck_assert_uint_eq(take(1, 4000), 0);
    ck_assert_uint_eq(wait_ms, 0);
    budget_core_lease(&c, 0, 0, 700, 4000); /* somebody else was told */
    ck_assert_uint_eq(take(1, 4000), 0);
    ck_assert_uint_eq(wait_ms, 700);
}
END_TEST

/* Ten seconds away: a third of the budget, whatever the steps of time are. */
START_TEST(while_valkey_is_away_a_worker_takes_its_share)
{
    uint32_t given = 0;
    int64_t now;

    budget_core_init(&c, 30, BUDGET_SHARE, 3);
    for (now = 5000; now < 15000; now += 7)
        given += budget_core_away(&c, 50, now, &wait_ms);
    ck_assert_uint_ge(given, 99);
    ck_assert_uint_le(given, 101);
    (void)budget_core_away(&c, 50, now, &wait_ms);
    ck_assert_uint_eq(budget_core_away(&c, 50, now, &wait_ms), 0);
    ck_assert_uint_gt(wait_ms, 0);
    ck_assert_uint_le(wait_ms, 101);
}
END_TEST

START_TEST(a_share_that_waited_does_not_burst)
{
    budget_core_init(&c, 30, BUDGET_SHARE, 3);
    (void)budget_core_away(&c, 1, 0, &wait_ms);
    ck_assert_uint_eq(budget_core_away(&c, 1000, 600000, &wait_ms), 2);
}
END_TEST

START_TEST(while_valkey_is_away_nobody_takes_if_told_so)
{
    budget_core_init(&c, 30, BUDGET_WAIT, 3);
    ck_assert_uint_eq(budget_core_away(&c, 1, 1000, &wait_ms), 0);
    ck_assert_uint_gt(wait_ms, 0);
    ck_assert_uint_eq(budget_core_away(&c, 1, 60000, &wait_ms), 0);
}
END_TEST

ONE_SUITE("budget", 10, a_lease_is_used_up_before_valkey_is_asked_again, a_slow_budget_is_leased_one_by_one,
          what_was_not_used_in_time_is_worth_nothing, nobody_asks_before_valkey_has_some,
          a_pause_ends_what_was_leased_and_is_never_made_shorter,
          while_valkey_is_away_a_worker_takes_its_share, a_share_that_waited_does_not_burst,
          while_valkey_is_away_nobody_takes_if_told_so)
