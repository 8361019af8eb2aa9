/* graph_repair: SHOPS_IN edges put right by the sink that holds them, and told of.
 *
 * The sink does it (sluice/graph.h), under its own locks; this says whether it may, prints a line an
 * edge as it goes, and counts. */
#ifndef SLUICE_CORE_GRAPH_REPAIR_H
#define SLUICE_CORE_GRAPH_REPAIR_H

#include <jansson.h>

#include "graph_audit.h"

#define REPAIR_LISTED 1000u /* edges in the JSON report */

struct graph_repair {
    int dry_run;
    int print;                         /* a line an edge on stdout */
    uint64_t made, rewritten, removed; /* edges */
    uint64_t users;
    struct strbuf user; /* of the last edge */
    json_t *edges;
};

int graph_repair_init(struct graph_repair *r, int dry_run, int print); /* 0, or -1: no memory */
void graph_repair_release(struct graph_repair *r);
/* 0, or -1 with err: what the audit found must be mended first, or this sink repairs nothing. */
int graph_repair_allowed(const struct graph_audit *audit, const struct sluice_graph *graph,
                         struct sluice_error *err);
/* OK, or what the sink answered, with err. */
uint32_t graph_repair_run(struct graph_repair *r, const struct sluice_graph *graph, void *self,
                          struct sluice_error *err);
uint64_t graph_repair_count(const struct graph_repair *r);
void graph_repair_print(const struct graph_repair *r); /* one line that sums up */
json_t *graph_repair_json(const struct graph_repair *r);

#endif
