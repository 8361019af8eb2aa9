#include "retry.h"

uint64_t random_next(struct random_state *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t random_below(struct random_state *r, uint64_t bound)
{
    return bound == 0 ? 0 : random_next(r) % bound;
}

static uint64_t ceiling_ms(const struct retry_spec *spec, uint32_t tries)
{
    uint64_t ceiling = spec->min_ms;
    uint32_t i;

    for (i = 1; i < tries && ceiling < spec->max_ms; i++)
        ceiling *= 2;
    return ceiling < spec->max_ms ? ceiling : spec->max_ms;
}

uint32_t retry_delay_ms(const struct retry_spec *spec, uint32_t tries, uint32_t at_least_ms,
                        struct random_state *r)
{
    uint64_t delay = random_below(r, ceiling_ms(spec, tries) + 1);

    /* The wish of the other side is a floor; the jitter goes on top of it. */
    if (at_least_ms > 0)
        delay += at_least_ms;
    return delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
}
