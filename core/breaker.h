/* breaker: stops calling what keeps failing.
 *
 * Closed: calls pass.  After `failures` in a row it opens: no call for open_ms.
 * Then half open: one call is let through; its success closes, its failure opens
 * again.  No clock of its own. */
#ifndef SLUICE_CORE_BREAKER_H
#define SLUICE_CORE_BREAKER_H

#include <stdint.h>

#include "plan.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    struct breaker_spec spec;
    enum breaker_state state;
    uint32_t failed; /* in a row */
    int64_t until_ms;
};

void breaker_init(struct breaker *b, struct breaker_spec spec);
/* 0: call now.  Otherwise milliseconds to wait before asking again. */
uint32_t breaker_wait_ms(struct breaker *b, int64_t now_ms);
void breaker_succeeded(struct breaker *b);
void breaker_failed(struct breaker *b, int64_t now_ms);

#endif
