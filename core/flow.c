/* flow: see flow.h. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

#include "flow_private.h"

/* A record on hold, and a dead letter that found no room, look again this often. */
#define HOLD_MS 500u
#define REBURY_MS 1000u

struct flow *flow_new(const struct flow_spec *spec)
{
    struct flow *f = calloc(1, sizeof *f);
    uint32_t i;

    if (f == NULL)
        return NULL;
    f->spec = *spec;
    if (f->spec.max_in_flight > FLOW_MAX_IN_FLIGHT)
        f->spec.max_in_flight = FLOW_MAX_IN_FLIGHT;
    f->random.state = spec->seed;
    f->slots = calloc(f->spec.max_in_flight, sizeof *f->slots);
    f->heap = calloc(f->spec.max_in_flight, sizeof *f->heap);
    f->free_list = f->returned_list = FLOW_NONE;
    for (i = 0; i < FLOW_KEY_BUCKETS; i++)
        f->buckets[i] = FLOW_NONE;
    if (f->slots == NULL || f->heap == NULL) {
        flow_free(f);
        return NULL;
    }
    return f;
}

static void free_reasons(struct flow_count *table)
{
    uint32_t i;

    for (i = 0; i < FLOW_MAX_REASONS; i++)
        free((char *)(uintptr_t)table[i].reason);
}

void flow_free(struct flow *f)
{
    uint32_t i;

    if (f == NULL)
        return;
    for (i = 0; i < f->n_lanes; i++)
        lane_release(&f->lanes[i]);
    free_reasons(f->gated_by);
    free_reasons(f->dead_by);
    free(f->lanes);
    free(f->acks);
    free(f->slots);
    free(f->heap);
    free(f);
}

static uint32_t ticket_of(const struct flow *f, uint32_t index)
{
    return (f->slots[index].incarnation << FLOW_INDEX_BITS) | (index + 1);
}

/* The slot of a ticket, or NULL if the ticket is of an earlier use of the slot. */
static struct flow_slot *slot_of(const struct flow *f, uint32_t ticket)
{
    uint32_t index = (ticket & FLOW_INDEX_MASK) - 1;

    if ((ticket & FLOW_INDEX_MASK) == 0 || index >= f->n_slots || f->slots[index].state == SLOT_FREE ||
        ticket_of(f, index) != ticket)
        return NULL;
    return &f->slots[index];
}

static uint32_t index_of(const struct flow *f, const struct flow_slot *s)
{
    return (uint32_t)(s - f->slots);
}

static uint32_t take_slot(struct flow *f)
{
    uint32_t index = f->free_list;

    if (index != FLOW_NONE)
        f->free_list = f->slots[index].next;
    else if (f->n_slots < f->spec.max_in_flight)
        index = f->n_slots++;
    return index;
}

uint32_t flow_arrive(struct flow *f, uint32_t lane, const struct lane_mark *mark, uint64_t order, uint64_t bytes,
                     int64_t now_ms)
{
    uint32_t index = take_slot(f), incarnation;
    struct flow_slot *s;

    if (index == FLOW_NONE)
        return 0;
    s = &f->slots[index];
    incarnation = s->incarnation;
    memset(s, 0, sizeof *s);
    s->incarnation = incarnation;
    s->state = SLOT_RUNNING;
    s->lane = lane;
    s->generation = f->lanes[lane - 1].generation;
    s->mark = *mark;
    s->order = order;
    s->bytes = bytes;
    s->arrival = f->arrivals++;
    s->arrived_ms = s->first_ms = now_ms;
    if (!f->spec.any_order)
        s->sequence = lane_enter(&f->lanes[lane - 1], mark);
    f->counts.in++;
    f->counts.in_flight++;
    f->counts.bytes += bytes;
    return ticket_of(f, index);
}

static int lane_is_lost(const struct flow *f, const struct flow_slot *s)
{
    return f->lanes[s->lane - 1].generation != s->generation;
}

static void free_slot(struct flow *f, struct flow_slot *s)
{
    s->state = SLOT_FREE;
    s->incarnation = (s->incarnation + 1) & (UINT32_MAX >> FLOW_INDEX_BITS);
    s->next = f->free_list;
    f->free_list = index_of(f, s);
}

/* The record leaves the flow; whoever waited behind it may go on. */
static void leave(struct flow *f, struct flow_slot *s)
{
    uint32_t behind = flow_key_release(f, index_of(f, s));

    f->counts.in_flight--;
    f->counts.bytes -= s->bytes;
    if (behind != FLOW_NONE) {
        f->slots[behind].state = SLOT_WAITING;
        flow_heap_push(f, behind, 0);
    }
}

static enum flow_next give_back(struct flow *f, struct flow_slot *s)
{
    f->counts.returned++;
    leave(f, s);
    free_slot(f, s);
    return FLOW_RETURNED;
}

static enum flow_next finish(struct flow *f, struct flow_slot *s)
{
    if (s->any_dead) {
        f->counts.dead++;
    } else if (s->any_written) {
        f->counts.written++;
    } else {
        f->counts.gated++;
        f->gated_by[s->reason].n++;
    }
    if (f->spec.any_order)
        flow_push_ack(f, s->lane, &s->mark);
    else
        lane_done(&f->lanes[s->lane - 1], s->sequence);
    leave(f, s);
    free_slot(f, s);
    return FLOW_FINISHED;
}

static enum flow_next end_step(struct flow *f, struct flow_slot *s, int64_t now_ms)
{
    if (++s->step >= f->spec.n_steps)
        return finish(f, s);
    s->state = SLOT_RUNNING;
    s->attempts = 0;
    s->first_ms = now_ms;
    return FLOW_STEP;
}

enum flow_next flow_may_run(struct flow *f, uint32_t ticket)
{
    struct flow_slot *s = slot_of(f, ticket);

    if (s == NULL || s->state != SLOT_RUNNING)
        return FLOW_STALE;
    if (lane_is_lost(f, s) || f->stopped)
        return lane_is_lost(f, s) ? give_back(f, s) : FLOW_STEP;
    if (f->spec.commutative || !flow_key_blocked(f, index_of(f, s)))
        return FLOW_STEP;
    flow_key_hold(f, index_of(f, s));
    s->state = SLOT_PARKED;
    f->counts.waiting++;
    return FLOW_WAIT;
}

uint32_t flow_step(const struct flow *f, uint32_t ticket)
{
    const struct flow_slot *s = slot_of(f, ticket);

    return s == NULL ? 0 : s->step;
}

uint32_t flow_attempts(const struct flow *f, uint32_t ticket)
{
    const struct flow_slot *s = slot_of(f, ticket);

    return s == NULL ? 0 : s->attempts;
}

static enum flow_next wait_for(struct flow *f, struct flow_slot *s, int64_t due_ms)
{
    uint32_t index = index_of(f, s);
    int parked;

    if (f->stopped)
        return give_back(f, s);
    f->counts.waiting++;
    parked = !f->spec.commutative && flow_key_blocked(f, index);
    if (!f->spec.commutative)
        flow_key_hold(f, index);
    if (parked) {
        s->state = SLOT_PARKED;
    } else {
        s->state = SLOT_WAITING;
        flow_heap_push(f, index, due_ms);
    }
    return FLOW_WAIT;
}

static enum flow_next bury(struct flow_slot *s)
{
    s->state = SLOT_BURYING;
    return FLOW_BURY;
}

static enum flow_next try_again(struct flow *f, struct flow_slot *s, uint32_t retry_after_ms, int64_t now_ms)
{
    const struct retry_spec *retry = &f->spec.retry;

    f->counts.retries++;
    s->attempts++;
    if (s->attempts >= retry->attempts ||
        (retry->deadline_ms > 0 && now_ms - s->first_ms >= (int64_t)retry->deadline_ms))
        return bury(s);
    return wait_for(f, s, now_ms + retry_delay_ms(retry, s->attempts, retry_after_ms, &f->random));
}

enum flow_next flow_verdict(struct flow *f, uint32_t ticket, uint32_t code, const char *reason,
                            uint32_t retry_after_ms, int64_t now_ms)
{
    struct flow_slot *s = slot_of(f, ticket);

    if (s == NULL || s->state != SLOT_RUNNING)
        return FLOW_STALE;
    if (lane_is_lost(f, s))
        return give_back(f, s);
    switch (code) {
    case SLUICE_OK:
        s->any_written = 1;
        return end_step(f, s, now_ms);
    case SLUICE_DROP:
    case SLUICE_DENY:
        s->reason = flow_count_reason(f->gated_by, reason, 0);
        return end_step(f, s, now_ms);
    case SLUICE_RETRY:
        return try_again(f, s, retry_after_ms, now_ms);
    case SLUICE_UNSURE:
        return f->spec.idempotent ? try_again(f, s, retry_after_ms, now_ms) : bury(s);
    case SLUICE_UNKNOWN:
        return wait_for(f, s, now_ms + (retry_after_ms > 0 ? retry_after_ms : HOLD_MS));
    case SLUICE_CANCELLED:
        return give_back(f, s);
    default:
        return bury(s);
    }
}

enum flow_next flow_buried(struct flow *f, uint32_t ticket, int ok, const char *reason, int64_t now_ms)
{
    struct flow_slot *s = slot_of(f, ticket);

    if (s == NULL || s->state != SLOT_BURYING)
        return FLOW_STALE;
    if (lane_is_lost(f, s))
        return give_back(f, s);
    if (ok) {
        if (!s->any_dead)
            flow_count_reason(f->dead_by, reason, 1);
        s->any_dead = 1;
        return end_step(f, s, now_ms);
    }
    f->counts.burial_failures++;
    if (f->stopped)
        return give_back(f, s);
    s->state = SLOT_UNBURIED;
    f->counts.waiting++;
    f->counts.unburied++;
    flow_heap_push(f, index_of(f, s), now_ms + REBURY_MS);
    return FLOW_WAIT;
}

static void stop_waiting(struct flow *f, struct flow_slot *s)
{
    f->counts.waiting--;
    if (s->state == SLOT_UNBURIED)
        f->counts.unburied--;
    if (s->state != SLOT_PARKED)
        flow_heap_remove(f, index_of(f, s));
}

uint32_t flow_due(struct flow *f, int64_t now_ms, int *bury_it)
{
    struct flow_slot *s;

    if (f->n_heap == 0)
        return 0;
    s = &f->slots[f->heap[0]];
    if (s->due_ms > now_ms)
        return 0;
    *bury_it = s->state == SLOT_UNBURIED;
    stop_waiting(f, s);
    s->state = *bury_it ? SLOT_BURYING : SLOT_RUNNING;
    return ticket_of(f, index_of(f, s));
}

uint32_t flow_due_in_ms(const struct flow *f, int64_t now_ms)
{
    int64_t due;

    if (f->n_heap == 0)
        return UINT32_MAX;
    due = f->slots[f->heap[0]].due_ms - now_ms;
    return due <= 0 ? 0 : due > INT32_MAX ? (uint32_t)INT32_MAX : (uint32_t)due;
}

/* Takes a waiting record out: it is returned, its copy still lies with the caller. */
static void give_up_waiting(struct flow *f, struct flow_slot *s)
{
    stop_waiting(f, s);
    f->counts.returned++;
    leave(f, s);
    s->state = SLOT_GONE;
    s->next = f->returned_list;
    f->returned_list = index_of(f, s);
}

static int is_waiting(const struct flow_slot *s)
{
    return s->state == SLOT_WAITING || s->state == SLOT_PARKED || s->state == SLOT_UNBURIED;
}

void flow_lane_lost(struct flow *f, uint32_t lane)
{
    uint32_t i;

    if (lane == 0 || lane > f->n_lanes)
        return;
    lane_lose(&f->lanes[lane - 1]);
    for (i = 0; i < f->n_slots; i++)
        if (f->slots[i].lane == lane && is_waiting(&f->slots[i]))
            give_up_waiting(f, &f->slots[i]);
}

void flow_stop(struct flow *f)
{
    uint32_t i;

    f->stopped = 1;
    for (i = 0; i < f->n_slots; i++)
        if (is_waiting(&f->slots[i]))
            give_up_waiting(f, &f->slots[i]);
}

uint32_t flow_returned(struct flow *f)
{
    uint32_t index = f->returned_list, ticket;

    if (index == FLOW_NONE)
        return 0;
    f->returned_list = f->slots[index].next;
    ticket = ticket_of(f, index);
    free_slot(f, &f->slots[index]);
    return ticket;
}

void flow_counts(const struct flow *f, struct flow_counts *out)
{
    *out = f->counts;
}

const struct flow_count *flow_gated_by(const struct flow *f)
{
    return f->gated_by;
}

const struct flow_count *flow_dead_by(const struct flow *f)
{
    return f->dead_by;
}

int64_t flow_oldest_ms(const struct flow *f, int64_t now_ms)
{
    int64_t oldest = now_ms;
    uint32_t i;

    for (i = 0; i < f->n_slots; i++)
        if (f->slots[i].state != SLOT_FREE && f->slots[i].state != SLOT_GONE && f->slots[i].arrived_ms < oldest)
            oldest = f->slots[i].arrived_ms;
    return now_ms - oldest;
}
