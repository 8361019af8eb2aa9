#include "breaker.h"

/* While the one call of a half-open breaker is out, others ask again this soon. */
#define HALF_OPEN_POLL_MS 50u

void breaker_init(struct breaker *b, struct breaker_spec spec)
{
    b->spec = spec;
    b->state = BREAKER_CLOSED;
    b->failed = 0;
    b->until_ms = 0;
}

uint32_t breaker_wait_ms(struct breaker *b, int64_t now_ms)
{
    switch (b->state) {
    case BREAKER_CLOSED:
        return 0;
    case BREAKER_OPEN:
        if (now_ms < b->until_ms)
            return (uint32_t)(b->until_ms - now_ms);
        b->state = BREAKER_HALF_OPEN;
        return 0;
    case BREAKER_HALF_OPEN:
    default:
        return HALF_OPEN_POLL_MS;
    }
}

void breaker_succeeded(struct breaker *b)
{
    b->state = BREAKER_CLOSED;
    b->failed = 0;
}

void breaker_failed(struct breaker *b, int64_t now_ms)
{
    if (b->failed < UINT32_MAX)
        b->failed++;
    if (b->spec.failures == 0)
        return;
    if (b->state == BREAKER_HALF_OPEN || b->failed >= b->spec.failures) {
        b->state = BREAKER_OPEN;
        b->until_ms = now_ms + b->spec.open_ms;
    }
}
