/* Thousands of schedules of a world that fails keep every promise of the flow.
 *
 *   SLUICE_SEEDS=N   how many seeds (1000)
 *   SLUICE_SEED=n    only this one, with its trace on the standard error */
#include <inttypes.h>
#include <time.h>

#include "one_suite.h"
#include "simulation.h"

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(every_schedule_keeps_every_promise)
{
    uint64_t n = number("SLUICE_SEEDS", 1000), seed, digest = 0;
    const char *only = getenv("SLUICE_SEED");
    struct sim_stats stats = {0};
    double from = seconds(), took;
    char why[512];

    if (only != NULL) {
        seed = number("SLUICE_SEED", 0);
        if (sim_run(seed, stderr, why, sizeof why, &stats, &digest) != 0)
            ck_abort_msg("seed %" PRIu64 ": %s", seed, why);
        return;
    }
    for (seed = 0; seed < n; seed++)
        if (sim_run(seed, NULL, why, sizeof why, &stats, &digest) != 0)
            ck_abort_msg("seed %" PRIu64 ": %s; replay with SLUICE_SEED=%" PRIu64, seed, why, seed);
    took = seconds() - from;
    printf("%" PRIu64 " schedules, %.0f a second, %" PRIu64 " events, %" PRIu64 " records, %" PRIu64
           " deaths, %" PRIu64 " stops, %" PRIu64 " rebalances\n",
           n, (double)n / took, stats.events, stats.records, stats.kills, stats.stops, stats.rebalances);
}
END_TEST

START_TEST(one_seed_gives_one_schedule)
{
    struct sim_stats stats = {0};
    uint64_t first = 0, second = 0, seed;
    char why[512];

    for (seed = 0; seed < 20; seed++) {
        ck_assert_int_eq(sim_run(seed, NULL, why, sizeof why, &stats, &first), 0);
        ck_assert_int_eq(sim_run(seed, NULL, why, sizeof why, &stats, &second), 0);
        ck_assert_uint_eq(first, second);
    }
}
END_TEST

START_TEST(the_schedules_meet_every_kind_of_trouble)
{
    struct sim_stats s = {0};
    uint64_t digest = 0, seed;
    char why[512];

    for (seed = 0; seed < 300; seed++)
        ck_assert_int_eq(sim_run(seed, NULL, why, sizeof why, &s, &digest), 0);
    ck_assert_uint_gt(s.kills, 200);
    ck_assert_uint_gt(s.stops, 100);
    ck_assert_uint_gt(s.rebalances, 200);
    ck_assert_uint_gt(s.retries, 200);
    ck_assert_uint_gt(s.holds, 200);
    ck_assert_uint_gt(s.unsure, 100);
    ck_assert_uint_gt(s.disconnected, 100);
    ck_assert_uint_gt(s.partial, 50);
    ck_assert_uint_gt(s.dead, 200);
    ck_assert_uint_gt(s.burial_failures, 50);
    ck_assert_uint_gt(s.settle_failures, 200);
    ck_assert_uint_gt(s.parked, 200);
    ck_assert_uint_gt(s.full, 200);
    ck_assert_uint_gt(s.pauses, 200);
    ck_assert_uint_gt(s.lane_waits, 200);
    ck_assert_uint_gt(s.again_in_poll, 20);
}
END_TEST

ONE_SUITE("simulation", 600, every_schedule_keeps_every_promise, one_seed_gives_one_schedule,
          the_schedules_meet_every_kind_of_trouble)
