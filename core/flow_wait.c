/* flow_wait: records that wait: whose time has come, and who is given back instead.
 *
 * Invariant: a record that waits is in the heap, or parked behind an earlier one of
 * its key that has not left the flow. */
#include "flow_private.h"

static void stop_waiting(struct flow *f, struct flow_slot *s)
{
    f->counts.waiting--;
    if (s->state != SLOT_PARKED)
        flow_heap_remove(f, flow_index(f, s));
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
    return flow_ticket(f, flow_index(f, s));
}

uint32_t flow_due_in_ms(const struct flow *f, int64_t now_ms)
{
    int64_t due;

    if (f->n_heap == 0)
        return UINT32_MAX;
    due = f->slots[f->heap[0]].due_ms - now_ms;
    return due <= 0 ? 0 : due > INT32_MAX ? (uint32_t)INT32_MAX : (uint32_t)due;
}

int64_t flow_working_ms(const struct flow *f, int64_t now_ms)
{
    int64_t pause = f->paused_since_ms >= 0 ? now_ms - f->paused_since_ms : 0;

    return now_ms - f->paused_ms - pause;
}

void flow_pause(struct flow *f, int64_t now_ms)
{
    if (f->paused_since_ms < 0)
        f->paused_since_ms = now_ms;
}

void flow_resume(struct flow *f, int64_t now_ms)
{
    if (f->paused_since_ms >= 0)
        f->paused_ms += now_ms - f->paused_since_ms;
    f->paused_since_ms = -1;
}

/* Takes a waiting record out: it is returned, its copy still lies with the caller. */
static void give_up_waiting(struct flow *f, struct flow_slot *s)
{
    stop_waiting(f, s);
    f->counts.returned++;
    flow_slot_leave(f, s, 1);
    f->n_gone++;
    s->state = SLOT_GONE;
    s->next = f->returned_list;
    f->returned_list = flow_index(f, s);
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
    ticket = flow_ticket(f, index);
    f->n_gone--;
    flow_slot_free(f, &f->slots[index]);
    return ticket;
}
