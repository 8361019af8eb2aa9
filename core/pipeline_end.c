/* pipeline_end: what a verdict means for a record: it ends, waits, goes on, or is
 * buried.  The flow decides; here is done what it says. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pipeline_private.h"

#define ENDINGS_AT_ONCE 64u
#define NO_MEMORY_MS 50u
#define RESOLVE_MS 200u

void pipeline_fail(struct pipeline *p, const char *who, const struct sluice_error *err)
{
    const char *why = err->message[0] != '\0' ? err->message : "it cannot go on and did not say why";
    int first;

    pthread_mutex_lock(&p->lock);
    first = p->state_now != PIPELINE_FAILED;
    if (first) {
        p->state_now = PIPELINE_FAILED;
        (void)snprintf(p->error, sizeof p->error, "%s: %s", who, why);
    }
    p->stopping = 1;
    flow_stop(p->flow);
    pipeline_drop_returned(p);
    pthread_cond_broadcast(&p->space);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    if (first) {
        struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name), LOG_TEXT("instance", who),
                                     LOG_TEXT("message", why)};

        log_event(SLUICE_ERROR, "pipeline_failed", fields, 3);
    }
}

void pipeline_drop_returned(struct pipeline *p)
{
    uint32_t ticket;

    while ((ticket = flow_returned(p->flow)) != 0) {
        parcel_free(p->waiting[flow_place(ticket)]);
        p->waiting[flow_place(ticket)] = NULL;
    }
}

/* A record may not be dropped for want of memory: wait until there is some. */
void pipeline_keep(struct pipeline *p, const struct sluice_record *r, const char *stage, const char *reason,
                   const char *detail)
{
    struct parcel *parcel;

    while ((parcel = parcel_new(r, r->fields == NULL ? 0 : p->env.n_fields, stage, reason, detail)) == NULL) {
        pthread_mutex_unlock(&p->lock);
        if (pipeline_pause(p, NO_MEMORY_MS)) {
            pthread_mutex_lock(&p->lock);
            return;
        }
        pthread_mutex_lock(&p->lock);
    }
    if (!flow_knows(p->flow, r->ticket)) { /* returned meanwhile; the place may be another's */
        parcel_free(parcel);
        return;
    }
    parcel_free(p->waiting[flow_place(r->ticket)]);
    p->waiting[flow_place(r->ticket)] = parcel;
}

static const char *reason_of(uint32_t code, const char *reason)
{
    if (reason != NULL)
        return reason;
    switch (code) {
    case SLUICE_RETRY:
        return "retries_spent";
    case SLUICE_UNSURE:
        return "unsure";
    case SLUICE_DROP:
    case SLUICE_DENY:
        return "filtered";
    default:
        return "rejected";
    }
}

void pipeline_tell(struct pipeline *p, enum flow_next next, enum pipeline_end_class end,
                   const struct ending *e)
{
    const struct pipeline_end told = {end, e->record, e->reason, e->detail};

    if (next == FLOW_FINISHED && p->watcher != NULL)
        p->watcher(p->watcher_context, &told);
}

/* Does what the flow says with a record that is not to be buried; lock held. */
static void obey(struct pipeline *p, enum flow_next next, struct sluice_record *r, const struct ending *why)
{
    r->mark = BURY_MARK;
    if (next == FLOW_STEP) {
        r->mark = flow_step(p->flow, r->ticket);
        r->attempts = flow_attempts(p->flow, r->ticket);
    } else if (next == FLOW_WAIT)
        pipeline_keep(p, r, why->stage, why->reason, why->detail);
}

static void letter_of(const struct pipeline *p, const struct ending *e, struct dead_letter *l)
{
    const struct sluice_record *r = e->record;
    uint32_t step = flow_step(p->flow, r->ticket);

    memset(l, 0, sizeof *l);
    l->pipeline = p->spec->name;
    l->step = step < p->n_steps ? p->steps[step].name : "";
    l->stage = e->stage;
    l->lane = r->lane == NULL ? "" : r->lane->name;
    l->position = r->position;
    l->ordinal = r->ordinal;
    l->reason = flow_reason_valid(e->reason) ? e->reason : "other";
    l->detail = e->detail != NULL || l->reason == e->reason ? e->detail : e->reason;
    l->attempts = flow_attempts(p->flow, r->ticket);
    l->time_ms = clock_now_ms();
    l->order_key = r->fields == NULL ? (struct sluice_str){NULL, 0} : r->fields[p->order_slot];
    l->key = r->key;
    l->payload = r->payload;
    l->size = r->payload.len;
    l->headers = r->headers;
    l->n_headers = r->n_headers;
}

static uint32_t store_letters(struct pipeline *p, const struct ending *endings, uint32_t n,
                              struct sluice_error *err)
{
    struct dead_letter letters[ENDINGS_AT_ONCE];
    uint32_t i;

    pthread_mutex_lock(&p->lock);
    for (i = 0; i < n; i++)
        letter_of(p, &endings[i], &letters[i]);
    pthread_mutex_unlock(&p->lock);
    error_clear(err);
    return dead_letter_put(p->state, letters, n, NULL, NULL, err);
}

static void note_bury_error(struct pipeline *p, uint32_t code, const struct sluice_error *err)
{
    int was_fine = p->bury_error[0] == '\0';

    if (code == SLUICE_OK) {
        p->bury_error[0] = '\0';
        return;
    }
    (void)snprintf(p->bury_error, sizeof p->bury_error, "%s",
                   err->message[0] != '\0' ? err->message : "failed");
    if (was_fine) {
        struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name), LOG_TEXT("message", p->bury_error)};

        log_event(SLUICE_ERROR, "dead_letter_store_failed", fields, 2);
    }
}

void pipeline_note_letter(struct pipeline *p, uint64_t position)
{
    unsigned long long below = atomic_load(&p->letters_below);

    while (position >= below && !atomic_compare_exchange_weak(&p->letters_below, &below, position + 1))
        ;
}

/* Tries until the store has it; 0, or -1: given up. */
static int resolve(struct pipeline *p, const char *step, const char *lane, const uint64_t *positions,
                   uint32_t n)
{
    struct sluice_error err;
    uint32_t code;

    for (;;) {
        error_clear(&err);
        code = dead_letter_resolve(p->state, p->spec->name, step, lane, positions, n, &err);
        pthread_mutex_lock(&p->lock);
        note_bury_error(p, code, &err);
        pthread_mutex_unlock(&p->lock);
        if (code == SLUICE_OK)
            return 0;
        if (pipeline_pause(p, RESOLVE_MS))
            return -1;
    }
}

void pipeline_take_back(struct pipeline *p, const struct sluice_record *r, uint32_t step)
{
    (void)resolve(p, p->steps[step].name, r->lane->name, &r->position, 1);
}

/* Tells the flow how the burial of a few ended.  A letter that was stored for a record whose
 * lane was lost meanwhile is taken back. */
static void end_burial(struct pipeline *p, struct ending *endings, uint32_t n, uint32_t code,
                       const struct sluice_error *err)
{
    uint32_t i, back[ENDINGS_AT_ONCE], steps[ENDINGS_AT_ONCE], n_back = 0;
    enum flow_next next;

    pthread_mutex_lock(&p->lock);
    note_bury_error(p, code, err);
    for (i = 0; i < n; i++) {
        uint32_t ticket = endings[i].record->ticket, step = flow_step(p->flow, ticket);

        int ok = code == SLUICE_OK && pipeline_reserve_note(p) == 0;

        next = flow_buried(p->flow, ticket, ok, endings[i].reason, clock_steady_ms());
        if (ok && (next == FLOW_STEP || next == FLOW_FINISHED))
            (void)pipeline_note_job(p, endings[i].record, step, JOB_EVENT_FAILED, endings[i].reason,
                                    endings[i].detail);
        pipeline_tell(p, next, PIPELINE_DEAD, &endings[i]);
        obey(p, next, endings[i].record, &endings[i]);
        if (next == FLOW_FINISHED || next == FLOW_STEP)
            pipeline_log_end(p, endings[i].record, step, OUTCOME_DEAD, &endings[i]);
        if (next == FLOW_RETURNED && code == SLUICE_OK) {
            steps[n_back] = step;
            back[n_back++] = i;
        }
    }
    pthread_mutex_unlock(&p->lock);
    for (i = 0; i < n_back; i++)
        pipeline_take_back(p, endings[back[i]].record, steps[i]);
}

void pipeline_bury(struct pipeline *p, struct ending *endings, uint32_t n)
{
    struct sluice_error err;
    uint32_t code, i, chunk;

    for (; n > 0; n -= chunk, endings += chunk) {
        chunk = n < ENDINGS_AT_ONCE ? n : ENDINGS_AT_ONCE;
        for (i = 0; i < chunk; i++)
            pipeline_note_letter(p, endings[i].record->position);
        code = store_letters(p, endings, chunk, &err);
        end_burial(p, endings, chunk, code, &err);
    }
}

/* Letters of an earlier delivery whose records are written now are resolved, before
 * the flow may settle them.  0, or -1: given up. */
static int resolve_letters(struct pipeline *p, struct sluice_record **refs, uint32_t n,
                           const struct sluice_verdict *verdicts, const char *step)
{
    uint64_t positions[ENDINGS_AT_ONCE], below = atomic_load(&p->letters_below);
    uint32_t i, k = 0;

    for (i = 0; i < n; i++) {
        if (verdicts[i].code == SLUICE_OK && refs[i]->position < below)
            positions[k++] = refs[i]->position;
        if (k > 0 && (k == ENDINGS_AT_ONCE || i + 1 == n || refs[i + 1]->lane != refs[i]->lane)) {
            if (resolve(p, step, refs[i]->lane->name, positions, k) != 0)
                return -1;
            k = 0;
        }
    }
    return 0;
}

/* A line for the record whose try ended so; the dead are told once their letter is stored.  Before obey,
 * which gives the record the mark of its next step. */
static void log_end(const struct pipeline *p, enum flow_next next, const struct ending *e, uint32_t code)
{
    if (next == FLOW_FINISHED || next == FLOW_STEP)
        pipeline_log_end(p, e->record, e->record->mark, code == SLUICE_OK ? OUTCOME_WRITTEN : OUTCOME_GATED,
                         e);
    else if (next == FLOW_WAIT && (code == SLUICE_RETRY || code == SLUICE_UNSURE))
        pipeline_log_end(p, e->record, e->record->mark, OUTCOME_RETRY, e);
}

void pipeline_conclude(struct pipeline *p, struct stage *s, int last, struct sluice_record **refs,
                       uint32_t *n, const struct sluice_verdict *verdicts)
{
    struct ending endings[ENDINGS_AT_ONCE], *e;
    uint32_t i, kept = 0, buried = 0, total = *n, code;
    enum flow_next next;
    int64_t now = clock_steady_ms();
    int unresolved = 0;

    if (last && total > 0 && atomic_load(&p->letters_below) > 0)
        unresolved = resolve_letters(p, refs, total, verdicts, p->steps[refs[0]->mark].name) != 0;
    pthread_mutex_lock(&p->lock);
    for (i = 0; i < total; i++) {
        const struct sluice_verdict *v = &verdicts[i];

        if (!last && (v->code == SLUICE_OK || v->code == SLUICE_ADMIT)) {
            refs[kept++] = refs[i];
            continue;
        }
        e = &endings[buried];
        *e = (struct ending){refs[i], s->name, reason_of(v->code, v->reason), v->detail};
        code = unresolved && v->code == SLUICE_OK ? SLUICE_CANCELLED : v->code;
        if (code != SLUICE_CANCELLED && pipeline_note_job_end(p, refs[i], refs[i]->mark, s, v) != 0)
            code = SLUICE_CANCELLED; /* no memory for the note: the step is done again */
        next = flow_verdict(p->flow, refs[i]->ticket, code, e->reason, v->retry_after_ms, now);
        log_end(p, next, e, code);
        pipeline_tell(p, next, code == SLUICE_OK ? PIPELINE_WRITTEN : PIPELINE_GATED, e);
        obey(p, next, refs[i], e);
        if (next == FLOW_BURY && ++buried == ENDINGS_AT_ONCE) {
            pthread_mutex_unlock(&p->lock);
            pipeline_bury(p, endings, buried);
            buried = 0;
            pthread_mutex_lock(&p->lock);
        }
    }
    pthread_mutex_unlock(&p->lock);
    pipeline_bury(p, endings, buried);
    *n = kept;
}
