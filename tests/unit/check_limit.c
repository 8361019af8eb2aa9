/* The token bucket lets rate records a second pass in the long run and burst at once. */
#include "limit.h"
#include "one_suite.h"

static struct limit l;

START_TEST(a_full_bucket_gives_its_burst_and_no_more)
{
    limit_init(&l, 10, 5, 0);
    ck_assert_uint_eq(limit_take(&l, 8, 0), 5);
    ck_assert_uint_eq(limit_take(&l, 8, 0), 0);
}
END_TEST

START_TEST(it_gives_what_is_wanted_when_it_has_more)
{
    limit_init(&l, 10, 5, 0);
    ck_assert_uint_eq(limit_take(&l, 2, 0), 2);
    ck_assert_uint_eq(limit_take(&l, 8, 0), 3);
}
END_TEST

START_TEST(tokens_come_back_at_the_rate)
{
    limit_init(&l, 10, 5, 0);
    limit_take(&l, 5, 0);
    ck_assert_uint_eq(limit_take(&l, 5, 250), 2);
    ck_assert_uint_eq(limit_take(&l, 5, 300), 1);
}
END_TEST

START_TEST(an_idle_bucket_never_holds_more_than_its_burst)
{
    limit_init(&l, 10, 5, 0);
    ck_assert_uint_eq(limit_take(&l, 100, 3600000), 5);
}
END_TEST

START_TEST(over_a_minute_the_rate_is_kept_exactly)
{
    uint64_t sum = 0;
    int64_t now;

    limit_init(&l, 7, 1, 0);
    for (now = 0; now < 60000; now += 13)
        sum += limit_take(&l, 100, now);
    ck_assert_uint_ge(sum, 419);
    ck_assert_uint_le(sum, 421);
}
END_TEST

START_TEST(the_wait_is_enough_for_one_token_and_not_much_more)
{
    uint32_t wait;

    limit_init(&l, 10, 1, 0);
    ck_assert_uint_eq(limit_wait_ms(&l, 0), 0);
    limit_take(&l, 1, 0);
    wait = limit_wait_ms(&l, 0);
    ck_assert_uint_le(wait, 101);
    ck_assert_uint_eq(limit_take(&l, 1, wait), 1);
}
END_TEST

START_TEST(a_very_low_rate_is_asked_again_within_a_minute)
{
    limit_init(&l, 0.0001, 1, 0);
    limit_take(&l, 1, 0);
    ck_assert_uint_eq(limit_wait_ms(&l, 0), 60000);
}
END_TEST

START_TEST(no_rate_means_no_limit)
{
    limit_init(&l, 0, 0, 0);
    ck_assert_uint_eq(limit_take(&l, 1000000, 0), 1000000);
    ck_assert_uint_eq(limit_wait_ms(&l, 0), 0);
}
END_TEST

START_TEST(a_burst_below_one_still_lets_single_records_pass)
{
    limit_init(&l, 1, 0.1, 0);
    ck_assert_uint_eq(limit_take(&l, 1, 0), 1);
}
END_TEST

START_TEST(an_older_clock_reading_earns_nothing_and_no_time_twice)
{
    limit_init(&l, 10, 5, 0);
    limit_take(&l, 5, 1000);
    ck_assert_uint_eq(limit_take(&l, 5, 500), 0);
    ck_assert_uint_eq(limit_take(&l, 5, 1000), 0);
    ck_assert_uint_eq(limit_take(&l, 5, 1100), 1);
}
END_TEST

ONE_SUITE("limit", 10, a_full_bucket_gives_its_burst_and_no_more, it_gives_what_is_wanted_when_it_has_more,
          tokens_come_back_at_the_rate, an_idle_bucket_never_holds_more_than_its_burst,
          over_a_minute_the_rate_is_kept_exactly, the_wait_is_enough_for_one_token_and_not_much_more,
          a_very_low_rate_is_asked_again_within_a_minute, no_rate_means_no_limit,
          a_burst_below_one_still_lets_single_records_pass,
          an_older_clock_reading_earns_nothing_and_no_time_twice)
