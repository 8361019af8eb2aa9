/* once_db: keys in a table of SQLite.
 *
 * Each owner holds a lock on a byte of its own in once.lock, which the kernel drops when the
 * process dies.  So a lease is worth something only while its owner lives: what a
 * crash leaves behind can be taken over at once. */
#ifndef SLUICE_PLUGINS_ONCE_DB_H
#define SLUICE_PLUGINS_ONCE_DB_H

#include <sqlite3.h>

#include <sluice/abi.h>

enum once_state { ONCE_ABSENT = 0, ONCE_IS_LEASED = 1, ONCE_IS_DONE = 2 };

struct once_row {
    enum once_state state;
    int64_t owner;
    int64_t until; /* LEASED: end of the lease; DONE: when it was done (wall clock, ms) */
};

struct once_db {
    sqlite3 *db;
    sqlite3_stmt *find, *put, *release, *renew, *purge, *begin, *commit, *rollback;
    int64_t owner; /* > 0, random */
    int lock_fd;
    char *lock_path;
};

uint32_t once_db_open(struct once_db *s, const char *dir, struct sluice_error *err);
/* Gives up the owner's leases and closes. */
void once_db_close(struct once_db *s);
/* SQLITE_OK or an error of SQLite; begin takes the write lock. */
int once_db_begin(struct once_db *s);
int once_db_commit(struct once_db *s);
void once_db_rollback(struct once_db *s);
int once_db_find(struct once_db *s, const char *key, size_t len, struct once_row *row);
int once_db_put(struct once_db *s, const char *key, size_t len, enum once_state state, int64_t until);
int once_db_release(struct once_db *s, const char *key, size_t len); /* a lease of ours; others' stay */
int once_db_renew(struct once_db *s, int64_t until);                 /* all leases of ours */
int once_db_purge(struct once_db *s, int64_t done_before);
/* 1 while the process that holds the owner's byte lives. */
int once_db_lives(const struct once_db *s, int64_t owner);
const char *once_db_error(const struct once_db *s);

#endif
