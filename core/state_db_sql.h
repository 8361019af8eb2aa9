/* state_db_sql: the database behind a state_db, for the files that keep tables in it.
 *
 * Take the lock, use cached statements, give the lock back.  The lock may be taken
 * again by the thread that holds it. */
#ifndef SLUICE_CORE_STATE_DB_SQL_H
#define SLUICE_CORE_STATE_DB_SQL_H

#include <pthread.h>
#include <sqlite3.h>

#include "state_db.h"

#define STATE_VERSION 1
#define STATE_STATEMENTS 24u

struct state_statement {
    const char *sql; /* a literal: its address is the key */
    sqlite3_stmt *stmt;
};

/* Unresolved letters of one pipeline. */
struct letter_count {
    char *pipeline;
    uint64_t n;
};

struct state_db {
    pthread_mutex_t lock;
    sqlite3 *sql;
    char *dir;
    int lock_fd; /* -1: none */
    enum state_mode mode;
    struct state_statement statements[STATE_STATEMENTS];

    pthread_mutex_t count_lock; /* taken after lock, held shortly */
    struct letter_count *counts;
    uint32_t n_counts;
    int counts_unsure; /* 1: they could not be read after the last commit */
};

/* A statement ready to be bound, owned by db: sqlite3_reset it after use.  NULL with err. */
sqlite3_stmt *state_db_statement(struct state_db *db, const char *sql, struct sluice_error *err);
uint32_t state_db_begin(struct state_db *db, const char *doing, struct sluice_error *err);
/* Commits; on failure everything since begin is undone. */
uint32_t state_db_commit(struct state_db *db, const char *doing, struct sluice_error *err);
void state_db_rollback(struct state_db *db);
/* Puts SQLite's last error into words.  doing: "keeping a dead letter".  Returns the
 * code: RETRY, or FATAL for a damaged database. */
uint32_t state_db_fail(struct state_db *db, const char *doing, struct sluice_error *err);

/* Locks dir/lock.  The descriptor, or -1 with err: who holds it. */
int state_lock_take(const char *dir, struct sluice_error *err);
void state_lock_give(int fd);

/* Makes the tables, or checks that they are ours. */
uint32_t state_schema_make(struct state_db *db, struct sluice_error *err);
uint32_t state_schema_check(struct state_db *db, int *empty, struct sluice_error *err);

/* Reads the counts of letters anew. [lock held] */
uint32_t dead_letter_recount(struct state_db *db, struct sluice_error *err);
void dead_letter_forget_counts(struct state_db *db);

#endif
