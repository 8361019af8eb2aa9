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
    f->paused_since_ms = -1;
    for (i = 0; i < FLOW_KEY_BUCKETS; i++)
        f->buckets[i] = FLOW_NONE;
    if (f->slots == NULL || f->heap == NULL) {
        flow_free(f);
        return NULL;
    }
    return f;
}

void flow_free(struct flow *f)
{
    uint32_t i;

    if (f == NULL)
        return;
    for (i = 0; i < f->n_lanes; i++)
        lane_release(&f->lanes[i]);
    flow_free_reasons(f->gated_by);
    flow_free_reasons(f->dead_by);
    free(f->lanes);
    free(f->acks);
    free(f->slots);
    free(f->heap);
    free(f);
}

uint32_t flow_ticket(const struct flow *f, uint32_t index)
{
    return (f->slots[index].incarnation << FLOW_INDEX_BITS) | (index + 1);
}

/* The slot of a ticket, or NULL if the ticket is of an earlier use of the slot. */
static struct flow_slot *slot_of(const struct flow *f, uint32_t ticket)
{
    uint32_t index = (ticket & FLOW_INDEX_MASK) - 1;

    if ((ticket & FLOW_INDEX_MASK) == 0 || index >= f->n_slots || f->slots[index].state == SLOT_FREE ||
        flow_ticket(f, index) != ticket)
        return NULL;
    return &f->slots[index];
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

uint32_t flow_arrive(struct flow *f, uint32_t lane, const struct lane_mark *mark, uint64_t order,
                     uint64_t bytes, int64_t now_ms)
{
    uint32_t index = f->stopped ? FLOW_NONE : take_slot(f), incarnation;
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
    s->arrived_ms = now_ms;
    if (!f->spec.any_order)
        s->sequence = lane_enter(&f->lanes[lane - 1], mark);
    f->counts.in++;
    f->counts.in_flight++;
    f->counts.bytes += bytes;
    return flow_ticket(f, index);
}

static int lane_is_lost(const struct flow *f, const struct flow_slot *s)
{
    const struct lane *l = &f->lanes[s->lane - 1];

    return l->lost || l->generation != s->generation;
}

void flow_slot_free(struct flow *f, struct flow_slot *s)
{
    s->state = SLOT_FREE;
    s->incarnation = (s->incarnation + 1) & (UINT32_MAX >> FLOW_INDEX_BITS);
    s->next = f->free_list;
    f->free_list = flow_index(f, s);
}

static void clear_unburied(struct flow *f, struct flow_slot *s)
{
    if (s->unburied)
        f->counts.unburied--;
    s->unburied = 0;
}

/* The record leaves the flow; whoever waited behind it may go on, unless it goes back
 * to the source while the flow stops: then nobody may overtake it.  (Nothing enters a
 * stopped flow, so a slot that still holds a key is not used again.) */
void flow_slot_leave(struct flow *f, struct flow_slot *s, int returned)
{
    uint32_t behind;

    f->counts.in_flight--;
    f->counts.bytes -= s->bytes;
    clear_unburied(f, s);
    if (returned && f->stopped && !f->spec.commutative) {
        flow_key_hold(f, flow_index(f, s));
        return;
    }
    behind = flow_key_release(f, flow_index(f, s));
    if (behind != FLOW_NONE) {
        f->slots[behind].state = SLOT_WAITING;
        flow_heap_push(f, behind, f->slots[behind].due_ms);
    }
}

static enum flow_next give_back(struct flow *f, struct flow_slot *s)
{
    f->counts.returned++;
    flow_slot_leave(f, s, 1);
    flow_slot_free(f, s);
    return FLOW_RETURNED;
}

static enum flow_next finish(struct flow *f, struct flow_slot *s)
{
    if (s->any_dead) {
        f->counts.dead++;
        f->dead_by[s->dead_reason].n++;
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
    flow_slot_leave(f, s, 0);
    flow_slot_free(f, s);
    return FLOW_FINISHED;
}

static enum flow_next end_step(struct flow *f, struct flow_slot *s)
{
    if (++s->step >= f->spec.n_steps)
        return finish(f, s);
    s->state = SLOT_RUNNING;
    s->attempts = 0;
    return FLOW_STEP;
}

enum flow_next flow_may_run(struct flow *f, uint32_t ticket)
{
    struct flow_slot *s = slot_of(f, ticket);

    if (s == NULL || s->state != SLOT_RUNNING)
        return FLOW_STALE;
    if (lane_is_lost(f, s))
        return give_back(f, s);
    if (f->spec.commutative || !flow_key_blocked(f, flow_index(f, s)))
        return FLOW_STEP;
    if (f->stopped)
        return give_back(f, s);
    flow_key_hold(f, flow_index(f, s));
    s->state = SLOT_PARKED;
    s->due_ms = 0;
    f->counts.waiting++;
    return FLOW_WAIT;
}

int flow_knows(const struct flow *f, uint32_t ticket)
{
    return slot_of(f, ticket) != NULL;
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
    uint32_t index = flow_index(f, s);
    int parked;

    if (f->stopped)
        return give_back(f, s);
    f->counts.waiting++;
    parked = !f->spec.commutative && flow_key_blocked(f, index);
    if (!f->spec.commutative)
        flow_key_hold(f, index);
    if (parked) {
        s->state = SLOT_PARKED;
        s->due_ms = due_ms; /* it has a time of its own when the one before it is gone */
    } else {
        s->state = SLOT_WAITING;
        flow_heap_push(f, index, due_ms);
    }
    return FLOW_WAIT;
}

static enum flow_next bury(struct flow *f, struct flow_slot *s)
{
    /* Its later steps still run: nobody of its key may get there first. */
    if (!f->spec.commutative)
        flow_key_hold(f, flow_index(f, s));
    s->state = SLOT_BURYING;
    return FLOW_BURY;
}

static enum flow_next try_again(struct flow *f, struct flow_slot *s, uint32_t retry_after_ms, int64_t now_ms)
{
    const struct retry_spec *retry = &f->spec.retry;
    int64_t working_ms = flow_working_ms(f, now_ms);

    f->counts.retries++;
    if (s->attempts++ == 0)
        s->first_ms = working_ms; /* not its arrival: an outage before it spends no deadline */
    if (s->attempts >= retry->attempts ||
        (retry->deadline_ms > 0 && working_ms - s->first_ms >= (int64_t)retry->deadline_ms))
        return bury(f, s);
    return wait_for(f, s, now_ms + retry_delay_ms(retry, s->attempts, retry_after_ms, &f->random));
}

/* Not the record's fault: it spends neither attempts nor deadline. */
static enum flow_next hold(struct flow *f, struct flow_slot *s, uint32_t retry_after_ms, int64_t now_ms)
{
    uint32_t wait_ms = retry_after_ms > 0 ? retry_after_ms : HOLD_MS;

    s->first_ms += wait_ms;
    return wait_for(f, s, now_ms + wait_ms);
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
        return end_step(f, s);
    case SLUICE_DROP:
    case SLUICE_DENY:
        s->reason = flow_count_reason(f, f->gated_by, reason, 0);
        return end_step(f, s);
    case SLUICE_RETRY:
        return try_again(f, s, retry_after_ms, now_ms);
    case SLUICE_UNSURE:
        return f->spec.idempotent ? try_again(f, s, retry_after_ms, now_ms) : bury(f, s);
    case SLUICE_UNKNOWN:
    case SLUICE_DISCONNECTED:
    case SLUICE_CANCELLED:
    case SLUICE_FATAL:
        return hold(f, s, retry_after_ms, now_ms);
    default:
        return bury(f, s);
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
            s->dead_reason = flow_count_reason(f, f->dead_by, reason, 0);
        s->any_dead = 1;
        clear_unburied(f, s);
        return end_step(f, s);
    }
    f->counts.burial_failures++;
    if (f->stopped)
        return give_back(f, s);
    s->state = SLOT_UNBURIED;
    f->counts.waiting++;
    if (!s->unburied)
        f->counts.unburied++;
    s->unburied = 1;
    flow_heap_push(f, flow_index(f, s), now_ms + REBURY_MS);
    return FLOW_WAIT;
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
        if (f->slots[i].state != SLOT_FREE && f->slots[i].state != SLOT_GONE &&
            f->slots[i].arrived_ms < oldest)
            oldest = f->slots[i].arrived_ms;
    return now_ms - oldest;
}
