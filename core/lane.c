#include "lane.h"

#include <stdlib.h>
#include <string.h>

#define LANE_FIRST 64u

static struct lane_entry *entry_at(const struct lane *l, uint64_t index)
{
    return &l->ring[index & (l->cap - 1)];
}

void lane_init(struct lane *l)
{
    memset(l, 0, sizeof *l);
}

void lane_release(struct lane *l)
{
    free(l->ring);
    lane_init(l);
}

int lane_reserve(struct lane *l, uint64_t n)
{
    uint64_t used = l->tail - l->head, cap = l->cap == 0 ? LANE_FIRST : l->cap, i;
    struct lane_entry *ring;

    while (cap < used + n)
        cap *= 2;
    if (cap == l->cap)
        return 0;
    ring = malloc(cap * sizeof *ring);
    if (ring == NULL)
        return -1;
    for (i = l->head; i != l->tail; i++)
        ring[i & (cap - 1)] = *entry_at(l, i);
    free(l->ring);
    l->ring = ring;
    l->cap = cap;
    return 0;
}

/* Moves the settled mark over everything done at the old end. */
static void advance(struct lane *l)
{
    struct lane_entry *e;

    while (l->head != l->tail) {
        e = entry_at(l, l->head);
        if (e->open)
            return;
        l->settled = e->mark;
        l->moved = 1;
        l->head++;
    }
}

uint64_t lane_enter(struct lane *l, const struct lane_mark *mark)
{
    struct lane_entry *e = entry_at(l, l->tail);

    e->mark = *mark;
    e->arrival = l->arrived++;
    e->open = 1;
    e->reserved = 0;
    l->open++;
    return l->tail++;
}

void lane_pass(struct lane *l, const struct lane_mark *mark)
{
    struct lane_entry *last;

    l->arrived++;
    if (l->head == l->tail) {
        l->settled = *mark;
        l->moved = 1;
        return;
    }
    last = entry_at(l, l->tail - 1);
    if (!last->open) {
        last->mark = *mark;
        return;
    }
    last = entry_at(l, l->tail++);
    last->mark = *mark;
    last->arrival = l->arrived - 1;
    last->open = 0;
    last->reserved = 0;
}

void lane_done(struct lane *l, uint64_t sequence)
{
    struct lane_entry *e = entry_at(l, sequence);

    e->open = 0;
    l->open--;
    if (sequence == l->head)
        advance(l);
}

uint64_t lane_span(const struct lane *l)
{
    return l->head == l->tail ? 0 : l->arrived - entry_at(l, l->head)->arrival;
}

int lane_take(struct lane *l, struct lane_mark *mark)
{
    if (!l->moved || l->lost)
        return 0;
    *mark = l->settled;
    mark->generation = l->generation;
    l->moved = 0;
    return 1;
}

void lane_untake(struct lane *l, const struct lane_mark *mark)
{
    if (mark->generation == l->generation)
        l->moved = 1;
}

void lane_lose(struct lane *l)
{
    l->head = l->tail;
    l->open = 0;
    l->moved = 0;
    memset(&l->settled, 0, sizeof l->settled);
    l->lost = 1;
    l->generation++;
}

void lane_gain(struct lane *l)
{
    if (l->lost)
        lane_lose(l);
    l->lost = 0;
}
