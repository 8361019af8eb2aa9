/* flag_gate: see flag_gate.h. */
#include "flag_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_MS 5000u

static const struct origin nowhere = {NULL, 0, 0};

void flag_gate_close(struct flag_gate *g)
{
    struct sluice_error err;
    uint32_t i;

    if (g->started)
        (void)instance_stop(g->instance, STOP_MS, &err);
    if (g->instance != NULL)
        instance_free(g->instance);
    for (i = 0; i < g->env.n_fields; i++)
        free(g->env.fields[i]);
    memset(g, 0, sizeof *g);
}

/* The gate, if it reads a flag. */
static const char *open_one(struct flag_gate *g, const struct pipeline_spec *pipe,
                            const struct instance_spec *spec, struct problems *p)
{
    memset(g, 0, sizeof *g);
    if (spec->plugin->desc.kind != SLUICE_GATE || spec->plugin->lifecycle.extension == NULL)
        return NULL;
    g->env.pipeline_name = pipe->name;
    g->spec = spec;
    g->instance = instance_new(spec, &g->env, p);
    if (g->instance == NULL)
        return NULL;
    g->self = instance_self(g->instance);
    g->flag = spec->plugin->lifecycle.extension(g->self, SLUICE_FLAG_ID);
    return g->flag == NULL ? NULL : g->flag->name(g->self);
}

int flag_gate_open(struct flag_gate *g, const struct plan *plan, char *name, size_t size, struct problems *p)
{
    struct strbuf others; /* flags of the config that are not the one */
    struct flag_gate one;
    int named = name[0] != '\0';
    size_t i, j;

    memset(g, 0, sizeof *g);
    strbuf_init(&others, 4096);
    for (i = 0; i < plan->n_pipelines; i++)
        for (j = 0; j < plan->pipelines[i].n_instances; j++) {
            const char *flag = open_one(&one, &plan->pipelines[i], plan->pipelines[i].instances[j], p);

            if (flag != NULL && name[0] == '\0')
                (void)snprintf(name, size, "%s", flag);
            if (flag != NULL && strcmp(flag, name) == 0 && g->spec == NULL) {
                g->spec = one.spec; /* opened below: its host must stay where it is made */
                g->env.pipeline_name = one.env.pipeline_name;
            } else if (flag != NULL && strcmp(flag, name) != 0) {
                strbuf_printf(&others, "%s%s", others.len > 0 ? ", " : "", flag);
            }
            flag_gate_close(&one);
        }
    if (g->spec == NULL && others.len == 0)
        problem_add(p, nowhere, NULL, "no gate of the config reads a feature flag");
    else if (g->spec == NULL)
        problem_add(p, nowhere, NULL, "no gate of the config reads the flag %s; there are: %s", name,
                    strbuf_text(&others));
    else if (!named && others.len > 0)
        problem_add(p, nowhere, "name one", "the config has several flags: %s, %s", name,
                    strbuf_text(&others));
    strbuf_release(&others);
    if (problems_failed(p))
        return -1;
    g->instance = instance_new(g->spec, &g->env, p);
    if (g->instance == NULL)
        return -1;
    g->self = instance_self(g->instance);
    g->flag = g->spec->plugin->lifecycle.extension(g->self, SLUICE_FLAG_ID);
    return 0;
}

uint32_t flag_gate_start(struct flag_gate *g, struct sluice_error *err)
{
    uint32_t code = instance_start(g->instance, err);

    g->started = code == SLUICE_OK;
    return code;
}

uint32_t flag_gate_look(struct flag_gate *g, struct sluice_error *err)
{
    const struct sluice_gate_ops *ops = &g->spec->plugin->ops.gate;

    error_clear(err);
    return ops->reload == NULL ? SLUICE_OK : ops->reload(g->self, err);
}
