/* pipeline_worker: takes batches from its inbox and runs them through the steps.
 *
 * A record's mark is the step it has to run, BURY_MARK once it left the batch. */
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "pipeline_private.h"

#define CONCLUDE_AGAIN_MS 500u

/* On the machine's own clock, for a wait. */
static struct timespec linger_until(const struct worker *w)
{
    int64_t left = w->inbox_since_ms + w->pipeline->spec->linger_ms - clock_steady_ms(), at;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    at = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + (left > 0 ? left : 0);
    return (struct timespec){.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000L};
}

static int inbox_is_full(const struct worker *w)
{
    return w->inbox->n >= w->inbox->cap || w->inbox->bytes >= w->pipeline->spec->batch_bytes;
}

void worker_count_documents(struct worker *w)
{
    struct pipeline *p = w->pipeline;
    uint64_t used = w->work->arena.used, bytes = used > w->copied_bytes ? used - w->copied_bytes : 0;

    p->document_bytes += bytes - w->document_bytes;
    w->document_bytes = bytes;
    flow_documents(p->flow, p->document_bytes);
}

/* Waits for a batch; 0: there is none and there will be none.  Swaps it into work. */
static int take_batch(struct worker *w)
{
    struct pipeline *p = w->pipeline;
    struct sluice_batch *swap;
    struct timespec until;

    pthread_mutex_lock(&p->lock);
    w->idle = 1;
    worker_count_documents(w); /* those of the batch before are gone */
    pthread_cond_signal(&p->space);
    while (w->inbox->n == 0 && !p->workers_quit)
        pthread_cond_wait(&p->work, &p->lock);
    if (w->inbox->n > 0 && p->spec->linger_ms > 0) {
        until = linger_until(w);
        while (!inbox_is_full(w) && !p->stopping && !p->ended && !p->workers_quit)
            if (pthread_cond_timedwait(&p->work, &p->lock, &until) != 0)
                break;
    }
    swap = w->work;
    w->work = w->inbox;
    w->inbox = swap;
    w->copied_bytes = w->work->arena.used;
    w->idle = w->work->n == 0;
    pthread_cond_signal(&p->space);
    pthread_mutex_unlock(&p->lock);
    return w->work->n > 0;
}

/* Marks each record with its step; those that must wait for another of their key,
 * or whose lane is gone, leave. */
static void admit_batch(struct worker *w)
{
    struct pipeline *p = w->pipeline;
    uint64_t i;

    pthread_mutex_lock(&p->lock);
    for (i = 0; i < w->work->n; i++) {
        struct sluice_record *r = &w->work->records[i];
        enum flow_next next = flow_may_run(p->flow, r->ticket);

        r->mark = BURY_MARK;
        r->attempts = flow_attempts(p->flow, r->ticket);
        if (next == FLOW_STEP)
            r->mark = flow_step(p->flow, r->ticket);
        else if (next == FLOW_WAIT)
            pipeline_keep(p, r, NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&p->lock);
}

/* What a two-phase gate hears of a record with this verdict. */
static uint32_t outcome_of(uint32_t code)
{
    switch (code) {
    case SLUICE_OK:
    case SLUICE_DROP:
    case SLUICE_DENY:
        return SLUICE_OK;
    case SLUICE_REJECT:
        return SLUICE_REJECT;
    default:
        return SLUICE_RETRY;
    }
}

static void note_outcomes(struct worker *w, int last, const struct sluice_verdict *v, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (last || (v[i].code != SLUICE_OK && v[i].code != SLUICE_ADMIT))
            w->outcomes[w->refs[i] - w->work->records] = outcome_of(v[i].code);
}

/* Fields that gates declared, from the document, since stages may have changed it. */
static void refresh_fields(struct worker *w, uint32_t n)
{
    struct pipeline *p = w->pipeline;
    uint32_t i, f;

    for (i = 0; i < n; i++) {
        struct sluice_record *r = w->refs[i];

        if (r->fields == NULL)
            r->fields = &w->work->values[(uint64_t)(r - w->work->records) * w->work->n_fields];
        for (f = 0; f < p->env.n_fields; f++) {
            struct sluice_str now = record_document_field(r, p->env.fields[f]);

            if (now.data != NULL || !pipeline_is_job_field(p, f)) /* a stage may drop what names the job */
                r->fields[f] = now;
        }
    }
}

static uint32_t run_gate(struct worker *w, struct gate_eval *gate, uint32_t n, struct sluice_error *err)
{
    uint32_t code, i;

    refresh_fields(w, n);
    code = gate_evaluate(gate, w->refs, n, w->answers, err);
    for (i = 0; i < n && code == SLUICE_OK; i++)
        w->verdicts[i] = (struct sluice_verdict){w->answers[i].code, w->answers[i].retry_after_ms,
                                                 w->answers[i].reason, w->answers[i].detail};
    return code;
}

/* What a gate hears is the end of this step, whatever an earlier one came to. */
static uint32_t select_step(struct worker *w, uint32_t step)
{
    uint32_t n = 0;
    uint64_t i;

    for (i = 0; i < w->work->n; i++)
        if (w->work->records[i].mark == step) {
            w->outcomes[i] = SLUICE_RETRY;
            w->refs[n++] = &w->work->records[i];
        }
    return n;
}

/* A gate that was not told of a written record would let it through again: go on until
 * it is, as for a dead letter. */
static void conclude_gate(struct worker *w, struct gate_eval *gate)
{
    struct sluice_error err;
    int told = 0;

    while (gate_conclude(gate, w->outcomes, &err) != SLUICE_OK) {
        if (!told) {
            struct log_field fields[] = {LOG_TEXT("pipeline", w->pipeline->spec->name),
                                         LOG_TEXT("message", err.message)};

            log_event(SLUICE_WARN, "gate_conclude_failed", fields, 2);
        }
        told = 1;
        if (pipeline_pause(w->pipeline, CONCLUDE_AGAIN_MS))
            return;
    }
}

static void conclude_gates(struct worker *w, size_t first, size_t n)
{
    size_t i;

    for (i = first; i < first + n; i++)
        if (w->gates[i] != NULL)
            conclude_gate(w, w->gates[i]);
}

/* Before a sink that minds the order, those leave whose earlier one of the key was held
 * back meanwhile: by an enricher, or in an earlier step. */
static void hold_back(struct worker *w, uint32_t *n)
{
    struct pipeline *p = w->pipeline;
    uint32_t i, kept = 0;
    enum flow_next next;

    pthread_mutex_lock(&p->lock);
    for (i = 0; i < *n; i++) {
        next = flow_may_run(p->flow, w->refs[i]->ticket);
        if (next == FLOW_STEP) {
            w->refs[kept++] = w->refs[i];
            continue;
        }
        w->refs[i]->mark = BURY_MARK;
        if (next == FLOW_WAIT)
            pipeline_keep(p, w->refs[i], NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&p->lock);
    *n = kept;
}

/* The records of one step through its stages.  first: the step's place in w->gates. */
static void run_step(struct worker *w, uint32_t index, size_t first)
{
    struct pipeline *p = w->pipeline;
    struct step *step = &p->steps[index];
    struct sluice_error err;
    uint32_t n = select_step(w, index), i, code = SLUICE_OK;
    size_t s;

    if (n == 0)
        return;
    for (i = 0; i < n && index > 0; i++)
        w->refs[i]->document = NULL; /* each step starts from the payload */
    for (s = 0; s < step->n_stages && n > 0; s++) {
        struct stage *stage = &step->stages[s];
        int last = s + 1 == step->n_stages;

        if (last && p->minds_order)
            hold_back(w, &n);
        if (n == 0)
            break;
        code = stage->gate != NULL ? run_gate(w, w->gates[first + s], n, &err)
                                   : stage_call(w, stage, w->refs, n, w->verdicts, &err);
        if (code != SLUICE_OK)
            pipeline_fail(p, stage->name, &err);
        if (code != SLUICE_OK && stage->gate != NULL)
            break;
        note_outcomes(w, last, w->verdicts, n);
        if (last)
            conclude_gates(w, first, step->n_stages);
        pipeline_conclude(p, stage, last, w->refs, &n, w->verdicts);
        if (code != SLUICE_OK)
            break;
    }
    if (code != SLUICE_OK || s < step->n_stages)
        conclude_gates(w, first, step->n_stages);
}

/* Whatever a failed pipeline leaves in the batch goes back to the source. */
static void return_rest(struct worker *w)
{
    struct pipeline *p = w->pipeline;
    uint64_t i;

    pthread_mutex_lock(&p->lock);
    for (i = 0; i < w->work->n; i++)
        if (w->work->records[i].mark != BURY_MARK)
            (void)flow_verdict(p->flow, w->work->records[i].ticket, SLUICE_CANCELLED, NULL, 0,
                               clock_steady_ms());
    pthread_mutex_unlock(&p->lock);
}

static void run_batch(struct worker *w)
{
    struct pipeline *p = w->pipeline;
    size_t first = 0;
    uint32_t s;

    admit_batch(w);
    for (s = 0; s < p->n_steps; s++) {
        if (pipeline_state(p) == PIPELINE_FAILED)
            break;
        run_step(w, s, first);
        first += p->steps[s].n_stages;
    }
    return_rest(w);
    batch_clear(w->work);
}

void *pipeline_worker_main(void *arg)
{
    struct worker *w = arg;

    while (take_batch(w))
        run_batch(w);
    return NULL;
}
