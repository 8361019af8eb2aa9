/* repair_compare: which SHOPS_IN edges differ from what they should be.
 *
 * Invariant: a receipt counts once in a category, at the latest time that a product of it has.  What an
 * edge counts beyond its receipts (an older system's visits) is not touched. */
#include <stdlib.h>
#include <string.h>

#include "repair.h"

static int compare_keys(uint32_t user_a, struct sluice_str a, uint32_t user_b, struct sluice_str b)
{
    if (user_a != user_b)
        return user_a < user_b ? -1 : 1;
    return graph_compare(a, b);
}

static int facts_order(const void *a, const void *b)
{
    const struct repair_fact *x = a, *y = b;
    int order = compare_keys(x->user, x->category, y->user, y->category);

    if (order == 0)
        order = graph_compare(x->receipt, y->receipt);
    if (order != 0)
        return order;
    return x->time > y->time ? -1 : x->time < y->time;
}

static int facts_by_time(const void *a, const void *b)
{
    const struct repair_fact *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return graph_compare(x->receipt, y->receipt);
}

static int has_order(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    return compare_keys(x->user, x->key, y->user, y->key);
}

/* Each receipt of a category once, with its latest time. */
static void facts_unique(struct repair_facts *f)
{
    uint64_t i, n = 0;

    if (f->n > 1)
        qsort(f->items, f->n, sizeof *f->items, facts_order);
    for (i = 0; i < f->n; i++)
        if (n == 0 ||
            compare_keys(f->items[n - 1].user, f->items[n - 1].category, f->items[i].user,
                         f->items[i].category) != 0 ||
            !sluice_str_equal(f->items[n - 1].receipt, f->items[i].receipt))
            f->items[n++] = f->items[i];
    f->n = n;
}

void repair_forget(struct repair *r)
{
    memset(&r->gives, 0, sizeof r->gives);
    r->has = r->had = NULL;
    r->n_has = r->cap_has = 0;
    memset(&r->w->batch.edges[SHOPS_IN], 0, sizeof r->w->batch.edges[SHOPS_IN]);
}

/* Room for one more; the old array stays in the arena until the page is done. */
static void *grown(struct arena *arena, const void *items, uint64_t n, uint64_t *cap, size_t size)
{
    uint64_t more = *cap == 0 ? 64 : *cap * 2;
    void *wider = arena_alloc(arena, more * size);

    if (wider == NULL)
        return NULL;
    if (n > 0)
        memcpy(wider, items, n * size);
    *cap = more;
    return wider;
}

static int facts_put(struct arena *arena, struct repair_facts *f, struct repair_fact fact)
{
    if (f->n == f->cap) {
        struct repair_fact *wider = grown(arena, f->items, f->n, &f->cap, sizeof *f->items);

        if (wider == NULL)
            return -1;
        f->items = wider;
    }
    f->items[f->n++] = fact;
    return 0;
}

static int facts_of(struct arena *arena, struct repair_facts *f, uint32_t user, struct sluice_str category,
                    const struct edge *e)
{
    uint64_t i;

    for (i = 0; i < e->n; i++)
        if (facts_put(arena, f, (struct repair_fact){user, category, e->receipts[i], e->times[i]}) != 0)
            return -1;
    return 0;
}

int repair_facts_add(struct repair *r, uint32_t user, struct sluice_str category, const struct edge *e)
{
    return facts_of(&r->w->arena, &r->gives, user, category, e);
}

int repair_has_add(struct repair *r, const struct edge *e)
{
    if (r->n_has == r->cap_has) {
        struct edge *wider = grown(&r->w->arena, r->has, r->n_has, &r->cap_has, sizeof *r->has);

        if (wider == NULL)
            return -1;
        r->has = wider;
    }
    r->has[r->n_has++] = *e;
    return 0;
}

static int facts_equal(const struct repair_fact *a, const struct repair_fact *b, uint64_t n)
{
    uint64_t i;

    for (i = 0; i < n; i++)
        if (a[i].time != b[i].time || !sluice_str_equal(a[i].receipt, b[i].receipt))
            return 0;
    return 1;
}

/* The edge as it should be: these facts, and what it counts beyond its receipts. */
static int edge_should(struct repair *r, struct repair_fact *facts, uint64_t n, int64_t older, struct edge *e)
{
    struct arena *arena = &r->w->arena;
    uint64_t i;

    e->receipts = arena_alloc(arena, (n + 1) * sizeof *e->receipts);
    e->times = arena_alloc(arena, (n + 1) * sizeof *e->times);
    if (e->receipts == NULL || e->times == NULL)
        return -1;
    if (n > 1)
        qsort(facts, n, sizeof *facts, facts_by_time);
    for (i = 0; i < n; i++) {
        e->receipts[i] = facts[i].receipt;
        e->times[i] = facts[i].time;
    }
    if (older <= 0 || (n > 0 && facts[n - 1].time > e->last))
        e->last = n == 0 ? 0 : facts[n - 1].time;
    e->n = n;
    e->count = (int64_t)n + older;
    e->changed = 1;
    return 0;
}

/* One edge: as it is (NULL: it is not there) and the facts that it should have. */
static int compare_edge(struct repair *r, const struct edge *has, struct repair_fact *facts, uint64_t n)
{
    struct edges *edges = &r->w->batch.edges[SHOPS_IN];
    struct edge *e = &edges->items[edges->n], *had = &r->had[edges->n];
    struct repair_facts own = {NULL, 0, 0};
    int64_t older = 0;

    memset(e, 0, sizeof *e);
    if (has != NULL) {
        *e = *has;
        if (facts_of(&r->w->arena, &own, has->user, has->key, has) != 0)
            return -1;
        facts_unique(&own);
        if (own.n == n && facts_equal(own.items, facts, n))
            return 0;
        older = has->count > (int64_t)own.n ? has->count - (int64_t)own.n : 0;
    } else {
        e->user = facts->user;
        e->key = facts->category;
        e->last = INT64_MIN;
    }
    e->target = NO_KEY;
    *had = *e;
    if (edge_should(r, facts, n, older, e) != 0)
        return -1;
    r->w->batch.touched[e->user] = 1;
    edges->n++;
    return 0;
}

static uint64_t facts_end(const struct repair_facts *f, uint64_t from)
{
    uint64_t end = from;

    while (end < f->n && compare_keys(f->items[from].user, f->items[from].category, f->items[end].user,
                                      f->items[end].category) == 0)
        end++;
    return end;
}

static int compare_all(struct repair *r)
{
    uint64_t i = 0, j = 0, end;

    while (i < r->gives.n || j < r->n_has) {
        const struct edge *has = j < r->n_has ? &r->has[j] : NULL;
        struct repair_fact *facts = i < r->gives.n ? &r->gives.items[i] : NULL;
        int order = facts == NULL ? 1
                    : has == NULL ? -1
                                  : compare_keys(facts->user, facts->category, has->user, has->key);

        end = order <= 0 ? facts_end(&r->gives, i) : i;
        if (compare_edge(r, order >= 0 ? has : NULL, order <= 0 ? facts : NULL, end - i) != 0)
            return -1;
        i = end;
        j += order >= 0;
    }
    return 0;
}

uint32_t repair_compare(struct repair *r, struct sluice_error *err)
{
    struct batch *b = &r->w->batch;
    struct edges *edges = &b->edges[SHOPS_IN];
    uint64_t most, i;

    facts_unique(&r->gives);
    if (r->n_has > 1)
        qsort(r->has, r->n_has, sizeof *r->has, has_order);
    for (i = 1; i < r->n_has; i++)
        if (has_order(&r->has[i - 1], &r->has[i]) == 0) {
            /* a read beside a writer may show one edge twice: it is read again */
            r->w->reply.trouble = NEO4J_CHANGED;
            return sluice_fail(
                err, SLUICE_RETRY, NULL,
                "%s: a user has two SHOPS_IN edges to one category; audit again and merge them",
                r->s->neo4j.url);
        }
    most = r->gives.n + r->n_has + 1;
    edges->items = arena_alloc(&r->w->arena, most * sizeof *edges->items);
    r->had = arena_alloc(&r->w->arena, most * sizeof *r->had);
    memset(b->touched, 0, REPAIR_USERS);
    if (edges->items == NULL || r->had == NULL || compare_all(r) != 0)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the repair of a page of users");
    return SLUICE_OK;
}
