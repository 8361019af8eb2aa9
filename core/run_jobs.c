/* run_jobs: the ledger of jobs of a run: opened if a pipeline reports to it or the config
 * has a `jobs`, and what of it stands in the metrics. */
#include "clock.h"
#include "log.h"
#include "run.h"

static int wanted(const struct plan *plan)
{
    size_t i;

    for (i = 0; i < plan->n_pipelines; i++)
        if (plan->pipelines[i].job_id != NULL)
            return 1;
    return plan->jobs_given || plan->backfill.has_queue;
}

/* Old jobs go when a run starts; a store that is away then is no reason not to start. */
static void expire(struct run *r)
{
    struct sluice_error err = {.struct_size = sizeof err};
    uint64_t deleted = 0;
    struct log_field fields[1];

    if (job_ledger_expire(r->jobs, &deleted, &err) == SLUICE_OK)
        return;
    fields[0] = LOG_TEXT("message", err.message);
    log_event(SLUICE_WARN, "jobs_not_expired", fields, 1);
}

int run_jobs_open(struct run *r, struct problems *p)
{
    struct sluice_error err = {.struct_size = sizeof err};

    if (!wanted(r->app.plan))
        return 0;
    r->jobs = job_ledger_open(r->app.plan, JOB_LEDGER_USE, &err);
    if (r->jobs == NULL) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "jobs: %s", err.message);
        return -1;
    }
    expire(r);
    return 0;
}

void run_jobs_join(struct run *r)
{
    size_t i;

    for (i = 0; r->jobs != NULL && i < r->n; i++)
        pipeline_report_to(r->pipelines[i], r->jobs);
}

void run_jobs_close(struct run *r)
{
    job_ledger_close(r->jobs);
    r->jobs = NULL;
}
