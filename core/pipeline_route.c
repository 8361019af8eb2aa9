/* pipeline_route: what becomes of each record of a poll, once it is judged: denied, broken,
 * too large, or on its way to a worker.  The bytes are the source's until
 * the next poll, so all of the batch is placed before that. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "hash.h"
#include "pipeline_private.h"

#define ROOM_MS 50u

static uint64_t order_of(const struct pipeline *p, const struct sluice_record *r)
{
    struct sluice_str key = r->fields[p->order_slot];
    uint64_t place[2] = {r->lane_id, r->position};

    return key.data != NULL ? hash_bytes(key.data, key.len) : hash_bytes(place, sizeof place);
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
    uint32_t code = a->code;
    enum flow_next next;

    if (code == SLUICE_DENY && pipeline_note_job_denied(p, r, e.reason, e.detail) != 0)
        code = SLUICE_CANCELLED; /* no memory for the note: it is asked about again */
    next = flow_verdict(p->flow, r->ticket, code, e.reason, a->retry_after_ms, clock_steady_ms());

    if (next == FLOW_WAIT) {
        pipeline_keep(p, r, who, e.reason, a->detail);
    } else if (next == FLOW_STEP) {
        pipeline_end_all_steps(p, r->ticket, next, code, e.reason);
    } else if (next == FLOW_BURY && pipeline_is_oversize(p, r)) {
        pthread_mutex_unlock(&p->lock);
        pipeline_bury_oversize(p, r);
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
    if (a->code != SLUICE_DENY && a->code != SLUICE_REJECT && pipeline_is_oversize(p, r)) {
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
            while (pipeline_note_job_denied(p, r, a->reason != NULL ? a->reason : "denied", a->detail) != 0 &&
                   !p->stopping)
                wait_for_room(p);
            flow_pass(p->flow, r->lane_id, &mark, a->reason != NULL ? a->reason : "denied");
            continue;
        }
        r->ticket = flow_arrive(p->flow, r->lane_id, &mark, r->order, record_bytes(r), clock_steady_ms());
        forward(p, t, r, a);
    }
    bury_early(p, t);
    pthread_mutex_unlock(&p->lock);
}

void pipeline_route(struct pipeline *p)
{
    if (pipeline_judge(p, &p->polled) == 0)
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
    failed = pipeline_judge(p, t) != 0;
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
