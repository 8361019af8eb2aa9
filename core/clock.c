#include "clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    if (clock_gettime(id, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static _Atomic int64_t skipped_ms;

void clock_skip_ms(int64_t ms)
{
    atomic_fetch_add(&skipped_ms, ms);
}

int64_t clock_now_ms(void)
{
    return read_clock(CLOCK_REALTIME) + atomic_load_explicit(&skipped_ms, memory_order_relaxed);
}

int64_t clock_steady_ms(void)
{
    return read_clock(CLOCK_MONOTONIC) + atomic_load_explicit(&skipped_ms, memory_order_relaxed);
}

void clock_format(int64_t ms, char *out, size_t cap)
{
    int64_t seconds = ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
    time_t t = (time_t)seconds;
    struct tm tm;

    if (cap == 0)
        return;
    out[0] = '\0';
    if (gmtime_r(&t, &tm) == NULL)
        return;
    (void)snprintf(out, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - seconds * 1000));
}
