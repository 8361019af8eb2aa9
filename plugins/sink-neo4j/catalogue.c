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

static const char ask_products[] =
    "UNWIND $ids AS id MERGE (p:Product {product_id: id}) "
    "ON CREATE SET p.created_at = datetime({epochMillis: $now}) ON MATCH SET p.product_id = p.product_id "
    "RETURN p.product_id, p.name, p.name_is_catalogue, p.brand, p.category, p.category_id, "
    "p.category_hierarchy, [(p)-[:IN_CATEGORY]->(c) | c.category_id]";
static const char ask_categories[] =
    "UNWIND $rows AS row MERGE (c:Category {category_id: row.c}) "
    "ON CREATE SET c.name = row.n, c.created_at = datetime({epochMillis: $now}) "
    "ON MATCH SET c.category_id = c.category_id RETURN c.category_id, c.name";
static const char ask_retailers[] = "UNWIND $rows AS row MERGE (r:Retailer {retailer_id: row.r}) "
                                    "ON CREATE SET r.name = row.n, r.venue_type = $venue RETURN count(*)";
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

/* --- what to ask ----------------------------------------------------------------- */

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
    if (product->check && row->category != NO_KEY)
        product->link = row->category;
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

static void ask_about_products(struct work *w)
{
    struct strbuf *b = &w->call.body;
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.products.n; i++) {
        if (!w->products[i].check)
            continue;
        if (n == 0) {
            w->at_products = w->call.n;
            neo4j_statement(&w->call, ask_products);
            neo4j_param_integer(&w->call, "now", w->now_ms);
            neo4j_param(&w->call, "ids");
        }
        strbuf_putc(b, n++ == 0 ? '[' : ',');
        neo4j_put_text(b, w->batch.products.ids[i]);
    }
    if (n == 0)
        return;
    strbuf_putc(b, ']');
    neo4j_statement_end(&w->call);
}

static void ask_about_categories(struct work *w)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.categories.n; i++) {
        if (!w->categories[i].check)
            continue;
        if (n == 0) {
            w->at_categories = w->call.n;
            neo4j_statement(&w->call, ask_categories);
            neo4j_param_integer(&w->call, "now", w->now_ms);
            neo4j_param(&w->call, "rows");
            strbuf_putc(&w->call.body, '[');
        }
        catalogue_put_pair(&w->call.body, &n, "c", w->batch.categories.ids[i], "n", w->categories[i].name);
    }
    if (n == 0)
        return;
    strbuf_putc(&w->call.body, ']');
    neo4j_statement_end(&w->call);
}

static void ask_about_retailers(struct work *w)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.retailers.n; i++) {
        struct sluice_str id = w->batch.retailers.ids[i];

        if (!w->retailers[i])
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, ask_retailers);
            neo4j_param_text(&w->call, "venue", sluice_str_of(GRAPH_DEFAULT_VENUE));
            neo4j_param(&w->call, "rows");
            strbuf_putc(&w->call.body, '[');
        }
        catalogue_put_pair(&w->call.body, &n, "r", id, "n", (struct sluice_str){id.data + 4, id.len - 4});
    }
    if (n == 0)
        return;
    strbuf_putc(&w->call.body, ']');
    neo4j_statement_end(&w->call);
}

void catalogue_ask(struct work *w)
{
    w->at_products = w->at_categories = NO_STATEMENT;
    ask_about_products(w);
    ask_about_categories(w);
    ask_about_retailers(w);
}

/* --- what was heard ----------------------------------------------------------------- */

/* Takes the delivered text if there is one that differs. */
static void product_take(struct product *p, struct sluice_str *stored, struct sluice_str delivered)
{
    if (delivered.data == NULL || sluice_str_equal(*stored, delivered))
        return;
    *stored = delivered;
    p->changed = 1;
}

static void product_merge(struct product *p, const struct graph_purchase *d)
{
    uint64_t i;
    int same = p->n_hierarchy == d->n_hierarchy;

    if (d->name.data != NULL) {
        product_take(p, &p->name, d->name);
        p->changed |= !p->catalogue;
        p->catalogue = 1;
    } else if (!p->catalogue && d->description.data != NULL &&
               (p->name.data == NULL || graph_compare(d->description, p->name) < 0)) {
        p->name = d->description;
        p->changed = 1;
    }
    product_take(p, &p->brand, d->brand);
    product_take(p, &p->category, d->category);
    product_take(p, &p->category_id, d->category_id);
    if (d->n_hierarchy == 0)
        return;
    for (i = 0; same && i < d->n_hierarchy; i++)
        same = sluice_str_equal(p->hierarchy[i], d->hierarchy[i]);
    if (same)
        return;
    p->hierarchy = d->hierarchy;
    p->n_hierarchy = d->n_hierarchy;
    p->changed = 1;
}

static int hear_product(struct work *w, struct neo4j_rows *rows)
{
    struct sluice_str id, *links, *hierarchy;
    uint64_t n_links, i;
    struct product *p;
    uint32_t number;
    int flag;

    if (!neo4j_text(rows, &w->arena, &id) || (number = keys_find(&w->batch.products, id)) == NO_KEY)
        return -1;
    p = &w->products[number];
    if (!neo4j_text(rows, &w->arena, &p->name) || !neo4j_boolean(rows, &flag, -1) ||
        !neo4j_text(rows, &w->arena, &p->brand) || !neo4j_text(rows, &w->arena, &p->category) ||
        !neo4j_text(rows, &w->arena, &p->category_id) ||
        !neo4j_texts(rows, &w->arena, &hierarchy, &p->n_hierarchy) ||
        !neo4j_texts(rows, &w->arena, &links, &n_links))
        return -1;
    /* an older system, which kept no such flag, took names from the catalogue alone */
    p->catalogue = flag < 0 ? p->name.data != NULL : flag;
    p->hierarchy = hierarchy;
    for (i = 0; i < n_links && p->link != NO_KEY; i++) {
        int same = sluice_str_equal(links[i], w->batch.categories.ids[p->link]);

        p->linked |= same;
        p->elsewhere |= !same;
    }
    return 0;
}

static int hear_category(struct work *w, struct neo4j_rows *rows)
{
    struct sluice_str id, name;
    uint32_t number;

    if (!neo4j_text(rows, &w->arena, &id) || !neo4j_text(rows, &w->arena, &name) ||
        (number = keys_find(&w->batch.categories, id)) == NO_KEY)
        return -1;
    w->categories[number].rename = name.data == NULL || graph_compare(w->categories[number].name, name) < 0;
    return 0;
}

int catalogue_hear(struct work *w)
{
    struct neo4j_rows rows;
    uint64_t i;

    if (w->at_products != NO_STATEMENT) {
        neo4j_rows_open(&rows, &w->reply, w->at_products);
        while (neo4j_row(&rows))
            if (hear_product(w, &rows) != 0)
                return -1;
        if (rows.broken)
            return -1;
        for (i = 0; i < w->batch.n_rows; i++)
            if (w->products[w->batch.rows[i].product].check)
                product_merge(&w->products[w->batch.rows[i].product], w->batch.rows[i].purchase);
    }
    if (w->at_categories == NO_STATEMENT)
        return 0;
    neo4j_rows_open(&rows, &w->reply, w->at_categories);
    while (neo4j_row(&rows))
        if (hear_category(w, &rows) != 0)
            return -1;
    return rows.broken ? -1 : 0;
}
