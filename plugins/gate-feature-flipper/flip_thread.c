/* flip_thread: looks every interval, give or take a tenth, so that many workers do not ask in step;
 * sooner after a failure, but never sooner than the service asked for. */
#include <sys/random.h>
#include <time.h>

#include "flipper.h"

#define FIRST_RETRY_MS 500u

static uint32_t jitter(uint32_t ms)
{
    uint32_t r = 0;

    if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
        return ms;
    return (uint32_t)((uint64_t)ms * (900 + r % 201) / 1000);
}

/* How long until the next look. */
static uint32_t pause_ms(const struct flipper *f, uint32_t code, uint32_t retry_after_ms, uint32_t *failures)
{
    uint32_t ms;

    if (code == SLUICE_OK) {
        *failures = 0;
        return jitter(f->interval_ms);
    }
    ms = *failures < 16 ? FIRST_RETRY_MS << *failures : UINT32_MAX / 4;
    (*failures)++;
    if (ms > f->interval_ms)
        ms = f->interval_ms;
    if (ms < retry_after_ms)
        ms = retry_after_ms;
    return jitter(ms) > 0 ? jitter(ms) : 1;
}

static void *flip_run(void *context)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct flipper *f = context;
    struct timespec until;
    uint32_t failures = 0, ms;

    /* start has looked once */
    ms = pause_ms(f, atomic_load(&f->good_at) < 0 ? SLUICE_RETRY : SLUICE_OK, 0, &failures);
    pthread_mutex_lock(&f->lock);
    while (!atomic_load(&f->stopping)) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(ms / 1000);
        until.tv_nsec += (long)(ms % 1000) * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        while (!atomic_load(&f->stopping) && pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0)
            ;
        if (atomic_load(&f->stopping))
            break;
        pthread_mutex_unlock(&f->lock);
        err.retry_after_ms = 0;
        ms = pause_ms(f, flip_look(f, &err), err.retry_after_ms, &failures);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int flip_thread_start(struct flipper *f)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed =
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&f->wake, &attr) != 0;
    pthread_condattr_destroy(&attr);
    if (failed)
        return -1;
    if (pthread_create(&f->thread, NULL, flip_run, f) != 0) {
        pthread_cond_destroy(&f->wake);
        return -1;
    }
    f->running = 1;
    return 0;
}

void flip_thread_stop(struct flipper *f)
{
    if (!f->running)
        return;
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->stopping, 1);
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->wake);
    f->running = 0;
}
