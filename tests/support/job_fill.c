/* job_fill CONFIG ID: a job as its sender leaves it, for tests that have no queue: the users on
 * stdin, one a line, are added page by page and marked as sent, then it waits.  A job that is
 * there already goes on: its pending users are marked as sent. */
#include <stdio.h>
#include <string.h>

#include "job.h"
#include "option_internal.h"
#include "plan_internal.h"

#define PAGE 1000u

static char names[PAGE][JOB_USER_MAX + 1];
static struct sluice_str users[PAGE];
static struct job_mark marks[PAGE];
static uint32_t n_names;

static int take(void *context, const struct job_user *u)
{
    (void)context;
    (void)snprintf(names[n_names++], sizeof names[0], "%s", u->user);
    return n_names == PAGE;
}

static uint32_t mark_sent(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    uint32_t i;

    for (i = 0; i < n_names; i++) {
        users[i] = sluice_str_of(names[i]);
        marks[i] = (struct job_mark){users[i], JOB_EVENT_SENT, JOB_NO_STEP, NULL};
    }
    return job_mark(l, id, NULL, 0, marks, n_names, NULL, err);
}

static uint32_t add_page(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    uint32_t i;

    for (i = 0; i < n_names; i++)
        users[i] = sluice_str_of(names[i]);
    return job_add_users(l, id, users, n_names, NULL, NULL, err);
}

static uint32_t fill(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    const struct job_new job = {.id = id,
                                .kind = "file",
                                .source = "stdin",
                                .requester = "job_fill",
                                .lookback_days = 365,
                                .total = -1};
    const enum job_user_state pending = JOB_USER_PENDING;
    uint32_t code = job_create(l, &job, NULL, err);

    if (code == SLUICE_INVALID) /* it is there */
        code = SLUICE_OK;
    while (code == SLUICE_OK) {
        for (n_names = 0; n_names < PAGE && fgets(names[n_names], sizeof names[0], stdin) != NULL; n_names++)
            names[n_names][strcspn(names[n_names], "\n")] = '\0';
        if (n_names == 0)
            break;
        code = add_page(l, id, err);
    }
    while (code == SLUICE_OK) {
        n_names = 0;
        code = job_scan(l, id, &pending, NULL, PAGE, take, NULL, NULL, err);
        if (code != SLUICE_OK || n_names == 0)
            break;
        code = mark_sent(l, id, err);
    }
    return code != SLUICE_OK ? code : job_set_state(l, id, JOB_WAITING, NULL, err);
}

int main(int argc, char **argv)
{
    struct sluice_error err = {.struct_size = sizeof err};
    const struct config_value *dir;
    struct problems problems;
    struct job_ledger *l = NULL;
    struct config *config;
    struct plan plan;
    size_t n;
    int ok = 0;

    if (argc != 3)
        return 2;
    problems_init(&problems);
    memset(&plan, 0, sizeof plan);
    config = config_load((const char *const *)&argv[1], 1, NULL, &problems);
    dir = config == NULL ? NULL : config_get(config->root, "state_dir");
    if (dir != NULL && config_get(config->root, "jobs") != NULL) {
        plan.state_dir = option_path_absolute(dir->text, dir->origin.file);
        plan.jobs =
            option_parse(&plan_tables(&n)[TABLE_JOBS], config_get(config->root, "jobs"), NULL, &problems);
    }
    if (plan.jobs == NULL)
        problems_print(&problems, stderr);
    else if ((l = job_ledger_open(&plan, JOB_LEDGER_USE, &err)) == NULL ||
             fill(l, argv[2], &err) != SLUICE_OK)
        fprintf(stderr, "job_fill: %s\n", err.message);
    else
        ok = 1;
    job_ledger_close(l);
    option_free(plan.jobs);
    config_free(config);
    problems_release(&problems);
    return ok ? 0 : 1;
}
