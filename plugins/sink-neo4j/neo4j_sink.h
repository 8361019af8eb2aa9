/* neo4j_sink: the instance, and what its parts share.
 *
 *   sink-neo4j.c    options, life cycle, the write call
 *   schema.c        constraints and index
 *   batch.c         a batch as numbered keys, rows and edges
 *   join.c          the rule, for one edge
 *   catalogue.c     products, categories, retailers: what is new or changed
 *   catalogue_write.c  the statements that merge it
 *   write.c         one batch, one transaction; tries again what clashed or deadlocked
 *   write_read.c    first request: read the users' revisions and the touched edges
 *   write_edges.c   second request: whole values of what changed, in one transaction
 *   cypher.c        model: cypher
 *   walk.c          the graph shown to audit and explain
 *   repair.c        SHOPS_IN edges put right; repair_compare.c: which of them differ
 *
 * Threads: writes run at once.  Each takes a struct work from the pool; the caches of
 * the instance are looked into and put into under its lock, never across a request. */
#ifndef SLUICE_SINK_NEO4J_H
#define SLUICE_SINK_NEO4J_H

#include <pthread.h>
#include <stdio.h>

#include "../common/neo4j.h"
#include "../common/node_cache.h"
#include "batch.h"

extern const struct sluice_identity neo4j_identity; /* identity.c */

enum neo4j_model { MODEL_PURCHASE_GRAPH, MODEL_CYPHER };

/* A product that the graph may have to learn something of: what the batch says of it. */
struct product {
    int check;     /* not known to be as delivered */
    int catalogue; /* name comes from the catalogue */
    uint32_t link; /* category to stand in; NO_KEY: none was delivered */
    uint64_t seen;
    struct sluice_str name, brand, category, category_id;
    const struct sluice_str *hierarchy;
    uint64_t n_hierarchy;
};

struct category {
    int check;
    struct sluice_str name; /* the smallest delivered */
};

/* One write under way. */
struct work {
    struct work *next;
    struct arena arena;
    struct neo4j_call call;
    struct neo4j_reply reply;
    struct neo4j_tx tx;
    struct batch batch;
    struct product *products;    /* by number */
    struct category *categories; /* by number */
    unsigned char *retailers;    /* by number: 1 check */
    int64_t now_ms;
    uint64_t random;
    uint32_t at_edges[EDGE_TYPES]; /* which statement of the first request reads them */
};

struct sink {
    const struct sluice_host *host;
    struct neo4j neo4j;
    enum neo4j_model model;
    int full;
    int reading; /* somebody only wants to look: start makes nothing */
    uint32_t flags;
    const char *statement; /* model: cypher */
    struct graph_aliases aliases;
    pthread_mutex_t lock; /* of what follows */
    struct work *pool;
    struct node_cache products;   /* by id; seen: what it was last delivered with */
    struct node_cache categories; /* by name */
    struct node_cache retailers;  /* by id */
    int64_t unseen_ms;            /* when the products' properties were last forgotten */
    uint32_t metric_purchases, metric_retries, metric_deadlocks, metric_transactions;
};

#define NO_STATEMENT UINT32_MAX

uint32_t schema_make(struct sink *s, struct sluice_error *err);

/* What of the catalogue has to be looked at; -1: no memory. */
int catalogue_plan(struct sink *s, struct work *w);
/* After the commit: what the graph now surely has. */
void catalogue_keep(struct sink *s, const struct work *w);
void catalogue_forget(struct sink *s);
/* Statements that make and change them. */
void catalogue_write(struct work *w);

/* The batch (w->batch made) in one transaction. */
uint32_t write_batch(struct sink *s, struct work *w, struct sluice_error *err);
void write_ask(const struct sink *s, struct work *w);
int write_hear(const struct sink *s, struct work *w);
void write_changes(struct sink *s, struct work *w);
/* The changed edges of one type: new ones, those that are there, and if removing those that are left empty.
 */
void write_type(struct work *w, enum edge_type type, int removing);
/* The row's next two values, receipts and times, into e.  -1: no memory, or another type. */
int write_hear_receipts(struct work *w, struct neo4j_rows *rows, struct edge *e);
/* Ends a statement over $rows that ends in EXPECT: it fails, and the transaction with it,
 * unless it touched n things.  A row whose node is missing would else vanish in silence. */
#define EXPECT "WITH count(*) AS c RETURN 1 / CASE c WHEN $n THEN 1 ELSE 0 END AS ok"
/* The same, and the failure tells that somebody else was faster (neo4j_error.c). */
#define EXPECT_UNCHANGED                                                                                     \
    "WITH count(*) AS c RETURN CASE c WHEN $n THEN 1 ELSE 9223372036854775807 + $n END AS ok"
void write_expect(struct work *w, uint64_t n);

uint32_t cypher_write(struct sink *s, struct work *w, struct sluice_record *const *records, uint32_t n,
                      struct sluice_error *err);

/* Waits before another try of what the server could not do just now; 0: enough tried. */
int write_again(struct sink *s, struct work *w, uint32_t tries, enum neo4j_trouble trouble);

struct sluice_graph;
struct sluice_graph_repair;
extern const struct sluice_graph walk_graph;
uint32_t repair_graph(void *self, const struct sluice_graph_repair *told, struct sluice_error *err);

#endif
