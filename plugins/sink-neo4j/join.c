/* join: the rule of the graph, for one edge.
 *
 * Invariant: what an edge has counted is the set of its receipts, each with the latest
 * time it came with.  The result does not depend on order, repetition or split. */
#include <stdlib.h>
#include <string.h>

#include "batch.h"

struct joined {
    struct sluice_str receipt;
    int64_t time;
    int stored;
};

static int joined_by_receipt(const void *a, const void *b)
{
    const struct joined *x = a, *y = b;
    int order = graph_compare(x->receipt, y->receipt);

    if (order != 0)
        return order;
    if (x->stored != y->stored)
        return x->stored ? -1 : 1;
    return x->time > y->time ? -1 : x->time < y->time;
}

static int joined_by_time(const void *a, const void *b)
{
    const struct joined *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return graph_compare(x->receipt, y->receipt);
}

/* All receipts, each once; what is new shows in *fresh, *later and *latest. */
static uint64_t join_unique(struct joined *all, uint64_t n, uint64_t *fresh, uint64_t *later, int64_t *latest)
{
    uint64_t i, kept = 0;

    if (n > 1)
        qsort(all, n, sizeof *all, joined_by_receipt);
    for (i = 0; i < n; i++) {
        struct joined *last = kept == 0 ? NULL : &all[kept - 1];

        if (last != NULL && sluice_str_equal(last->receipt, all[i].receipt)) {
            if (all[i].time <= last->time)
                continue;
            last->time = all[i].time;
            if (all[i].stored)
                continue;
            (*later)++;
        } else {
            all[kept++] = all[i];
            *fresh += !all[i].stored;
        }
        if (!all[i].stored && all[i].time > *latest)
            *latest = all[i].time;
    }
    return kept;
}

/* Counts that no receipt explains stay, unless load: full has them go. */
static void join_figures(struct edge *e, enum edge_type type, int full, uint64_t fresh, int64_t latest)
{
    if (type == PURCHASED || full) {
        e->count = (int64_t)e->n;
        e->last = e->n == 0 ? 0 : e->times[e->n - 1];
        return;
    }
    e->count += (int64_t)fresh;
    if (latest > e->last)
        e->last = latest;
}

int edge_join(struct edge *e, struct arena *arena, enum edge_type type, int full, uint64_t *fresh)
{
    uint64_t total = e->n + e->n_rows, i, later = 0;
    struct joined *all = arena_alloc(arena, (total + 1) * sizeof *all);
    int64_t latest = INT64_MIN, max = 0;

    *fresh = 0;
    if (all == NULL)
        return -1;
    for (i = 0; i < e->n; i++) {
        all[i] = (struct joined){e->receipts[i], e->times[i], 1};
        if (i == 0 || e->times[i] > max)
            max = e->times[i];
    }
    for (i = 0; i < e->n_rows; i++)
        all[e->n + i] = (struct joined){e->rows[i]->receipt, e->rows[i]->time, 0};
    /* an edge that load: full finds explained, and that nothing is new to, is left alone */
    e->changed = full && type != PURCHASED && e->id.data != NULL &&
                 (e->count != (int64_t)e->n || (e->n > 0 && e->last != max));
    total = join_unique(all, total, fresh, &later, &latest);
    if (*fresh > 0 || later > 0)
        e->changed = 1;
    if (!e->changed)
        return 0;
    if (total > 1)
        qsort(all, total, sizeof *all, joined_by_time);
    e->receipts = arena_alloc(arena, (total + 1) * sizeof *e->receipts);
    e->times = arena_alloc(arena, (total + 1) * sizeof *e->times);
    if (e->receipts == NULL || e->times == NULL)
        return -1;
    for (i = 0; i < total; i++) {
        e->receipts[i] = all[i].receipt;
        e->times[i] = all[i].time;
    }
    if (e->id.data == NULL) {
        e->count = 0;
        e->last = latest;
    }
    e->n = total;
    join_figures(e, type, full, *fresh, latest);
    return 0;
}
