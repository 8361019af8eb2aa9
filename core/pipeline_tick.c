/* pipeline_tick: what the source's thread does between polls, however long they are
 * apart: hands over what is due, settles, keeps the source alive. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pipeline_private.h"

#define ACKS_AT_ONCE 64u
#define NO_COPY_MS 50u

void pipeline_wait_space(struct pipeline *p, uint32_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)pthread_cond_timedwait(&p->space, &p->lock, &until);
}

static struct worker *worker_of(const struct pipeline *p, uint64_t order)
{
    return &p->workers[(order >> 33) % p->n_workers];
}

static int has_room(const struct pipeline *p, const struct worker *w)
{
    return w->inbox->n < w->inbox->cap && w->inbox->bytes < p->spec->batch_bytes;
}

int pipeline_has_place(struct pipeline *p, uint64_t order)
{
    const struct worker *w = worker_of(p, order);

    return w->ready == NULL && has_room(p, w);
}

/* Copies a record with its ticket into an inbox; 0, or -1: no room or memory now. */
int pipeline_place(struct pipeline *p, const struct sluice_record *r)
{
    struct worker *w = worker_of(p, r->order);
    struct sluice_record *copy = has_room(p, w) ? batch_copy(w->inbox, r) : NULL;

    if (copy == NULL)
        return -1;
    copy->ticket = r->ticket;
    copy->order = r->order;
    if (w->inbox->n == 1) {
        w->inbox_since_ms = clock_steady_ms();
        pthread_cond_broadcast(&p->work);
    } else if (w->inbox->n == w->inbox->cap || w->inbox->bytes >= p->spec->batch_bytes) {
        pthread_cond_broadcast(&p->work);
    }
    return 0;
}

static void add_ready(struct pipeline *p, struct parcel *parcel)
{
    struct worker *w = worker_of(p, parcel->record.order);

    parcel->next = NULL;
    *w->ready_tail = parcel;
    w->ready_tail = &parcel->next;
    p->n_ready++;
}

/* Each writer for itself: one that is full holds up only its own. */
static void place_ready(struct pipeline *p)
{
    struct parcel *parcel;
    struct worker *w;

    for (w = p->workers; w < p->workers + p->n_workers && p->n_ready > 0; w++) {
        while ((parcel = w->ready) != NULL && pipeline_place(p, &parcel->record) == 0) {
            w->ready = parcel->next;
            p->n_ready--;
            parcel_free(parcel);
        }
        if (w->ready == NULL)
            w->ready_tail = &w->ready;
    }
}

/* A parcel whose dead letter could not be stored before. */
static void bury_parcel(struct pipeline *p, struct parcel *parcel)
{
    struct ending e = {&parcel->record, parcel->stage, parcel->reason, parcel->detail};

    pthread_mutex_unlock(&p->lock);
    pipeline_bury(p, &e, 1);
    pthread_mutex_lock(&p->lock);
    if (parcel->record.mark != BURY_MARK && parcel->record.at_head) {
        pipeline_end_all_steps(p, parcel->record.ticket, FLOW_STEP, SLUICE_REJECT, parcel->reason);
        parcel->record.mark = BURY_MARK;
    }
    if (parcel->record.mark == BURY_MARK) {
        parcel_free(parcel);
        return;
    }
    add_ready(p, parcel); /* it has further steps to run */
}

/* The thread that has the record still looks for memory to keep it; lock held. */
static void wait_for_copy(struct pipeline *p, uint32_t ticket, int bury)
{
    if (bury)
        (void)flow_buried(p->flow, ticket, 0, NULL, clock_steady_ms());
    else
        (void)flow_verdict(p->flow, ticket, SLUICE_CANCELLED, NULL, NO_COPY_MS, clock_steady_ms());
}

/* Takes what is due out of waiting; lock held. */
static void collect_due(struct pipeline *p)
{
    struct parcel *parcel;
    uint32_t ticket;
    int bury;

    while ((ticket = flow_due(p->flow, clock_steady_ms(), &bury)) != 0) {
        parcel = p->waiting[flow_place(ticket)];
        if (parcel == NULL) {
            wait_for_copy(p, ticket, bury);
            continue;
        }
        p->waiting[flow_place(ticket)] = NULL;
        parcel->next = NULL;
        if (bury) {
            bury_parcel(p, parcel);
        } else if (parcel->record.at_head) {
            *p->held_tail = parcel;
            p->held_tail = &parcel->next;
        } else {
            add_ready(p, parcel);
        }
    }
    place_ready(p);
}

static void note_settle(struct pipeline *p, uint32_t code, const struct sluice_error *err)
{
    int was_fine = p->settle_error[0] == '\0';

    (void)snprintf(p->settle_error, sizeof p->settle_error, "%s",
                   code == SLUICE_OK         ? ""
                   : err->message[0] != '\0' ? err->message
                                             : "the source could not settle");
    if (code != SLUICE_OK && was_fine) {
        struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name),
                                     LOG_TEXT("instance", instance_name(p->source)),
                                     LOG_TEXT("message", p->settle_error)};

        log_event(SLUICE_WARN, "settle_failed", fields, 3);
    }
}

static uint32_t call_settle(struct pipeline *p, const struct sluice_ack *items, uint32_t n,
                            struct sluice_error *err)
{
    struct sluice_acks acks = {n, sizeof *items, items};
    uint32_t code;

    error_clear(err);
    source_doing(p, "settle");
    instance_enter(p->source);
    code = instance_plugin(p->source)->ops.source.settle(instance_self(p->source), &acks, err);
    instance_leave(p->source);
    source_doing(p, NULL);
    return code;
}

static void give_acks_back(struct pipeline *p, const struct sluice_ack *acks, const struct lane_mark *marks,
                           uint32_t n)
{
    uint32_t i;

    pthread_mutex_lock(&p->lock);
    for (i = 0; i < n; i++)
        flow_ack_failed(p->flow, acks[i].lane, &marks[i]);
    pthread_mutex_unlock(&p->lock);
}

/* Settles what may be settled; 1: that was all, though more may have ended meanwhile. */
static int settle_some(struct pipeline *p)
{
    struct sluice_ack acks[ACKS_AT_ONCE];
    struct lane_mark marks[ACKS_AT_ONCE];
    struct sluice_error err;
    uint32_t n = 0, i, code;
    int noted;

    pthread_mutex_lock(&p->lock);
    noted = pipeline_take_notes(p);
    while (noted && n < ACKS_AT_ONCE && flow_take_ack(p->flow, &acks[n].lane, &marks[n])) {
        acks[n].reserved = 0;
        acks[n].next = marks[n].next;
        acks[n].position = marks[n].position;
        acks[n].ordinal = marks[n].ordinal;
        n++;
    }
    pthread_mutex_unlock(&p->lock);
    if (pipeline_send_notes(p) != 0) {
        give_acks_back(p, acks, marks, n);
        return 1;
    }
    if (!noted)
        return 0; /* those of a report that failed before are out; now these */
    if (n == 0)
        return 1;
    code = call_settle(p, acks, n, &err);
    pthread_mutex_lock(&p->lock);
    for (i = 0; i < n; i++)
        if (code != SLUICE_OK)
            flow_ack_failed(p->flow, acks[i].lane, &marks[i]);
        else
            p->settled[acks[i].lane - 1] = marks[i];
    note_settle(p, code, &err);
    pthread_mutex_unlock(&p->lock);
    if (code == SLUICE_FATAL)
        pipeline_fail(p, instance_name(p->source), &err);
    return code != SLUICE_OK || n < ACKS_AT_ONCE;
}

void pipeline_settle_all(struct pipeline *p)
{
    while (!settle_some(p))
        ;
}

/* Reasons that are counted as "other": once a line for each kind, for whoever wrote the plugin. */
static void say_reasons(struct pipeline *p)
{
    struct log_field fields[2] = {LOG_TEXT("pipeline", p->spec->name)};
    char bad[64] = "";
    int full;

    pthread_mutex_lock(&p->lock);
    if (!p->told_reason)
        (void)snprintf(bad, sizeof bad, "%s", flow_bad_reason(p->flow));
    p->told_reason |= bad[0] != '\0';
    full = flow_reasons_full(p->flow) && !p->told_reasons;
    p->told_reasons |= full;
    pthread_mutex_unlock(&p->lock);
    fields[1] = LOG_TEXT("reason", bad);
    if (bad[0] != '\0')
        log_event(SLUICE_WARN, "reason_is_no_token", fields, 2);
    if (full)
        log_event(SLUICE_WARN, "too_many_reasons", fields, 1);
}

/* What has to happen between two polls, however long they are apart. */
void pipeline_tick(struct pipeline *p)
{
    int64_t now = clock_steady_ms();

    pthread_mutex_lock(&p->lock);
    pipeline_drop_returned(p);
    collect_due(p);
    pthread_mutex_unlock(&p->lock);
    if (now >= p->settle_at) {
        say_reasons(p);
        pipeline_settle_all(p);
        p->settle_at = now + p->spec->commit_ms;
    }
}

void pipeline_keep_alive(struct pipeline *p)
{
    const struct sluice_source_ops *ops = &instance_plugin(p->source)->ops.source;
    struct sluice_error err;
    uint32_t code;

    if (ops->keepalive == NULL)
        return;
    error_clear(&err);
    source_doing(p, "keepalive");
    instance_enter(p->source);
    code = ops->keepalive(instance_self(p->source), &err);
    instance_leave(p->source);
    source_doing(p, NULL);
    if (code == SLUICE_FATAL)
        pipeline_fail(p, instance_name(p->source), &err);
}

int pipeline_is_over_locked(struct pipeline *p)
{
    return atomic_load(&p->aborting) || p->state_now == PIPELINE_FAILED;
}

int pipeline_is_over(struct pipeline *p)
{
    int over;

    pthread_mutex_lock(&p->lock);
    over = pipeline_is_over_locked(p);
    pthread_mutex_unlock(&p->lock);
    return over;
}

static void return_list(struct pipeline *p, struct parcel **list, struct parcel ***tail)
{
    struct parcel *parcel;

    while ((parcel = *list) != NULL) {
        *list = parcel->next;
        (void)flow_verdict(p->flow, parcel->record.ticket, SLUICE_CANCELLED, NULL, 0, clock_steady_ms());
        parcel_free(parcel);
    }
    *tail = list;
}

void pipeline_return_parcels(struct pipeline *p)
{
    uint32_t i;

    pthread_mutex_lock(&p->lock);
    pipeline_drop_returned(p);
    for (i = 0; i < p->n_workers; i++)
        return_list(p, &p->workers[i].ready, &p->workers[i].ready_tail);
    p->n_ready = 0;
    return_list(p, &p->held, &p->held_tail);
    pthread_mutex_unlock(&p->lock);
}
