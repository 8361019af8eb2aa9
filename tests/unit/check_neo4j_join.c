/* The rule of the graph for one edge of sink/neo4j: a set of receipts, each with its latest time. */
#include <string.h>

#include "../../plugins/sink-neo4j/batch.h"
#include "one_suite.h"

static struct arena arena;
static struct row rows[8];
static struct row *order[8];
static struct sluice_str stored_receipts[8];
static int64_t stored_times[8];
static struct edge e;
static uint64_t fresh;

static void before(void)
{
    arena_init(&arena, 65536);
    memset(&e, 0, sizeof e);
    e.last = INT64_MIN;
    e.rows = order;
}

static void after(void)
{
    arena_release(&arena);
}

static void delivered(const char *receipt, int64_t time)
{
    rows[e.n_rows] = (struct row){.time = time, .receipt = sluice_str_of(receipt)};
    order[e.n_rows] = &rows[e.n_rows];
    e.n_rows++;
}

static void stored(const char *receipt, int64_t time)
{
    e.id = sluice_str_of("5:x:1");
    e.receipts = stored_receipts;
    e.times = stored_times;
    stored_receipts[e.n] = sluice_str_of(receipt);
    stored_times[e.n++] = time;
    e.count++;
    if (time > e.last)
        e.last = time;
}

static void join(enum edge_type type, int full)
{
    ck_assert_int_eq(edge_join(&e, &arena, type, full, &fresh), 0);
}

static void holds(uint64_t i, const char *receipt, int64_t time)
{
    ck_assert_uint_lt(i, e.n);
    ck_assert_str_eq(e.receipts[i].data, receipt);
    ck_assert_int_eq(e.times[i], time);
}

START_TEST(a_new_edge_has_its_receipts_by_time_and_then_id)
{
    delivered("a", 20);
    delivered("b", 10);
    delivered("c", 10);
    join(PURCHASED, 0);
    ck_assert_int_eq(e.changed, 1);
    ck_assert_uint_eq(fresh, 3);
    ck_assert_int_eq(e.count, 3);
    ck_assert_int_eq(e.last, 20);
    holds(0, "b", 10);
    holds(1, "c", 10);
    holds(2, "a", 20);
}
END_TEST

START_TEST(a_known_receipt_changes_nothing)
{
    stored("a", 20);
    delivered("a", 20);
    join(PURCHASED, 0);
    ck_assert_int_eq(e.changed, 0);
    ck_assert_uint_eq(fresh, 0);
}
END_TEST

START_TEST(an_earlier_time_of_a_known_receipt_changes_nothing)
{
    stored("a", 20);
    delivered("a", 19);
    join(SHOPS_AT, 0);
    ck_assert_int_eq(e.changed, 0);
    ck_assert_int_eq(e.count, 1);
}
END_TEST

START_TEST(a_later_time_of_a_known_receipt_wins_and_counts_once)
{
    stored("a", 20);
    stored("b", 30);
    delivered("a", 40);
    join(SHOPS_IN, 0);
    ck_assert_int_eq(e.changed, 1);
    ck_assert_uint_eq(fresh, 0);
    ck_assert_int_eq(e.count, 2);
    ck_assert_int_eq(e.last, 40);
    holds(0, "b", 30);
    holds(1, "a", 40);
}
END_TEST

START_TEST(counts_without_receipts_stay_when_a_receipt_comes)
{
    stored("a", 20);
    e.count = 7;
    e.last = 99;
    delivered("b", 30);
    join(SHOPS_AT, 0);
    ck_assert_int_eq(e.count, 8);
    ck_assert_int_eq(e.last, 99);
}
END_TEST

START_TEST(full_drops_counts_without_receipts)
{
    stored("a", 20);
    e.count = 7;
    e.last = 99;
    join(SHOPS_AT, 1);
    ck_assert_int_eq(e.changed, 1);
    ck_assert_int_eq(e.count, 1);
    ck_assert_int_eq(e.last, 20);
}
END_TEST

START_TEST(full_empties_an_edge_that_nothing_explains)
{
    e.id = sluice_str_of("5:x:1");
    e.count = 3;
    join(SHOPS_IN, 1);
    ck_assert_int_eq(e.changed, 1);
    ck_assert_uint_eq(e.n, 0);
}
END_TEST

START_TEST(full_leaves_an_explained_edge_alone)
{
    stored("a", 20);
    delivered("a", 20);
    join(SHOPS_IN, 1);
    ck_assert_int_eq(e.changed, 0);
}
END_TEST

START_TEST(arrays_that_an_older_system_doubled_count_once)
{
    stored("a", 20);
    stored("a", 10);
    delivered("b", 5);
    join(PURCHASED, 0);
    ck_assert_uint_eq(e.n, 2);
    ck_assert_int_eq(e.count, 2);
    holds(0, "b", 5);
    holds(1, "a", 20);
}
END_TEST

ONE_SUITE_WITH("neo4j_join", 10, before, after, a_new_edge_has_its_receipts_by_time_and_then_id,
               a_known_receipt_changes_nothing, an_earlier_time_of_a_known_receipt_changes_nothing,
               a_later_time_of_a_known_receipt_wins_and_counts_once,
               counts_without_receipts_stay_when_a_receipt_comes, full_drops_counts_without_receipts,
               full_empties_an_edge_that_nothing_explains, full_leaves_an_explained_edge_alone,
               arrays_that_an_older_system_doubled_count_once)
