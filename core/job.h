/* job: the ledger of jobs: who is to be loaded, who is, who is not and why.
 *
 * A job is a list of users and what became of each.  Its sender adds the users and sends
 * them; the workers report what they did with them; anybody reads.  "Done" means written,
 * not sent.
 *
 * The state of a user is not set but follows from what is known of him:
 *
 *   pending --sent--> sent --report of every step--> done | skipped
 *      ^  \             \---report of a failure----> failed --success after all--> done
 *      |   \--sender: failed, skipped                  |
 *      +----------------- job_retry -------------------+
 *
 *   Of each step he has at most one end.  Loaded beats failed, failed beats skipped; so the
 *   order and the number of reports do not matter, and a replay moves nobody backwards.
 *   - failed: a step failed and was not loaded since, or the sender could not send him;
 *   - done: no step failed, every step has an end, and at least one is loaded;
 *   - skipped: every step was skipped, or the sender left him out; always with a reason;
 *   - sent: sent or some step has an end, and none of the above;
 *   - pending: none of the above.
 *   job_retry forgets the failures of failed users, never what is loaded.  A report may come
 *   before the sender says "sent": it is kept, and "sent" then changes nothing.
 *
 * The state of a job: RUNNING while its sender works, WAITING once all is sent.  A waiting
 * job without pending and sent users reads as DONE, or FINISHED_FAILED if any failed: this
 * is seen when it is read, nobody has to write it.  A cancelled job still takes reports.
 *
 * One sender at a time: the lease.  The rule for a sender that may be killed at any point:
 *
 *   job_lease(...) OK -> read a page from job.cursor -> job_add_users(page, cursor after it)
 *   -> job_scan(PENDING) -> send -> job_mark(SENT) -> ... -> job_set_state(WAITING)
 *
 * Users are added before they are sent, and cursor and users move in one transaction, so
 * nobody is skipped; who was sent but not yet marked is sent again, with the same request
 * id.  job_scan goes by user id, so new users may stand before the cursor of a scan: scan
 * until a whole pass finds none.
 *
 * Two stores behind one interface: SQLite (jobs.sqlite in the state_dir; several processes
 * of one machine) and Valkey (any worker answers for any job).  Every call that writes and
 * answers OK is durable (Valkey: as durable as the server is set up); with any other answer
 * nothing of that call was kept, or, of Valkey alone, it is not known: calling again with
 * the same is always right.  Codes of all calls:
 *   OK | INVALID: the caller's words cannot be kept | REJECT: there is no such job |
 *   RETRY, DISCONNECTED: the store is busy, full or away, call again | FATAL: somebody has to
 *   act (damaged, wrong password) | CANCELLED: job_ledger_cancel.
 * Threads: every call is [any]; calls take turns.  Memory: one page, whatever the job's size. */
#ifndef SLUICE_CORE_JOB_H
#define SLUICE_CORE_JOB_H

#include <sluice/abi.h>

#include "plan.h"

#define JOB_ID_MAX 80u      /* letters, digits and -_.: */
#define JOB_USER_MAX 255u   /* bytes, no control characters, not empty */
#define JOB_TEXT_MAX 1023u  /* bytes of source, cursor, sender, error */
#define JOB_NAME_MAX 127u   /* bytes of requester, lease owner */
#define JOB_REASON_MAX 255u /* bytes of a user's reason, cut there; a step's name: 63 */
#define JOB_MAX_STEPS 64u
#define JOB_AT_ONCE 10000u /* users of one call at most; beyond it INVALID.  1,000 is a good page */

enum job_state {
    JOB_RUNNING,         /* there is something to send */
    JOB_WAITING,         /* all is sent; the workers report */
    JOB_DONE,            /* read only: every user has an end, none failed */
    JOB_FINISHED_FAILED, /* read only: every user has an end, some failed */
    JOB_CANCELLED,
    JOB_BROKEN /* the sender gave up: see error; job_retry sets it going again */
};
const char *job_state_name(enum job_state s); /* "running" "waiting" "done" "failed" "cancelled" "broken" */
int job_state_is_over(enum job_state s);      /* all but running and waiting */

enum job_user_state { JOB_USER_PENDING, JOB_USER_SENT, JOB_USER_DONE, JOB_USER_FAILED, JOB_USER_SKIPPED };
#define JOB_USER_STATES 5u
const char *job_user_state_name(enum job_user_state s);               /* "pending" … */
int job_user_state_parse(const char *text, enum job_user_state *out); /* 1, or 0: no such name */

/* What a job is made of; texts are copied. */
struct job_new {
    const char *id;        /* NULL: "backfill-<uuid>", random */
    const char *kind;      /* "user_ids" | "s3" | "neo4j" | "file" …: token */
    const char *source;    /* for people and to go on from: "s3://bucket/users.txt"; may be NULL */
    const char *sender;    /* opaque to the ledger: what a sender needs to go on (JSON); may be NULL */
    const char *requester; /* who asked; may be NULL */
    double rate;           /* users a second asked for; 0: no limit */
    uint32_t lookback_days;
    uint32_t force;
    int64_t total; /* users of the source; -1: not known yet */
};

struct job {
    char id[JOB_ID_MAX + 1];
    char kind[32];
    char source[JOB_TEXT_MAX + 1];
    char sender[JOB_TEXT_MAX + 1];
    char requester[JOB_NAME_MAX + 1];
    char cursor[JOB_TEXT_MAX + 1]; /* of the source; "": at its start */
    char error[JOB_TEXT_MAX + 1];  /* of BROKEN */
    char owner[JOB_NAME_MAX + 1];  /* of the lease; "": none, or it ran out */
    enum job_state state;
    uint32_t lookback_days;
    uint32_t force;
    uint32_t n_steps; /* that reports named so far */
    double rate;
    int64_t total;      /* -1: not known yet */
    int64_t created_ms; /* wall clock, all times */
    int64_t changed_ms; /* the last change of anything but the lease */
    int64_t lease_until_ms;
    uint64_t users[JOB_USER_STATES]; /* by state; their sum is what was added */
    char steps[JOB_MAX_STEPS][64];
    uint64_t loaded[JOB_MAX_STEPS]; /* users by step */
};
uint64_t job_added(const struct job *j); /* users in all states */

struct job_user {
    const char *user;
    enum job_user_state state;
    uint32_t retries;   /* how often job_retry took him up again */
    uint64_t loaded;    /* bits of job.steps */
    const char *reason; /* of failed and skipped, else "" */
    const char *step;   /* the step that it is about, or "": the sender's */
    int64_t changed_ms;
};

struct job_ledger;

enum job_ledger_mode {
    JOB_LEDGER_USE, /* makes the file */
    JOB_LEDGER_LOOK /* the file must be there already; writes to it are fine (retry, cancel) */
};

/* From the config's `jobs` (defaults without it).  SQLite opens its file; Valkey is connected to
 * at the first call.  NULL with err.  plan must outlive it. */
struct job_ledger *job_ledger_open(const struct plan *plan, enum job_ledger_mode mode,
                                   struct sluice_error *err);
void job_ledger_close(struct job_ledger *l);
/* Calls that wait return CANCELLED, and so do all later ones. */
void job_ledger_cancel(struct job_ledger *l);
/* Deletes jobs that nothing changed in for `keep`, unless somebody has their lease. */
uint32_t job_ledger_expire(struct job_ledger *l, uint64_t *deleted, struct sluice_error *err);

/* RUNNING and without users.  id: JOB_ID_MAX + 1 bytes, written on success; may be NULL.
 * INVALID if there is a job of this id already. */
uint32_t job_create(struct job_ledger *l, const struct job_new *job, char *id, struct sluice_error *err);
uint32_t job_get(struct job_ledger *l, const char *id, struct job *out, struct sluice_error *err);
/* Newest first; each returns 0 to go on.  only_open: running and waiting ones. */
typedef int (*job_each)(void *context, const struct job *job);
uint32_t job_list(struct job_ledger *l, int only_open, job_each each, void *context,
                  struct sluice_error *err);
uint32_t job_delete(struct job_ledger *l, const char *id, struct sluice_error *err);

/* RUNNING, WAITING, CANCELLED or BROKEN; error (may be NULL) is kept with it.  A cancelled job
 * stays so: RUNNING and WAITING are then answered with INVALID; only job_retry ends that. */
uint32_t job_set_state(struct job_ledger *l, const char *id, enum job_state state, const char *error,
                       struct sluice_error *err);
uint32_t job_set_total(struct job_ledger *l, const char *id, int64_t total, struct sluice_error *err);

/* Adds users as pending; who is there already stays as he is.  cursor (may be NULL: leave it) is
 * kept with them.  added, if not NULL: how many were new; the others are duplicates. */
uint32_t job_add_users(struct job_ledger *l, const char *id, const struct sluice_str *users, uint32_t n,
                       const char *cursor, uint64_t *added, struct sluice_error *err);

enum job_event {
    JOB_EVENT_SENT,    /* the sender: it is on its way */
    JOB_EVENT_LOADED,  /* a worker: the step is written (or was already, says its key) */
    JOB_EVENT_FAILED,  /* a worker: the step is dead; without a step, the sender: it could not be sent */
    JOB_EVENT_SKIPPED, /* a worker: a gate denied it; without a step, the sender left him out */
};
struct job_mark {
    struct sluice_str user;
    enum job_event event;
    uint32_t step;      /* of the steps given to job_mark; JOB_NO_STEP: the sender speaks */
    const char *reason; /* of FAILED and SKIPPED */
};
#define JOB_NO_STEP UINT32_MAX

/* What happened to users, in this order.  steps: names of all steps of the pipeline that reports
 * (NULL if no mark has a step).  unknown, if not NULL: marks of users who are not in the job. */
uint32_t job_mark(struct job_ledger *l, const char *id, const char *const *steps, uint32_t n_steps,
                  const struct job_mark *marks, uint32_t n, uint64_t *unknown, struct sluice_error *err);

/* Users after `after` (NULL: from the start) by id, at most limit of them (0: 1,000); of one
 * state, or of all if state is NULL.  next (JOB_USER_MAX + 1 bytes; may be NULL): for the next
 * call; "" when there are no more.  each returns 0 to go on, and must not call the ledger. */
typedef int (*job_user_each)(void *context, const struct job_user *user);
uint32_t job_scan(struct job_ledger *l, const char *id, const enum job_user_state *state, const char *after,
                  uint32_t limit, job_user_each each, void *context, char *next, struct sluice_error *err);
/* One user; REJECT: no such job or no such user. */
uint32_t job_find_user(struct job_ledger *l, const char *id, const char *user, job_user_each each,
                       void *context, struct sluice_error *err);

/* Every failed user is pending again, and the job RUNNING if there was one, or if it was cancelled
 * or broken.  The sender that takes it up sends those with job_user.retries > 0 past their keys. */
uint32_t job_retry(struct job_ledger *l, const char *id, uint64_t *users, struct sluice_error *err);
/* CANCELLED, unless it is over already (INVALID, in words). */
uint32_t job_cancel(struct job_ledger *l, const char *id, struct sluice_error *err);

/* The sender's lease, for ms from now.  Takes it if it is free, ran out, or is owner's own (so it
 * also renews).  *state is the job's.  DISCONNECTED-like trouble apart: OK: it is owner's;
 * RETRY with err->retry_after_ms: somebody else has it. */
uint32_t job_lease(struct job_ledger *l, const char *id, const char *owner, uint32_t ms,
                   enum job_state *state, struct sluice_error *err);
/* Gives it back if it is owner's. */
uint32_t job_lease_end(struct job_ledger *l, const char *id, const char *owner, struct sluice_error *err);

#endif
