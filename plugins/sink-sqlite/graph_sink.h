/* graph_sink: the instance, and what its parts share.
 *
 *   sink-sqlite.c   options, life cycle, the write call
 *   db.c            the file: opening, transactions, errors
 *   write_nodes.c   text keys to rowids; properties that only ever improve
 *   write_edges.c   purchases kept once; figures of touched edges
 *   walk.c          the graph shown to audit and explain
 *   repair.c        SHOPS_IN edges put right */
#ifndef SLUICE_SINK_SQLITE_GRAPH_SINK_H
#define SLUICE_SINK_SQLITE_GRAPH_SINK_H

#include "../common/graph.h"
#include "../common/graph_alias.h"
#include "db.h"
#include "../common/node_cache.h"
#include "strbuf.h"

/* One purchase with its keys resolved.  0: none (no store, no category). */
struct row {
    int64_t user;
    int64_t product;
    int64_t retailer;
    int64_t category;
    int64_t time;
    struct sluice_str receipt;
};

struct graph_sink {
    const struct sluice_host *host;
    struct db db;
    struct graph_aliases aliases;
    int full; /* load: full */
    uint32_t metric;
    struct node_cache users;
    struct node_cache products;
    struct node_cache categories; /* by name as delivered */
    struct node_cache retailers;  /* by name */
    struct arena arena;           /* of the batch */
    struct strbuf text;           /* ids and hierarchies being made */
    /* Of the batch, in the arena: */
    struct graph_record *records; /* n_records, those that were read well */
    int64_t *users_of;            /* rowid of each record's user */
    uint64_t n_records;
    struct row *rows; /* n_rows, in the order delivered */
    struct row **order;
    uint64_t n_rows;
    uint64_t counted; /* receipts that PURCHASED counted for the first time */
    int64_t *times;   /* scratch of one edge; grows, kept */
    uint64_t times_cap;
    struct write_fact *facts; /* scratch of one receipt of an edge; grows, kept */
    uint64_t facts_cap;
    int64_t now_ms;
};

/* Resolves every key of the batch, making and changing nodes; fills rows. */
uint32_t write_nodes(struct graph_sink *s, struct sluice_error *err);
/* Joins the rows with the edges. */
uint32_t write_edges(struct graph_sink *s, struct sluice_error *err);

struct sluice_graph;
struct sluice_graph_repair;
extern const struct sluice_graph walk_graph;
uint32_t repair_graph(void *self, const struct sluice_graph_repair *told, struct sluice_error *err);

#endif
