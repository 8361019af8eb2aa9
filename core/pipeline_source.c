/* pipeline_source: the source's thread.
 *
 * It alone calls the source.  A polled batch is borrowed from the source until the
 * next poll, so the whole of it is placed before that: denied records end here, the
 * others are copied into a worker's inbox. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "hash.h"
#include "log.h"
#include "pipeline_private.h"

#define POLL_MS 100u
#define IDLE_MS 50u
#define ACKS_AT_ONCE 64u

void source_doing(struct pipeline *p, const char *what)
{
    pthread_mutex_lock(&p->lock);
    p->source_doing = what;
    p->source_since_ms = clock_steady_ms();
    pthread_mutex_unlock(&p->lock);
}

static void wait_space(struct pipeline *p, uint32_t ms)
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

/* Room for one more record of this key?  Lock held. */
static struct worker *worker_for(struct pipeline *p, uint64_t order)
{
    struct worker *w = &p->workers[(order >> 33) % p->n_workers];

    return w->inbox->n < w->inbox->cap && w->inbox->bytes < p->spec->batch_bytes ? w : NULL;
}

/* Copies a record with its ticket into an inbox; 0, or -1: no room or memory now. */
static int place(struct pipeline *p, const struct sluice_record *r)
{
    struct worker *w = worker_for(p, r->order);
    struct sluice_record *copy = w == NULL ? NULL : batch_copy(w->inbox, r);

    if (copy == NULL)
        return -1;
    copy->ticket = r->ticket;
    copy->order = r->order;
    if (w->inbox->n == 1) {
        w->inbox_since_ms = clock_steady_ms();
        pthread_cond_broadcast(&p->work);
    } else if (w->inbox->n == w->inbox->cap) {
        pthread_cond_broadcast(&p->work);
    }
    return 0;
}

static void place_ready(struct pipeline *p)
{
    struct parcel *parcel;

    while ((parcel = p->ready) != NULL && place(p, &parcel->record) == 0) {
        p->ready = parcel->next;
        if (p->ready == NULL)
            p->ready_tail = &p->ready;
        parcel_free(parcel);
    }
}

/* A parcel whose dead letter could not be stored before. */
static void bury_parcel(struct pipeline *p, struct parcel *parcel)
{
    struct ending e = {&parcel->record, parcel->stage, parcel->reason, parcel->detail};
    struct parcel *more;

    pthread_mutex_unlock(&p->lock);
    pipeline_bury(p, &e, 1);
    pthread_mutex_lock(&p->lock);
    if (parcel->record.mark == BURY_MARK) {
        parcel_free(parcel);
        return;
    }
    more = parcel; /* it has further steps to run */
    more->next = NULL;
    *p->ready_tail = more;
    p->ready_tail = &more->next;
}

/* Takes what is due out of waiting; lock held. */
static void collect_due(struct pipeline *p)
{
    struct parcel *parcel;
    uint32_t ticket;
    int bury;

    while ((ticket = flow_due(p->flow, clock_steady_ms(), &bury)) != 0) {
        parcel = p->waiting[flow_place(ticket)];
        p->waiting[flow_place(ticket)] = NULL;
        parcel->next = NULL;
        if (bury) {
            bury_parcel(p, parcel);
        } else {
            *p->ready_tail = parcel;
            p->ready_tail = &parcel->next;
        }
    }
    place_ready(p);
}

static void note_settle(struct pipeline *p, uint32_t code, const struct sluice_error *err)
{
    int was_fine = p->settle_error[0] == '\0';

    (void)snprintf(p->settle_error, sizeof p->settle_error, "%s",
                   code == SLUICE_OK            ? ""
                   : err->message[0] != '\0' ? err->message
                                             : "the source could not settle");
    if (code != SLUICE_OK && was_fine) {
        struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name),
                                     LOG_TEXT("instance", instance_name(p->source)),
                                     LOG_TEXT("message", p->settle_error)};

        log_event(SLUICE_WARN, "settle_failed", fields, 3);
    }
}

static uint32_t call_settle(struct pipeline *p, const struct sluice_ack *items, uint32_t n, struct sluice_error *err)
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

/* Settles what may be settled; 1: nothing is left to settle. */
static int settle_some(struct pipeline *p)
{
    struct sluice_ack acks[ACKS_AT_ONCE];
    struct lane_mark marks[ACKS_AT_ONCE];
    struct sluice_error err;
    uint32_t n = 0, i, code;

    pthread_mutex_lock(&p->lock);
    while (n < ACKS_AT_ONCE && flow_take_ack(p->flow, &acks[n].lane, &marks[n])) {
        acks[n].reserved = 0;
        acks[n].next = marks[n].next;
        acks[n].position = marks[n].position;
        acks[n].ordinal = marks[n].ordinal;
        n++;
    }
    pthread_mutex_unlock(&p->lock);
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
    return code != SLUICE_OK;
}

static void settle_all(struct pipeline *p)
{
    while (!settle_some(p))
        ;
}

/* What has to happen between two polls, however long they are apart. */
static void tick(struct pipeline *p, int64_t *settle_at)
{
    int64_t now = clock_steady_ms();

    pthread_mutex_lock(&p->lock);
    pipeline_drop_returned(p);
    collect_due(p);
    pthread_mutex_unlock(&p->lock);
    if (now >= *settle_at) {
        settle_all(p);
        *settle_at = now + p->spec->commit_ms;
    }
}

static void keep_alive(struct pipeline *p)
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

static int is_over(struct pipeline *p)
{
    return atomic_load(&p->aborting) || pipeline_state(p) == PIPELINE_FAILED;
}

/* --- what becomes of each polled record ------------------------------------- */

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
    peek = (struct sluice_peek){sizeof peek, (uint32_t)b->n, b->refs, names, p->env.n_fields, b->values, b->status};
    error_clear(&err);
    instance_enter(p->decoder);
    if (ops->peek(instance_self(p->decoder), &peek, &err) != SLUICE_OK)
        memset(b->status, SLUICE_PEEK_BROKEN, b->n);
    instance_leave(p->decoder);
}

/* Records that cannot be peeked are decoded here, to hear what is wrong with them. */
static void decode_broken(struct pipeline *p, struct sluice_batch *b)
{
    const struct sluice_decoder_ops *ops = &instance_plugin(p->decoder)->ops.decoder;
    struct sluice_verdicts verdicts;
    struct sluice_error err;
    uint32_t n = 0, i, f;
    uint64_t r;

    for (r = 0; r < b->n; r++)
        if (b->status[r] != SLUICE_PEEK_WHOLE && !is_oversize(p, &b->records[r]))
            p->refs[n++] = &b->records[r];
    if (n == 0)
        return;
    memset(p->verdicts, 0, n * sizeof *p->verdicts);
    verdicts = (struct sluice_verdicts){n, sizeof *p->verdicts, p->verdicts};
    error_clear(&err);
    instance_enter(p->decoder);
    (void)ops->decode(instance_self(p->decoder), p->refs, n, &verdicts, &err);
    instance_leave(p->decoder);
    for (i = 0; i < n; i++) {
        struct sluice_record *rec = p->refs[i];
        struct gate_answer *a = &p->answers[rec - b->records];

        if (p->verdicts[i].code == SLUICE_OK) {
            for (f = 0; f < p->env.n_fields; f++)
                rec->fields[f] = record_document_field(rec, p->env.fields[f]);
        } else if (p->verdicts[i].code == SLUICE_REJECT) {
            *a = (struct gate_answer){SLUICE_REJECT, 0, p->verdicts[i].reason, p->verdicts[i].detail};
            rec->mark = 1; /* rejected by the decoder */
        } else {
            *a = (struct gate_answer){SLUICE_RETRY, 0, "not_decoded", NULL};
        }
    }
}

static uint64_t order_of(const struct pipeline *p, const struct sluice_record *r)
{
    struct sluice_str key = r->fields[p->order_slot];
    uint64_t place[2] = {r->lane_id, r->position};

    return key.data != NULL ? hash_bytes(key.data, key.len) : hash_bytes(place, sizeof place);
}

/* Asks the cheap gates about all records that are still admitted. */
static uint32_t ask_gates(struct pipeline *p, struct sluice_batch *b, struct sluice_error *err)
{
    struct gate_answer *scratch = p->answers + b->cap;
    uint32_t n, i, code;
    uint64_t r;
    size_t g;

    for (g = 0; g < p->n_head; g++) {
        for (r = 0, n = 0; r < b->n; r++)
            if (p->answers[r].code == SLUICE_ADMIT)
                p->refs[n++] = &b->records[r];
        if (n == 0)
            return SLUICE_OK;
        code = gate_evaluate(p->head[g], p->refs, n, scratch, err);
        if (code != SLUICE_OK)
            return code;
        for (i = 0; i < n; i++)
            p->answers[p->refs[i] - b->records] = scratch[i];
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
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "source '%s' delivered an oversize record but cannot fetch it",
                          instance_name(f->pipeline->source));
        return -1;
    }
    instance_enter(f->pipeline->source);
    got = ops->fetch(instance_self(f->pipeline->source), f->record->lane_id, f->record->position, offset, out, cap,
                     err);
    instance_leave(f->pipeline->source);
    return got;
}

/* Its bytes are only to be had until the next poll, so this waits until it is stored. */
static void bury_oversize(struct pipeline *p, struct sluice_record *r, int64_t *settle_at)
{
    struct fetching fetching = {p, r};
    struct dead_letter letter;
    struct sluice_error err;
    char detail[128];
    uint32_t code;

    (void)snprintf(detail, sizeof detail, "the record has %llu bytes, max_record allows %llu",
                   (unsigned long long)r->size, (unsigned long long)p->spec->max_record);
    letter = (struct dead_letter){.pipeline = p->spec->name, .step = p->steps[0].name,
                                  .stage = instance_name(p->source), .lane = r->lane->name,
                                  .position = r->position, .ordinal = r->ordinal, .reason = "too_large",
                                  .detail = detail, .time_ms = clock_now_ms(),
                                  .order_key = r->fields[p->order_slot], .key = r->key, .payload = r->payload,
                                  .size = r->size, .headers = r->headers, .n_headers = r->n_headers};
    source_doing(p, "dead letter");
    for (;;) {
        error_clear(&err);
        code = dead_letter_put(p->state, &letter, 1, fetch_more, &fetching, &err);
        pthread_mutex_lock(&p->lock);
        (void)snprintf(p->bury_error, sizeof p->bury_error, "%s", code == SLUICE_OK ? "" : err.message);
        if (code == SLUICE_OK) {
            enum flow_next next = flow_buried(p->flow, r->ticket, 1, "too_large", clock_steady_ms());

            /* No step can do anything with it: it is dead in each. */
            while (next == FLOW_STEP && flow_verdict(p->flow, r->ticket, SLUICE_REJECT, "too_large", 0, 0) == FLOW_BURY)
                next = flow_buried(p->flow, r->ticket, 1, "too_large", clock_steady_ms());
        }
        pthread_mutex_unlock(&p->lock);
        if (code == SLUICE_OK)
            break;
        tick(p, settle_at);
        keep_alive(p);
        if (pipeline_pause(p, 1000) || p->stopping) {
            pthread_mutex_lock(&p->lock);
            (void)flow_buried(p->flow, r->ticket, 0, NULL, 0);
            pthread_mutex_unlock(&p->lock);
            break;
        }
    }
    source_doing(p, NULL);
}

/* Ends a record that no worker shall see, or keeps it waiting; lock held. */
static void end_early(struct pipeline *p, struct sluice_record *r, const struct gate_answer *a, const char *who,
                      int64_t *settle_at)
{
    struct ending e = {r, who, a->reason != NULL ? a->reason : "rejected", a->detail};
    enum flow_next next = flow_verdict(p->flow, r->ticket, a->code, e.reason, a->retry_after_ms, clock_steady_ms());

    if (next == FLOW_WAIT) {
        pipeline_keep(p, r, who, e.reason, a->detail);
    } else if (next == FLOW_BURY) {
        pthread_mutex_unlock(&p->lock);
        if (is_oversize(p, r))
            bury_oversize(p, r, settle_at);
        else
            pipeline_bury(p, &e, 1);
        pthread_mutex_lock(&p->lock);
        if (!is_oversize(p, r) && r->mark != BURY_MARK) {
            while (place(p, r) != 0 && !is_over(p))
                wait_space(p, IDLE_MS);
        }
    }
}

/* Waits until the record may enter; 0, or 1: the pipeline stops instead.  Lock held. */
static int wait_entry(struct pipeline *p, const struct sluice_record *r, int64_t *settle_at)
{
    while (flow_reserve(p->flow, r->lane_id, 1) != 0 || flow_room(p->flow) == 0 ||
           worker_for(p, r->order) == NULL || p->ready != NULL) {
        if (p->stopping)
            return 1;
        wait_space(p, IDLE_MS);
        pthread_mutex_unlock(&p->lock);
        tick(p, settle_at);
        keep_alive(p);
        pthread_mutex_lock(&p->lock);
    }
    return 0;
}

static const char *early_stage(const struct pipeline *p, const struct sluice_record *r)
{
    return r->mark == 1 ? instance_name(p->decoder) : p->n_head > 0 ? "gate" : instance_name(p->source);
}

static void place_batch(struct pipeline *p, struct sluice_batch *b, int64_t *settle_at)
{
    struct gate_answer too_large = {SLUICE_REJECT, 0, "too_large", NULL};
    uint64_t i;

    pthread_mutex_lock(&p->lock);
    for (i = 0; i < b->n; i++) {
        struct sluice_record *r = &b->records[i];
        const struct gate_answer *a = &p->answers[i];
        struct lane_mark mark = {r->next, r->position, r->ordinal};

        if (a->code == SLUICE_DENY) {
            if (flow_reserve(p->flow, r->lane_id, 1) != 0 && wait_entry(p, r, settle_at))
                break;
            flow_pass(p->flow, r->lane_id, &mark, a->reason != NULL ? a->reason : "denied");
            continue;
        }
        r->order = order_of(p, r);
        if (wait_entry(p, r, settle_at))
            break;
        r->ticket = flow_arrive(p->flow, r->lane_id, &mark, r->order, record_bytes(r), clock_steady_ms());
        if (a->code == SLUICE_ADMIT && is_oversize(p, r))
            end_early(p, r, &too_large, instance_name(p->source), settle_at);
        else if (a->code != SLUICE_ADMIT)
            end_early(p, r, a, early_stage(p, r), settle_at);
        else
            while (place(p, r) != 0 && !is_over(p))
                wait_space(p, IDLE_MS);
    }
    pthread_mutex_unlock(&p->lock);
}

static void route(struct pipeline *p, struct sluice_batch *b, int64_t *settle_at)
{
    struct sluice_error err;
    uint64_t i;

    for (i = 0; i < b->n; i++) {
        p->answers[i] = (struct gate_answer){SLUICE_ADMIT, 0, NULL, NULL};
        b->records[i].mark = 0;
    }
    peek_batch(p, b);
    decode_broken(p, b);
    if (ask_gates(p, b, &err) != SLUICE_OK) {
        pipeline_fail(p, "gate", &err);
        return;
    }
    place_batch(p, b, settle_at);
}

/* --- the thread ---------------------------------------------------------------- */

/* How many records to poll for now; 0: wait (for at most *wait_ms). */
static uint64_t room_to_poll(struct pipeline *p, uint32_t *wait_ms)
{
    uint64_t room;
    int64_t now = clock_steady_ms();

    pthread_mutex_lock(&p->lock);
    room = flow_room(p->flow);
    if (p->ready != NULL)
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
    error_clear(err);
    source_doing(p, "poll");
    instance_enter(p->source);
    code = ops->poll(instance_self(p->source), p->poll_batch, max, timeout, err);
    instance_leave(p->source);
    source_doing(p, NULL);
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
        (void)pipeline_pause(p, retry_delay_ms(&p->spec->retry, *failures, err->retry_after_ms, &random));
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

static void poll_until_stopped(struct pipeline *p, int64_t *settle_at)
{
    struct sluice_error err;
    uint32_t failures = 0, wait_ms, code;
    uint64_t room;

    while (wants_more(p)) {
        tick(p, settle_at);
        room = room_to_poll(p, &wait_ms);
        if (room == 0) {
            keep_alive(p);
            pthread_mutex_lock(&p->lock);
            wait_space(p, wait_ms);
            pthread_mutex_unlock(&p->lock);
            continue;
        }
        code = poll_source(p, room, &err);
        if (p->poll_batch->n > 0)
            route(p, p->poll_batch, settle_at);
        after_poll(p, code, &err, &failures);
    }
}

/* Until nothing is in flight and everything is settled. */
static void drain(struct pipeline *p, int64_t *settle_at)
{
    struct flow_counts counts;

    while (!is_over(p)) {
        tick(p, settle_at);
        pthread_mutex_lock(&p->lock);
        flow_counts(p->flow, &counts);
        if (counts.in_flight > 0)
            wait_space(p, IDLE_MS);
        pthread_mutex_unlock(&p->lock);
        if (counts.in_flight == 0)
            break;
        keep_alive(p);
    }
    settle_all(p);
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
            struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name), LOG_TEXT("instance", instance_name(i)),
                                         LOG_TEXT("message", err.message)};

            log_event(SLUICE_WARN, "start_waits", fields, 3);
        }
        if (p->stopping || pipeline_pause(p, retry_delay_ms(&p->spec->retry, tries, err.retry_after_ms, &random)))
            return SLUICE_CANCELLED;
    }
    if (code != SLUICE_OK && code != SLUICE_CANCELLED)
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
            (void)plugin->ops.sink.flush(instance_self(i), 5000, &err);
        }
        (void)instance_stop(i, 5000, &err);
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
    int64_t settle_at = clock_steady_ms() + p->spec->commit_ms;

    if (start_all(p) == 0) {
        set_state(p, PIPELINE_RUNNING);
        poll_until_stopped(p, &settle_at);
        set_state(p, PIPELINE_DRAINING);
        drain(p, &settle_at);
    }
    stop_workers(p);
    settle_all(p);
    stop_all(p);
    set_state(p, PIPELINE_DONE);
    return NULL;
}
