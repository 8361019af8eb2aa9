/* budget_core: what a worker knows by itself; see budget.h. */
#include <string.h>

#include "budget.h"

void budget_core_init(struct budget_core *c, double per_second, enum budget_fallback fallback,
                      uint32_t workers)
{
    memset(c, 0, sizeof *c);
    c->per_second = per_second;
    c->fallback = fallback;
    c->workers = workers;
    c->share_ms = -1;
}

uint32_t budget_core_bulk(const struct budget_core *c)
{
    double n = c->per_second * BUDGET_BULK_MS / 1000;

    return n < 1 ? 1 : (uint32_t)n;
}

uint32_t budget_core_take(struct budget_core *c, uint32_t want, int64_t now_ms, uint32_t *wait_ms)
{
    int64_t free_ms = c->pause_ms;
    uint32_t n;

    *wait_ms = 0;
    if (now_ms >= c->until_ms)
        c->tokens = 0;
    if (c->tokens == 0 && c->next_ms > free_ms)
        free_ms = c->next_ms;
    if (now_ms < free_ms) {
        *wait_ms = (uint32_t)(free_ms - now_ms);
        return 0;
    }
    n = c->tokens < want ? c->tokens : want;
    c->tokens -= n;
    return n;
}

void budget_core_lease(struct budget_core *c, uint32_t n, uint32_t wait_ms, uint32_t pause_ms, int64_t now_ms)
{
    c->tokens = n;
    c->until_ms = now_ms + BUDGET_KEEP_MS;
    c->next_ms = n > 0 ? 0 : now_ms + wait_ms;
    if (pause_ms > 0)
        budget_core_pause(c, pause_ms, now_ms);
}

uint32_t budget_core_away(struct budget_core *c, uint32_t want, int64_t now_ms, uint32_t *wait_ms)
{
    double rate = c->per_second / c->workers, most = rate * BUDGET_BULK_MS / 1000;
    uint32_t n;

    if (c->fallback == BUDGET_WAIT) {
        *wait_ms = BUDGET_BULK_MS;
        return 0;
    }
    if (most < 2) /* what is asked late must not be lost */
        most = 2;
    if (c->share_ms >= 0)
        c->share += (double)(now_ms - c->share_ms) * rate / 1000;
    if (c->share > most)
        c->share = most;
    c->share_ms = now_ms;
    n = c->share < want ? (uint32_t)c->share : want;
    c->share -= n;
    *wait_ms = n > 0 ? 0 : (uint32_t)((1 - c->share) * 1000 / rate) + 1;
    return n;
}

void budget_core_pause(struct budget_core *c, uint32_t ms, int64_t now_ms)
{
    c->tokens = 0;
    if (now_ms + ms > c->pause_ms)
        c->pause_ms = now_ms + ms;
}
