/* batch: keys to numbers, rows to edges. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

struct key_ref {
    struct sluice_str id;
    uint32_t *number;
};

static int key_order(const void *a, const void *b)
{
    return graph_compare(((const struct key_ref *)a)->id, ((const struct key_ref *)b)->id);
}

/* Numbers the refs; keys lists them once. */
static int keys_number(struct keys *keys, struct key_ref *refs, uint64_t n, struct arena *arena)
{
    uint64_t i;

    keys->n = 0;
    keys->ids = arena_alloc(arena, (n + 1) * sizeof *keys->ids);
    if (keys->ids == NULL)
        return -1;
    if (n > 1)
        qsort(refs, n, sizeof *refs, key_order);
    for (i = 0; i < n; i++) {
        if (keys->n == 0 || graph_compare(keys->ids[keys->n - 1], refs[i].id) != 0)
            keys->ids[keys->n++] = refs[i].id;
        *refs[i].number = keys->n - 1;
    }
    return 0;
}

uint32_t keys_find(const struct keys *keys, struct sluice_str id)
{
    uint32_t from = 0, to = keys->n;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = graph_compare(keys->ids[middle], id);

        if (order == 0)
            return middle;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NO_KEY;
}

/* --- rows ------------------------------------------------------------------------- */

static int batch_key(struct arena *arena, struct sluice_str name,
                     size_t (*make)(const char *, size_t, char *), struct sluice_str *out)
{
    char *id = arena_alloc(arena, name.len + 4);

    if (id == NULL)
        return -1;
    out->data = id;
    out->len = make(name.data, name.len, id);
    return 0;
}

/* Which key of a row a list is made of. */
enum row_key { ROW_PRODUCT, ROW_RETAILER, ROW_CATEGORY };

static int row_ref(struct batch *b, const struct graph_aliases *aliases, struct row *row, enum row_key which,
                   struct key_ref *ref)
{
    const struct graph_purchase *p = row->purchase;

    switch (which) {
    case ROW_PRODUCT:
        *ref = (struct key_ref){p->product, &row->product};
        return 1;
    case ROW_RETAILER:
        row->retailer = NO_KEY;
        ref->number = &row->retailer;
        if (p->retailer.data == NULL)
            return 0;
        return batch_key(b->arena, graph_alias_of(aliases, p->retailer), graph_retailer_id, &ref->id) == 0
                   ? 1
                   : -1;
    default:
        row->category = NO_KEY;
        ref->number = &row->category;
        if (p->category.data == NULL)
            return 0;
        return batch_key(b->arena, p->category, graph_category_id, &ref->id) == 0 ? 1 : -1;
    }
}

static int batch_keys(struct batch *b, const struct graph_aliases *aliases, struct key_ref *refs)
{
    struct keys *lists[] = {&b->products, &b->retailers, &b->categories};
    uint64_t i, n;
    int which, made;

    for (which = ROW_PRODUCT; which <= ROW_CATEGORY; which++) {
        for (i = 0, n = 0; i < b->n_rows; i++) {
            made = row_ref(b, aliases, &b->rows[i], (enum row_key)which, &refs[n]);
            if (made < 0)
                return -1;
            n += (uint64_t)made;
        }
        if (keys_number(lists[which], refs, n, b->arena) != 0)
            return -1;
    }
    return 0;
}

/* Rows of all records; users are numbered first. */
static int batch_rows(struct batch *b, struct key_ref *refs)
{
    uint32_t *users = arena_alloc(b->arena, ((uint64_t)b->n_records + 1) * sizeof *users);
    uint64_t j, at = 0;
    uint32_t i;

    if (users == NULL)
        return -1;
    for (i = 0; i < b->n_records; i++)
        refs[i] = (struct key_ref){b->records[i].user, &users[i]};
    if (keys_number(&b->users, refs, b->n_records, b->arena) != 0)
        return -1;
    b->zones = arena_alloc(b->arena, ((uint64_t)b->users.n + 1) * sizeof *b->zones);
    b->touched = arena_alloc(b->arena, (uint64_t)b->users.n + 1);
    if (b->zones == NULL || b->touched == NULL)
        return -1;
    memset(b->zones, 0, b->users.n * sizeof *b->zones);
    memset(b->touched, 0, b->users.n);
    for (i = 0; i < b->n_records; i++) {
        const struct graph_record *r = &b->records[i];
        struct zone *zone = &b->zones[users[i]];
        int64_t latest = GRAPH_MIN_TIME;

        for (j = 0; j < r->n; j++) {
            b->rows[at++] = (struct row){.user = users[i],
                                         .time = r->purchases[j].time,
                                         .receipt = r->purchases[j].receipt,
                                         .purchase = &r->purchases[j]};
            if (r->purchases[j].time > latest)
                latest = r->purchases[j].time;
        }
        /* the zone of the latest purchase stays; of two at one moment the smaller */
        if (r->timezone.data != NULL &&
            (zone->name.data == NULL || zone->at < latest ||
             (zone->at == latest && graph_compare(r->timezone, zone->name) < 0))) {
            zone->name = r->timezone;
            zone->at = latest;
        }
    }
    return 0;
}

/* --- edges -------------------------------------------------------------------------- */

static uint32_t row_target(const struct row *r, enum edge_type type)
{
    return type == PURCHASED ? r->product : type == SHOPS_AT ? r->retailer : r->category;
}

static int row_order(const struct row *x, const struct row *y, enum edge_type type)
{
    uint32_t a = row_target(x, type), b = row_target(y, type);
    int order;

    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (a != b)
        return a < b ? -1 : 1;
    order = graph_compare(x->receipt, y->receipt);
    if (order != 0)
        return order;
    return x->time > y->time ? -1 : x->time < y->time;
}

static int row_by_product(const void *a, const void *b)
{
    return row_order(*(struct row *const *)a, *(struct row *const *)b, PURCHASED);
}

static int row_by_retailer(const void *a, const void *b)
{
    return row_order(*(struct row *const *)a, *(struct row *const *)b, SHOPS_AT);
}

static int row_by_category(const void *a, const void *b)
{
    return row_order(*(struct row *const *)a, *(struct row *const *)b, SHOPS_IN);
}

static int batch_edges(struct batch *b, enum edge_type type)
{
    static int (*const orders[])(const void *, const void *) = {row_by_product, row_by_retailer,
                                                                row_by_category};
    const struct keys *keys = type == PURCHASED  ? &b->products
                              : type == SHOPS_AT ? &b->retailers
                                                 : &b->categories;
    struct edges *edges = &b->edges[type];
    struct row **order = arena_alloc(b->arena, (b->n_rows + 1) * sizeof(struct row *));
    struct edge *e = NULL;
    uint64_t i, n = 0;

    memset(edges, 0, sizeof *edges);
    edges->items = arena_alloc(b->arena, (b->n_rows + 1) * sizeof *edges->items);
    if (order == NULL || edges->items == NULL)
        return -1;
    for (i = 0; i < b->n_rows; i++)
        if (row_target(&b->rows[i], type) != NO_KEY)
            order[n++] = &b->rows[i];
    if (n > 1)
        qsort(order, n, sizeof(struct row *), orders[type]);
    for (i = 0; i < n; i++) {
        uint32_t target = row_target(order[i], type);

        if (e == NULL || e->user != order[i]->user || e->target != target) {
            e = &edges->items[edges->n++];
            memset(e, 0, sizeof *e);
            e->user = order[i]->user;
            e->target = target;
            e->key = keys->ids[target];
            e->rows = &order[i];
        }
        if (e->n_rows == 0 || !sluice_str_equal(e->rows[e->n_rows - 1]->receipt, order[i]->receipt))
            e->rows[e->n_rows++] = order[i];
    }
    return 0;
}

struct edge *edges_find(struct edges *edges, uint32_t user, uint32_t target)
{
    uint64_t from = 0, to = edges->n;

    while (from < to) {
        uint64_t middle = from + (to - from) / 2;
        struct edge *e = &edges->items[middle];

        if (e->user == user && e->target == target)
            return e;
        if (e->user < user || (e->user == user && e->target < target))
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

int batch_make(struct batch *b, const struct graph_aliases *aliases)
{
    struct key_ref *refs;
    uint64_t most = b->n_records;
    uint32_t i;

    b->counted = 0;
    b->n_rows = 0;
    for (i = 0; i < b->n_records; i++)
        b->n_rows += b->records[i].n;
    if (b->n_rows > most)
        most = b->n_rows;
    b->rows = arena_alloc(b->arena, (b->n_rows + 1) * sizeof *b->rows);
    refs = arena_alloc(b->arena, (most + 1) * sizeof *refs);
    if (b->rows == NULL || refs == NULL || batch_rows(b, refs) != 0 || batch_keys(b, aliases, refs) != 0)
        return -1;
    if (batch_edges(b, PURCHASED) != 0 || batch_edges(b, SHOPS_AT) != 0 || batch_edges(b, SHOPS_IN) != 0)
        return -1;
    return 0;
}
