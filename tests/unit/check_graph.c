/* The ids and figures of the graph, against values worked out by hand. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/graph.h"
#include "one_suite.h"

#define DAY GRAPH_DAY_MS
#define HOUR (GRAPH_DAY_MS / 24)

static void expect_category(const char *name, const char *id)
{
    char out[600];
    size_t n = graph_category_id(name, strlen(name), out);

    out[n] = '\0';
    ck_assert_str_eq(out, id);
}

START_TEST(a_category_id_is_lower_case_with_one_underscore_a_run)
{
    expect_category("FRZN ICE", "CAT_frzn_ice");
    expect_category("FRUIT - SHELF STABLE", "CAT_fruit_shelf_stable");
    expect_category("a1", "CAT_a1");
}
END_TEST

START_TEST(a_category_id_keeps_underscores_at_both_ends)
{
    expect_category(" (Milk)! ", "CAT__milk_");
    expect_category("__x__", "CAT__x_");
}
END_TEST

START_TEST(a_category_id_takes_bytes_beyond_ascii_for_other)
{
    expect_category("Caf\xc3\xa9 cr\xc3\xa8me", "CAT_caf_cr_me");
    expect_category("\xc3\x89", "CAT__");
}
END_TEST

START_TEST(a_retailer_id_is_the_name_as_it_is)
{
    char out[20];
    size_t n = graph_retailer_id("Corner Shop", 11, out);

    ck_assert_uint_eq(n, 15);
    ck_assert_mem_eq(out, "RET_Corner Shop", 15);
}
END_TEST

START_TEST(one_purchase_has_no_interval_and_no_likelihood)
{
    int64_t t[] = {123};

    ck_assert_int_eq(graph_interval_days(t, 1), 0);
    ck_assert_int_eq(graph_interval_days(t, 0), 0);
    ck_assert(graph_likelihood(t, 1) == 0.0);
    ck_assert(graph_likelihood(t, 0) == 0.0);
}
END_TEST

START_TEST(a_mean_gap_is_rounded_half_up)
{
    int64_t exact[] = {0, 7 * DAY};
    int64_t half[] = {0, 2 * DAY + 12 * HOUR};
    int64_t below[] = {0, 2 * DAY + 12 * HOUR - 1};
    int64_t three[] = {0, DAY, 3 * DAY}; /* mean 1.5 */
    int64_t before_1970[] = {-5 * DAY, -2 * DAY - 12 * HOUR};

    ck_assert_int_eq(graph_interval_days(exact, 2), 7);
    ck_assert_int_eq(graph_interval_days(half, 2), 3);
    ck_assert_int_eq(graph_interval_days(below, 2), 2);
    ck_assert_int_eq(graph_interval_days(three, 3), 2);
    ck_assert_int_eq(graph_interval_days(before_1970, 2), 3);
}
END_TEST

START_TEST(equal_gaps_give_the_likelihood_of_the_count_alone)
{
    int64_t two[] = {5, 5 + DAY};
    int64_t four[] = {0, 3 * DAY, 6 * DAY, 9 * DAY};

    ck_assert(graph_likelihood(two, 2) == 0.5);
    ck_assert(graph_likelihood(four, 4) == 0.75);
}
END_TEST

START_TEST(uneven_gaps_divide_by_one_plus_the_population_cv)
{
    /* gaps 1 and 3 days: mean 2, population sd 1, cv 0.5: (2/3) / 1.5 */
    int64_t t[] = {0, DAY, 4 * DAY};
    /* gaps 1, 1, 4: mean 2, variance (1+1+4)/3 = 2, cv = sqrt(2)/2: 0.75 / 1.7071068 */
    int64_t u[] = {0, DAY, 2 * DAY, 6 * DAY};

    ck_assert(fabs(graph_likelihood(t, 3) - 4.0 / 9.0) < 1e-15);
    ck_assert(fabs(graph_likelihood(u, 4) - 0.439340) < 5e-7);
}
END_TEST

START_TEST(purchases_of_one_moment_have_no_spread)
{
    int64_t t[] = {9, 9, 9};

    ck_assert_int_eq(graph_interval_days(t, 3), 0);
    ck_assert(fabs(graph_likelihood(t, 3) - 2.0 / 3.0) < 1e-15);
}
END_TEST

START_TEST(the_longest_span_does_not_overflow)
{
    int64_t t[] = {GRAPH_MIN_TIME, GRAPH_MIN_TIME + 1, GRAPH_MAX_TIME};

    /* 3652059 days less 1 ms, halved, is just under 1826029.5 */
    ck_assert_int_eq(graph_interval_days(t, 3), 1826029);
    ck_assert(graph_likelihood(t, 3) > 0.333 && graph_likelihood(t, 3) < 0.334); /* cv 1 */
}
END_TEST

START_TEST(strings_compare_by_bytes_with_a_prefix_first)
{
    ck_assert_int_lt(graph_compare(sluice_str_of("ab"), sluice_str_of("abc")), 0);
    ck_assert_int_gt(graph_compare(sluice_str_of("b"), sluice_str_of("abc")), 0);
    ck_assert_int_gt(graph_compare(sluice_str_of("\xc3"), sluice_str_of("z")), 0);
    ck_assert_int_eq(graph_compare(sluice_str_of("z"), sluice_str_of("z")), 0);
    ck_assert_int_lt(graph_compare(sluice_str_of(NULL), sluice_str_of("z")), 0);
}
END_TEST

ONE_SUITE("graph", 10, a_category_id_is_lower_case_with_one_underscore_a_run,
          a_category_id_keeps_underscores_at_both_ends, a_category_id_takes_bytes_beyond_ascii_for_other,
          a_retailer_id_is_the_name_as_it_is, one_purchase_has_no_interval_and_no_likelihood,
          a_mean_gap_is_rounded_half_up, equal_gaps_give_the_likelihood_of_the_count_alone,
          uneven_gaps_divide_by_one_plus_the_population_cv, purchases_of_one_moment_have_no_spread,
          the_longest_span_does_not_overflow, strings_compare_by_bytes_with_a_prefix_first)
