/* once_db: one table, written with WAL and synchronous=FULL, so that a power cut
 * leaves each key as the last answer said.
 *
 * Owners' lives are read from byte locks of open file descriptions: two instances of
 * one process are told apart, and nothing of a dead process is left to clean up. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "once_db.h"

#define ONCE_BUSY_MS 5000

static const char schema[] = "PRAGMA journal_mode=WAL;"
                             "PRAGMA synchronous=FULL;"
                             "CREATE TABLE IF NOT EXISTS once ("
                             " key TEXT PRIMARY KEY, state INTEGER NOT NULL, owner INTEGER NOT NULL,"
                             " until INTEGER NOT NULL) WITHOUT ROWID;"
                             "CREATE INDEX IF NOT EXISTS once_owner ON once (owner) WHERE state = 1;"
                             "CREATE INDEX IF NOT EXISTS once_done ON once (until) WHERE state = 2;";

const char *once_db_error(const struct once_db *s)
{
    return s->db == NULL ? "no memory" : sqlite3_errmsg(s->db);
}

static int prepare(struct once_db *s, sqlite3_stmt **stmt, const char *sql)
{
    return sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
}

static int prepare_all(struct once_db *s)
{
    if (prepare(s, &s->find, "SELECT state, owner, until FROM once WHERE key = ?1") != SQLITE_OK ||
        prepare(s, &s->put,
                "INSERT OR REPLACE INTO once (key, state, owner, until) VALUES (?1, ?2, ?3, ?4)") !=
            SQLITE_OK ||
        prepare(s, &s->release, "DELETE FROM once WHERE key = ?1 AND state = 1 AND owner = ?2") !=
            SQLITE_OK ||
        prepare(s, &s->renew, "UPDATE once SET until = ?2 WHERE state = 1 AND owner = ?1") != SQLITE_OK ||
        prepare(s, &s->purge, "DELETE FROM once WHERE state = 2 AND until < ?1") != SQLITE_OK ||
        prepare(s, &s->begin, "BEGIN IMMEDIATE") != SQLITE_OK ||
        prepare(s, &s->commit, "COMMIT") != SQLITE_OK)
        return -1;
    return prepare(s, &s->rollback, "ROLLBACK") == SQLITE_OK ? 0 : -1;
}

static char *join(const char *dir, const char *name)
{
    size_t cap = strlen(dir) + strlen(name) + 2;
    char *path = malloc(cap);

    if (path != NULL)
        (void)snprintf(path, cap, "%s/%s", dir, name);
    return path;
}

/* Takes a random byte of the lock file that nobody has. */
static int take_owner(struct once_db *s)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    uint64_t random;

    s->lock_fd = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return -1;
    do {
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            return -1;
        s->owner = (int64_t)(random >> 2) + 1;
        lock.l_start = s->owner;
        lock.l_pid = 0;
    } while (fcntl(s->lock_fd, F_OFD_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES));
    return 0;
}

static void release_all(struct once_db *s)
{
    sqlite3_finalize(s->find);
    sqlite3_finalize(s->put);
    sqlite3_finalize(s->release);
    sqlite3_finalize(s->renew);
    sqlite3_finalize(s->purge);
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    sqlite3_finalize(s->rollback);
    (void)sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    free(s->lock_path);
    memset(s, 0, sizeof *s);
    s->lock_fd = -1;
}

static uint32_t fail_open(struct once_db *s, const char *dir, const char *what, struct sluice_error *err)
{
    uint32_t code = sluice_fail(err, SLUICE_RETRY, NULL, "%s/once.sqlite: %s", dir, what);

    release_all(s);
    return code;
}

uint32_t once_db_open(struct once_db *s, const char *dir, struct sluice_error *err)
{
    char *path = join(dir, "once.sqlite");
    int code = SQLITE_NOMEM;

    memset(s, 0, sizeof *s);
    s->lock_fd = -1;
    s->lock_path = join(dir, "once.lock");
    if (path != NULL && s->lock_path != NULL)
        code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                               NULL);
    free(path);
    if (code != SQLITE_OK)
        return fail_open(s, dir,
                         s->db != NULL && sqlite3_system_errno(s->db) != 0
                             ? strerror(sqlite3_system_errno(s->db))
                             : once_db_error(s),
                         err);
    /* SQLite falls back to reading when it cannot open for writing, and stays with it. */
    if (sqlite3_db_readonly(s->db, "main") == 1)
        return fail_open(
            s, dir, "it could only be opened for reading; check its modes and the limit of open files", err);
    (void)sqlite3_busy_timeout(s->db, ONCE_BUSY_MS);
    if (sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK || prepare_all(s) != 0)
        return fail_open(s, dir, once_db_error(s), err);
    if (take_owner(s) != 0)
        return fail_open(s, dir, strerror(errno), err);
    return SLUICE_OK;
}

static int run(sqlite3_stmt *stmt)
{
    int code = sqlite3_step(stmt);

    (void)sqlite3_reset(stmt);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

void once_db_close(struct once_db *s)
{
    if (s->db != NULL) {
        /* Leases that were never concluded; if this fails they end with the lock. */
        (void)sqlite3_bind_int64(s->renew, 1, s->owner);
        (void)sqlite3_bind_int64(s->renew, 2, 0);
        (void)run(s->renew);
    }
    release_all(s);
}

int once_db_begin(struct once_db *s)
{
    once_db_rollback(s); /* one that could not be rolled back before */
    return run(s->begin);
}

int once_db_commit(struct once_db *s)
{
    return run(s->commit);
}

void once_db_rollback(struct once_db *s)
{
    if (!sqlite3_get_autocommit(s->db))
        (void)run(s->rollback);
}

static int bind_key(sqlite3_stmt *stmt, const char *key, size_t len)
{
    return sqlite3_bind_text(stmt, 1, key, (int)len, SQLITE_STATIC);
}

int once_db_find(struct once_db *s, const char *key, size_t len, struct once_row *row)
{
    int code = bind_key(s->find, key, len);

    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(s->find);
    memset(row, 0, sizeof *row);
    if (code == SQLITE_ROW) {
        row->state = sqlite3_column_int(s->find, 0) == 2 ? ONCE_IS_DONE : ONCE_IS_LEASED;
        row->owner = sqlite3_column_int64(s->find, 1);
        row->until = sqlite3_column_int64(s->find, 2);
    }
    (void)sqlite3_reset(s->find);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int once_db_put(struct once_db *s, const char *key, size_t len, enum once_state state, int64_t until)
{
    int code = bind_key(s->put, key, len);

    if (code != SQLITE_OK)
        return code;
    (void)sqlite3_bind_int(s->put, 2, (int)state);
    (void)sqlite3_bind_int64(s->put, 3, s->owner);
    (void)sqlite3_bind_int64(s->put, 4, until);
    return run(s->put);
}

int once_db_release(struct once_db *s, const char *key, size_t len)
{
    int code = bind_key(s->release, key, len);

    if (code != SQLITE_OK)
        return code;
    (void)sqlite3_bind_int64(s->release, 2, s->owner);
    return run(s->release);
}

int once_db_renew(struct once_db *s, int64_t until)
{
    (void)sqlite3_bind_int64(s->renew, 1, s->owner);
    (void)sqlite3_bind_int64(s->renew, 2, until);
    return run(s->renew);
}

int once_db_purge(struct once_db *s, int64_t done_before)
{
    (void)sqlite3_bind_int64(s->purge, 1, done_before);
    return run(s->purge);
}

int once_db_lives(const struct once_db *s, int64_t owner)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = owner, .l_len = 1};

    if (owner == s->owner)
        return 1;
    /* If the lock cannot be read the owner counts as alive: waiting is the safe side. */
    return fcntl(s->lock_fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}
