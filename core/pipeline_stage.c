/* pipeline_stage: one call of a decoder, enricher or sink, until every record of it
 * has a verdict that the flow understands.
 *
 * DISCONNECTED and an open breaker pause the stage here and spend no attempt; SPLIT
 * is answered by halves, so that one bad record is found alone. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pipeline_private.h"

#define BREAKER_OPEN_TEXT "its circuit breaker is open after failures in a row"

int pipeline_pause(struct pipeline *p, uint32_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&p->lock);
    while (!atomic_load(&p->aborting) && p->state_now != PIPELINE_FAILED)
        if (pthread_cond_timedwait(&p->work, &p->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&p->lock);
    return atomic_load(&p->aborting) || pipeline_state(p) == PIPELINE_FAILED;
}

static void set_doing(struct worker *w, const char *stage, const char *call, uint32_t n)
{
    pthread_mutex_lock(&w->pipeline->lock);
    w->doing_stage = stage;
    w->doing_call = call;
    w->doing_n = n;
    w->doing_since_ms = clock_steady_ms();
    pthread_mutex_unlock(&w->pipeline->lock);
}

static const char *call_name(uint32_t kind)
{
    return kind == SLUICE_SINK ? "write" : kind == SLUICE_DECODER ? "decode" : "enrich";
}

static uint32_t call_plugin(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                            struct sluice_verdict *items, struct sluice_error *err)
{
    const struct plugin *plugin = instance_plugin(s->instance);
    struct sluice_verdicts verdicts = {n, sizeof *items, items};
    struct sluice_record *const *list = records;
    void *self = instance_self(s->instance);
    int64_t since = clock_steady_ms();
    uint32_t code;

    memset(items, 0, n * sizeof *items);
    error_clear(err);
    set_doing(w, s->name, call_name(plugin->desc.kind), n);
    instance_enter(s->instance);
    if (plugin->desc.kind == SLUICE_SINK)
        code = plugin->ops.sink.write(self, list, n, &verdicts, err);
    else if (plugin->desc.kind == SLUICE_DECODER)
        code = plugin->ops.decoder.decode(self, list, n, &verdicts, err);
    else
        code = plugin->ops.enricher.enrich(self, list, n, &verdicts, err);
    instance_leave(s->instance);
    set_doing(w, NULL, NULL, 0);
    pthread_mutex_lock(&w->pipeline->lock);
    s->calls++;
    s->records += n;
    s->busy_ms += (uint64_t)(clock_steady_ms() - since);
    worker_count_documents(w);
    pthread_mutex_unlock(&w->pipeline->lock);
    return code;
}

static void tell_pause(struct pipeline *p, const struct stage *s, const char *event, const char *why)
{
    struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name), LOG_TEXT("instance", s->name),
                                 LOG_TEXT("message", why)};

    log_event(SLUICE_WARN, event, fields, 3);
}

static void set_paused(struct pipeline *p, struct stage *s, const char *why)
{
    int begins;

    why = why[0] != '\0' ? why : "the other side is away";
    pthread_mutex_lock(&p->lock);
    begins = s->paused_since_ms == 0;
    if (begins) {
        s->paused_since_ms = clock_steady_ms();
        if (p->n_paused++ == 0)
            flow_pause(p->flow, s->paused_since_ms);
    }
    (void)snprintf(s->paused_why, sizeof s->paused_why, "%s", why);
    pthread_mutex_unlock(&p->lock);
    if (begins)
        tell_pause(p, s, "stage_paused", why);
}

static void set_going(struct pipeline *p, struct stage *s)
{
    int ends;

    pthread_mutex_lock(&p->lock);
    ends = s->paused_since_ms != 0;
    s->paused_since_ms = 0;
    if (ends && --p->n_paused == 0)
        flow_resume(p->flow, clock_steady_ms());
    pthread_mutex_unlock(&p->lock);
    if (ends)
        tell_pause(p, s, "stage_resumed", "works again");
}

/* Waits for the breaker and the rate limit; 1: given up. */
static int wait_turn(struct pipeline *p, struct stage *s, uint32_t n)
{
    uint32_t wait;
    uint64_t want = n;

    for (;;) {
        pthread_mutex_lock(&p->lock);
        wait = breaker_wait_ms(&s->breaker, clock_steady_ms());
        pthread_mutex_unlock(&p->lock);
        if (wait == 0)
            break;
        set_paused(p, s, BREAKER_OPEN_TEXT);
        if (pipeline_pause(p, wait))
            return 1;
    }
    while (want > 0) {
        pthread_mutex_lock(&p->lock);
        want -= limit_take(&s->limit, want, clock_steady_ms());
        wait = want > 0 ? limit_wait_ms(&s->limit, clock_steady_ms()) : 0;
        pthread_mutex_unlock(&p->lock);
        if (want > 0 && pipeline_pause(p, wait))
            return 1;
    }
    return 0;
}

/* Did everything of this call fail in a way that time may mend? */
static int all_failed(uint32_t code, const struct sluice_verdict *v, uint32_t n)
{
    uint32_t i;

    if (code == SLUICE_RETRY || code == SLUICE_UNSURE)
        return 1;
    for (i = 0; i < n; i++)
        if (v[i].code != SLUICE_RETRY && v[i].code != SLUICE_UNSURE)
            return 0;
    return n > 0;
}

static void note_breaker(struct pipeline *p, struct stage *s, uint32_t code, const struct sluice_verdict *v,
                         uint32_t n)
{
    int failed = all_failed(code, v, n), open;

    pthread_mutex_lock(&p->lock);
    /* An outage has its own pause; it only answers the question of a half-open breaker. */
    if (code == SLUICE_DISCONNECTED)
        failed = s->breaker.state == BREAKER_HALF_OPEN;
    if (failed)
        breaker_failed(&s->breaker, clock_steady_ms());
    else if (code != SLUICE_DISCONNECTED)
        breaker_succeeded(&s->breaker);
    open = s->breaker.state != BREAKER_CLOSED;
    pthread_mutex_unlock(&p->lock);
    if (open && failed)
        set_paused(p, s, BREAKER_OPEN_TEXT);
    if (!open && code != SLUICE_DISCONNECTED)
        set_going(p, s);
}

/* Is this a verdict that stands?  What a plugin must not say counts as unwritten. */
static int stands(uint32_t code)
{
    switch (code) {
    case SLUICE_OK:
    case SLUICE_DROP:
    case SLUICE_RETRY:
    case SLUICE_REJECT:
    case SLUICE_UNSURE:
    case SLUICE_CANCELLED:
        return 1;
    default:
        return 0;
    }
}

static void fill(struct sluice_verdict *v, uint32_t n, uint32_t code, uint32_t retry_after_ms,
                 const char *reason, const char *detail)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (!stands(v[i].code))
            v[i] = (struct sluice_verdict){code, retry_after_ms, reason, detail};
}

static uint32_t deliver(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                        struct sluice_verdict *v, struct sluice_error *err);

static uint32_t each_run(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                         struct sluice_verdict *v, int split, struct sluice_error *err);

static int must_wait(uint32_t code)
{
    return code == SLUICE_RETRY || code == SLUICE_UNSURE || code == SLUICE_CANCELLED;
}

/* One call of a sink knows which records have to wait behind others of their key; when
 * the rest of a batch is called for later, the host has to know it. */
static void hold_behind(const struct worker *w, const struct stage *s, struct sluice_record *const *records,
                        uint32_t n, struct sluice_verdict *v)
{
    uint32_t i, j;

    if (!s->is_sink || !w->pipeline->minds_order)
        return;
    for (i = 0; i < n; i++)
        for (j = i + 1; must_wait(v[i].code) && j < n; j++)
            if (!stands(v[j].code) && records[j]->order == records[i]->order)
                v[j] = (struct sluice_verdict){SLUICE_CANCELLED, 1, NULL, NULL};
}

/* A run of records that has no verdict: by halves (SPLIT), or as it is (DISCONNECTED). */
static uint32_t again(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                      struct sluice_verdict *v, int split, struct sluice_error *err)
{
    uint32_t code, half = n / 2;
    const char *detail;

    if (!split)
        return deliver(w, s, records, n, v, err);
    if (n == 1) {
        detail = record_api.text(records[0], err->message, strlen(err->message));
        v[0] = (struct sluice_verdict){SLUICE_REJECT, 0, "refused_by_destination", detail};
        return SLUICE_OK;
    }
    code = deliver(w, s, records, half, v, err);
    if (code != SLUICE_OK)
        return code;
    hold_behind(w, s, records, n, v);
    return each_run(w, s, records + half, n - half, v + half, 0, err);
}

static uint32_t each_run(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                         struct sluice_verdict *v, int split, struct sluice_error *err)
{
    uint32_t from, to, code;

    for (from = 0; from < n; from = to + 1) {
        hold_behind(w, s, records, n, v);
        for (to = from; to < n && !stands(v[to].code); to++)
            ;
        if (to == from)
            continue;
        code = again(w, s, records + from, to - from, v + from, split, err);
        if (code != SLUICE_OK)
            return code;
    }
    return SLUICE_OK;
}

static int any_code(const struct sluice_verdict *v, uint32_t n, uint32_t code)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (v[i].code == code)
            return 1;
    return 0;
}

static int any_stands(const struct sluice_verdict *v, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (stands(v[i].code))
            return 1;
    return 0;
}

/* What stands for the records without a verdict when the call itself answered. */
static uint32_t settle_call(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                            struct sluice_verdict *v, uint32_t code, struct sluice_error *err)
{
    uint32_t retry = err->retry_after_ms;
    const char *detail = NULL;

    if (code == SLUICE_SPLIT || (code == SLUICE_REJECT && n > 1) || any_code(v, n, SLUICE_SPLIT))
        return each_run(w, s, records, n, v, 1, err);
    if (err->message[0] != '\0')
        detail = record_api.text(records[0], err->message, strlen(err->message));
    if (code == SLUICE_RETRY || code == SLUICE_UNSURE || code == SLUICE_CANCELLED || code == SLUICE_REJECT)
        fill(v, n, code, retry, NULL, detail);
    else
        fill(v, n, s->is_sink ? SLUICE_UNSURE : SLUICE_RETRY, retry, "no_verdict",
             "the plugin left this record without a legal verdict");
    return SLUICE_OK;
}

/* A half-open breaker asks with one record, so that an outage spends the attempts of few. */
static uint32_t size_of_call(struct pipeline *p, struct stage *s, uint32_t n)
{
    int asks;

    pthread_mutex_lock(&p->lock);
    asks = s->breaker.state == BREAKER_HALF_OPEN && n > 1;
    if (asks)
        limit_give(&s->limit, n - 1);
    pthread_mutex_unlock(&p->lock);
    return asks ? 1 : n;
}

static uint32_t deliver(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                        struct sluice_verdict *v, struct sluice_error *err)
{
    struct pipeline *p = w->pipeline;
    struct random_state random = {(uint64_t)clock_steady_ms() ^ w->index};
    uint32_t code, tries = 0, called;

    for (;;) {
        if (wait_turn(p, s, n)) {
            memset(v, 0, n * sizeof *v);
            fill(v, n, SLUICE_CANCELLED, 0, NULL, NULL);
            return SLUICE_OK;
        }
        called = size_of_call(p, s, n);
        memset(v, 0, n * sizeof *v);
        code = call_plugin(w, s, records, called, v, err);
        if (code == SLUICE_FATAL || any_code(v, called, SLUICE_FATAL))
            return SLUICE_FATAL;
        note_breaker(p, s, code, v, called);
        if (code != SLUICE_DISCONNECTED && !any_code(v, called, SLUICE_DISCONNECTED)) {
            code = settle_call(w, s, records, called, v, code, err);
            if (code != SLUICE_OK || called == n)
                return code;
            hold_behind(w, s, records, n, v);
            if (any_stands(v + 1, n - 1)) { /* those of its key; the others come again with them */
                fill(v + 1, n - 1, SLUICE_CANCELLED, 1, NULL, NULL);
                return SLUICE_OK;
            }
            records++, v++, n--;
            continue;
        }
        set_paused(p, s, err->message);
        if (pipeline_pause(p, retry_delay_ms(&p->spec->retry, ++tries, err->retry_after_ms, &random))) {
            fill(v, n, SLUICE_CANCELLED, 0, NULL, NULL);
            return SLUICE_OK;
        }
        if (any_stands(v, n))
            return each_run(w, s, records, n, v, 0, err);
    }
}

uint32_t stage_call(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                    struct sluice_verdict *verdicts, struct sluice_error *err)
{
    uint32_t code = n == 0 ? SLUICE_OK : deliver(w, s, records, n, verdicts, err);

    if (code != SLUICE_OK)
        fill(verdicts, n, SLUICE_CANCELLED, 0, NULL, NULL);
    return code;
}
