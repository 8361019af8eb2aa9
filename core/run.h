/* run: the state of `sluice run`, shared by its parts.
 *
 *   cmd_run.c     the command: load, start, end, summary
 *   run_loop.c    signals, progress, drain and its deadline
 *   run_reload.c  SIGHUP
 *   run_jobs.c    the ledger of jobs
 *   run_admin.c   what the HTTP listener shows
 *   run_backfill.c  jobs that this run sends */
#ifndef SLUICE_CORE_RUN_H
#define SLUICE_CORE_RUN_H

#include "app.h"
#include "cli.h"
#include "http_server.h"
#include "job.h"
#include "metric.h"
#include "pipeline.h"
#include "state_db.h"

struct admin;
struct admin_backfill;
struct run_backfill;

struct run {
    struct cli_list files;
    const char *env;
    int json;
    struct app app;
    struct state_db *state;
    struct metrics *metrics;
    struct admin *admin;
    struct job_ledger *jobs;       /* NULL: the config has no jobs */
    struct run_backfill *backfill; /* NULL: the config has no queue for it */
    struct pipeline **pipelines;
    size_t n;
    int drained_late; /* the deadline of a drain passed */
    int64_t started_ms;
};

/* Signals that run_loop reads; blocked before the first thread. */
void run_block_signals(void);
/* Until every pipeline is done or failed; 0, or 1: given up at the deadline. */
int run_loop(struct run *r);
/* Ends the process at once: exit code 1. */
void run_leave_now(void) __attribute__((noreturn));
/* The config again: says what changed, does the safe part. */
void run_reload(struct run *r);
/* The ledger, where the config asks for one; 0, or -1 with problems.  join: the pipelines report to it. */
int run_jobs_open(struct run *r, struct problems *p);
void run_jobs_join(struct run *r);
void run_jobs_close(struct run *r);
#define RUN_TOKEN_MAX 4096u
/* The token in its file, without the newline; 0, or -1 with err: none, or too long. */
int run_read_token(const char *file, char *token, size_t cap, struct sluice_error *err);
/* Sends the jobs of the ledger, where the config says to which queue.  0, or -1 with err; stop in both
 * cases.  admin: for the listener, or NULL. */
int run_backfill_start(struct run *r, struct sluice_error *err);
const struct admin_backfill *run_backfill_admin(const struct run *r);
void run_backfill_stop(struct run *r);
/* 0, or -1 with err. */
int run_admin_start(struct run *r, struct sluice_error *err);
void run_admin_say(const struct run *r); /* logs the port */
void run_admin_stop(struct run *r);

#endif
