/* expect: does the config talk to what belongs to its environment?
 *
 * Who is about to read or write asks here first: every instance of the plan that can tell
 * (sluice/identity.h) must name one of the values of the option.  Instances of its own are made
 * for it, so that nothing needs to run yet, and nothing is changed anywhere. */
#ifndef SLUICE_CORE_EXPECT_H
#define SLUICE_CORE_EXPECT_H

#include "plan.h"

#define EXPECT_MS 20000u /* a good time for one instance to answer, as of `run` */

/* Is there an instance for each expectation?  No I/O.  0; -1 with problems. */
int expect_check(const struct plan *plan, struct problems *p);
/* The same, and asks them, each for up to timeout_ms, again while nobody answers.  0: all holds, or nothing
 * is expected; -1 with a problem at each option that does not hold or could not be verified. */
int expect_verify(const struct plan *plan, uint32_t timeout_ms, struct problems *p);
/* For a command that runs instances of its own, those of `used`: what `expect` of the config says is asked of
 * them; what none of them can tell they do not touch either, and it is left.  0; -1 with problems. */
int expect_verify_used(const struct config *config, const struct plan *used, uint32_t timeout_ms,
                       struct problems *p);

#endif
