/* limit: a token bucket.  No clock of its own: the caller says what time it is. */
#ifndef SLUICE_CORE_LIMIT_H
#define SLUICE_CORE_LIMIT_H

#include <stdint.h>

struct limit {
    double rate;  /* tokens a second; <= 0: no limit */
    double burst; /* most tokens kept */
    double tokens;
    int64_t at_ms; /* steady time of the last refill */
};

void limit_init(struct limit *l, double rate, double burst, int64_t now_ms);
/* How many of want may pass now; takes them. */
uint64_t limit_take(struct limit *l, uint64_t want, int64_t now_ms);
/* Tokens that were taken and not used. */
void limit_give(struct limit *l, uint64_t n);
/* Milliseconds until one token is there; 0: now. */
uint32_t limit_wait_ms(const struct limit *l, int64_t now_ms);

#endif
