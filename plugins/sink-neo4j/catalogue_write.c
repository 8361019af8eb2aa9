/* catalogue_write: what of the catalogue is to change, as statements of the second request. */
#include "neo4j_sink.h"

static const char change_products[] =
    "UNWIND $rows AS row MATCH (p:Product {product_id: row.id}) SET p += row.p " EXPECT;
static const char unlink_products[] =
    "UNWIND $rows AS row MATCH (p:Product {product_id: row.p})"
    "-[old:IN_CATEGORY]->(o) WHERE NOT o:Category OR o.category_id <> row.c "
    "DELETE old";
static const char link_products[] =
    "UNWIND $rows AS row MATCH (p:Product {product_id: row.p}) MATCH (c:Category {category_id: row.c}) "
    "CREATE (p)-[:IN_CATEGORY]->(c) " EXPECT;
static const char rename_categories[] =
    "UNWIND $rows AS row MATCH (c:Category {category_id: row.c}) SET c.name = row.n " EXPECT;

void catalogue_put_pair(struct strbuf *b, uint64_t *n, const char *first, struct sluice_str x,
                        const char *second, struct sluice_str y)
{
    strbuf_printf(b, "%s{\"%s\":", (*n)++ > 0 ? "," : "", first);
    neo4j_put_text(b, x);
    strbuf_printf(b, ",\"%s\":", second);
    neo4j_put_text(b, y);
    strbuf_putc(b, '}');
}

static void put_member(struct strbuf *b, int *any, const char *name, struct sluice_str value)
{
    if (value.data == NULL)
        return;
    strbuf_printf(b, "%s\"%s\":", (*any)++ > 0 ? "," : "", name);
    neo4j_put_text(b, value);
}

static void put_product(struct strbuf *b, struct sluice_str id, const struct product *p)
{
    uint64_t i;
    int any = 0;

    strbuf_puts(b, "{\"id\":");
    neo4j_put_text(b, id);
    strbuf_puts(b, ",\"p\":{");
    put_member(b, &any, "name", p->name);
    put_member(b, &any, "brand", p->brand);
    put_member(b, &any, "category", p->category);
    put_member(b, &any, "category_id", p->category_id);
    strbuf_printf(b, "%s\"name_is_catalogue\":%s", any > 0 ? "," : "", p->catalogue ? "true" : "false");
    for (i = 0; i < p->n_hierarchy; i++) {
        strbuf_puts(b, i == 0 ? ",\"category_hierarchy\":[" : ",");
        neo4j_put_text(b, p->hierarchy[i]);
    }
    strbuf_puts(b, p->n_hierarchy > 0 ? "]}}" : "}}");
}

static void write_products(struct work *w)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.products.n; i++) {
        if (!w->products[i].check || !w->products[i].changed)
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, change_products);
            neo4j_param(&w->call, "rows");
        }
        strbuf_putc(&w->call.body, n++ == 0 ? '[' : ',');
        put_product(&w->call.body, w->batch.products.ids[i], &w->products[i]);
    }
    if (n > 0)
        write_expect(w, n);
}

static void write_links(struct work *w, int remove)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.products.n; i++) {
        const struct product *p = &w->products[i];

        if (!p->check || p->link == NO_KEY || !(remove ? p->elsewhere : !p->linked))
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, remove ? unlink_products : link_products);
            neo4j_param(&w->call, "rows");
            strbuf_putc(&w->call.body, '[');
        }
        catalogue_put_pair(&w->call.body, &n, "p", w->batch.products.ids[i], "c",
                           w->batch.categories.ids[p->link]);
    }
    if (n == 0)
        return;
    if (remove) {
        strbuf_putc(&w->call.body, ']');
        neo4j_statement_end(&w->call);
    } else {
        write_expect(w, n);
    }
}

static void write_names(struct work *w)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.categories.n; i++) {
        if (!w->categories[i].rename)
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, rename_categories);
            neo4j_param(&w->call, "rows");
            strbuf_putc(&w->call.body, '[');
        }
        catalogue_put_pair(&w->call.body, &n, "c", w->batch.categories.ids[i], "n", w->categories[i].name);
    }
    if (n > 0)
        write_expect(w, n);
}

void catalogue_write(struct work *w)
{
    write_products(w);
    write_links(w, 1);
    write_links(w, 0);
    write_names(w);
}
