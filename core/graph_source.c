/* graph_source: finding, opening and closing sinks with a graph. */
#include "graph_source.h"

#include <stdlib.h>
#include <string.h>

#define STOP_MS 5000u

static int source_same_option(const struct sluice_option *o, const struct instance_spec *a,
                              const struct instance_spec *b)
{
    const char *x, *y;

    if (o->type != SLUICE_PATH && o->type != SLUICE_URL && o->type != SLUICE_STRING)
        return 1; /* how it writes, not where */
    x = option_string(a->config, o->name);
    y = option_string(b->config, o->name);
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

static int source_same(const struct instance_spec *a, const struct instance_spec *b)
{
    uint32_t i;

    if (a->plugin != b->plugin)
        return 0;
    for (i = 0; i < a->plugin->desc.n_options; i++)
        if (!source_same_option(&a->plugin->options[i], a, b))
            return 0;
    return 1;
}

static void source_add(struct graph_sources *s, const struct pipeline_spec *pipeline,
                       const struct instance_spec *spec)
{
    size_t i;

    if (spec->plugin->lifecycle.extension == NULL)
        return;
    for (i = 0; i < s->n; i++)
        if (source_same(s->items[i].spec, spec))
            return;
    s->items[s->n].pipeline = pipeline;
    s->items[s->n].spec = spec;
    s->n++;
}

int graph_sources_find(struct graph_sources *s, const struct plan *plan, const char *pipeline,
                       struct problems *p)
{
    const struct origin nowhere = {NULL, 0, 0};
    size_t i, j, steps = 0, found = 0;

    memset(s, 0, sizeof *s);
    for (i = 0; i < plan->n_pipelines; i++)
        steps += plan->pipelines[i].n_steps;
    s->items = calloc(steps + 1, sizeof *s->items);
    if (s->items == NULL) {
        problem_add(p, nowhere, NULL, "no memory");
        return -1;
    }
    for (i = 0; i < plan->n_pipelines; i++) {
        const struct pipeline_spec *pipe = &plan->pipelines[i];

        if (pipeline != NULL && strcmp(pipeline, pipe->name) != 0)
            continue;
        found++;
        for (j = 0; j < pipe->n_steps; j++)
            source_add(s, pipe, pipe->steps[j].sink);
    }
    if (found > 0)
        return 0;
    problem_add(p, nowhere, NULL, "the config has no pipeline '%s'", pipeline == NULL ? "" : pipeline);
    return -1;
}

void graph_sources_release(struct graph_sources *s)
{
    size_t i;

    for (i = 0; i < s->n; i++)
        graph_source_close(&s->items[i]);
    free(s->items);
    memset(s, 0, sizeof *s);
}

int graph_source_open(struct graph_source *g, struct problems *p)
{
    struct sluice_error err;

    memset(&g->env, 0, sizeof g->env);
    g->env.pipeline_name = g->pipeline->name;
    g->instance = instance_new(g->spec, &g->env, p);
    if (g->instance == NULL)
        return -1;
    error_clear(&err);
    g->self = instance_self(g->instance);
    g->graph =
        g->spec->plugin->lifecycle.extension(g->self, SLUICE_GRAPH_ID); /* before start: only to look */
    if (instance_start(g->instance, &err) != SLUICE_OK) {
        problem_add(p, g->spec->origin, NULL, "%s/%s (instance '%s') does not start: %s",
                    kind_name(g->spec->plugin->desc.kind), g->spec->plugin->desc.name, g->spec->name,
                    err.message);
        instance_free(g->instance);
        g->instance = NULL;
        return -1;
    }
    if (g->graph != NULL)
        return 0;
    graph_source_close(g);
    problem_add(p, g->spec->origin, NULL, "%s/%s (instance '%s') holds no purchase graph",
                kind_name(g->spec->plugin->desc.kind), g->spec->plugin->desc.name, g->spec->name);
    return -1;
}

void graph_source_close(struct graph_source *g)
{
    struct sluice_error err;
    uint32_t i;

    if (g->instance == NULL)
        return;
    error_clear(&err);
    (void)instance_stop(g->instance, STOP_MS, &err);
    instance_free(g->instance);
    g->instance = NULL;
    for (i = 0; i < g->env.n_fields; i++)
        free(g->env.fields[i]);
}
