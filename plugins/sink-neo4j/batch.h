/* batch: the purchases of one write, with their keys in order and by number.
 *
 * Invariant: keys are numbered by their bytewise order, so whatever is done in the order
 * of numbers locks in the same order in every writer of every process. */
#ifndef SLUICE_SINK_NEO4J_BATCH_H
#define SLUICE_SINK_NEO4J_BATCH_H

#include "../common/graph.h"
#include "../common/graph_alias.h"

#define NO_KEY UINT32_MAX

struct keys {
    struct sluice_str *ids; /* ascending, each once */
    uint32_t n;
};

struct row {
    uint32_t user;
    uint32_t product;
    uint32_t retailer; /* NO_KEY: none */
    uint32_t category; /* NO_KEY: none */
    int64_t time;
    struct sluice_str receipt;
    const struct graph_purchase *purchase;
};

/* What a user's records say of the time zone, and what the graph knows of the user. */
struct zone {
    struct sluice_str name; /* absent: nothing */
    int64_t at;
    int changed;      /* the node is to take it */
    int there;        /* the node is in the graph */
    int64_t revision; /* goes up with each change of the user's edges */
};

/* One edge of the batch: its receipts in bytewise order, each once, with the latest time. */
struct edge {
    uint32_t user;
    uint32_t target;       /* NO_KEY: not of the batch, see key */
    struct sluice_str key; /* of the target */
    struct row **rows;
    uint64_t n_rows;
    struct sluice_str id; /* in the graph; absent: it is not there */
    struct sluice_str *receipts;
    int64_t *times;
    uint64_t n;    /* of both, as stored; after the join by time and then id */
    int64_t count; /* times, frequency */
    int64_t last;
    int changed;
};

struct edges {
    struct edge *items; /* by user and target */
    uint64_t n;
    struct edge *more; /* load: full: edges that the batch does not touch */
    uint64_t n_more, cap_more;
};

enum edge_type { PURCHASED, SHOPS_AT, SHOPS_IN, EDGE_TYPES };

struct batch {
    struct arena *arena;
    struct graph_record *records; /* those that were read well */
    uint32_t n_records;
    struct row *rows; /* in the order delivered */
    uint64_t n_rows;
    struct keys users, products, retailers, categories;
    struct sluice_str *retailer_names; /* by number */
    struct zone *zones;                /* by user */
    unsigned char *touched;            /* by user: something changed */
    struct edges edges[EDGE_TYPES];
    uint64_t counted; /* receipts that PURCHASED counts for the first time */
};

/* records are read; makes everything else but what the graph knows.  -1: no memory. */
int batch_make(struct batch *b, const struct graph_aliases *aliases);
/* The number of a key, or NO_KEY. */
uint32_t keys_find(const struct keys *keys, struct sluice_str id);
/* The edge of the batch, or NULL. */
struct edge *edges_find(struct edges *edges, uint32_t user, uint32_t target);

/* join: puts the rows of an edge to what is stored.  full: counts follow the receipts.
 * *fresh: receipts that are new to it.  -1: no memory. */
int edge_join(struct edge *e, struct arena *arena, enum edge_type type, int full, uint64_t *fresh);

#endif
