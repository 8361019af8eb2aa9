/* job_valkey: the connection and the scratch of the Valkey store, shared by its parts.
 *
 * Keys, after the prefix: jobs (sorted set: id by time), job:ID (hash: the job), job:ID:users
 * (hash: what is known of each), job:ID:0 … :4 (sorted sets: users by state).  All expire
 * together, `keep` after the last change.  Each call is one script, which the server runs
 * alone; a user is replaced only if he is still what was read. */
#ifndef SLUICE_CORE_JOB_VALKEY_H
#define SLUICE_CORE_JOB_VALKEY_H

#include "../plugins/common/valkey.h"
#include "job_private.h"

struct job_valkey {
    struct valkey_settings settings;
    struct valkey *v;
    const char *prefix;
    char keep[24];            /* milliseconds */
    struct job_known *known;  /* scratch of one user */
    struct job *job;          /* scratch */
    struct strbuf text;       /* scratch: values of one call */
    struct sluice_str *words; /* of the command that is being made */
    uint32_t n_words, cap_words;
    int no_memory;
};

/* What a script answered; err is filled if it returns other than OK. */
typedef uint32_t (*job_valkey_answer)(void *context, const redisReply *reply, struct sluice_error *err);

/* A command: begin with a script (the prelude stands before it) for a job, or for none (id
 * NULL), add its arguments, run.  Arguments live until then. */
void job_valkey_begin(struct job_valkey *d, const char *script, const char *id);
void job_valkey_arg(struct job_valkey *d, struct sluice_str arg);
void job_valkey_text(struct job_valkey *d, const char *arg);
uint32_t job_valkey_run(struct job_valkey *d, job_valkey_answer answer, void *context,
                        struct sluice_error *err);
uint32_t job_valkey_damaged(struct sluice_error *err);

/* job_valkey_users.c */
uint32_t job_valkey_add(struct job_ledger *l, const char *id, const struct sluice_str *users, uint32_t n,
                        const char *cursor, uint64_t *added, struct sluice_error *err);
uint32_t job_valkey_mark(struct job_ledger *l, const char *id, const char *const *steps, uint32_t n_steps,
                         const struct job_mark *marks, uint32_t n, uint64_t *unknown,
                         struct sluice_error *err);
uint32_t job_valkey_scan(struct job_ledger *l, const char *id, const enum job_user_state *state,
                         const struct job_page *page, struct sluice_error *err);

#endif
