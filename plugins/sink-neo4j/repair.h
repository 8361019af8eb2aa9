/* repair: what the parts of the repair of SHOPS_IN share.  Everything lives in the work's arena, for a
 * page of users. */
#ifndef SLUICE_SINK_NEO4J_REPAIR_H
#define SLUICE_SINK_NEO4J_REPAIR_H

#include "neo4j_sink.h"

#define REPAIR_USERS 50u

/* A receipt in a category. */
struct repair_fact {
    uint32_t user;
    struct sluice_str category;
    struct sluice_str receipt;
    int64_t time;
};

struct repair_facts {
    struct repair_fact *items;
    uint64_t n, cap;
};

struct sluice_graph_repair;

struct repair {
    struct sink *s;
    struct work *w;
    const struct sluice_graph_repair *told;
    struct repair_facts gives; /* what PURCHASED and the present categories give */
    struct edge *has;          /* the edges that are there */
    uint64_t n_has, cap_has;
    struct edge *had; /* of each edge of the batch, what it was before */
};

/* Nothing is heard yet. */
void repair_forget(struct repair *r);
/* -1: no memory.  The receipts of e, in that category. */
int repair_facts_add(struct repair *r, uint32_t user, struct sluice_str category, const struct edge *e);
int repair_has_add(struct repair *r, const struct edge *e);
/* Fills edges[SHOPS_IN] of the batch with what differs, as it should be, `had` with what it is, and marks
 * the users touched. */
uint32_t repair_compare(struct repair *r, struct sluice_error *err);

#endif
