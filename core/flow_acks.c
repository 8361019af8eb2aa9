/* flow_acks: what may enter the flow and what may be settled with the source. */
#include <stdlib.h>

#include "flow_private.h"

/* What the lane has left of its window. */
static uint64_t room_in(const struct flow *f, const struct lane *l)
{
    uint64_t span = lane_span(l);

    return span < f->spec.lane_window ? f->spec.lane_window - span : 0;
}

/* All of the next poll may be of one lane, so the fullest one decides; but a source that
 * leaves out the full ones can go on while one has room. */
static uint64_t window_room(const struct flow *f)
{
    uint64_t least = f->spec.lane_window, room;
    uint32_t i, owned = 0, full = 0;

    for (i = 0; i < f->n_lanes; i++) {
        if (f->lanes[i].lost)
            continue;
        room = room_in(f, &f->lanes[i]);
        owned++;
        full += room == 0;
        least = room < least ? room : least;
    }
    if (f->lanes_apart)
        return owned > 0 && full == owned ? 0 : UINT64_MAX;
    return least;
}

void flow_documents(struct flow *f, uint64_t bytes)
{
    f->counts.document_bytes = bytes;
}

void flow_lanes_apart(struct flow *f, int apart)
{
    f->lanes_apart = apart;
}

int flow_lane_full(const struct flow *f, uint32_t lane, uint64_t n)
{
    if (lane == 0 || lane > f->n_lanes || f->lanes[lane - 1].lost)
        return 1;
    return !f->spec.any_order && room_in(f, &f->lanes[lane - 1]) <= n;
}

static int is_memory_full(const struct flow *f)
{
    return f->counts.bytes + f->counts.document_bytes >= f->spec.memory_bytes;
}

uint64_t flow_room(const struct flow *f)
{
    uint64_t room = f->spec.max_in_flight - f->counts.in_flight - f->n_gone, window = window_room(f);

    if (f->stopped || f->counts.unburied > 0 || is_memory_full(f))
        return 0;
    if (f->spec.any_order)
        return f->acks_tail - f->acks_head >= f->spec.max_in_flight ? 0 : room;
    return window < room ? window : room;
}

uint64_t flow_lane_span(const struct flow *f, uint32_t lane)
{
    return lane == 0 || lane > f->n_lanes ? 0 : lane_span(&f->lanes[lane - 1]);
}

int flow_lane(struct flow *f, uint32_t lane)
{
    struct lane *grown;

    if (lane == 0)
        return -1;
    if (lane > f->n_lanes) {
        grown = realloc(f->lanes, lane * sizeof *grown);
        if (grown == NULL)
            return -1;
        f->lanes = grown;
        for (; f->n_lanes < lane; f->n_lanes++)
            lane_init(&f->lanes[f->n_lanes]);
    }
    lane_gain(&f->lanes[lane - 1]);
    return 0;
}

static int reserve_acks(struct flow *f, uint64_t n)
{
    uint64_t need = f->acks_tail - f->acks_head + f->counts.in_flight + n;
    uint64_t cap = f->acks_cap == 0 ? 64 : f->acks_cap, i;
    struct flow_ack *ring;

    while (cap < need)
        cap *= 2;
    if (cap == f->acks_cap)
        return 0;
    ring = malloc(cap * sizeof *ring);
    if (ring == NULL)
        return -1;
    for (i = f->acks_head; i != f->acks_tail; i++)
        ring[i & (cap - 1)] = f->acks[i & (f->acks_cap - 1)];
    free(f->acks);
    f->acks = ring;
    f->acks_cap = cap;
    return 0;
}

int flow_reserve(struct flow *f, uint32_t lane, uint64_t n)
{
    if (lane == 0 || lane > f->n_lanes)
        return -1;
    return f->spec.any_order ? reserve_acks(f, n) : lane_reserve(&f->lanes[lane - 1], n);
}

void flow_push_ack(struct flow *f, uint32_t lane, const struct lane_mark *mark)
{
    struct flow_ack *ack = &f->acks[f->acks_tail++ & (f->acks_cap - 1)];

    ack->lane = lane;
    ack->generation = f->lanes[lane - 1].generation;
    ack->mark = *mark;
}

void flow_pass(struct flow *f, uint32_t lane, const struct lane_mark *mark, const char *reason)
{
    if (f->stopped)
        return;
    f->counts.in++;
    f->counts.gated++;
    flow_count_reason(f, f->gated_by, reason, 1);
    if (f->spec.any_order)
        flow_push_ack(f, lane, mark);
    else
        lane_pass(&f->lanes[lane - 1], mark);
}

static int take_ordered(struct flow *f, uint32_t *lane, struct lane_mark *mark)
{
    uint32_t i;

    for (i = 0; i < f->n_lanes; i++) {
        uint32_t at = (f->next_lane + i) % f->n_lanes;

        if (lane_take(&f->lanes[at], mark)) {
            *lane = at + 1;
            f->next_lane = at + 1;
            return 1;
        }
    }
    return 0;
}

int flow_take_ack(struct flow *f, uint32_t *lane, struct lane_mark *mark)
{
    const struct flow_ack *ack;
    const struct lane *owner;

    if (!f->spec.any_order)
        return take_ordered(f, lane, mark);
    while (f->acks_head != f->acks_tail) {
        ack = &f->acks[f->acks_head++ & (f->acks_cap - 1)];
        owner = &f->lanes[ack->lane - 1];
        if (owner->lost || owner->generation != ack->generation)
            continue;
        *lane = ack->lane;
        *mark = ack->mark;
        mark->generation = ack->generation;
        return 1;
    }
    return 0;
}

void flow_ack_failed(struct flow *f, uint32_t lane, const struct lane_mark *mark)
{
    if (!f->spec.any_order)
        lane_untake(&f->lanes[lane - 1], mark);
    else if (mark->generation == f->lanes[lane - 1].generation && reserve_acks(f, 1) == 0)
        flow_push_ack(f, lane, mark); /* else the source delivers it again: at least once */
}
