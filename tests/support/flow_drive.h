/* flow_drive: one flow and short words to send it events, for the tests of the flow. */
#ifndef SLUICE_TESTS_FLOW_DRIVE_H
#define SLUICE_TESTS_FLOW_DRIVE_H

#include <check.h>
#include <sluice/abi.h>

#include "flow.h"

#define REBURY_MS 1000
#define HOLD_MS 500

static struct flow *flow;
static struct flow_spec spec;

/* One lane, one step, ordered prefix, three attempts; a test changes spec before open(). */
static inline void plain_spec(void)
{
    struct flow_spec plain = {.n_steps = 1,
                              .max_in_flight = 8,
                              .memory_bytes = 1000,
                              .lane_window = 100,
                              .retry = {.attempts = 3, .min_ms = 100, .max_ms = 1000, .deadline_ms = 0},
                              .seed = 1};

    spec = plain;
}

static inline void open_flow(void)
{
    flow = flow_new(&spec);
    ck_assert_ptr_nonnull(flow);
    ck_assert_int_eq(flow_lane(flow, 1), 0);
}

static inline void close_flow(void)
{
    flow_free(flow);
    flow = NULL;
}

static inline struct lane_mark mark_of(uint64_t n)
{
    struct lane_mark m = {.next = n, .position = n - 1, .ordinal = n};

    return m;
}

/* The n-th record (1, 2, …) of a lane, of 10 bytes. */
static inline uint32_t arrive_in(uint32_t lane, uint64_t n, uint64_t key, int64_t now_ms)
{
    struct lane_mark m = mark_of(n);

    ck_assert_int_eq(flow_reserve(flow, lane, 1), 0);
    return flow_arrive(flow, lane, &m, key, 10, now_ms);
}

/* … of lane 1, with a key of its own. */
static inline uint32_t arrive(uint64_t n)
{
    uint32_t ticket = arrive_in(1, n, 1000 + n, 0);

    ck_assert_uint_gt(ticket, 0);
    return ticket;
}

/* … of lane 1, with a key. */
static inline uint32_t arrive_key(uint64_t n, uint64_t key)
{
    uint32_t ticket = arrive_in(1, n, key, 0);

    ck_assert_uint_gt(ticket, 0);
    return ticket;
}

static inline void pass_by(uint64_t n, const char *reason)
{
    struct lane_mark m = mark_of(n);

    ck_assert_int_eq(flow_reserve(flow, 1, 1), 0);
    flow_pass(flow, 1, &m, reason);
}

static inline enum flow_next verdict(uint32_t ticket, uint32_t code)
{
    return flow_verdict(flow, ticket, code, "because", 0, 0);
}

static inline enum flow_next buried(uint32_t ticket)
{
    return flow_buried(flow, ticket, 1, "because", 0);
}

static inline enum flow_next not_buried(uint32_t ticket, int64_t now_ms)
{
    return flow_buried(flow, ticket, 0, "because", now_ms);
}

/* The ticket that is due, however long it takes; 0: none waits. */
static inline uint32_t due_some_time(void)
{
    int bury;

    return flow_due(flow, INT64_MAX, &bury);
}

/* The `next` that may be settled; 0: nothing. */
static inline uint64_t ack(void)
{
    struct lane_mark m = {0};
    uint32_t lane;

    return flow_take_ack(flow, &lane, &m) ? m.next : 0;
}

static inline struct flow_counts counts(void)
{
    struct flow_counts c;

    flow_counts(flow, &c);
    ck_assert_uint_eq(c.in, c.written + c.gated + c.dead + c.returned + c.in_flight);
    return c;
}

static inline uint64_t reason_count(const struct flow_count *table, const char *reason)
{
    uint64_t n = 0;
    unsigned i;

    for (i = 0; table[i].reason != NULL; i++) {
        ck_assert_uint_lt(i, FLOW_MAX_REASONS);
        if (strcmp(table[i].reason, reason) == 0)
            n += table[i].n;
    }
    return n;
}

#endif
