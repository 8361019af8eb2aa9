/* retry: how long to wait before the next try.
 *
 * Full jitter: a delay is drawn evenly from [0, min(max_ms, min_ms * 2^(tries - 1))]
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so that
 * records which failed together do not come back together.  No clock, no global state. */
#ifndef SLUICE_CORE_RETRY_H
#define SLUICE_CORE_RETRY_H

#include <stdint.h>

#include "plan.h"

/* A seeded generator (SplitMix64), so that schedules can be repeated in tests. */
struct random_state {
    uint64_t state;
};

uint64_t random_next(struct random_state *r);
uint64_t random_below(struct random_state *r, uint64_t bound); /* [0, bound); 0 for bound 0 */

/* Milliseconds to wait after the tries-th try (>= 1) failed; never below
 * at_least_ms, the other side's own wish. */
uint32_t retry_delay_ms(const struct retry_spec *spec, uint32_t tries, uint32_t at_least_ms,
                        struct random_state *r);

#endif
