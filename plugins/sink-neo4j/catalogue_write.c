/* catalogue_write: what the batch says of the catalogue, merged on the server.
 *
 * Each statement locks its node before it looks at it, so that two writers never merge
 * with the same old state; a value that is there already is not written again. */
#include "neo4j_sink.h"

static const char write_products[] =
    "UNWIND $rows AS row MERGE (p:Product {product_id: row.id}) "
    "ON CREATE SET p.created_at = datetime({epochMillis: $now}) ON MATCH SET p.product_id = p.product_id "
    "WITH p, row, coalesce(p.name_is_catalogue, p.name IS NOT NULL) AS catalogue "
    "SET p.name = CASE WHEN row.k THEN row.n WHEN catalogue OR row.n IS NULL THEN p.name "
    "WHEN p.name IS NULL OR row.n < p.name THEN row.n ELSE p.name END, "
    "p.name_is_catalogue = (row.k OR catalogue), p.brand = coalesce(row.b, p.brand), "
    "p.category = coalesce(row.c, p.category), p.category_id = coalesce(row.i, p.category_id), "
    "p.category_hierarchy = coalesce(row.h, p.category_hierarchy) " EXPECT;
static const char write_categories[] =
    "UNWIND $rows AS row MERGE (c:Category {category_id: row.c}) "
    "ON CREATE SET c.name = row.n, c.created_at = datetime({epochMillis: $now}) "
    "ON MATCH SET c.category_id = c.category_id "
    "WITH c AS n, row SET n.name = CASE WHEN n.name IS NULL OR row.n < n.name THEN row.n ELSE n.name "
    "END " EXPECT;
static const char write_retailers[] = "UNWIND $rows AS row MERGE (r:Retailer {retailer_id: row.r}) "
                                      "ON CREATE SET r.name = row.n, r.venue_type = $venue " EXPECT;
static const char unlink_products[] =
    "UNWIND $rows AS row MATCH (p:Product {product_id: row.p})"
    "-[old:IN_CATEGORY]->(o) WHERE NOT o:Category OR o.category_id <> row.c "
    "DELETE old WITH count(*) AS c RETURN c + $n AS ok";
static const char link_products[] =
    "UNWIND $rows AS row MATCH (p:Product {product_id: row.p}) MATCH (n:Category {category_id: row.c}) "
    "OPTIONAL MATCH (p)-[old:IN_CATEGORY]->(n) WITH p, n, count(old) AS there "
    "FOREACH (x IN CASE there WHEN 0 THEN [1] ELSE [] END | CREATE (p)-[:IN_CATEGORY]->(n)) " EXPECT;

static void put_pair(struct strbuf *b, const char *first, struct sluice_str x, const char *second,
                     struct sluice_str y)
{
    strbuf_printf(b, "{\"%s\":", first);
    neo4j_put_text(b, x);
    strbuf_printf(b, ",\"%s\":", second);
    neo4j_put_text(b, y);
    strbuf_putc(b, '}');
}

static void put_product(struct strbuf *b, struct sluice_str id, const struct product *p)
{
    const struct {
        const char *name;
        struct sluice_str value;
    } texts[] = {{"n", p->name}, {"b", p->brand}, {"c", p->category}, {"i", p->category_id}};
    uint64_t i;

    strbuf_puts(b, "{\"id\":");
    neo4j_put_text(b, id);
    strbuf_printf(b, ",\"k\":%s", p->catalogue ? "true" : "false");
    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].value.data == NULL)
            continue;
        strbuf_printf(b, ",\"%s\":", texts[i].name);
        neo4j_put_text(b, texts[i].value);
    }
    for (i = 0; i < p->n_hierarchy; i++) {
        strbuf_puts(b, i == 0 ? ",\"h\":[" : ",");
        neo4j_put_text(b, p->hierarchy[i]);
    }
    strbuf_puts(b, p->n_hierarchy > 0 ? "]}" : "}");
}

/* Opens the statement at its first row; every row after that begins with a comma. */
static void next_row(struct work *w, const char *statement, uint64_t n)
{
    if (n > 0) {
        strbuf_putc(&w->call.body, ',');
        return;
    }
    neo4j_statement(&w->call, statement);
    neo4j_param_integer(&w->call, "now", w->now_ms);
    neo4j_param_text(&w->call, "venue", sluice_str_of(GRAPH_DEFAULT_VENUE));
    neo4j_param(&w->call, "rows");
    strbuf_putc(&w->call.body, '[');
}

static void catalogue_products(struct work *w)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.products.n; i++) {
        if (!w->products[i].check)
            continue;
        next_row(w, write_products, n++);
        put_product(&w->call.body, w->batch.products.ids[i], &w->products[i]);
    }
    if (n > 0)
        write_expect(w, n);
}

static void catalogue_links(struct work *w, const char *statement)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.products.n; i++) {
        const struct product *p = &w->products[i];

        if (!p->check || p->link == NO_KEY)
            continue;
        next_row(w, statement, n++);
        put_pair(&w->call.body, "p", w->batch.products.ids[i], "c", w->batch.categories.ids[p->link]);
    }
    if (n > 0)
        write_expect(w, n);
}

static void catalogue_categories(struct work *w)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.categories.n; i++) {
        if (!w->categories[i].check)
            continue;
        next_row(w, write_categories, n++);
        put_pair(&w->call.body, "c", w->batch.categories.ids[i], "n", w->categories[i].name);
    }
    if (n > 0)
        write_expect(w, n);
}

static void catalogue_retailers(struct work *w)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.retailers.n; i++) {
        struct sluice_str id = w->batch.retailers.ids[i];

        if (!w->retailers[i])
            continue;
        next_row(w, write_retailers, n++);
        put_pair(&w->call.body, "r", id, "n", (struct sluice_str){id.data + 4, id.len - 4});
    }
    if (n > 0)
        write_expect(w, n);
}

void catalogue_write(struct work *w)
{
    catalogue_products(w);
    catalogue_categories(w);
    catalogue_links(w, unlink_products);
    catalogue_links(w, link_products);
    catalogue_retailers(w);
}
