/* graph_audit: nodes, links and the walk. */
#include "graph_audit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BIT_LINKED 1u /* product: has an IN_CATEGORY edge */
#define BIT_NAMED 2u  /* product: names a category */
#define BIT_SEEN 1u   /* wanted user: is there */
#define EXAMPLE_MAX 300u

const struct audit_check_info audit_checks[AUDIT_CHECKS] = {
    [AUDIT_DUPLICATE_NODE] = {"duplicate_node", "nodes with the key of another", 1},
    [AUDIT_DUPLICATE_EDGE] = {"duplicate_edge", "edges with both ends of another", 1},
    [AUDIT_EMPTY_ID] = {"empty_id", "nodes or receipts with an empty id", 1},
    [AUDIT_MISSING_NODE] = {"missing_node", "edges to a node that is not there", 1},
    [AUDIT_TIMES] = {"times", "PURCHASED edges whose times is not the number of distinct receipts", 1},
    [AUDIT_ARRAYS] = {"arrays", "edges whose receipts and timestamps are unequal in number, or out of order",
                      1},
    [AUDIT_LAST] = {"last", "edges whose last moment is not their latest timestamp", 1},
    [AUDIT_INTERVAL] = {"interval", "PURCHASED edges with a wrong avg_interval_days", 1},
    [AUDIT_LIKELIHOOD] = {"likelihood", "PURCHASED edges with a wrong repurchase_likelihood", 1},
    [AUDIT_FUTURE] = {"future", "edges with a moment more than 24 hours in the future", 1},
    [AUDIT_AT_UNEXPLAINED] = {"shops_at_unexplained", "SHOPS_AT edges whose frequency no receipts explain",
                              1},
    [AUDIT_IN_UNEXPLAINED] = {"shops_in_unexplained", "SHOPS_IN edges whose frequency no receipts explain",
                              1},
    [AUDIT_IN_DIFFERS] = {"shops_in_differs",
                          "SHOPS_IN edges that differ from what PURCHASED and the present categories give",
                          0},
    [AUDIT_CATEGORY_LINK] = {"category_link", "products whose category and IN_CATEGORY edge do not agree", 0},
    [AUDIT_NO_NAME] = {"no_name", "products without a name", 0},
    [AUDIT_HIERARCHY] = {"hierarchy", "products with a category id or a hierarchy but not both", 0},
    [AUDIT_PLACEHOLDER] = {"placeholder",
                           "values that stand for missing data, such as ENRICHMENT_UNAVAILABLE", 0},
};

const char *const audit_count_names[AUDIT_COUNTS] = {
    "users",
    "products",
    "categories",
    "retailers",
    "purchased",
    "shops_at",
    "shops_in",
    "in_category",
    "purchases",
    "products_with_name",
    "products_with_brand",
    "products_with_category",
    "products_with_category_id",
    "products_with_hierarchy",
};

int graph_audit_init(struct graph_audit *a, int64_t now_ms)
{
    memset(a, 0, sizeof *a);
    a->now_ms = now_ms;
    key_table_init(&a->products);
    key_table_init(&a->categories);
    key_table_init(&a->retailers);
    arena_init(&a->arena, (size_t)1 << 20);
    strbuf_init(&a->user, (size_t)1 << 20);
    return graph_digest_init(&a->digest);
}

void graph_audit_release(struct graph_audit *a)
{
    size_t i, j;

    for (i = 0; i < AUDIT_CHECKS; i++)
        for (j = 0; j < a->findings[i].n; j++)
            free(a->findings[i].examples[j]);
    graph_digest_release(&a->digest);
    key_table_release(&a->products);
    key_table_release(&a->categories);
    key_table_release(&a->retailers);
    arena_release(&a->arena);
    strbuf_release(&a->user);
    free(a->expected.items);
    free(a->actual.items);
    free(a->targets.items);
    free(a->sorted.items);
    memset(a, 0, sizeof *a);
}

void audit_find(struct graph_audit *a, enum audit_check check, const char *fmt, ...)
{
    struct audit_finding *f = &a->findings[check];
    struct strbuf text;
    va_list args;

    f->count++;
    if (f->n == AUDIT_EXAMPLES)
        return;
    strbuf_init(&text, (size_t)1 << 20);
    va_start(args, fmt);
    strbuf_vprintf(&text, fmt, args);
    va_end(args);
    if (text.len > EXAMPLE_MAX) {
        text.data[EXAMPLE_MAX] = '\0';
        text.len = EXAMPLE_MAX;
    }
    f->examples[f->n] = strbuf_take(&text);
    if (f->examples[f->n] != NULL)
        f->n++;
    strbuf_release(&text);
}

#define STR(s) (int)((s).len > 512 ? 512 : (s).len), (s).data == NULL ? "" : (s).data

static int audit_placeholder(struct sluice_str text)
{
    static const char *const words[] = {"ENRICHMENT_UNAVAILABLE", "UNAVAILABLE", "PLACEHOLDER", "undefined",
                                        "[object Object]"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (sluice_str_equal(text, sluice_str_of(words[i])))
            return 1;
    return 0;
}

static int audit_product(struct graph_audit *a, const struct sluice_graph_node *node, struct key_entry *entry)
{
    const struct sluice_str values[] = {node->name, node->brand, node->category, node->category_id};
    size_t i;

    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
        a->counts[AUDIT_WITH_NAME + i] += values[i].len > 0;
        if (audit_placeholder(values[i]))
            audit_find(a, AUDIT_PLACEHOLDER, "product %.*s: '%.*s'", STR(node->id), STR(values[i]));
    }
    a->counts[AUDIT_WITH_HIERARCHY] += node->n_hierarchy > 0;
    if (node->name.len == 0)
        audit_find(a, AUDIT_NO_NAME, "product %.*s", STR(node->id));
    if (node->category.len > 0)
        entry->bits |= BIT_NAMED;
    if ((node->n_hierarchy > 0) != (node->category_id.len > 0))
        audit_find(a, AUDIT_HIERARCHY, "product %.*s has only the %s", STR(node->id),
                   node->n_hierarchy > 0 ? "hierarchy" : "category id");
    return 0;
}

/* A user begins: the one before is complete.  Users come in order of their ids. */
static int audit_user_begin(struct graph_audit *a, struct sluice_str id)
{
    uint32_t at;

    if (a->has_user && sluice_str_equal(id, (struct sluice_str){strbuf_text(&a->user), a->user.len}))
        audit_find(a, AUDIT_DUPLICATE_NODE, "user %.*s", STR(id));
    if (a->has_user)
        audit_user_end(a);
    strbuf_clear(&a->user);
    if (id.len > 0)
        strbuf_add(&a->user, id.data, id.len);
    a->has_user = 1;
    at = a->wanted == NULL ? KEY_NONE : key_table_find(a->wanted, id);
    if (at != KEY_NONE)
        a->wanted->entries[at].bits |= BIT_SEEN;
    return a->user.failed ? -1 : 0;
}

static int audit_catalogue(struct graph_audit *a, struct key_table *table,
                           const struct sluice_graph_node *node)
{
    int added;
    uint32_t at = key_table_add(table, node->id, &added);

    if (at == KEY_NONE)
        return -1;
    if (!added)
        audit_find(a, AUDIT_DUPLICATE_NODE, "%s %.*s", graph_type_name(node->type), STR(node->id));
    if (node->type == SLUICE_NODE_PRODUCT)
        return audit_product(a, node, &table->entries[at]);
    if (audit_placeholder(node->name))
        audit_find(a, AUDIT_PLACEHOLDER, "%s %.*s", graph_type_name(node->type), STR(node->id));
    return 0;
}

static uint32_t audit_node(void *context, const struct sluice_graph_node *node)
{
    struct graph_audit *a = context;
    int failed = graph_digest_node(&a->digest, node);

    if (node->id.len == 0)
        audit_find(a, AUDIT_EMPTY_ID, "a %s", graph_type_name(node->type));
    switch (node->type) {
    case SLUICE_NODE_USER:
        a->counts[AUDIT_USERS]++;
        failed |= audit_user_begin(a, node->id);
        break;
    case SLUICE_NODE_PRODUCT:
        a->counts[AUDIT_PRODUCTS]++;
        failed |= audit_catalogue(a, &a->products, node);
        break;
    case SLUICE_NODE_CATEGORY:
        a->counts[AUDIT_CATEGORIES]++;
        failed |= audit_catalogue(a, &a->categories, node);
        break;
    default:
        a->counts[AUDIT_RETAILERS]++;
        failed |= audit_catalogue(a, &a->retailers, node);
        break;
    }
    return failed ? SLUICE_RETRY : SLUICE_OK;
}

static void audit_link(struct graph_audit *a, const struct sluice_graph_edge *edge, uint32_t category)
{
    uint32_t product = key_table_find(&a->products, edge->from);
    struct key_entry *entry;

    if (product == KEY_NONE) {
        audit_find(a, AUDIT_MISSING_NODE, "IN_CATEGORY from a product that is not there");
        return;
    }
    entry = &a->products.entries[product];
    if (entry->value != KEY_NONE && entry->value == category)
        audit_find(a, AUDIT_DUPLICATE_EDGE, "IN_CATEGORY from %.*s to %.*s", STR(edge->from), STR(edge->to));
    else if (entry->bits & BIT_LINKED) {
        audit_find(a, AUDIT_CATEGORY_LINK, "product %.*s is in several categories", STR(edge->from));
        a->shared++;
    }
    entry->bits |= BIT_LINKED;
    entry->value = category;
}

static uint32_t audit_edge(void *context, const struct sluice_graph_edge *edge)
{
    static const enum audit_count counts[] = {AUDIT_PURCHASED, AUDIT_SHOPS_AT, AUDIT_SHOPS_IN,
                                              AUDIT_IN_CATEGORY};
    struct graph_audit *a = context;
    const struct key_table *ends = edge->type == SLUICE_EDGE_PURCHASED  ? &a->products
                                   : edge->type == SLUICE_EDGE_SHOPS_AT ? &a->retailers
                                                                        : &a->categories;
    uint32_t target = key_table_find(ends, edge->to);

    a->counts[counts[edge->type - SLUICE_EDGE_PURCHASED]]++;
    if (graph_digest_edge(&a->digest, edge) != 0)
        return SLUICE_RETRY;
    if (target == KEY_NONE)
        audit_find(a, AUDIT_MISSING_NODE, "%s from %.*s", graph_type_name(edge->type), STR(edge->from));
    if (edge->type == SLUICE_EDGE_IN_CATEGORY) {
        audit_link(a, edge, target);
        return SLUICE_OK;
    }
    if (!a->has_user ||
        !sluice_str_equal(edge->from, (struct sluice_str){strbuf_text(&a->user), a->user.len})) {
        audit_find(a, AUDIT_MISSING_NODE, "%s from a user that is not there to %.*s",
                   graph_type_name(edge->type), STR(edge->to));
        return SLUICE_OK;
    }
    return audit_user_edge(a, edge, target) == 0 ? SLUICE_OK : SLUICE_RETRY;
}

/* What can be said only of the whole catalogue. */
static void audit_catalogue_end(struct graph_audit *a)
{
    uint32_t i;

    for (i = 0; i < a->products.n; i++) {
        const struct key_entry *p = &a->products.entries[i];

        if (((p->bits & BIT_NAMED) != 0) != ((p->bits & BIT_LINKED) != 0))
            audit_find(a, AUDIT_CATEGORY_LINK, "product %.*s has only the %s", STR(p->key),
                       p->bits & BIT_NAMED ? "category" : "edge");
    }
    /* a graph without category ids keeps hierarchies by name, and that is no fault */
    if (a->counts[AUDIT_WITH_CATEGORY_ID] == 0) {
        for (i = 0; i < a->findings[AUDIT_HIERARCHY].n; i++)
            free(a->findings[AUDIT_HIERARCHY].examples[i]);
        memset(&a->findings[AUDIT_HIERARCHY], 0, sizeof a->findings[AUDIT_HIERARCHY]);
    }
}

uint32_t graph_audit_walk(struct graph_audit *a, const struct sluice_graph *graph, void *self,
                          struct sluice_error *err)
{
    const struct sluice_graph_visitor visitor = {sizeof visitor, 0, a, audit_node, audit_edge};
    uint32_t code = graph->walk(self, NULL, &visitor, err);

    if (code == SLUICE_OK && a->has_user)
        audit_user_end(a);
    if (code == SLUICE_OK)
        audit_catalogue_end(a);
    else if (err->message[0] == '\0')
        (void)sluice_fail(err, code, NULL, "no memory for the audit");
    return code;
}

uint64_t graph_audit_found(const struct graph_audit *a, int critical)
{
    uint64_t n = 0;
    size_t i;

    for (i = 0; i < AUDIT_CHECKS; i++)
        if (audit_checks[i].critical == critical)
            n += a->findings[i].count;
    return n;
}

const char *graph_audit_health(const struct graph_audit *a)
{
    if (graph_audit_found(a, 1) > 0)
        return "UNHEALTHY";
    return graph_audit_found(a, 0) > 0 ? "DEGRADED" : "HEALTHY";
}
