/* explain_user: one user's neighbourhood, held in memory to be shown.
 *
 * The graph alone says where a receipt was: the SHOPS_AT edges that counted it. */
#ifndef SLUICE_CORE_EXPLAIN_USER_H
#define SLUICE_CORE_EXPLAIN_USER_H

#include <jansson.h>
#include <sluice/graph.h>

#include "arena.h"

struct explain_list {
    void **items;
    size_t n, cap;
};

struct explain_user {
    struct arena arena;
    struct sluice_graph_node *user; /* NULL: not in the graph */
    struct explain_list nodes;      /* struct sluice_graph_node: products, categories, retailers */
    struct explain_list edges;      /* struct sluice_graph_edge */
    int failed;                     /* no memory */
};

struct explain_style {
    int ascii;
    int full; /* long lists whole */
};

void explain_user_init(struct explain_user *u);
void explain_user_release(struct explain_user *u);
/* What the walk answered. */
uint32_t explain_user_load(struct explain_user *u, const struct sluice_graph *graph, void *self,
                           const char *id, struct sluice_error *err);
/* A node by type and id; NULL if it was not shown. */
const struct sluice_graph_node *explain_node(const struct explain_user *u, uint32_t type,
                                             struct sluice_str id);
/* The n-th store (from 0) where the receipt was counted; NULL: no more. */
const struct sluice_graph_edge *explain_store(const struct explain_user *u, struct sluice_str receipt,
                                              size_t n);

void explain_print(const struct explain_user *u, const char *graph, const struct explain_style *style);
json_t *explain_json(const struct explain_user *u, const char *graph); /* NULL: no memory */

#endif
