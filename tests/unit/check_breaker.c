/* The breaker opens after failures in a row, waits, and closes after one call that succeeds. */
#include "breaker.h"
#include "one_suite.h"

static struct breaker b;

static void setup(uint32_t failures)
{
    struct breaker_spec spec = {.failures = failures, .open_ms = 1000};

    breaker_init(&b, spec);
}

static void fail_times(uint32_t n, int64_t now_ms)
{
    while (n-- > 0)
        breaker_failed(&b, now_ms);
}

START_TEST(a_closed_breaker_lets_every_call_pass)
{
    setup(3);
    ck_assert_uint_eq(breaker_wait_ms(&b, 0), 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 0), 0);
}
END_TEST

START_TEST(it_opens_at_the_given_number_of_failures_and_not_before)
{
    setup(3);
    fail_times(2, 10);
    ck_assert_uint_eq(breaker_wait_ms(&b, 10), 0);
    fail_times(1, 10);
    ck_assert_uint_eq(breaker_wait_ms(&b, 10), 1000);
    ck_assert_uint_eq(breaker_wait_ms(&b, 1009), 1);
}
END_TEST

START_TEST(a_success_between_failures_starts_the_count_again)
{
    setup(3);
    fail_times(2, 0);
    breaker_succeeded(&b);
    fail_times(2, 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 0), 0);
}
END_TEST

START_TEST(after_its_time_one_call_passes_and_the_others_ask_again)
{
    setup(1);
    fail_times(1, 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 1000), 0);
    ck_assert_uint_gt(breaker_wait_ms(&b, 1000), 0);
    ck_assert_uint_gt(breaker_wait_ms(&b, 5000), 0);
}
END_TEST

START_TEST(the_success_of_that_call_closes_it)
{
    setup(2);
    fail_times(2, 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 1000), 0);
    breaker_succeeded(&b);
    ck_assert_uint_eq(breaker_wait_ms(&b, 1000), 0);
    fail_times(1, 1000);
    ck_assert_uint_eq(breaker_wait_ms(&b, 1000), 0);
}
END_TEST

START_TEST(the_failure_of_that_call_opens_it_again_at_once)
{
    setup(2);
    fail_times(2, 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 1000), 0);
    fail_times(1, 1200);
    ck_assert_uint_eq(breaker_wait_ms(&b, 1200), 1000);
}
END_TEST

START_TEST(zero_failures_means_no_breaker)
{
    setup(0);
    fail_times(100, 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 0), 0);
}
END_TEST

START_TEST(the_count_of_failures_does_not_wrap)
{
    setup(UINT32_MAX);
    b.failed = UINT32_MAX - 1;
    fail_times(1, 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 0), 1000);
    fail_times(1, 0);
    ck_assert_uint_eq(breaker_wait_ms(&b, 0), 1000);
}
END_TEST

ONE_SUITE("breaker", 10, a_closed_breaker_lets_every_call_pass,
          it_opens_at_the_given_number_of_failures_and_not_before,
          a_success_between_failures_starts_the_count_again,
          after_its_time_one_call_passes_and_the_others_ask_again, the_success_of_that_call_closes_it,
          the_failure_of_that_call_opens_it_again_at_once, zero_failures_means_no_breaker,
          the_count_of_failures_does_not_wrap)
