/* pipeline_route: what becomes of each record of a poll: denied on a peeked field,
 * broken, too large, or on its way to a worker.  The bytes are the source's until
 * the next poll, so all of the batch is placed before that. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "hash.h"
#include "pipeline_private.h"

#define ROOM_MS 50u

static int is_oversize(const struct pipeline *p, const struct sluice_record *r)
{
    return r->size > r->payload.len || r->payload.len > p->spec->max_record;
}

static void peek_batch(struct pipeline *p, struct sluice_batch *b)
{
    const struct sluice_decoder_ops *ops = &instance_plugin(p->decoder)->ops.decoder;
    struct sluice_str names[RECORD_MAX_FIELDS];
    struct sluice_peek peek;
    struct sluice_error err;
    uint64_t i;

    for (i = 0; i < p->env.n_fields; i++)
        names[i] = sluice_str_of(p->env.fields[i]);
    for (i = 0; i < b->n; i++) {
        b->refs[i] = &b->records[i];
        b->records[i].fields = &b->values[i * b->n_fields];
        b->status[i] = SLUICE_PEEK_BROKEN;
    }
    memset(b->values, 0, b->n * b->n_fields * sizeof *b->values);
    if (ops->peek == NULL)
        return;
    peek = (struct sluice_peek){sizeof peek,     (uint32_t)b->n, b->refs,  names,
                                p->env.n_fields, b->values,      b->status};
    error_clear(&err);
    instance_enter(p->decoder);
    if (ops->peek(instance_self(p->decoder), &peek, &err) != SLUICE_OK)
        memset(b->status, SLUICE_PEEK_BROKEN, b->n);
    instance_leave(p->decoder);
}

/* A record that could not be decoded now: it waits, and only its own RETRY spends a try. */
static struct gate_answer not_decoded(const struct sluice_verdict *v, uint32_t call,
                                      const struct sluice_error *err)
{
    if (v->code == SLUICE_RETRY)
        return (struct gate_answer){SLUICE_RETRY, v->retry_after_ms,
                                    v->reason != NULL ? v->reason : "not_decoded", v->detail};
    if (v->code == SLUICE_DISCONNECTED || call == SLUICE_DISCONNECTED || call == SLUICE_CANCELLED)
        return (struct gate_answer){SLUICE_UNKNOWN, err->retry_after_ms, "not_decoded", NULL};
    return (struct gate_answer){SLUICE_RETRY, err->retry_after_ms, "not_decoded", NULL};
}

/* Records that cannot be peeked are decoded here, to hear what is wrong with them.
 * OK, or FATAL with err. */
static uint32_t decode_broken(struct pipeline *p, struct routing *t, struct sluice_error *err)
{
    struct sluice_batch *b = t->batch;
    const struct sluice_decoder_ops *ops = &instance_plugin(p->decoder)->ops.decoder;
    struct sluice_verdicts verdicts;
    uint32_t n = 0, i, f, call;
    uint64_t r;

    for (r = 0; r < b->n; r++)
        if (b->status[r] != SLUICE_PEEK_WHOLE && !is_oversize(p, &b->records[r]))
            t->refs[n++] = &b->records[r];
    if (n == 0)
        return SLUICE_OK;
    memset(t->verdicts, 0, n * sizeof *t->verdicts);
    verdicts = (struct sluice_verdicts){n, sizeof *t->verdicts, t->verdicts};
    error_clear(err);
    instance_enter(p->decoder);
    call = ops->decode(instance_self(p->decoder), t->refs, n, &verdicts, err);
    instance_leave(p->decoder);
    if (call == SLUICE_FATAL)
        return call;
    for (i = 0; i < n; i++) {
        struct sluice_record *rec = t->refs[i];
        struct gate_answer *a = &t->answers[rec - b->records];

        if (t->verdicts[i].code == SLUICE_OK) {
            for (f = 0; f < p->env.n_fields; f++)
                rec->fields[f] = record_document_field(rec, p->env.fields[f]);
        } else if (t->verdicts[i].code == SLUICE_REJECT) {
            *a = (struct gate_answer){SLUICE_REJECT, 0, t->verdicts[i].reason, t->verdicts[i].detail};
            rec->mark = 1; /* rejected by the decoder */
        } else {
            *a = not_decoded(&t->verdicts[i], call, err);
        }
    }
    return SLUICE_OK;
}

static uint64_t order_of(const struct pipeline *p, const struct sluice_record *r)
{
    struct sluice_str key = r->fields[p->order_slot];
    uint64_t place[2] = {r->lane_id, r->position};

    return key.data != NULL ? hash_bytes(key.data, key.len) : hash_bytes(place, sizeof place);
}

/* Asks the cheap gates about all records that are still admitted. */
static uint32_t ask_gates(struct pipeline *p, struct routing *t, struct sluice_error *err)
{
    struct sluice_batch *b = t->batch;
    struct gate_answer *scratch = t->answers + b->cap;
    uint32_t n, i, code;
    uint64_t r;
    size_t g;

    for (g = 0; g < p->n_head; g++) {
        for (r = 0, n = 0; r < b->n; r++)
            if (t->answers[r].code == SLUICE_ADMIT)
                t->refs[n++] = &b->records[r];
        if (n == 0)
            return SLUICE_OK;
        code = gate_evaluate(p->head[g], t->refs, n, scratch, err);
        if (code != SLUICE_OK)
            return code;
        for (i = 0; i < n; i++)
            t->answers[t->refs[i] - b->records] = scratch[i];
    }
    return SLUICE_OK;
}

/* The dead letter of an oversize record, read from the source piece by piece. */
struct fetching {
    struct pipeline *pipeline;
    const struct sluice_record *record;
};

static int64_t fetch_more(void *context, uint64_t offset, void *out, uint64_t cap, struct sluice_error *err)
{
    struct fetching *f = context;
    const struct sluice_source_ops *ops = &instance_plugin(f->pipeline->source)->ops.source;
    int64_t got;

    if (ops->fetch == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL,
                          "source '%s' delivered an oversize record but cannot fetch it",
                          instance_name(f->pipeline->source));
        return -1;
    }
    /* Not instance_enter: this is the one thread that calls the source, and the store that
     * asks holds a lock which settle takes inside that one. */
    got = ops->fetch(instance_self(f->pipeline->source), f->record->lane_id, f->record->position, offset, out,
                     cap, err);
    return got;
}

/* Its bytes are only to be had until the next poll, so this waits until it is stored. */
static void bury_oversize(struct pipeline *p, struct sluice_record *r)
{
    struct fetching fetching = {p, r};
    struct dead_letter letter;
    struct sluice_error err;
    char detail[128];
    uint32_t code;
    int returned;

    (void)snprintf(detail, sizeof detail, "the record has %llu bytes, max_record allows %llu",
                   (unsigned long long)r->size, (unsigned long long)p->spec->max_record);
    letter = (struct dead_letter){.pipeline = p->spec->name,
                                  .step = p->steps[0].name,
                                  .stage = instance_name(p->source),
                                  .lane = r->lane->name,
                                  .position = r->position,
                                  .ordinal = r->ordinal,
                                  .reason = "too_large",
                                  .detail = detail,
                                  .time_ms = clock_now_ms(),
                                  .order_key = r->fields[p->order_slot],
                                  .key = r->key,
                                  .payload = r->payload,
                                  .size = r->size,
                                  .headers = r->headers,
                                  .n_headers = r->n_headers};
    source_doing(p, "dead letter");
    pipeline_note_letter(p, r->position);
    for (;;) {
        error_clear(&err);
        code = dead_letter_put(p->state, &letter, 1, fetch_more, &fetching, &err);
        returned = 0;
        pthread_mutex_lock(&p->lock);
        (void)snprintf(p->bury_error, sizeof p->bury_error, "%s", code == SLUICE_OK ? "" : err.message);
        if (code == SLUICE_OK) {
            enum flow_next next = flow_buried(p->flow, r->ticket, 1, "too_large", clock_steady_ms());

            returned = next == FLOW_RETURNED;
            pipeline_end_all_steps(p, r->ticket, next, SLUICE_REJECT, "too_large");
        }
        pthread_mutex_unlock(&p->lock);
        if (returned)
            pipeline_take_back(p, r, 0);
        if (code == SLUICE_OK)
            break;
        pipeline_tick(p);
        pipeline_keep_alive(p);
        if (pipeline_pause_source(p, 1000)) {
            pthread_mutex_lock(&p->lock);
            (void)flow_buried(p->flow, r->ticket, 0, NULL, 0);
            pthread_mutex_unlock(&p->lock);
            break;
        }
    }
    source_doing(p, NULL);
}

void pipeline_end_all_steps(struct pipeline *p, uint32_t ticket, enum flow_next next, uint32_t code,
                            const char *reason)
{
    int64_t now = clock_steady_ms();

    while (next == FLOW_STEP) {
        next = flow_verdict(p->flow, ticket, code, reason, 0, now);
        if (next == FLOW_BURY)
            next = flow_buried(p->flow, ticket, 1, reason, now);
    }
}

/* Stores the dead letters of the batch so far, in one transaction; lock held. */
static void bury_early(struct pipeline *p, struct routing *t)
{
    uint32_t i, n = t->n_early;

    if (n == 0)
        return;
    t->n_early = 0;
    pthread_mutex_unlock(&p->lock);
    pipeline_bury(p, t->early, n);
    pthread_mutex_lock(&p->lock);
    for (i = 0; i < n; i++)
        if (t->early[i].record->mark != BURY_MARK)
            pipeline_end_all_steps(p, t->early[i].record->ticket, FLOW_STEP, SLUICE_REJECT,
                                   t->early[i].reason);
}

/* Ends a record that no worker shall see, in all steps, or keeps it waiting; lock held. */
static void end_early(struct pipeline *p, struct routing *t, struct sluice_record *r,
                      const struct gate_answer *a, const char *who)
{
    struct ending e = {r, who, a->reason != NULL ? a->reason : "rejected", a->detail};
    enum flow_next next =
        flow_verdict(p->flow, r->ticket, a->code, e.reason, a->retry_after_ms, clock_steady_ms());

    if (next == FLOW_WAIT) {
        pipeline_keep(p, r, who, e.reason, a->detail);
    } else if (next == FLOW_STEP) {
        pipeline_end_all_steps(p, r->ticket, next, a->code, e.reason);
    } else if (next == FLOW_BURY && is_oversize(p, r)) {
        pthread_mutex_unlock(&p->lock);
        bury_oversize(p, r);
        pthread_mutex_lock(&p->lock);
    } else if (next == FLOW_BURY) {
        t->early[t->n_early++] = e;
        if (t->n_early == EARLY_AT_ONCE)
            bury_early(p, t);
    }
}

/* Time passes, and what is due is done; lock held. */
static void wait_for_room(struct pipeline *p)
{
    pipeline_wait_space(p, ROOM_MS);
    pthread_mutex_unlock(&p->lock);
    pipeline_tick(p);
    pipeline_keep_alive(p);
    pthread_mutex_lock(&p->lock);
}

/* Waits until the record may enter; 0, or 1: the pipeline stops instead.  Lock held. */
static int wait_entry(struct pipeline *p, const struct sluice_record *r)
{
    while (flow_reserve(p->flow, r->lane_id, 1) != 0 || flow_room(p->flow) == 0 ||
           !pipeline_has_place(p, r->order)) {
        if (p->stopping)
            return 1;
        if (r->generation != r->lane->generation)
            return 0;
        wait_for_room(p);
        pthread_mutex_unlock(&p->lock);
        pipeline_route_held(p); /* it may be they who take the room */
        pthread_mutex_lock(&p->lock);
    }
    return 0;
}

static const char *early_stage(const struct pipeline *p, const struct sluice_record *r)
{
    return r->mark == 1 ? instance_name(p->decoder) : p->n_head > 0 ? "gate" : instance_name(p->source);
}

/* A record with a ticket goes where its answer says; lock held. */
static void forward(struct pipeline *p, struct routing *t, struct sluice_record *r,
                    const struct gate_answer *a)
{
    static const struct gate_answer too_large = {SLUICE_REJECT, 0, "too_large", NULL};

    /* Nor can an oversize record wait for its gate: the rest of its bytes is gone with its poll. */
    if (a->code != SLUICE_DENY && a->code != SLUICE_REJECT && is_oversize(p, r)) {
        end_early(p, t, r, &too_large, instance_name(p->source));
    } else if (a->code != SLUICE_ADMIT) {
        end_early(p, t, r, a, early_stage(p, r));
    } else {
        r->at_head = 0;
        while (pipeline_place(p, r) != 0) {
            if (pipeline_is_over_locked(p)) {
                (void)flow_verdict(p->flow, r->ticket, SLUICE_CANCELLED, NULL, 0, clock_steady_ms());
                break;
            }
            wait_for_room(p);
        }
    }
}

static void place_batch(struct pipeline *p, struct routing *t)
{
    struct sluice_batch *b = t->batch;
    uint64_t i;

    pthread_mutex_lock(&p->lock);
    pipeline_check_windows(p);
    for (i = 0; i < b->n; i++) {
        struct sluice_record *r = &b->records[i];
        const struct gate_answer *a = &t->answers[i];
        struct lane_mark mark = {.next = r->next, .position = r->position, .ordinal = r->ordinal};

        pipeline_polled_less(p, i);
        if (a->code != SLUICE_DENY)
            r->order = order_of(p, r);
        if ((a->code != SLUICE_DENY || flow_reserve(p->flow, r->lane_id, 1) != 0) && wait_entry(p, r))
            break;
        if (r->generation != r->lane->generation)
            continue; /* lost since, if only in that wait: its next owner delivers it again */
        if (a->code == SLUICE_DENY) {
            flow_pass(p->flow, r->lane_id, &mark, a->reason != NULL ? a->reason : "denied");
            continue;
        }
        r->ticket = flow_arrive(p->flow, r->lane_id, &mark, r->order, record_bytes(r), clock_steady_ms());
        forward(p, t, r, a);
    }
    bury_early(p, t);
    pthread_mutex_unlock(&p->lock);
}

/* Peek, decode what cannot be peeked, ask the gates; 0, or -1: a gate failed for good. */
static int judge(struct pipeline *p, struct routing *t)
{
    struct sluice_batch *b = t->batch;
    struct sluice_error err;
    uint64_t i;

    for (i = 0; i < b->n; i++) {
        t->answers[i] = (struct gate_answer){SLUICE_ADMIT, 0, NULL, NULL};
        b->records[i].mark = 0;
        b->records[i].at_head = 1;
    }
    peek_batch(p, b);
    if (decode_broken(p, t, &err) != SLUICE_OK) {
        pipeline_fail(p, instance_name(p->decoder), &err);
        return -1;
    }
    if (ask_gates(p, t, &err) == SLUICE_OK)
        return 0;
    pipeline_fail(p, "gate", &err);
    return -1;
}

void pipeline_route(struct pipeline *p)
{
    if (judge(p, &p->polled) == 0)
        place_batch(p, &p->polled);
}

/* Moves held records into the batch; lock held. */
static void take_held(struct pipeline *p, struct sluice_batch *b)
{
    struct sluice_record *copy;
    struct parcel *parcel;

    while ((parcel = p->held) != NULL && b->n < b->cap) {
        copy = batch_copy(b, &parcel->record);
        if (copy == NULL)
            return;
        copy->ticket = parcel->record.ticket;
        copy->order = parcel->record.order;
        p->held = parcel->next;
        if (p->held == NULL)
            p->held_tail = &p->held;
        parcel_free(parcel);
    }
}

void pipeline_route_held(struct pipeline *p)
{
    struct routing *t = &p->again;
    struct sluice_batch *b = t->batch;
    uint64_t i;
    int failed;

    if (p->held == NULL)
        return;
    batch_clear(b);
    pthread_mutex_lock(&p->lock);
    take_held(p, b);
    pthread_mutex_unlock(&p->lock);
    if (b->n == 0)
        return;
    failed = judge(p, t) != 0;
    pthread_mutex_lock(&p->lock);
    for (i = 0; i < b->n; i++) {
        if (failed) {
            (void)flow_verdict(p->flow, b->records[i].ticket, SLUICE_CANCELLED, NULL, 0, clock_steady_ms());
            continue;
        }
        switch (flow_may_run(p->flow, b->records[i].ticket)) {
        case FLOW_STEP:
            forward(p, t, &b->records[i], &t->answers[i]);
            break;
        case FLOW_WAIT:
            pipeline_keep(p, &b->records[i], NULL, NULL, NULL);
            break;
        default:
            break;
        }
    }
    bury_early(p, t);
    pthread_mutex_unlock(&p->lock);
}
