/* job_sqlite: the database of jobs, shared by the parts of its store. */
#ifndef SLUICE_CORE_JOB_SQLITE_H
#define SLUICE_CORE_JOB_SQLITE_H

#include <sqlite3.h>

#include "job_private.h"

#define JOB_SQLITE_STATEMENTS 32u

struct job_sqlite {
    sqlite3 *sql;
    char *path;
    struct {
        const char *sql; /* a literal: its address is the key */
        sqlite3_stmt *stmt;
    } statements[JOB_SQLITE_STATEMENTS];
    struct job_known *known; /* scratch of one user */
    struct strbuf value;     /* and him packed */
    struct job *job;         /* scratch */
};

/* A statement to bind, NULL with err; reset it with job_sqlite_done. */
sqlite3_stmt *job_sqlite_statement(struct job_sqlite *d, const char *sql, struct sluice_error *err);
void job_sqlite_done(sqlite3_stmt *s);
/* Steps a statement that gives no row, and is done with it. */
uint32_t job_sqlite_run(struct job_sqlite *d, sqlite3_stmt *s, const char *doing, struct sluice_error *err);
uint32_t job_sqlite_fail(struct job_sqlite *d, const char *doing, struct sluice_error *err);
uint32_t job_sqlite_begin(struct job_sqlite *d, const char *doing, struct sluice_error *err);
/* Commits if code is OK, else undoes everything since begin; what it came to. */
uint32_t job_sqlite_end(struct job_sqlite *d, uint32_t code, const char *doing, struct sluice_error *err);
/* Number of the job; REJECT: there is none. */
uint32_t job_sqlite_number(struct job_sqlite *d, const char *id, int64_t *number, struct sluice_error *err);
uint32_t job_sqlite_touch(struct job_sqlite *d, int64_t number, struct sluice_error *err);

/* job_sqlite_users.c */
uint32_t job_sqlite_add(struct job_ledger *l, const char *id, const struct sluice_str *users, uint32_t n,
                        const char *cursor, uint64_t *added, struct sluice_error *err);
uint32_t job_sqlite_mark(struct job_ledger *l, const char *id, const char *const *steps, uint32_t n_steps,
                         const struct job_mark *marks, uint32_t n, uint64_t *unknown,
                         struct sluice_error *err);
uint32_t job_sqlite_scan(struct job_ledger *l, const char *id, const enum job_user_state *state,
                         const struct job_page *page, struct sluice_error *err);

#endif
