/* pipeline_source: the source's thread, which alone calls the source: start, poll
 * while there is room, drain, settle, stop. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pipeline_private.h"

#define POLL_MS 100u
#define STOP_MS 5000u /* deadline of one instance's flush and stop */
#define IDLE_MS 50u

void source_doing(struct pipeline *p, const char *what)
{
    pthread_mutex_lock(&p->lock);
    p->source_doing = what;
    p->source_since_ms = clock_steady_ms();
    pthread_mutex_unlock(&p->lock);
}

/* How many records to poll for now; 0: wait (for at most *wait_ms). */
static uint64_t room_to_poll(struct pipeline *p, uint32_t *wait_ms)
{
    uint64_t room;
    int64_t now = clock_steady_ms();

    pthread_mutex_lock(&p->lock);
    room = flow_room(p->flow);
    if (p->n_ready > 0 || now < p->poll_at || pipeline_jobs_full(p))
        room = 0;
    *wait_ms = IDLE_MS;
    if (room > p->poll_batch->cap)
        room = p->poll_batch->cap;
    if (room > 0) {
        room = limit_take(&p->poll_limit, room, now);
        if (room == 0 && limit_wait_ms(&p->poll_limit, now) < IDLE_MS)
            *wait_ms = limit_wait_ms(&p->poll_limit, now);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

static uint32_t poll_timeout(struct pipeline *p)
{
    uint32_t due;

    pthread_mutex_lock(&p->lock);
    due = flow_due_in_ms(p->flow, clock_steady_ms());
    pthread_mutex_unlock(&p->lock);
    return due < POLL_MS ? due : POLL_MS;
}

static uint32_t poll_source(struct pipeline *p, uint64_t max, struct sluice_error *err)
{
    const struct sluice_source_ops *ops = &instance_plugin(p->source)->ops.source;
    uint32_t code, timeout = poll_timeout(p);

    batch_clear(p->poll_batch);
    pthread_mutex_lock(&p->lock);
    pipeline_polled_none(p);
    pthread_mutex_unlock(&p->lock);
    error_clear(err);
    source_doing(p, "poll");
    instance_enter(p->source);
    code = ops->poll(instance_self(p->source), p->poll_batch, max, timeout, err);
    instance_leave(p->source);
    source_doing(p, NULL);
    if (p->poll_batch->n < max)
        limit_give(&p->poll_limit, max - p->poll_batch->n);
    return code;
}

/* Acts on the answer of a poll. */
static void after_poll(struct pipeline *p, uint32_t code, const struct sluice_error *err, uint32_t *failures)
{
    struct random_state random = {(uint64_t)clock_steady_ms()};

    switch (code) {
    case SLUICE_OK:
    case SLUICE_CANCELLED:
        *failures = 0;
        return;
    case SLUICE_END:
        pthread_mutex_lock(&p->lock);
        p->ended = 1;
        pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->lock);
        return;
    case SLUICE_DISCONNECTED:
    case SLUICE_RETRY:
        if ((*failures)++ == 0) {
            struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name),
                                         LOG_TEXT("instance", instance_name(p->source)),
                                         LOG_TEXT("message", err->message)};

            log_event(SLUICE_WARN, "source_disconnected", fields, 3);
        }
        p->poll_at =
            clock_steady_ms() + retry_delay_ms(&p->spec->retry, *failures, err->retry_after_ms, &random);
        return;
    default:
        pipeline_fail(p, instance_name(p->source), err);
    }
}

static int wants_more(struct pipeline *p)
{
    int more;

    pthread_mutex_lock(&p->lock);
    more = !p->stopping && !p->ended;
    pthread_mutex_unlock(&p->lock);
    return more;
}

static void poll_until_stopped(struct pipeline *p)
{
    struct sluice_error err;
    uint32_t failures = 0, wait_ms, code;
    uint64_t room;

    while (wants_more(p)) {
        pipeline_tick(p);
        pipeline_route_held(p);
        room = room_to_poll(p, &wait_ms);
        if (room == 0) {
            pipeline_keep_alive(p);
            pthread_mutex_lock(&p->lock);
            pipeline_wait_space(p, wait_ms);
            pthread_mutex_unlock(&p->lock);
            continue;
        }
        code = poll_source(p, room, &err);
        if (p->poll_batch->n > 0)
            pipeline_route(p);
        after_poll(p, code, &err, &failures);
    }
}

/* What the source cannot forget now is asked again: else all of it would come again. */
static void settle_to_the_end(struct pipeline *p)
{
    struct random_state random = {(uint64_t)clock_steady_ms()};
    uint32_t tries = 0;

    pipeline_settle_all(p);
    while ((p->settle_error[0] != '\0' || pipeline_jobs_waiting(p)) &&
           !pipeline_pause(p, retry_delay_ms(&p->spec->retry, ++tries, 0, &random)))
        pipeline_settle_all(p);
}

/* Until nothing is in flight and everything is settled. */
static void drain(struct pipeline *p)
{
    struct flow_counts counts;

    while (!pipeline_is_over(p)) {
        pipeline_tick(p);
        pipeline_route_held(p);
        pthread_mutex_lock(&p->lock);
        flow_counts(p->flow, &counts);
        if (counts.in_flight > 0)
            pipeline_wait_space(p, IDLE_MS);
        pthread_mutex_unlock(&p->lock);
        if (counts.in_flight == 0)
            break;
        pipeline_keep_alive(p);
    }
    settle_to_the_end(p);
}

int pipeline_pause_source(struct pipeline *p, uint32_t ms)
{
    int64_t until = clock_steady_ms() + ms, left;
    int over;

    pthread_mutex_lock(&p->lock);
    while (!(over = p->stopping || pipeline_is_over_locked(p)) && (left = until - clock_steady_ms()) > 0)
        pipeline_wait_space(p, left < IDLE_MS ? (uint32_t)left : IDLE_MS);
    pthread_mutex_unlock(&p->lock);
    return over;
}

/* After the last poll: the cancel that ended it is not meant for settle. */
static void resume_source(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->cancelling > 0)
        pipeline_wait_space(p, IDLE_MS);
    pthread_mutex_unlock(&p->lock);
    instance_resume(p->source);
    if (pipeline_is_over(p)) /* that one is */
        instance_cancel(p->source);
}

static uint32_t start_one(struct pipeline *p, struct instance *i)
{
    struct random_state random = {(uint64_t)clock_steady_ms()};
    struct sluice_error err;
    uint32_t code, tries = 0;

    for (;;) {
        source_doing(p, "start");
        code = instance_start(i, &err);
        source_doing(p, NULL);
        if (code != SLUICE_RETRY && code != SLUICE_DISCONNECTED)
            break;
        pthread_mutex_lock(&p->lock);
        (void)snprintf(p->error, sizeof p->error, "%s: %s", instance_name(i), err.message);
        pthread_mutex_unlock(&p->lock);
        if (tries++ == 0) {
            struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name),
                                         LOG_TEXT("instance", instance_name(i)),
                                         LOG_TEXT("message", err.message)};

            log_event(SLUICE_WARN, "start_waits", fields, 3);
        }
        if (pipeline_pause_source(p, retry_delay_ms(&p->spec->retry, tries, err.retry_after_ms, &random)))
            return SLUICE_CANCELLED;
    }
    if (code != SLUICE_OK && wants_more(p)) /* stopped: nobody minds how the start ended */
        pipeline_fail(p, instance_name(i), &err);
    return code;
}

/* From the sink back to the source, so that nothing flows before its end is open. */
static int start_all(struct pipeline *p)
{
    size_t n = p->spec->n_instances;

    while (p->n_started < n) {
        if (!wants_more(p) || start_one(p, p->instances[n - 1 - p->n_started]) != SLUICE_OK)
            return -1;
        p->n_started++;
    }
    return 0;
}

/* A stop that fails loses nothing (OK means durable), but somebody should know. */
static void say_stop_failed(const struct pipeline *p, const struct instance *i, const char *call,
                            const struct sluice_error *err)
{
    struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name), LOG_TEXT("instance", instance_name(i)),
                                 LOG_TEXT("call", call), LOG_TEXT("message", err->message)};

    log_event(SLUICE_WARN, "stop_failed", fields, 4);
}

static void stop_all(struct pipeline *p)
{
    size_t n = p->spec->n_instances;
    struct sluice_error err;

    for (; p->n_started > 0; p->n_started--) {
        struct instance *i = p->instances[n - p->n_started];
        const struct plugin *plugin = instance_plugin(i);

        source_doing(p, "stop");
        if (plugin->desc.kind == SLUICE_SINK && plugin->ops.sink.flush != NULL) {
            error_clear(&err);
            if (plugin->ops.sink.flush(instance_self(i), STOP_MS, &err) != SLUICE_OK)
                say_stop_failed(p, i, "flush", &err);
        }
        if (instance_stop(i, STOP_MS, &err) != SLUICE_OK)
            say_stop_failed(p, i, "stop", &err);
        source_doing(p, NULL);
    }
}

static void stop_workers(struct pipeline *p)
{
    uint32_t i;

    pthread_mutex_lock(&p->lock);
    p->workers_quit = 1;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (i = 0; i < p->n_workers; i++)
        if (p->workers[i].started)
            pthread_join(p->workers[i].thread, NULL);
}

static void set_state(struct pipeline *p, enum pipeline_state state)
{
    pthread_mutex_lock(&p->lock);
    if (p->state_now != PIPELINE_FAILED)
        p->state_now = state;
    if (state == PIPELINE_RUNNING)
        p->error[0] = '\0';
    if (state == PIPELINE_DONE)
        p->done_ms = clock_steady_ms();
    pthread_mutex_unlock(&p->lock);
}

void *pipeline_source_main(void *arg)
{
    struct pipeline *p = arg;

    p->settle_at = clock_steady_ms() + p->spec->commit_ms;
    if (start_all(p) == 0) {
        set_state(p, PIPELINE_RUNNING);
        poll_until_stopped(p);
        set_state(p, PIPELINE_DRAINING);
        resume_source(p);
        drain(p);
    }
    pipeline_return_parcels(p);
    stop_workers(p);
    pipeline_settle_all(p);
    stop_all(p);
    set_state(p, PIPELINE_DONE);
    return NULL;
}
