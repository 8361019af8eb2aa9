/* held: the messages that were received and are not deleted, by `next` and by id. */
#include <stdlib.h>

#include "source_sqs.h"

#define FIRST_BUCKETS 256u

static void link_in(struct held_table *t, struct held *h)
{
    size_t a = (size_t)h->next & (t->n_buckets - 1), b = (size_t)h->position & (t->n_buckets - 1);

    h->by_next = t->next_buckets[a];
    t->next_buckets[a] = h;
    h->by_id = t->id_buckets[b];
    t->id_buckets[b] = h;
}

static int grow(struct held_table *t)
{
    size_t n = t->n_buckets == 0 ? FIRST_BUCKETS : t->n_buckets * 2;
    struct held **a = calloc(n, sizeof(struct held *)), **b = calloc(n, sizeof(struct held *)), *h;

    if (a == NULL || b == NULL) {
        free(a);
        free(b);
        return -1;
    }
    free(t->next_buckets);
    free(t->id_buckets);
    t->next_buckets = a;
    t->id_buckets = b;
    t->n_buckets = n;
    for (h = t->all; h != NULL; h = h->after)
        link_in(t, h);
    return 0;
}

int held_add(struct held_table *t, struct held *h)
{
    if (t->n >= t->n_buckets && grow(t) != 0 && t->n_buckets == 0)
        return -1; /* longer chains are better than no entry */
    link_in(t, h);
    h->before = NULL;
    h->after = t->all;
    if (t->all != NULL)
        t->all->before = h;
    t->all = h;
    t->n++;
    return 0;
}

void held_remove(struct held_table *t, struct held *h)
{
    struct held **at;

    for (at = &t->next_buckets[(size_t)h->next & (t->n_buckets - 1)]; *at != h; at = &(*at)->by_next)
        ;
    *at = h->by_next;
    for (at = &t->id_buckets[(size_t)h->position & (t->n_buckets - 1)]; *at != h; at = &(*at)->by_id)
        ;
    *at = h->by_id;
    if (h->before != NULL)
        h->before->after = h->after;
    else
        t->all = h->after;
    if (h->after != NULL)
        h->after->before = h->before;
    t->n--;
    held_free(h);
}

struct held *held_by_next(const struct held_table *t, uint64_t next)
{
    struct held *h = t->n_buckets == 0 ? NULL : t->next_buckets[(size_t)next & (t->n_buckets - 1)];

    while (h != NULL && h->next != next)
        h = h->by_next;
    return h;
}

struct held *held_by_id(const struct held_table *t, uint64_t position, const char *id)
{
    struct held *h = t->n_buckets == 0 ? NULL : t->id_buckets[(size_t)position & (t->n_buckets - 1)];

    while (h != NULL && (h->position != position || strcmp(h->id, id) != 0))
        h = h->by_id;
    return h;
}

void held_free(struct held *h)
{
    sqs_message_free(h->message);
    free(h->id);
    free(h->handle);
    free(h);
}

void held_release(struct held_table *t)
{
    struct held *h, *after;

    for (h = t->all; h != NULL; h = after) {
        after = h->after;
        held_free(h);
    }
    free(t->next_buckets);
    free(t->id_buckets);
    memset(t, 0, sizeof *t);
}

void held_push(struct held_queue *q, struct held *h)
{
    h->queued = NULL;
    if (q->first == NULL)
        q->last = &q->first;
    *q->last = h;
    q->last = &h->queued;
}

void held_unpop(struct held_queue *q, struct held *h)
{
    if (q->first == NULL)
        q->last = &h->queued;
    h->queued = q->first;
    q->first = h;
}

struct held *held_pop(struct held_queue *q)
{
    struct held *h = q->first;

    if (h != NULL)
        q->first = h->queued;
    return h;
}
