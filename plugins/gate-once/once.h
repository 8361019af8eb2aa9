/* once: what the parts of gate/once share.
 *
 * A key is absent, leased (by an owner, until a time), or done.  Owners are starts of
 * an instance; each holds a lock on a byte of its own in once.lock, which the kernel
 * drops when the process dies.  So a lease is worth something only while its owner
 * lives: what a crash leaves behind can be taken over at once. */
#ifndef SLUICE_PLUGINS_ONCE_H
#define SLUICE_PLUGINS_ONCE_H

#include <pthread.h>
#include <sqlite3.h>

#include <sluice/plugin.h>

#include "../common/key_template.h"

#define ONCE_MAX_RETRY 2000u /* ms between two looks at a key that somebody else holds */

/* --- once_store.c: keys in SQLite --------------------------------------------------- */
enum once_state { ONCE_ABSENT = 0, ONCE_LEASED = 1, ONCE_DONE = 2 };

struct once_row {
    enum once_state state;
    int64_t owner;
    int64_t until; /* LEASED: end of the lease; DONE: when it was done (wall clock, ms) */
};

struct once_store {
    sqlite3 *db;
    sqlite3_stmt *find, *put, *release, *renew, *purge, *begin, *commit, *rollback;
    int64_t owner; /* > 0, random */
    int lock_fd;
    char *lock_path;
};

uint32_t once_store_open(struct once_store *s, const char *dir, struct sluice_error *err);
/* Gives up the owner's leases and closes. */
void once_store_close(struct once_store *s);
/* SQLITE_OK or an error of SQLite; begin takes the write lock. */
int once_store_begin(struct once_store *s);
int once_store_commit(struct once_store *s);
void once_store_rollback(struct once_store *s);
int once_store_find(struct once_store *s, const char *key, int64_t len, struct once_row *row);
int once_store_put(struct once_store *s, const char *key, int64_t len, enum once_state state, int64_t until);
int once_store_release(struct once_store *s, const char *key,
                       int64_t len);                       /* a lease of ours; others' stay */
int once_store_renew(struct once_store *s, int64_t until); /* all leases of ours */
int once_store_purge(struct once_store *s, int64_t done_before);
/* 1 while the process that holds the owner's byte lives. */
int once_store_lives(const struct once_store *s, int64_t owner);
const char *once_store_error(const struct once_store *s);

#endif
