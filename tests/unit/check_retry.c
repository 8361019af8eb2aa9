/* The back-off is full jitter: even over [0, min * 2^(tries - 1)], capped, on top of the
 * other side's wish. */
#include "one_suite.h"
#include "retry.h"

#define DRAWS 20000u

static const struct retry_spec spec = {.attempts = 5, .min_ms = 100, .max_ms = 1000, .deadline_ms = 0};

struct seen {
    uint32_t least, most;
    double mean;
};

static struct seen draw(const struct retry_spec *of, uint32_t tries, uint32_t at_least_ms)
{
    struct random_state random = {.state = 1};
    struct seen seen = {UINT32_MAX, 0, 0};
    uint32_t i, ms;

    for (i = 0; i < DRAWS; i++) {
        ms = retry_delay_ms(of, tries, at_least_ms, &random);
        seen.least = ms < seen.least ? ms : seen.least;
        seen.most = ms > seen.most ? ms : seen.most;
        seen.mean += (double)ms / DRAWS;
    }
    return seen;
}

START_TEST(the_first_delay_is_spread_evenly_from_zero_to_the_minimum)
{
    struct seen seen = draw(&spec, 1, 0);

    ck_assert_uint_eq(seen.least, 0);
    ck_assert_uint_eq(seen.most, 100);
    ck_assert_double_eq_tol(seen.mean, 50, 2);
}
END_TEST

START_TEST(each_further_try_doubles_the_range)
{
    ck_assert_uint_eq(draw(&spec, 2, 0).most, 200);
    ck_assert_uint_eq(draw(&spec, 3, 0).most, 400);
    ck_assert_uint_eq(draw(&spec, 4, 0).most, 800);
}
END_TEST

START_TEST(the_range_never_passes_the_maximum)
{
    ck_assert_uint_eq(draw(&spec, 5, 0).most, 1000);
    ck_assert_uint_eq(draw(&spec, UINT32_MAX, 0).most, 1000);
}
END_TEST

START_TEST(the_other_sides_wish_is_a_floor_with_jitter_on_top)
{
    struct seen seen = draw(&spec, 1, 5000);

    ck_assert_uint_eq(seen.least, 5000);
    ck_assert_uint_eq(seen.most, 5100);
}
END_TEST

START_TEST(a_wish_beyond_the_type_is_cut_not_wrapped)
{
    ck_assert_uint_ge(draw(&spec, 4, UINT32_MAX - 10).least, UINT32_MAX - 10);
}
END_TEST

START_TEST(a_minimum_above_the_maximum_is_capped)
{
    struct retry_spec odd = {.attempts = 2, .min_ms = 500, .max_ms = 30, .deadline_ms = 0};

    ck_assert_uint_eq(draw(&odd, 1, 0).most, 30);
}
END_TEST

START_TEST(no_back_off_means_no_delay)
{
    struct retry_spec none = {.attempts = 2, .min_ms = 0, .max_ms = 0, .deadline_ms = 0};

    ck_assert_uint_eq(draw(&none, 3, 0).most, 0);
}
END_TEST

START_TEST(two_records_that_fail_together_do_not_come_back_together)
{
    struct random_state random = {.state = 7};
    uint32_t i, same = 0;

    for (i = 0; i < 1000; i++)
        same += retry_delay_ms(&spec, 4, 0, &random) == retry_delay_ms(&spec, 4, 0, &random);
    ck_assert_uint_lt(same, 20);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_delays)
{
    struct random_state a = {.state = 42}, b = {.state = 42};
    uint32_t i;

    for (i = 0; i < 100; i++)
        ck_assert_uint_eq(retry_delay_ms(&spec, 4, 0, &a), retry_delay_ms(&spec, 4, 0, &b));
}
END_TEST

START_TEST(the_generator_is_splitmix64)
{
    struct random_state r = {.state = 1234567};

    /* The published first outputs for this seed. */
    ck_assert_uint_eq(random_next(&r), 6457827717110365317u);
    ck_assert_uint_eq(random_next(&r), 3203168211198807973u);
}
END_TEST

START_TEST(below_zero_is_zero)
{
    struct random_state r = {.state = 1};

    ck_assert_uint_eq(random_below(&r, 0), 0);
    ck_assert_uint_lt(random_below(&r, 3), 3);
}
END_TEST

ONE_SUITE("retry", 10, the_first_delay_is_spread_evenly_from_zero_to_the_minimum,
          each_further_try_doubles_the_range, the_range_never_passes_the_maximum,
          the_other_sides_wish_is_a_floor_with_jitter_on_top, a_wish_beyond_the_type_is_cut_not_wrapped,
          a_minimum_above_the_maximum_is_capped, no_back_off_means_no_delay,
          two_records_that_fail_together_do_not_come_back_together, the_same_seed_gives_the_same_delays,
          the_generator_is_splitmix64, below_zero_is_zero)
