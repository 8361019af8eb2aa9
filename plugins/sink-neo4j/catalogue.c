/* catalogue: products, categories and retailers of a batch.
 *
 * Invariant: of two deliveries in either order the same properties remain (for a fixed
 * catalogue): non-empty never gives way to empty, a catalogue's name beats a
 * description, of two descriptions or two names of one category the bytewise smaller
 * stays.  What was delivered before as it is now is not even asked for. */
#include <string.h>

#include "neo4j_sink.h"

/* Another process may have changed a product meanwhile: after so long it is asked again. */
#define UNSEE_MS 300000

/* A hash of what is delivered of a product; 0: nothing at all. */
static uint64_t catalogue_seen(const struct graph_purchase *p, uint64_t epoch)
{
    const struct sluice_str texts[] = {p->name.data != NULL ? p->name : p->description, p->brand, p->category,
                                       p->category_id};
    uint64_t h = node_hash(p->name.data != NULL ? 2 : 1, &epoch, sizeof epoch), i;
    int any = p->n_hierarchy > 0;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        any |= texts[i].data != NULL;
        h = node_hash(h + i, texts[i].data == NULL ? "" : texts[i].data, texts[i].len);
    }
    for (i = 0; i < p->n_hierarchy; i++)
        h = node_hash(h + i, p->hierarchy[i].data, p->hierarchy[i].len);
    return any ? h | 1 : 0;
}

/* What the batch says of the product, in the order delivered. */
static void product_take(struct product *p, const struct row *row)
{
    const struct graph_purchase *d = row->purchase;

    if (d->name.data != NULL) {
        p->name = d->name;
        p->catalogue = 1;
    } else if (!p->catalogue && d->description.data != NULL &&
               (p->name.data == NULL || graph_compare(d->description, p->name) < 0)) {
        p->name = d->description;
    }
    if (d->brand.data != NULL)
        p->brand = d->brand;
    if (d->category.data != NULL)
        p->category = d->category;
    if (d->category_id.data != NULL)
        p->category_id = d->category_id;
    if (d->n_hierarchy > 0) {
        p->hierarchy = d->hierarchy;
        p->n_hierarchy = d->n_hierarchy;
    }
    if (row->category != NO_KEY)
        p->link = row->category;
}

static struct node_entry *catalogue_find(struct node_cache *c, struct sluice_str key)
{
    return node_cache_find(c, node_cache_key(c, key));
}

static void catalogue_put(struct node_cache *c, struct sluice_str key, uint64_t seen)
{
    node_cache_put(c, node_cache_key(c, key), 1, seen);
}

static void catalogue_plan_row(struct sink *s, struct work *w, const struct row *row)
{
    const struct graph_purchase *p = row->purchase;
    struct product *product = &w->products[row->product];
    uint64_t seen = catalogue_seen(p, s->products.epoch);

    if (!product->check && product->seen == 0) {
        struct node_entry *known = catalogue_find(&s->products, p->product);

        product->check = known == NULL;
        product->seen = known == NULL ? 0 : known->seen;
    }
    if (seen != 0 && seen != product->seen) {
        product->check = 1;
        product->seen = seen;
    }
    if (product->check)
        product_take(product, row);
    if (row->category != NO_KEY && catalogue_find(&s->categories, p->category) == NULL) {
        struct category *c = &w->categories[row->category];

        if (!c->check || graph_compare(p->category, c->name) < 0)
            c->name = p->category;
        c->check = 1;
    }
    if (row->retailer != NO_KEY)
        w->retailers[row->retailer] =
            catalogue_find(&s->retailers, w->batch.retailers.ids[row->retailer]) == NULL;
}

int catalogue_plan(struct sink *s, struct work *w)
{
    struct batch *b = &w->batch;
    uint64_t i;

    w->products = arena_alloc(&w->arena, ((uint64_t)b->products.n + 1) * sizeof *w->products);
    w->categories = arena_alloc(&w->arena, ((uint64_t)b->categories.n + 1) * sizeof *w->categories);
    w->retailers = arena_alloc(&w->arena, (uint64_t)b->retailers.n + 1);
    if (w->products == NULL || w->categories == NULL || w->retailers == NULL)
        return -1;
    memset(w->products, 0, b->products.n * sizeof *w->products);
    memset(w->categories, 0, b->categories.n * sizeof *w->categories);
    memset(w->retailers, 0, b->retailers.n);
    for (i = 0; i < b->products.n; i++)
        w->products[i].link = NO_KEY;
    pthread_mutex_lock(&s->lock);
    if (w->now_ms - s->unseen_ms > UNSEE_MS || w->now_ms < s->unseen_ms) {
        node_cache_unsee(&s->products);
        s->unseen_ms = w->now_ms;
    }
    for (i = 0; i < b->n_rows; i++)
        catalogue_plan_row(s, w, &b->rows[i]);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

void catalogue_keep(struct sink *s, const struct work *w)
{
    const struct batch *b = &w->batch;
    uint64_t i;

    pthread_mutex_lock(&s->lock);
    for (i = 0; i < b->products.n; i++)
        if (w->products[i].check)
            catalogue_put(&s->products, b->products.ids[i], w->products[i].seen);
    for (i = 0; i < b->n_rows; i++)
        if (b->rows[i].category != NO_KEY && w->categories[b->rows[i].category].check)
            catalogue_put(&s->categories, b->rows[i].purchase->category, 0);
    for (i = 0; i < b->retailers.n; i++)
        if (w->retailers[i])
            catalogue_put(&s->retailers, b->retailers.ids[i], 0);
    pthread_mutex_unlock(&s->lock);
}

void catalogue_forget(struct sink *s)
{
    pthread_mutex_lock(&s->lock);
    node_cache_clear(&s->products);
    node_cache_clear(&s->categories);
    node_cache_clear(&s->retailers);
    pthread_mutex_unlock(&s->lock);
}
