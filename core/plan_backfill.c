/* plan_backfill: the `backfill` block.
 *
 * The blocks of instances in it are checked as parts of the very pipelines that a backfill
 * would run, so that `check` refuses what `backfill` would. */
#include <stdlib.h>
#include <string.h>

#include "backfill_config.h"
#include "plan_internal.h"

#define NOWHERE_FILE "/dev/null"

/* What is not an option of TABLE_BACKFILL. */
static const char *const backfill_blocks[] = {"queue", "s3", "neo4j", "batch", "retry", "breaker", NULL};

static int read_spec(struct planner *b, const struct config *c, struct backfill_spec *out)
{
    const struct config_value *block = c == NULL ? NULL : config_get(c->root, "backfill");
    struct config_value nothing = {.type = CONFIG_MAP};
    struct sluice_config *options =
        plan_options(b, TABLE_BACKFILL, block != NULL ? block : &nothing, backfill_blocks);

    if (options == NULL)
        return -1;
    out->block = block;
    out->has_queue = config_get(block, "queue") != NULL;
    out->rate_limit = option_number(options, "rate_limit");
    out->lookback_days = option_integer(options, "lookback_days");
    out->give_up_ms = option_integer(options, "give_up");
    plan_copy(b, &out->reason, option_string(options, "reason"));
    option_free(options);
    return out->reason == NULL ? -1 : 0;
}

int plan_backfill_read(const struct config *c, struct backfill_spec *out, struct problems *p)
{
    struct planner b = {.problems = p};

    memset(out, 0, sizeof *out);
    return read_spec(&b, c, out);
}

void plan_backfill_release(struct backfill_spec *spec)
{
    free(spec->reason);
    memset(spec, 0, sizeof *spec);
}

/* Plans what would run, and forgets it. */
static void try_config(struct planner *b, struct config *config)
{
    struct plan_flags flags = {.no_files = 1}; /* of the list and the spool there are no files yet */

    if (config == NULL)
        return;
    plan_free(plan_build(config, b->registry, flags, b->problems));
    config_free(config);
}

void plan_backfill(struct planner *b, const struct config *c)
{
    struct backfill_spec *spec = &b->plan->backfill;
    struct backfill_job job = {.id = "check"};

    if (config_get(c->root, "backfill") == NULL || read_spec(b, c, spec) != 0)
        return;
    job.rate = spec->rate_limit;
    job.lookback_days = spec->lookback_days;
    job.reason = spec->reason;
    if (spec->has_queue)
        try_config(b, backfill_config_send(spec->block, &job, NOWHERE_FILE, NOWHERE_FILE, b->problems));
    if (config_get(spec->block, "s3") != NULL)
        try_config(b, backfill_config_collect(spec->block, &job, BACKFILL_S3, "s3://bucket/users.txt",
                                              NOWHERE_FILE, NOWHERE_FILE, b->problems));
    if (config_get(spec->block, "neo4j") != NULL)
        try_config(b, backfill_config_collect(spec->block, &job, BACKFILL_NEO4J, NULL, NOWHERE_FILE,
                                              NOWHERE_FILE, b->problems));
}
