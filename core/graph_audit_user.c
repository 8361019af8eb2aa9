/* graph_audit_user: the edges of one user.
 *
 * The figures are computed here anew, and on purpose not with the sinks' code: an
 * auditor that shares the code shares the mistake. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "graph_audit.h"

#define DAY_MS 86400000.0
#define DAY_MS_INT INT64_C(86400000)
#define TOLERANCE 1e-6 /* likelihood is compared by six decimals */
#define STR(s) (int)((s).len > 512 ? 512 : (s).len), (s).data == NULL ? "" : (s).data

int audit_pair_add(struct audit_pairs *pairs, uint32_t category, uint32_t target, struct sluice_str receipt)
{
    if (pairs->n == pairs->cap) {
        uint64_t cap = pairs->cap == 0 ? 64 : pairs->cap * 2;
        struct audit_pair *grown = realloc(pairs->items, cap * sizeof *grown);

        if (grown == NULL)
            return -1;
        pairs->items = grown;
        pairs->cap = cap;
    }
    pairs->items[pairs->n++] = (struct audit_pair){category, target, receipt, INT64_MIN};
    return 0;
}

int audit_pair_order(const void *a, const void *b)
{
    const struct audit_pair *x = a, *y = b;
    uint64_t shorter = x->receipt.len < y->receipt.len ? x->receipt.len : y->receipt.len;
    int order;

    if (x->category != y->category)
        return x->category < y->category ? -1 : 1;
    if (x->target != y->target)
        return x->target < y->target ? -1 : 1;
    order = shorter == 0 ? 0 : memcmp(x->receipt.data, y->receipt.data, shorter);
    if (order != 0)
        return order;
    return x->receipt.len < y->receipt.len ? -1 : x->receipt.len > y->receipt.len;
}

/* Sorts and leaves each pair once, with its latest time. */
static void audit_pairs_unique(struct audit_pairs *pairs)
{
    uint64_t i, n = 0;

    if (pairs->n > 1)
        qsort(pairs->items, pairs->n, sizeof *pairs->items, audit_pair_order);
    for (i = 0; i < pairs->n; i++)
        if (n == 0 || audit_pair_order(&pairs->items[n - 1], &pairs->items[i]) != 0)
            pairs->items[n++] = pairs->items[i];
        else if (pairs->items[i].time > pairs->items[n - 1].time)
            pairs->items[n - 1].time = pairs->items[i].time;
    pairs->n = n;
}

/* Distinct receipts of the edge; -1: no memory. */
static int64_t audit_distinct(struct graph_audit *a, const struct sluice_graph_edge *edge)
{
    uint64_t i;

    a->sorted.n = 0;
    for (i = 0; i < edge->n_receipts; i++) {
        if (edge->receipts[i].len == 0)
            audit_find(a, AUDIT_EMPTY_ID, "a receipt of %s from %.*s to %.*s", graph_type_name(edge->type),
                       STR(edge->from), STR(edge->to));
        if (audit_pair_add(&a->sorted, 0, 0, edge->receipts[i]) != 0)
            return -1;
    }
    audit_pairs_unique(&a->sorted);
    return (int64_t)a->sorted.n;
}

static int audit_ordered(const struct sluice_graph_edge *edge)
{
    struct audit_pair x = {0, 0, {NULL, 0}, 0}, y = x;
    uint64_t i;

    if (edge->n_times != edge->n_receipts)
        return 0;
    for (i = 1; i < edge->n_receipts; i++) {
        if (edge->times[i - 1] > edge->times[i])
            return 0;
        x.receipt = edge->receipts[i - 1];
        y.receipt = edge->receipts[i];
        if (edge->times[i - 1] == edge->times[i] && audit_pair_order(&x, &y) >= 0)
            return 0;
    }
    return 1;
}

/* (span / gaps / day) rounded half up, in whole numbers. */
static int64_t audit_interval(int64_t span, int64_t gaps)
{
    int64_t half_days = span < 0 ? 0 : span / (gaps * (DAY_MS_INT / 2));

    return (half_days + 1) / 2;
}

static void audit_figures(struct graph_audit *a, const struct sluice_graph_edge *edge)
{
    uint64_t n = edge->n_times, i;
    double mean = 0.0, variance = 0.0, likelihood = 0.0;
    int64_t interval = 0;

    if (n >= 2) {
        uint64_t gaps = n - 1;

        mean = (double)(edge->times[n - 1] - edge->times[0]) / DAY_MS / (double)gaps;
        for (i = 1; i < n; i++) {
            double off = (double)(edge->times[i] - edge->times[i - 1]) / DAY_MS - mean;

            variance += off * off / (double)gaps;
        }
        interval = audit_interval(edge->times[n - 1] - edge->times[0], (int64_t)gaps);
        likelihood = (1.0 - 1.0 / (double)n) / (1.0 + (mean > 0.0 ? sqrt(variance) / mean : 0.0));
    }
    if (edge->interval_days != interval)
        audit_find(a, AUDIT_INTERVAL, "%.*s to %.*s: %" PRId64 ", should be %" PRId64, STR(edge->from),
                   STR(edge->to), edge->interval_days, interval);
    if (!(fabs(edge->likelihood - likelihood) < TOLERANCE))
        audit_find(a, AUDIT_LIKELIHOOD, "%.*s to %.*s: %.6f, should be %.6f", STR(edge->from), STR(edge->to),
                   edge->likelihood, likelihood);
}

/* What holds for each edge that has receipts. */
static int audit_receipts(struct graph_audit *a, const struct sluice_graph_edge *edge)
{
    const char *type = graph_type_name(edge->type);
    int64_t distinct = audit_distinct(a, edge), latest = INT64_MIN;
    uint64_t i;

    if (distinct < 0)
        return -1;
    for (i = 0; i < edge->n_times; i++)
        if (edge->times[i] > latest)
            latest = edge->times[i];
    if (!audit_ordered(edge))
        audit_find(a, AUDIT_ARRAYS, "%s from %.*s to %.*s", type, STR(edge->from), STR(edge->to));
    if (edge->count != distinct)
        audit_find(a,
                   edge->type == SLUICE_EDGE_PURCHASED  ? AUDIT_TIMES
                   : edge->type == SLUICE_EDGE_SHOPS_AT ? AUDIT_AT_UNEXPLAINED
                                                        : AUDIT_IN_UNEXPLAINED,
                   "%s from %.*s to %.*s: %" PRId64 ", receipts %" PRId64, type, STR(edge->from),
                   STR(edge->to), edge->count, distinct);
    else if (edge->n_times > 0 && edge->last_ms != latest)
        audit_find(a, AUDIT_LAST, "%s from %.*s to %.*s", type, STR(edge->from), STR(edge->to));
    if (edge->last_ms - DAY_MS_INT > a->now_ms || (edge->n_times > 0 && latest - DAY_MS_INT > a->now_ms))
        audit_find(a, AUDIT_FUTURE, "%s from %.*s to %.*s", type, STR(edge->from), STR(edge->to));
    return 0;
}

/* Remembers the edge's receipts by category. */
static int audit_keep(struct graph_audit *a, struct audit_pairs *pairs, uint32_t category,
                      const struct sluice_graph_edge *edge)
{
    uint64_t i;

    for (i = 0; i < edge->n_receipts; i++) {
        struct sluice_str copy = {arena_copy(&a->arena, edge->receipts[i].data, edge->receipts[i].len),
                                  edge->receipts[i].len};

        if (copy.data == NULL || audit_pair_add(pairs, category, 0, copy) != 0)
            return -1;
        if (i < edge->n_times)
            pairs->items[pairs->n - 1].time = edge->times[i];
    }
    return 0;
}

int audit_user_edge(struct graph_audit *a, const struct sluice_graph_edge *edge, uint32_t target)
{
    const struct sluice_str none = {NULL, 0};

    if (audit_receipts(a, edge) != 0)
        return -1;
    if (edge->type == SLUICE_EDGE_PURCHASED) {
        a->counts[AUDIT_PURCHASES] += edge->n_receipts;
        audit_figures(a, edge);
    }
    if (target == KEY_NONE)
        return 0;
    if (edge->type == SLUICE_EDGE_PURCHASED && a->products.entries[target].value != KEY_NONE &&
        audit_keep(a, &a->expected, a->products.entries[target].value, edge) != 0)
        return -1;
    if (edge->type == SLUICE_EDGE_SHOPS_IN && audit_keep(a, &a->actual, target, edge) != 0)
        return -1;
    return audit_pair_add(&a->targets, edge->type, target, none);
}

/* Walks over the pairs of one category; the place of the next. */
static uint64_t audit_category_end(const struct audit_pairs *pairs, uint64_t from, uint32_t category)
{
    while (from < pairs->n && pairs->items[from].category == category)
        from++;
    return from;
}

/* Of one receipt; arrays of unequal length are a finding of their own. */
static int audit_same_time(int64_t a, int64_t b)
{
    return a == b || a == INT64_MIN || b == INT64_MIN;
}

static void audit_compare(struct graph_audit *a)
{
    const struct audit_pairs *x = &a->expected, *y = &a->actual;
    uint64_t i = 0, j = 0, i_end, j_end, k;
    uint32_t category;
    int same;

    while (i < x->n || j < y->n) {
        category = j == y->n || (i < x->n && x->items[i].category < y->items[j].category)
                       ? x->items[i].category
                       : y->items[j].category;
        i_end = audit_category_end(x, i, category);
        j_end = audit_category_end(y, j, category);
        same = i_end - i == j_end - j;
        for (k = 0; same && k < i_end - i; k++)
            same = sluice_str_equal(x->items[i + k].receipt, y->items[j + k].receipt) &&
                   audit_same_time(x->items[i + k].time, y->items[j + k].time);
        if (!same)
            audit_find(a, AUDIT_IN_DIFFERS, "%s to %.*s: receipts %" PRIu64 ", should be %" PRIu64 "%s",
                       strbuf_text(&a->user), STR(a->categories.entries[category].key), j_end - j, i_end - i,
                       j_end - j == i_end - i ? " others, or at other times" : "");
        i = i_end;
        j = j_end;
    }
}

void audit_user_end(struct graph_audit *a)
{
    uint64_t i;

    audit_pairs_unique(&a->expected);
    audit_pairs_unique(&a->actual);
    audit_compare(a);
    if (a->targets.n > 1)
        qsort(a->targets.items, a->targets.n, sizeof *a->targets.items, audit_pair_order);
    for (i = 1; i < a->targets.n; i++)
        if (audit_pair_order(&a->targets.items[i - 1], &a->targets.items[i]) == 0)
            audit_find(a, AUDIT_DUPLICATE_EDGE, "%s of user %s",
                       graph_type_name(a->targets.items[i].category), strbuf_text(&a->user));
    a->expected.n = 0;
    a->actual.n = 0;
    a->targets.n = 0;
    arena_clear(&a->arena);
}
