/* plan_job: the ledger of jobs (`jobs`), and which members of a record say that it belongs to
 * a job (`job` of a pipeline). */
#include <string.h>

#include <sluice/host.h>

#include "../plugins/common/valkey.h"
#include "plan_internal.h"

/* What valkey_settings_read asks its host for. */
static const struct sluice_host getters = {
    .struct_size = sizeof getters,
    .option_string = option_string,
    .option_integer = option_integer,
};

static void check_valkey(struct planner *b, const struct sluice_config *c)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct valkey_settings settings;

    if (valkey_settings_read(&getters, c, &settings, &err) != SLUICE_OK)
        problem_add(b->problems, option_origin(c, err.option), NULL, "jobs: %s", err.message);
}

/* Options of the other store would be read by nobody. */
static void check_sqlite(struct planner *b, const struct sluice_config *c)
{
    static const char *const of_valkey[] = {"address", "user",   "password",        "db",
                                            "tls",     "prefix", "connect_timeout", "command_timeout"};
    size_t i;

    for (i = 0; i < sizeof of_valkey / sizeof *of_valkey; i++)
        if (option_given(c, of_valkey[i]))
            problem_add(b->problems, option_origin(c, of_valkey[i]), "add `store: valkey`",
                        "`%s` of jobs is for the store valkey, and the store is sqlite", of_valkey[i]);
}

void plan_jobs(struct planner *b, const struct config_value *block, struct origin at)
{
    struct sluice_config *c = plan_options_or_default(b, TABLE_JOBS, block, at);

    b->plan->jobs = c;
    b->plan->jobs_given = block != NULL;
    if (c == NULL)
        return;
    if (strcmp(option_string(c, "store"), "valkey") == 0)
        check_valkey(b, c);
    else
        check_sqlite(b, c);
}

void plan_pipeline_job(struct planner *b, const struct config_value *v)
{
    const struct config_value *block = config_get(v, "job");
    struct sluice_config *c;

    if (block == NULL)
        return;
    c = plan_options(b, TABLE_JOB, block, NULL);
    if (c == NULL)
        return;
    plan_copy(b, &b->pipe->job_id, option_string(c, "id"));
    plan_copy(b, &b->pipe->job_user, option_string(c, "user"));
    if (strcmp(option_string(c, "id"), option_string(c, "user")) == 0)
        problem_add(b->problems, option_origin(c, "id"), NULL,
                    "`id` and `user` of job are two members; both are '%s'", option_string(c, "id"));
    option_free(c);
}
