/* explain_user: the walk, copied; and the same as JSON. */
#include "explain_user.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "graph_digest.h"
#include "json_report.h"

void explain_user_init(struct explain_user *u)
{
    memset(u, 0, sizeof *u);
    arena_init(&u->arena, 0);
}

void explain_user_release(struct explain_user *u)
{
    arena_release(&u->arena);
    free(u->nodes.items);
    free(u->edges.items);
    memset(u, 0, sizeof *u);
}

static void *explain_copy(struct explain_user *u, const void *data, size_t len)
{
    void *copy = data == NULL ? NULL : arena_copy(&u->arena, data, len);

    if (data != NULL && copy == NULL)
        u->failed = 1;
    return copy;
}

static void explain_text(struct explain_user *u, struct sluice_str *text)
{
    text->data = explain_copy(u, text->data, text->len);
}

static struct sluice_str *explain_texts(struct explain_user *u, const struct sluice_str *from, uint64_t n)
{
    struct sluice_str *texts = n == 0 ? NULL : explain_copy(u, from, n * sizeof *from);
    uint64_t i;

    for (i = 0; texts != NULL && i < n; i++)
        explain_text(u, &texts[i]);
    return texts;
}

static void explain_push(struct explain_user *u, struct explain_list *list, void *item)
{
    if (item == NULL)
        return;
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        void **grown = realloc(list->items, cap * sizeof(void *));

        if (grown == NULL) {
            u->failed = 1;
            return;
        }
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->n++] = item;
}

static uint32_t explain_take_node(void *context, const struct sluice_graph_node *from)
{
    struct explain_user *u = context;
    struct sluice_graph_node *node = explain_copy(u, from, sizeof *from);

    if (node == NULL)
        return SLUICE_RETRY;
    explain_text(u, &node->id);
    explain_text(u, &node->name);
    explain_text(u, &node->timezone);
    explain_text(u, &node->brand);
    explain_text(u, &node->category);
    explain_text(u, &node->category_id);
    explain_text(u, &node->venue_type);
    node->hierarchy = explain_texts(u, from->hierarchy, from->n_hierarchy);
    if (node->type == SLUICE_NODE_USER)
        u->user = node;
    else
        explain_push(u, &u->nodes, node);
    return u->failed ? SLUICE_RETRY : SLUICE_OK;
}

static uint32_t explain_take_edge(void *context, const struct sluice_graph_edge *from)
{
    struct explain_user *u = context;
    struct sluice_graph_edge *edge = explain_copy(u, from, sizeof *from);

    if (edge == NULL)
        return SLUICE_RETRY;
    explain_text(u, &edge->from);
    explain_text(u, &edge->to);
    edge->receipts = explain_texts(u, from->receipts, from->n_receipts);
    edge->times =
        from->n_times == 0 ? NULL : explain_copy(u, from->times, from->n_times * sizeof *from->times);
    explain_push(u, &u->edges, edge);
    return u->failed ? SLUICE_RETRY : SLUICE_OK;
}

/* By type; the most counted first, then the latest, then by id. */
static int explain_order(const void *a, const void *b)
{
    const struct sluice_graph_edge *x = *(void *const *)a, *y = *(void *const *)b;
    uint64_t shorter = x->to.len < y->to.len ? x->to.len : y->to.len;
    int order;

    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->last_ms != y->last_ms)
        return x->last_ms > y->last_ms ? -1 : 1;
    order = shorter == 0 ? 0 : memcmp(x->to.data, y->to.data, shorter);
    return order != 0 ? order : x->to.len < y->to.len ? -1 : x->to.len > y->to.len;
}

uint32_t explain_user_load(struct explain_user *u, const struct sluice_graph *graph, void *self,
                           const char *id, struct sluice_error *err)
{
    const struct sluice_graph_visitor visitor = {sizeof visitor, 0, u, explain_take_node, explain_take_edge};
    uint32_t code = graph->walk(self, id, &visitor, err);

    if (u->failed)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the user's neighbourhood");
    if (u->edges.n > 1)
        qsort(u->edges.items, u->edges.n, sizeof(void *), explain_order);
    return code;
}

const struct sluice_graph_node *explain_node(const struct explain_user *u, uint32_t type,
                                             struct sluice_str id)
{
    size_t i;

    for (i = 0; i < u->nodes.n; i++) {
        const struct sluice_graph_node *node = u->nodes.items[i];

        if (node->type == type && sluice_str_equal(node->id, id))
            return node;
    }
    return NULL;
}

const struct sluice_graph_edge *explain_store(const struct explain_user *u, struct sluice_str receipt,
                                              size_t n)
{
    size_t i;
    uint64_t j;

    for (i = 0; i < u->edges.n; i++) {
        const struct sluice_graph_edge *edge = u->edges.items[i];

        for (j = 0; edge->type == SLUICE_EDGE_SHOPS_AT && j < edge->n_receipts; j++) {
            if (!sluice_str_equal(edge->receipts[j], receipt))
                continue;
            if (n-- == 0)
                return edge;
            break;
        }
    }
    return NULL;
}

/* --- JSON ---------------------------------------------------------------------------- */

static json_t *explain_string(struct sluice_str text)
{
    return text.data == NULL ? json_null() : json_report_text(text.data, text.len);
}

static json_t *explain_time(int64_t ms)
{
    char text[32];

    clock_format(ms, text, sizeof text);
    return json_string(text);
}

static json_t *explain_edge_json(const struct explain_user *u, const struct sluice_graph_edge *edge)
{
    const struct sluice_graph_edge *store;
    json_t *out = json_object(), *receipts = json_array();
    uint64_t i;
    size_t n;

    (void)json_object_set_new(out, "to", explain_string(edge->to));
    (void)json_object_set_new(out, edge->type == SLUICE_EDGE_PURCHASED ? "times" : "frequency",
                              json_integer(edge->count));
    (void)json_object_set_new(out, "last", explain_time(edge->last_ms));
    if (edge->type == SLUICE_EDGE_PURCHASED) {
        (void)json_object_set_new(out, "avg_interval_days", json_integer(edge->interval_days));
        (void)json_object_set_new(out, "repurchase_likelihood", json_real(edge->likelihood));
    }
    for (i = 0; i < edge->n_receipts; i++) {
        json_t *one = json_object(), *stores = json_array();

        (void)json_object_set_new(one, "receipt_id", explain_string(edge->receipts[i]));
        if (i < edge->n_times)
            (void)json_object_set_new(one, "time", explain_time(edge->times[i]));
        for (n = 0; (store = explain_store(u, edge->receipts[i], n)) != NULL; n++)
            (void)json_array_append_new(stores, explain_string(store->to));
        (void)json_object_set_new(one, "retailers", stores);
        (void)json_array_append_new(receipts, one);
    }
    (void)json_object_set_new(out, "receipts", receipts);
    return out;
}

static json_t *explain_node_json(const struct sluice_graph_node *node)
{
    const struct {
        const char *name;
        struct sluice_str text;
    } members[] = {{"name", node->name},
                   {"brand", node->brand},
                   {"category", node->category},
                   {"category_id", node->category_id},
                   {"venue_type", node->venue_type}};
    json_t *out = json_object(), *levels = json_array();
    uint64_t i;

    (void)json_object_set_new(out, "type", json_string(graph_type_name(node->type)));
    (void)json_object_set_new(out, "id", explain_string(node->id));
    for (i = 0; i < sizeof members / sizeof members[0]; i++)
        if (members[i].text.data != NULL)
            (void)json_object_set_new(out, members[i].name, explain_string(members[i].text));
    for (i = 0; i < node->n_hierarchy; i++)
        (void)json_array_append_new(levels, explain_string(node->hierarchy[i]));
    if (node->n_hierarchy > 0)
        (void)json_object_set(out, "category_hierarchy", levels);
    json_decref(levels);
    return out;
}

json_t *explain_json(const struct explain_user *u, const char *graph)
{
    json_t *out = json_object(), *nodes = json_array();
    size_t i;

    (void)json_object_set_new(out, "graph", json_string(graph));
    (void)json_object_set_new(out, "found", json_boolean(u->user != NULL));
    if (u->user != NULL)
        (void)json_object_set_new(out, "timezone", explain_string(u->user->timezone));
    for (i = 0; i < u->edges.n; i++) {
        const struct sluice_graph_edge *edge = u->edges.items[i];
        const char *type = graph_type_name(edge->type);
        json_t *list = json_object_get(out, type);

        if (edge->type == SLUICE_EDGE_IN_CATEGORY)
            continue; /* each product names its category */
        if (list == NULL) {
            list = json_array();
            (void)json_object_set_new(out, type, list);
        }
        (void)json_array_append_new(list, explain_edge_json(u, edge));
    }
    for (i = 0; i < u->nodes.n; i++)
        (void)json_array_append_new(nodes, explain_node_json(u->nodes.items[i]));
    (void)json_object_set_new(out, "nodes", nodes);
    return out;
}
