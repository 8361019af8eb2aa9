/* walk: the graph shown to audit and explain, a page at a time.
 *
 * Invariant: a page holds a bounded number of nodes, or the edges of a bounded number of
 * users; memory does not grow with the graph. */
#ifndef SLUICE_SINK_NEO4J_WALK_H
#define SLUICE_SINK_NEO4J_WALK_H

#include <sluice/graph.h>

#include "neo4j_sink.h"

struct walk {
    struct sink *s;
    const struct sluice_graph_visitor *visitor;
    struct sluice_error *err;
    struct arena arena; /* of the page */
    struct neo4j_call call;
    struct neo4j_reply reply;
    char bookmark[160]; /* of the first page */
    int changed;        /* somebody wrote meanwhile */
};

/* Runs the call as a read of its own; reply is to be released. */
uint32_t walk_run(struct walk *w);
/* The rows were not what was asked for, or no memory. */
uint32_t walk_broken(struct walk *w);
/* Users with their edges, then edges of nobody.  user_id: only that one. */
uint32_t walk_users(struct walk *w, const char *user_id);

#endif
