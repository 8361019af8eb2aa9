/* flow_parts: the heap, the key chains and the reason counts of the flow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_private.h"

static int heap_before(const struct flow *f, uint32_t a, uint32_t b)
{
    const struct flow_slot *x = &f->slots[a], *y = &f->slots[b];

    return x->due_ms != y->due_ms ? x->due_ms < y->due_ms : x->arrival < y->arrival;
}

static void heap_put(struct flow *f, uint32_t at, uint32_t index)
{
    f->heap[at] = index;
    f->slots[index].heap_at = at;
}

static void heap_up(struct flow *f, uint32_t at, uint32_t index)
{
    while (at > 0 && heap_before(f, index, f->heap[(at - 1) / 2])) {
        heap_put(f, at, f->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(f, at, index);
}

static void heap_down(struct flow *f, uint32_t at, uint32_t index)
{
    uint32_t child;

    while ((child = 2 * at + 1) < f->n_heap) {
        if (child + 1 < f->n_heap && heap_before(f, f->heap[child + 1], f->heap[child]))
            child++;
        if (!heap_before(f, f->heap[child], index))
            break;
        heap_put(f, at, f->heap[child]);
        at = child;
    }
    heap_put(f, at, index);
}

void flow_heap_push(struct flow *f, uint32_t index, int64_t due_ms)
{
    f->slots[index].due_ms = due_ms;
    f->n_heap++;
    heap_up(f, f->n_heap - 1, index);
}

void flow_heap_remove(struct flow *f, uint32_t index)
{
    uint32_t at = f->slots[index].heap_at, last = f->heap[--f->n_heap];

    if (last == index)
        return;
    if (at > 0 && heap_before(f, last, f->heap[(at - 1) / 2]))
        heap_up(f, at, last);
    else
        heap_down(f, at, last);
}

static uint32_t *bucket_of(struct flow *f, uint64_t order)
{
    return &f->buckets[(order ^ order >> 32) % FLOW_KEY_BUCKETS];
}

void flow_key_hold(struct flow *f, uint32_t index)
{
    struct flow_slot *s = &f->slots[index];
    uint32_t *bucket = bucket_of(f, s->order);

    if (s->holds_key)
        return;
    s->holds_key = 1;
    s->key_next = *bucket;
    *bucket = index;
}

uint32_t flow_key_release(struct flow *f, uint32_t index)
{
    struct flow_slot *s = &f->slots[index];
    uint32_t *link = bucket_of(f, s->order), i, first = FLOW_NONE;

    if (!s->holds_key)
        return FLOW_NONE;
    while (*link != index)
        link = &f->slots[*link].key_next;
    *link = s->key_next;
    s->holds_key = 0;
    for (i = *bucket_of(f, s->order); i != FLOW_NONE; i = f->slots[i].key_next)
        if (f->slots[i].order == s->order &&
            (first == FLOW_NONE || f->slots[i].arrival < f->slots[first].arrival))
            first = i;
    return first != FLOW_NONE && f->slots[first].state == SLOT_PARKED ? first : FLOW_NONE;
}

int flow_key_blocked(const struct flow *f, uint32_t index)
{
    const struct flow_slot *s = &f->slots[index];
    uint32_t i = f->buckets[(s->order ^ s->order >> 32) % FLOW_KEY_BUCKETS];

    for (; i != FLOW_NONE; i = f->slots[i].key_next)
        if (i != index && f->slots[i].order == s->order && f->slots[i].arrival < s->arrival)
            return 1;
    return 0;
}

/* Not allocated, so that it is there when memory is not. */
static const char other[] = "other";

void flow_free_reasons(struct flow_count *table)
{
    uint32_t i;

    for (i = 0; i < FLOW_MAX_REASONS && table[i].reason != NULL; i++)
        if (table[i].reason != other)
            free((char *)(uintptr_t)table[i].reason);
}

int flow_reason_valid(const char *reason)
{
    size_t len = strspn(reason, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && len <= FLOW_MAX_REASON && reason[len] == '\0';
}

const char *flow_bad_reason(const struct flow *f)
{
    return f->bad_reason;
}

int flow_reasons_full(const struct flow *f)
{
    return f->reasons_full;
}

/* The place of the reason, or the free one where it belongs; the last is for "other". */
static uint32_t find_reason(const struct flow_count *table, const char *reason)
{
    uint32_t i;

    for (i = 0; i < FLOW_MAX_REASONS - 1 && table[i].reason != NULL; i++)
        if (table[i].reason == reason || strcmp(table[i].reason, reason) == 0)
            break;
    return i;
}

/* A reason that is met for the first time: may it have a place of its own? */
static int is_welcome(struct flow *f, const char *reason)
{
    if (!flow_reason_valid(reason)) {
        if (f->bad_reason[0] == '\0')
            (void)snprintf(f->bad_reason, sizeof f->bad_reason, "%s", reason);
        return 0;
    }
    return 1;
}

uint32_t flow_count_reason(struct flow *f, struct flow_count *table, const char *reason, uint64_t n)
{
    uint32_t i;

    if (reason == NULL)
        reason = "unspecified";
    i = find_reason(table, reason);
    if (i == FLOW_MAX_REASONS - 1)
        f->reasons_full = 1;
    else if (table[i].reason == NULL && is_welcome(f, reason))
        table[i].reason = strdup(reason);
    if (table[i].reason == NULL || i == FLOW_MAX_REASONS - 1) {
        i = find_reason(table, other);
        table[i].reason = table[i].reason == NULL ? other : table[i].reason;
    }
    table[i].n += n;
    return i;
}
