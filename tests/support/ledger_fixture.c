/* ledger_fixture: see its header. */
#include "ledger_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_internal.h"
#include "temp_dir.h"

const char *const abc[3] = {"a", "b", "c"};
char *dir;
static struct problems problems;
static struct config *config;
struct plan plan;
struct job_ledger *ledger;
struct sluice_error err;
struct job job;

void fail_now(uint32_t code)
{
    ck_assert_msg(code == SLUICE_OK, "code %u: %s", code, err.message);
}

struct job_ledger *open_one(void)
{
    struct job_ledger *l = job_ledger_open(&plan, JOB_LEDGER_USE, &err);

    ck_assert_msg(l != NULL, "%s", err.message);
    return l;
}

void ledger_setup(void)
{
    const char *server = getenv("SLUICE_TEST_VALKEY");
    const char *files[1];
    char path[4096];
    size_t n;
    FILE *f;

    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    dir = temp_dir_make();
    (void)snprintf(path, sizeof path, "%s/c.yaml", dir);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    if (server != NULL)
        fprintf(f, "jobs: { store: valkey, address: \"%s\", prefix: \"check-%s:\" }\n", server,
                strrchr(dir, '/') + 1);
    else
        fputs("jobs: { store: sqlite }\n", f);
    fclose(f);
    files[0] = path;
    problems_init(&problems);
    config = config_load(files, 1, NULL, &problems);
    ck_assert_ptr_nonnull(config);
    memset(&plan, 0, sizeof plan);
    plan.state_dir = dir;
    plan.jobs = option_parse(&plan_tables(&n)[TABLE_JOBS], config_get(config->root, "jobs"), NULL, &problems);
    ck_assert_ptr_nonnull(plan.jobs);
    ledger = open_one();
}

void ledger_teardown(void)
{
    job_ledger_close(ledger);
    option_free(plan.jobs);
    config_free(config);
    problems_release(&problems);
    temp_dir_remove(dir);
}

void make(const char *id, int64_t total)
{
    struct job_new j = {.id = id,
                        .kind = "user_ids",
                        .source = "a \"list\"",
                        .sender = "{\"queue\":\"q\"}",
                        .requester = "me",
                        .rate = 12.5,
                        .lookback_days = 365,
                        .force = 1,
                        .total = total};

    fail_now(job_create(ledger, &j, NULL, &err));
}

uint64_t add(const char *id, const char *const *users, uint32_t n, const char *cursor)
{
    struct sluice_str list[16];
    uint64_t added = 99;
    uint32_t i;

    for (i = 0; i < n; i++)
        list[i] = sluice_str_of(users[i]);
    fail_now(job_add_users(ledger, id, list, n, cursor, &added, &err));
    return added;
}

const char *const two_steps[] = {"receipts", "shop-orders"};

uint64_t mark(const char *id, const char *user, enum job_event event, uint32_t step, const char *reason)
{
    struct job_mark m = {sluice_str_of(user), event, step, reason};
    uint64_t unknown = 99;

    fail_now(job_mark(ledger, id, step == JOB_NO_STEP ? NULL : two_steps, step == JOB_NO_STEP ? 0 : 2, &m, 1,
                      &unknown, &err));
    return unknown;
}

void counts(const char *id, uint64_t pending, uint64_t sent, uint64_t done, uint64_t failed, uint64_t skipped)
{
    fail_now(job_get(ledger, id, &job, &err));
    ck_assert_msg(job.users[0] == pending && job.users[1] == sent && job.users[2] == done &&
                      job.users[3] == failed && job.users[4] == skipped,
                  "pending %llu sent %llu done %llu failed %llu skipped %llu",
                  (unsigned long long)job.users[0], (unsigned long long)job.users[1],
                  (unsigned long long)job.users[2], (unsigned long long)job.users[3],
                  (unsigned long long)job.users[4]);
}
