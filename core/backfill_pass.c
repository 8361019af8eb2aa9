#include "backfill_pass.h"

#include <stdio.h>
#include <stdlib.h>

#define PASS_JOIN_MS 15000u /* its instances have 5 s each to stop */

struct backfill_pass {
    struct config *config;
    struct plan *plan;
    struct state_db *state;
    struct metrics *metrics;
    struct pipeline *pipeline;
};

static const struct origin nowhere = {NULL, 0, 0};

static int make(struct backfill_pass *pass, const struct registry *registry, struct problems *p)
{
    struct sluice_error err = {.struct_size = sizeof err};

    pass->plan = plan_build(pass->config, registry, (struct plan_flags){0}, p);
    if (pass->plan == NULL)
        return -1;
    pass->state = state_db_open(pass->plan->state_dir, STATE_RUN, &err);
    if (pass->state == NULL) {
        problem_add(p, nowhere, NULL, "%s", err.message);
        return -1;
    }
    pass->metrics = metrics_new();
    if (pass->metrics == NULL) {
        problem_add(p, nowhere, NULL, "out of memory");
        return -1;
    }
    pass->pipeline = pipeline_new(&pass->plan->pipelines[0], pass->metrics, pass->state, p);
    return pass->pipeline == NULL ? -1 : 0;
}

struct backfill_pass *backfill_pass_start(struct config *config, const struct registry *registry,
                                          pipeline_watcher watcher, void *context, struct problems *p)
{
    struct backfill_pass *pass = calloc(1, sizeof *pass);

    if (pass == NULL || config == NULL) {
        if (!problems_failed(p))
            problem_add(p, nowhere, NULL, "out of memory");
        config_free(config);
        free(pass);
        return NULL;
    }
    pass->config = config;
    if (make(pass, registry, p) != 0) {
        backfill_pass_free(pass);
        return NULL;
    }
    pipeline_watch(pass->pipeline, watcher, context);
    (void)pipeline_start(pass->pipeline); /* one that cannot start has failed, and says so */
    return pass;
}

struct pipeline *backfill_pass_pipeline(const struct backfill_pass *pass)
{
    return pass->pipeline;
}

int backfill_pass_over(const struct backfill_pass *pass)
{
    enum pipeline_state s = pipeline_state(pass->pipeline);

    return s == PIPELINE_DONE || s == PIPELINE_FAILED;
}

uint64_t backfill_pass_source_count(const struct backfill_pass *pass, const char *name)
{
    const struct pipeline_spec *spec = &pass->plan->pipelines[0];
    const char *values[2] = {spec->name, spec->source->name};
    char full[160], *c;

    (void)snprintf(full, sizeof full, "sluice_source_%s_%s", spec->source->plugin->desc.name, name);
    for (c = full; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
    return (uint64_t)metrics_lookup(pass->metrics, full, values, 2);
}

int backfill_pass_join(struct backfill_pass *pass)
{
    if (pipeline_state(pass->pipeline) != PIPELINE_DONE)
        pipeline_abort(pass->pipeline);
    return pipeline_join_for(pass->pipeline, PASS_JOIN_MS) == 0;
}

void backfill_pass_free(struct backfill_pass *pass)
{
    if (pass == NULL)
        return;
    pipeline_free(pass->pipeline);
    state_db_close(pass->state);
    metrics_free(pass->metrics);
    plan_free(pass->plan);
    config_free(pass->config);
    free(pass);
}
