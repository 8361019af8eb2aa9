#include "backfill_jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backfill_folder.h"
#include "backfill_sender.h"
#include "clock.h"
#include "hash.h"
#include "log.h"

#define JOBS_LOOK_MS 1000u
#define JOBS_SENDERS 8u /* jobs that are sent at once */

struct sending {
    struct backfill_jobs *jobs;
    struct backfill_sender sender;
    pthread_t thread;
    int used;        /* there is a thread */
    atomic_int over; /* it is at its end, and can be joined */
};

struct backfill_jobs {
    const struct plan *plan;
    const struct registry *registry;
    struct job_ledger *ledger;
    char owner[JOB_NAME_MAX + 1];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int woken;
    atomic_int stopping;
    struct sending sendings[JOBS_SENDERS]; /* of the looking thread */
    int told;                              /* that the ledger is away */
};

/* Who this run is to the ledger: the same after a restart, and nobody else's meanwhile. */
static void make_owner(const struct plan *plan, char out[JOB_NAME_MAX + 1])
{
    char host[64] = "?";

    (void)gethostname(host, sizeof host - 1);
    host[sizeof host - 1] = '\0';
    (void)snprintf(out, JOB_NAME_MAX + 1, "%s:%016llx", host,
                   (unsigned long long)(plan->state_dir == NULL
                                            ? (uint64_t)getpid()
                                            : hash_bytes(plan->state_dir, strlen(plan->state_dir))));
}

static void *sending_main(void *context)
{
    struct sending *s = context;

    (void)backfill_sender_run(&s->sender);
    atomic_store(&s->over, 1);
    backfill_jobs_wake(s->jobs);
    return NULL;
}

static void reap(struct backfill_jobs *j, int all)
{
    size_t i;

    for (i = 0; i < JOBS_SENDERS; i++)
        if (j->sendings[i].used && (all || atomic_load(&j->sendings[i].over))) {
            (void)pthread_join(j->sendings[i].thread, NULL);
            j->sendings[i].used = 0;
        }
}

static int is_sending(const struct backfill_jobs *j, const char *id)
{
    size_t i;

    for (i = 0; i < JOBS_SENDERS; i++)
        if (j->sendings[i].used && strcmp(j->sendings[i].sender.id, id) == 0)
            return 1;
    return 0;
}

/* A job of the ledger: sent from now on, if it is to be sent and nobody does it. */
static int take_up(void *context, const struct job *job)
{
    struct backfill_jobs *j = context;
    struct sending *s = NULL;
    size_t i;

    if (job->state != JOB_RUNNING || is_sending(j, job->id))
        return 0;
    if (job->owner[0] != '\0' && strcmp(job->owner, j->owner) != 0)
        return 0;
    for (i = 0; i < JOBS_SENDERS && s == NULL; i++)
        if (!j->sendings[i].used)
            s = &j->sendings[i];
    if (s == NULL)
        return 1;
    s->jobs = j;
    s->sender = (struct backfill_sender){.plan = j->plan,
                                         .registry = j->registry,
                                         .ledger = j->ledger,
                                         .owner = j->owner,
                                         .stopping = &j->stopping};
    (void)snprintf(s->sender.id, sizeof s->sender.id, "%s", job->id);
    atomic_store(&s->over, 0);
    s->used = pthread_create(&s->thread, NULL, sending_main, s) == 0;
    return 0;
}

static void look(struct backfill_jobs *j)
{
    struct sluice_error err = {.struct_size = sizeof err};
    uint32_t code = job_list(j->ledger, 1, take_up, j, &err);
    struct log_field fields[] = {LOG_TEXT("message", err.message)};

    if (code != SLUICE_OK && code != SLUICE_CANCELLED && !j->told)
        log_event(SLUICE_WARN, "job_ledger_away", fields, 1);
    j->told = code != SLUICE_OK;
}

static void *jobs_main(void *context)
{
    struct backfill_jobs *j = context;
    struct timespec until;

    while (!atomic_load(&j->stopping)) {
        reap(j, 0);
        look(j);
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += JOBS_LOOK_MS / 1000;
        pthread_mutex_lock(&j->lock);
        while (!j->woken && !atomic_load(&j->stopping) &&
               pthread_cond_timedwait(&j->wake, &j->lock, &until) == 0)
            ;
        j->woken = 0;
        pthread_mutex_unlock(&j->lock);
    }
    reap(j, 1);
    return NULL;
}

static int make_sync(struct backfill_jobs *j)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
             pthread_mutex_init(&j->lock, NULL) != 0 || pthread_cond_init(&j->wake, &attr) != 0;
    (void)pthread_condattr_destroy(&attr);
    return failed ? -1 : 0;
}

struct backfill_jobs *backfill_jobs_start(const struct plan *plan, const struct registry *registry,
                                          struct job_ledger *ledger, struct sluice_error *err)
{
    struct backfill_jobs *j = calloc(1, sizeof *j);

    if (plan->state_dir != NULL) /* which this run alone holds */
        backfill_folder_sweep(plan->state_dir);
    if (j != NULL) {
        j->plan = plan;
        j->registry = registry;
        j->ledger = ledger;
        make_owner(plan, j->owner);
    }
    if (j == NULL || make_sync(j) != 0 || pthread_create(&j->thread, NULL, jobs_main, j) != 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no memory or no thread for the senders of jobs");
        free(j);
        return NULL;
    }
    return j;
}

void backfill_jobs_wake(struct backfill_jobs *j)
{
    pthread_mutex_lock(&j->lock);
    j->woken = 1;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

void backfill_jobs_stop(struct backfill_jobs *j)
{
    if (j == NULL)
        return;
    atomic_store(&j->stopping, 1);
    backfill_jobs_wake(j);
    (void)pthread_join(j->thread, NULL);
    (void)pthread_mutex_destroy(&j->lock);
    (void)pthread_cond_destroy(&j->wake);
    free(j);
}
