/* graph_audit: what a graph holds, and what is wrong with it.
 *
 * Fed by a walk (sluice/graph.h).  Memory holds the catalogue and one user at a time, whatever
 * the number of users. */
#ifndef SLUICE_CORE_GRAPH_AUDIT_H
#define SLUICE_CORE_GRAPH_AUDIT_H

#include "graph_digest.h"
#include "key_table.h"

#define AUDIT_EXAMPLES 5u

enum audit_count {
    AUDIT_USERS,
    AUDIT_PRODUCTS,
    AUDIT_CATEGORIES,
    AUDIT_RETAILERS,
    AUDIT_PURCHASED,
    AUDIT_SHOPS_AT,
    AUDIT_SHOPS_IN,
    AUDIT_IN_CATEGORY,
    AUDIT_PURCHASES, /* receipts over all PURCHASED edges */
    AUDIT_WITH_NAME, /* products with … */
    AUDIT_WITH_BRAND,
    AUDIT_WITH_CATEGORY,
    AUDIT_WITH_CATEGORY_ID,
    AUDIT_WITH_HIERARCHY,
    AUDIT_COUNTS
};

enum audit_check {
    AUDIT_DUPLICATE_NODE,
    AUDIT_DUPLICATE_EDGE,
    AUDIT_EMPTY_ID,
    AUDIT_MISSING_NODE,
    AUDIT_TIMES,
    AUDIT_ARRAYS,
    AUDIT_LAST,
    AUDIT_INTERVAL,
    AUDIT_LIKELIHOOD,
    AUDIT_FUTURE,
    AUDIT_AT_UNEXPLAINED,
    AUDIT_IN_UNEXPLAINED,
    AUDIT_IN_DIFFERS,
    AUDIT_CATEGORY_LINK,
    AUDIT_NO_NAME,
    AUDIT_HIERARCHY,
    AUDIT_PLACEHOLDER,
    AUDIT_CHECKS
};

struct audit_check_info {
    const char *name; /* token */
    const char *text;
    int critical;
};
extern const struct audit_check_info audit_checks[AUDIT_CHECKS];
extern const char *const audit_count_names[AUDIT_COUNTS]; /* tokens */

struct audit_finding {
    uint64_t count;
    char *examples[AUDIT_EXAMPLES];
    uint32_t n;
};

/* A receipt in a category, of the user at hand. */
struct audit_pair {
    uint32_t category;
    uint32_t target;
    struct sluice_str receipt;
    int64_t time; /* INT64_MIN: the edge has none for it */
};
struct audit_pairs {
    struct audit_pair *items;
    uint64_t n, cap;
};

struct graph_audit {
    struct graph_digest digest;
    uint64_t counts[AUDIT_COUNTS];
    struct audit_finding findings[AUDIT_CHECKS];
    struct key_table products; /* value: category index */
    struct key_table categories;
    struct key_table retailers;
    struct key_table *wanted; /* users of a file, bit 1 set when seen; or NULL */
    int64_t now_ms;
    uint64_t shared; /* products that stand in several categories */
    /* the user at hand */
    struct strbuf user;
    int has_user;
    struct arena arena;
    struct audit_pairs expected; /* receipts by category, from PURCHASED and IN_CATEGORY */
    struct audit_pairs actual;   /* the same from SHOPS_IN */
    struct audit_pairs targets;  /* ends of the user's edges: category is the type */
    struct audit_pairs sorted;   /* of one edge */
};

int graph_audit_init(struct graph_audit *a, int64_t now_ms); /* 0, or -1: no memory */
void graph_audit_release(struct graph_audit *a);
/* Walks the graph and judges it.  What the walk answered. */
uint32_t graph_audit_walk(struct graph_audit *a, const struct sluice_graph *graph, void *self,
                          struct sluice_error *err);
uint64_t graph_audit_found(const struct graph_audit *a, int critical); /* findings of that grade */
const char *graph_audit_health(const struct graph_audit *a);           /* HEALTHY, DEGRADED, UNHEALTHY */

/* Between the parts. */
void audit_find(struct graph_audit *a, enum audit_check check, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int audit_pair_add(struct audit_pairs *pairs, uint32_t category, uint32_t target, struct sluice_str receipt);
int audit_pair_order(const void *a, const void *b);
/* Judges an edge of a user; 0, or -1: no memory. */
int audit_user_edge(struct graph_audit *a, const struct sluice_graph_edge *edge, uint32_t target);
/* Judges the user as a whole once all edges are seen. */
void audit_user_end(struct graph_audit *a);

#endif
