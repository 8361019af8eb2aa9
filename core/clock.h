/* clock: wall and steady time in milliseconds. */
#ifndef SLUICE_CORE_CLOCK_H
#define SLUICE_CORE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_now_ms(void);    /* since 1970 UTC; may jump */
int64_t clock_steady_ms(void); /* never jumps; every timer uses this one */
/* For tests: both clocks move on by so much at once.  [any] */
void clock_skip_ms(int64_t ms);
/* "2026-01-02T03:04:05.678Z" into out (at least 25 bytes). */
void clock_format(int64_t ms, char *out, size_t cap);

#endif
