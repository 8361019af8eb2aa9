#include "limit.h"

void limit_init(struct limit *l, double rate, double burst, int64_t now_ms)
{
    l->rate = rate;
    l->burst = burst < 1.0 ? 1.0 : burst;
    l->tokens = l->burst;
    l->at_ms = now_ms;
}

static double tokens_at(const struct limit *l, int64_t now_ms)
{
    double tokens = l->tokens;

    if (now_ms > l->at_ms)
        tokens += l->rate * (double)(now_ms - l->at_ms) / 1000.0;
    return tokens > l->burst ? l->burst : tokens;
}

uint64_t limit_take(struct limit *l, uint64_t want, int64_t now_ms)
{
    uint64_t got;

    if (l->rate <= 0)
        return want;
    l->tokens = tokens_at(l, now_ms);
    if (now_ms > l->at_ms) /* a caller whose clock reading is older must not earn time twice */
        l->at_ms = now_ms;
    got = l->tokens >= (double)want ? want : (uint64_t)l->tokens;
    l->tokens -= (double)got;
    return got;
}

void limit_give(struct limit *l, uint64_t n)
{
    if (l->rate <= 0)
        return;
    l->tokens += (double)n;
    if (l->tokens > l->burst)
        l->tokens = l->burst;
}

uint32_t limit_wait_ms(const struct limit *l, int64_t now_ms)
{
    double missing, ms;

    if (l->rate <= 0)
        return 0;
    missing = 1.0 - tokens_at(l, now_ms);
    if (missing <= 0)
        return 0;
    ms = missing * 1000.0 / l->rate;
    return ms > 60000.0 ? 60000u : (uint32_t)ms + 1;
}
