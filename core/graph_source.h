/* graph_source: the sinks of a plan that hold a purchase graph and can show it.
 *
 * Two blocks that name the same place (plugin, paths, URLs, texts) are one graph. */
#ifndef SLUICE_CORE_GRAPH_SOURCE_H
#define SLUICE_CORE_GRAPH_SOURCE_H

#include <sluice/graph.h>

#include "instance.h"

struct graph_source {
    const struct pipeline_spec *pipeline; /* the first that names it */
    const struct instance_spec *spec;
    struct instance *instance; /* between open and close */
    struct instance_env env;
    const struct sluice_graph *graph;
    void *self;
};

struct graph_sources {
    struct graph_source *items;
    size_t n;
};

/* pipeline: only this one's, or NULL.  0; -1 with problems: no such pipeline, no memory. */
int graph_sources_find(struct graph_sources *s, const struct plan *plan, const char *pipeline,
                       struct problems *p);
void graph_sources_release(struct graph_sources *s); /* closes what is open */
/* Creates and starts the sink.  0; -1 with a problem: it does not start, or shows no graph
 * (then nothing is open). */
int graph_source_open(struct graph_source *g, struct problems *p);
void graph_source_close(struct graph_source *g);

#endif
