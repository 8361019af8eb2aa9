/* run_backfill: what of a run sends jobs of users and enrols them. */
#include <stdlib.h>
#include <string.h>

#include <sluice/enroll.h>

#include "admin_backfill.h"
#include "backfill_jobs.h"
#include "instance.h"
#include "log.h"
#include "run.h"

struct run_backfill {
    struct admin_backfill admin;
    struct backfill_jobs *jobs;
    /* A gate of the config, made once more and never started, to enrol users with. */
    struct instance_env env;
    struct instance *gate;
    const struct sluice_enroll *enroll;
};

static void wake(void *context)
{
    struct run_backfill *b = context;

    backfill_jobs_wake(b->jobs);
}

/* Called by the listener's thread alone. */
static uint32_t enroll(void *context, struct sluice_str user, uint32_t look_only, uint32_t *fresh,
                       struct sluice_error *err)
{
    struct run_backfill *b = context;

    return b->enroll->enroll(instance_self(b->gate), user, look_only, fresh, err);
}

/* 1: this is a gate that enrols. */
static int try_gate(struct run_backfill *b, const struct pipeline_spec *pipe,
                    const struct instance_spec *spec, struct problems *p)
{
    uint32_t i;

    b->env = (struct instance_env){.pipeline_name = pipe->name};
    b->gate = instance_new(spec, &b->env, p);
    if (b->gate == NULL)
        return 0;
    b->enroll = spec->plugin->lifecycle.extension(instance_self(b->gate), SLUICE_ENROLL_ID);
    if (b->enroll != NULL)
        return 1;
    instance_free(b->gate);
    b->gate = NULL;
    for (i = 0; i < b->env.n_fields; i++)
        free(b->env.fields[i]);
    return 0;
}

static void find_gate(struct run_backfill *b, const struct plan *plan)
{
    struct problems p;
    size_t i, j;

    problems_init(&p);
    for (i = 0; i < plan->n_pipelines && b->gate == NULL; i++)
        for (j = 0; j < plan->pipelines[i].n_instances && b->gate == NULL; j++) {
            const struct instance_spec *spec = plan->pipelines[i].instances[j];

            if (spec->plugin->desc.kind == SLUICE_GATE && spec->plugin->lifecycle.extension != NULL)
                (void)try_gate(b, &plan->pipelines[i], spec, &p);
        }
    problems_release(&p);
}

int run_backfill_start(struct run *r, struct sluice_error *err)
{
    const struct plan *plan = r->app.plan;
    struct run_backfill *b;

    if (!plan->backfill.has_queue || r->jobs == NULL)
        return 0;
    b = calloc(1, sizeof *b);
    if (b == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
        return -1;
    }
    r->backfill = b;
    find_gate(b, plan);
    b->admin = (struct admin_backfill){.ledger = r->jobs,
                                       .spec = &plan->backfill,
                                       .wake = wake,
                                       .context = b,
                                       .enroll = b->enroll != NULL ? enroll : NULL};
    b->jobs = backfill_jobs_start(plan, r->app.registry, r->jobs, err);
    return b->jobs == NULL ? -1 : 0;
}

const struct admin_backfill *run_backfill_admin(const struct run *r)
{
    return r->backfill == NULL ? NULL : &r->backfill->admin;
}

void run_backfill_stop(struct run *r)
{
    struct run_backfill *b = r->backfill;
    uint32_t i;

    if (b == NULL)
        return;
    backfill_jobs_stop(b->jobs);
    if (b->gate != NULL) {
        instance_free(b->gate);
        for (i = 0; i < b->env.n_fields; i++)
            free(b->env.fields[i]);
    }
    free(b);
    r->backfill = NULL;
}
