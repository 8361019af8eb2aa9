/* sluice/graph.h (draft): how a sink that holds the purchase graph shows it.
 *
 * `sluice audit`, `audit --fingerprint` and `explain user` know no database: they
 * walk the graph through this interface, which a sink returns from
 * lifecycle.extension(self, SLUICE_GRAPH_ID) between create and destroy.  Who asks for it
 * before start only wants to look: start then makes nothing in the database.  The walk
 * itself is between start and stop.
 */
#ifndef SLUICE_GRAPH_H
#define SLUICE_GRAPH_H

#include <stddef.h>

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_GRAPH_ID "sluice.draft.graph.1"

/* Node and edge types; the names are those of the graph. */
#define SLUICE_NODE_USER 1u     /* (:User) */
#define SLUICE_NODE_PRODUCT 2u  /* (:Product) */
#define SLUICE_NODE_CATEGORY 3u /* (:Category) */
#define SLUICE_NODE_RETAILER 4u /* (:Retailer) */
#define SLUICE_EDGE_PURCHASED 5u
#define SLUICE_EDGE_SHOPS_AT 6u
#define SLUICE_EDGE_SHOPS_IN 7u
#define SLUICE_EDGE_IN_CATEGORY 8u

struct sluice_graph_node {
    uint32_t struct_size;
    uint32_t type;
    struct sluice_str id; /* user_id, product_id, category_id, retailer_id */
    struct sluice_str name;
    struct sluice_str timezone; /* User */
    struct sluice_str brand;    /* Product … */
    struct sluice_str category;
    struct sluice_str category_id;
    const struct sluice_str *hierarchy;
    uint64_t n_hierarchy;
    struct sluice_str venue_type; /* Retailer */
};

struct sluice_graph_edge {
    uint32_t struct_size;
    uint32_t type;
    struct sluice_str from;
    struct sluice_str to;
    /* Receipts that the edge has counted, and their times (ms), by time then id.
     * Absent for IN_CATEGORY. */
    const struct sluice_str *receipts;
    const int64_t *times;
    uint64_t n_receipts;
    int64_t count;         /* times or frequency, as stored */
    int64_t last_ms;       /* last, last_visit, last_purchase */
    int64_t interval_days; /* PURCHASED: avg_interval_days */
    double likelihood;     /* PURCHASED: repurchase_likelihood */
    uint64_t n_times;      /* as stored; differs from n_receipts only in a graph that is wrong */
};

struct sluice_graph_visitor {
    uint32_t struct_size;
    uint32_t reserved;
    void *context;
    /* Return SLUICE_OK to go on; anything else ends the walk with that answer. */
    uint32_t (*node)(void *context, const struct sluice_graph_node *node);
    uint32_t (*edge)(void *context, const struct sluice_graph_edge *edge);
};

/* What a repair is told, and whom it tells. */
struct sluice_graph_repair {
    uint32_t struct_size;
    uint32_t dry_run; /* 1: change nothing, only tell what would change */
    void *context;
    /* One edge, after its change is durable.  An edge that is not there (before it is made, after it is
     * removed) has count 0 and no receipts.  Return SLUICE_OK to go on. */
    uint32_t (*changed)(void *context, const struct sluice_graph_edge *before,
                        const struct sluice_graph_edge *after);
};

struct sluice_graph {
    uint32_t struct_size;
    uint32_t reserved;
    /* [instance] Shows one consistent state, in this order, so that a reader needs memory
     * for the catalogue and one user only:
     *   Product, Category, Retailer nodes; IN_CATEGORY edges;
     *   users in bytewise order of their id, each followed by its PURCHASED, SHOPS_AT and
     *   SHOPS_IN edges; edges of users that are not there.
     * An end of an edge whose node is not there is absent (data NULL).  What a visitor is
     * shown lives until it returns.  With user_id: only that user, its edges, and the nodes
     * they reach (with their IN_CATEGORY); nothing if there is no such user.
     * OK | what a visitor answered | RETRY, DISCONNECTED, FATAL (err). */
    uint32_t (*walk)(void *self, const char *user_id, const struct sluice_graph_visitor *visitor,
                     struct sluice_error *err);

    /* [instance] Rewrites the SHOPS_IN edges that differ from what the user's PURCHASED edges and the
     * present IN_CATEGORY edges give: receipts, their times, frequency and last_purchase.  Counts that no
     * receipt explains stay.  A user's edges change in one transaction, and safely while others write.
     * Optional: SLUICE_GRAPH_HAS tells.  OK | what changed answered | RETRY, DISCONNECTED, FATAL (err). */
    uint32_t (*repair)(void *self, const struct sluice_graph_repair *repair, struct sluice_error *err);
};

#define SLUICE_GRAPH_HAS(graph, member)                                                                      \
    ((graph)->struct_size >= offsetof(struct sluice_graph, member) + sizeof((graph)->member) &&              \
     (graph)->member != NULL)

#ifdef __cplusplus
}
#endif
#endif
