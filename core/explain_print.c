/* explain_print: the neighbourhood drawn as a tree.
 *
 * Invariant: what came from records reaches a terminal without control characters, and
 * every list that is cut says how much is left out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "dlq_print.h"
#include "explain_user.h"

#define UUID_LEN 36u
#define SHOWN_EDGES 10u
#define SHOWN_RECEIPTS 4u

struct pen {
    const char *fork, *last, *bar, *gap, *more;
    const struct explain_style *style;
};

static const struct pen pen_lines = {"├─ ", "└─ ", "│  ", "   ", "…", NULL};
static const struct pen pen_ascii = {"|- ", "`- ", "|  ", "   ", "...", NULL};

static void put(struct sluice_str text)
{
    dlq_print_safe(text, UINT64_MAX);
}

static void put_time(int64_t ms)
{
    char text[32];

    clock_format(ms, text, sizeof text);
    printf("%.10s %.5s", text, text + 11);
}

/* The name if there is one, and the id. */
static void put_node(const struct explain_user *u, uint32_t type, struct sluice_str id)
{
    const struct sluice_graph_node *node = explain_node(u, type, id);

    if (node != NULL && node->name.len > 0) {
        put(node->name);
        fputs(" (", stdout);
        put(id);
        putchar(')');
    } else if (id.data != NULL) {
        put(id);
    } else {
        fputs("(a node that is not there)", stdout);
    }
}

static size_t shown(const struct explain_style *style, uint64_t n, size_t most)
{
    return style->full || n <= most + 1 ? (size_t)n : most; /* never "1 more" */
}

static void put_more(const struct pen *pen, const char *prefix, const char *indent, uint64_t left,
                     const char *what)
{
    if (left > 0)
        printf("%s%s%s%s %" PRIu64 " %s\n", prefix, indent, pen->last, pen->more, left, what);
}

/* Levels that are ids tell a reader nothing; --json has them. */
static int explain_readable(const struct sluice_graph_node *product)
{
    uint64_t i;

    for (i = 0; i < product->n_hierarchy; i++)
        if (product->hierarchy[i].len == UUID_LEN && product->hierarchy[i].data[8] == '-')
            return 0;
    return product->n_hierarchy > 0;
}

static void put_product(const struct explain_user *u, struct sluice_str id)
{
    const struct sluice_graph_node *p = explain_node(u, SLUICE_NODE_PRODUCT, id);
    uint64_t i;

    put_node(u, SLUICE_NODE_PRODUCT, id);
    if (p == NULL)
        return;
    if (p->brand.len > 0) {
        fputs(", brand ", stdout);
        put(p->brand);
    }
    if (p->category.len > 0) {
        fputs(", category ", stdout);
        put(p->category);
    }
    if (!explain_readable(p))
        return;
    for (i = 0; i < p->n_hierarchy; i++) {
        fputs(i == 0 ? " (" : " > ", stdout);
        put(p->hierarchy[i]);
    }
    putchar(')');
}

static void put_receipt(const struct explain_user *u, const struct sluice_graph_edge *edge, uint64_t i)
{
    const struct sluice_graph_edge *store;
    size_t n;

    put_time(edge->times[i]);
    for (n = 0; (store = explain_store(u, edge->receipts[i], n)) != NULL; n++) {
        const struct sluice_graph_node *node = explain_node(u, SLUICE_NODE_RETAILER, store->to);

        fputs(n == 0 ? "  at " : " and ", stdout);
        put(node != NULL ? node->name : store->to);
    }
    if (n == 0)
        fputs("  store not known", stdout);
    fputs("  receipt ", stdout);
    put(edge->receipts[i]);
    putchar('\n');
}

/* Latest first. */
static void put_purchased(const struct explain_user *u, const struct sluice_graph_edge *edge,
                          const struct pen *pen, const char *indent)
{
    uint64_t n = edge->n_receipts < edge->n_times ? edge->n_receipts : edge->n_times, i;
    size_t show = shown(pen->style, n, SHOWN_RECEIPTS);

    put_product(u, edge->to);
    printf("\n%s%s%" PRId64 " time%s, last ", pen->bar, indent, edge->count, edge->count == 1 ? "" : "s");
    put_time(edge->last_ms);
    if (edge->count > 1)
        printf(", every %" PRId64 " days, repurchase likelihood %.6f", edge->interval_days, edge->likelihood);
    putchar('\n');
    for (i = 0; i < show; i++) {
        printf("%s%s%s", pen->bar, indent, i + 1 == n ? pen->last : pen->fork);
        put_receipt(u, edge, n - 1 - i);
    }
    put_more(pen, pen->bar, indent, n - show, "more receipts");
}

static void put_shops(const struct explain_user *u, const struct sluice_graph_edge *edge,
                      const struct pen *pen, const char *prefix)
{
    size_t show = shown(pen->style, edge->n_receipts, SHOWN_RECEIPTS), i;

    put_node(u, edge->type == SLUICE_EDGE_SHOPS_AT ? SLUICE_NODE_RETAILER : SLUICE_NODE_CATEGORY, edge->to);
    printf(": %" PRId64 " receipt%s, last ", edge->count, edge->count == 1 ? "" : "s");
    put_time(edge->last_ms);
    printf("\n%s", prefix);
    for (i = 0; i < show; i++) {
        fputs(i == 0 ? "counted from " : ", ", stdout);
        put(edge->receipts[edge->n_receipts - 1 - i]);
    }
    if (edge->n_receipts > show)
        printf(" %s and %" PRIu64 " more", pen->more, edge->n_receipts - show);
    if (edge->count > (int64_t)edge->n_receipts)
        printf("%s%" PRId64 " without a known receipt (an older system's)", edge->n_receipts > 0 ? "; " : "",
               edge->count - (int64_t)edge->n_receipts);
    putchar('\n');
}

static void put_edges(const struct explain_user *u, uint32_t type, const char *title, const char *what,
                      const struct pen *pen, int last)
{
    uint64_t n = 0, at = 0;
    size_t show, i;
    char prefix[32];

    for (i = 0; i < u->edges.n; i++)
        n += ((struct sluice_graph_edge *)u->edges.items[i])->type == type;
    show = shown(pen->style, n, SHOWN_EDGES);
    printf("%s%s %" PRIu64 " %s\n", last ? pen->last : pen->fork, title, n, what);
    for (i = 0; i < u->edges.n && at < show; i++) {
        const struct sluice_graph_edge *edge = u->edges.items[i];
        const char *indent;

        if (edge->type != type)
            continue;
        at++;
        printf("%s%s", last ? pen->gap : pen->bar, at == n ? pen->last : pen->fork);
        indent = at == n ? pen->gap : pen->bar;
        (void)snprintf(prefix, sizeof prefix, "%s%s", last ? pen->gap : pen->bar, indent);
        if (type == SLUICE_EDGE_PURCHASED)
            put_purchased(u, edge, pen, indent);
        else
            put_shops(u, edge, pen, prefix);
    }
    put_more(pen, last ? pen->gap : pen->bar, "", n - show, "more (--full shows all)");
}

void explain_print(const struct explain_user *u, const char *graph, const struct explain_style *style)
{
    struct pen pen = style->ascii ? pen_ascii : pen_lines;

    pen.style = style;
    printf("graph %s\n", graph);
    if (u->user == NULL) {
        printf("%sthe user is not in this graph\n", pen.last);
        return;
    }
    fputs("user ", stdout);
    put(u->user->id);
    fputs(", timezone ", stdout);
    put(u->user->timezone);
    putchar('\n');
    put_edges(u, SLUICE_EDGE_PURCHASED, "bought", "products", &pen, 0);
    put_edges(u, SLUICE_EDGE_SHOPS_AT, "shops at", "stores", &pen, 0);
    put_edges(u, SLUICE_EDGE_SHOPS_IN, "shops in", "categories", &pen, 1);
}
