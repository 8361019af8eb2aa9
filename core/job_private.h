/* job_private: what the parts of the ledger share.
 *
 *   job.c               what may be kept, names, and the calls of job.h
 *   job_known.c         what is known of a user, and the state that follows from it
 *   job_retry.c         failed users once more
 *   job_store_sqlite.c  jobs; job_sqlite_users.c  users
 *   job_store_valkey.c  jobs; job_valkey_users.c  users; job_valkey_call.c  one round trip
 *
 * Invariant: a store keeps what is known of a user as one text, replaced as a whole and only
 * if it is still what was read; so the rules stand in one place, and two who report at once
 * lose nothing. */
#ifndef SLUICE_CORE_JOB_PRIVATE_H
#define SLUICE_CORE_JOB_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "job.h"
#include "strbuf.h"

#define JOB_EVENT_RETRY 100 /* of job_retry: pending again, if he failed */
#define JOB_VALUE_MAX (32u * 1024u)

/* --- what is known of a user -------------------------------------------------------- */

enum job_base { JOB_BASE_PENDING, JOB_BASE_SENT, JOB_BASE_FAILED, JOB_BASE_SKIPPED }; /* the sender's word */

struct job_reason {
    uint32_t step; /* or JOB_NO_STEP */
    char text[JOB_REASON_MAX + 1];
};

struct job_known {
    enum job_base base;
    uint32_t retries;
    uint64_t need; /* steps that reports named: the user is through when each has an end */
    uint64_t loaded, failed, skipped;
    int64_t changed_ms;
    uint32_t n_reasons; /* one for each failed or skipped step, and the sender's */
    struct job_reason reasons[JOB_MAX_STEPS + 1];
};

void job_known_new(struct job_known *k, int64_t now_ms);
/* step: in job.steps, or JOB_NO_STEP; all: bits of the reporting pipeline's steps.  1: it changed. */
int job_known_apply(struct job_known *k, int event, uint32_t step, uint64_t all, const char *reason,
                    int64_t now_ms);
enum job_user_state job_known_state(const struct job_known *k);
/* The reason that the state is about; NULL: none. */
const struct job_reason *job_known_reason(const struct job_known *k);
void job_known_pack(const struct job_known *k, struct strbuf *out);
/* 0, or -1: it was not packed by us. */
int job_known_unpack(const char *text, size_t len, struct job_known *k);

/* --- stores -------------------------------------------------------------------------- */

struct job_page {
    const char *after; /* "" : from the start */
    uint32_t limit;
    int one; /* only the user `after` himself */
    job_user_each each;
    void *context;
    char *next; /* or NULL */
};

/* Each call under the ledger's lock; arguments are checked. */
struct job_store {
    void (*close)(struct job_ledger *l);
    uint32_t (*create)(struct job_ledger *l, const struct job *job, struct sluice_error *err);
    /* Stored state; the caller derives the one to show. */
    uint32_t (*get)(struct job_ledger *l, const char *id, struct job *out, struct sluice_error *err);
    uint32_t (*list)(struct job_ledger *l, job_each each, void *context, struct sluice_error *err);
    uint32_t (*remove)(struct job_ledger *l, const char *id, struct sluice_error *err);
    uint32_t (*set_state)(struct job_ledger *l, const char *id, enum job_state state, const char *error,
                          int revive, struct sluice_error *err);
    uint32_t (*set_total)(struct job_ledger *l, const char *id, int64_t total, struct sluice_error *err);
    uint32_t (*add)(struct job_ledger *l, const char *id, const struct sluice_str *users, uint32_t n,
                    const char *cursor, uint64_t *added, struct sluice_error *err);
    uint32_t (*mark)(struct job_ledger *l, const char *id, const char *const *steps, uint32_t n_steps,
                     const struct job_mark *marks, uint32_t n, uint64_t *unknown, struct sluice_error *err);
    uint32_t (*scan)(struct job_ledger *l, const char *id, const enum job_user_state *state,
                     const struct job_page *page, struct sluice_error *err);
    uint32_t (*lease)(struct job_ledger *l, const char *id, const char *owner, uint32_t ms,
                      struct sluice_error *err);
    uint32_t (*lease_end)(struct job_ledger *l, const char *id, const char *owner, struct sluice_error *err);
    uint32_t (*expire)(struct job_ledger *l, int64_t before_ms, uint64_t *deleted, struct sluice_error *err);
};

struct job_ledger {
    pthread_mutex_t lock;
    const struct job_store *store;
    void *self; /* the store's */
    int64_t keep_ms;
    atomic_int cancelled;
};

extern const struct job_store job_store_sqlite, job_store_valkey;
/* Fill l->store and l->self. */
uint32_t job_sqlite_open(struct job_ledger *l, const char *dir, enum job_ledger_mode mode,
                         struct sluice_error *err);
uint32_t job_valkey_open(struct job_ledger *l, const struct sluice_config *options, struct sluice_error *err);

uint32_t job_no_such(struct sluice_error *err, const char *id);
/* Names of a job's steps as one text, apart by \n; finds or adds name: its index, or -1: no room. */
int job_steps_index(struct job *job, const char *name);
void job_steps_pack(const struct job *job, struct strbuf *out);
void job_steps_unpack(struct job *job, const char *text);
/* A user of a store, as job_user. */
int job_tell_user(const struct job *job, const char *user, const struct job_known *k, job_user_each each,
                  void *context);
/* job_scan without the lock and the checks. */
uint32_t job_retry_locked(struct job_ledger *l, const char *id, uint64_t *users, struct sluice_error *err);

#endif
