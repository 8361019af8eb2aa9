/* state_db: opens the state_dir and keeps small values by owner and key.
 *
 * Invariant: when a call that writes returns SLUICE_OK, what it wrote survives a
 * power cut; when it returns anything else, nothing of it was kept. */
#include "state_db_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "strbuf.h"

#define KEY_MAX 255u
#define VALUE_MAX (64u * 1024u)
#define QUICK_CHECK_MAX (64ll * 1024 * 1024)
#define BUSY_MS 5000

uint32_t state_db_fail(struct state_db *db, const char *doing, struct sluice_error *err)
{
    int code = sqlite3_errcode(db->sql);

    if (code == SQLITE_FULL || (code == SQLITE_IOERR && sqlite3_system_errno(db->sql) == ENOSPC))
        return sluice_fail(err, SLUICE_RETRY, NULL,
                           "the disk is full while %s: free space for %s; nothing of this was kept", doing,
                           db->dir);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return sluice_fail(
            err, SLUICE_FATAL, "state_dir",
            "%s/state.db is damaged (%s): restore a copy of it, or move it away to start without "
            "its positions and dead letters",
            db->dir, sqlite3_errmsg(db->sql));
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return sluice_fail(err, SLUICE_RETRY, NULL,
                           "%s/state.db was locked by another process for %d s while %s: see who has it open",
                           db->dir, BUSY_MS / 1000, doing);
    if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
        return sluice_fail(
            err, SLUICE_RETRY, "state_dir",
            "%s/state.db or a file beside it cannot be used while %s (%s): check owner and modes", db->dir,
            doing, sqlite3_errmsg(db->sql));
    return sluice_fail(err, SLUICE_RETRY, NULL, "%s failed in %s/state.db: %s", doing, db->dir,
                       sqlite3_errmsg(db->sql));
}

sqlite3_stmt *state_db_statement(struct state_db *db, const char *sql, struct sluice_error *err)
{
    struct state_statement *at = NULL;
    uint32_t i;

    for (i = 0; i < STATE_STATEMENTS; i++) {
        at = &db->statements[i];
        if (at->sql == sql)
            return at->stmt;
        if (at->sql == NULL)
            break;
    }
    if (i == STATE_STATEMENTS) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "more statements than there is room for");
        return NULL;
    }
    if (sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &at->stmt, NULL) != SQLITE_OK) {
        (void)state_db_fail(db, "preparing a statement", err);
        return NULL;
    }
    at->sql = sql;
    return at->stmt;
}

uint32_t state_db_begin(struct state_db *db, const char *doing, struct sluice_error *err)
{
    if (db->mode != STATE_RUN)
        return sluice_fail(err, SLUICE_FATAL, NULL, "%s/state.db was opened only for reading", db->dir);
    state_db_rollback(db); /* one that could not be rolled back before, for want of memory */
    if (sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return state_db_fail(db, doing, err);
    return SLUICE_OK;
}

uint32_t state_db_commit(struct state_db *db, const char *doing, struct sluice_error *err)
{
    uint32_t code;

    if (sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return SLUICE_OK;
    code = state_db_fail(db, doing, err);
    state_db_rollback(db);
    return code;
}

void state_db_rollback(struct state_db *db)
{
    if (!sqlite3_get_autocommit(db->sql))
        (void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

/* A name is on disk only once its folder is. */
static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

    if (fd < 0)
        return -1;
    rc = fsync(fd);
    (void)close(fd);
    return rc;
}

/* mkdir -p, 0700. */
static int make_folder(const char *dir, struct sluice_error *err)
{
    char *path = strdup(dir), *slash;
    int made = 0;

    if (path == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        return 0;
    }
    for (slash = path;; *slash = '/') {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(path, 0700) == 0) {
            made = 1;
        } else if (errno != EEXIST) {
            (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "cannot make the folder %s: %s", path,
                              strerror(errno));
            free(path);
            return 0;
        }
        if (slash == NULL)
            break;
    }
    slash = strrchr(path, '/');
    if (made && slash != NULL && slash != path) {
        *slash = '\0';
        (void)sync_folder(path);
    }
    free(path);
    return 1;
}

static void run_pragma(struct state_db *db, const char *sql)
{
    (void)sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
}

/* Journal mode as asked, or it does not count as durable. */
static int use_wal(struct state_db *db, struct sluice_error *err)
{
    sqlite3_stmt *s = NULL;
    int ok;

    ok = sqlite3_prepare_v2(db->sql, "PRAGMA journal_mode = WAL", -1, &s, NULL) == SQLITE_OK &&
         sqlite3_step(s) == SQLITE_ROW;
    if (!ok)
        (void)state_db_fail(db, "opening the state database", err);
    else if (strcmp((const char *)sqlite3_column_text(s, 0), "wal") != 0) {
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir",
                          "the file system of %s does not carry SQLite's write-ahead log (a network share?): "
                          "choose a folder on a local disk",
                          db->dir);
        ok = 0;
    }
    sqlite3_finalize(s);
    return ok;
}

/* A small database is read through once, so that damage shows now and not later. */
static int quick_check(struct state_db *db, const char *path, struct sluice_error *err)
{
    sqlite3_stmt *s = NULL;
    const char *found;
    struct stat st;
    int ok;

    if (stat(path, &st) != 0 || st.st_size > QUICK_CHECK_MAX)
        return 1;
    ok = sqlite3_prepare_v2(db->sql, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK &&
         sqlite3_step(s) == SQLITE_ROW;
    if (!ok) {
        (void)state_db_fail(db, "checking the state database", err);
    } else {
        found = (const char *)sqlite3_column_text(s, 0);
        ok = found != NULL && strcmp(found, "ok") == 0;
        if (!ok)
            (void)sluice_fail(
                err, SLUICE_FATAL, "state_dir",
                "%s/state.db is damaged (%.100s): restore a copy of it, or move it away to start "
                "without its positions and dead letters",
                db->dir, found == NULL ? "no memory" : found);
    }
    sqlite3_finalize(s);
    return ok;
}

/* The file itself, readable by its owner only; SQLite's other files follow its modes. */
static int make_file(const char *path, struct sluice_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno != EEXIST) {
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "cannot make %s: %s", path, strerror(errno));
        return 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return 1;
}

static int open_sql(struct state_db *db, const char *path, struct sluice_error *err)
{
    int flags = db->mode == STATE_RUN ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;

    if (sqlite3_open_v2(path, &db->sql, flags | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK) {
        if (db->sql == NULL)
            (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        else
            (void)state_db_fail(db, "opening the state database", err);
        return 0;
    }
    /* SQLite falls back to reading when it cannot open for writing, and stays with it. */
    if (db->mode == STATE_RUN && sqlite3_db_readonly(db->sql, "main") == 1) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL,
                          "%s could only be opened for reading; check its modes and the limit of open files",
                          path);
        return 0;
    }
    (void)sqlite3_busy_timeout(db->sql, BUSY_MS);
    (void)sqlite3_extended_result_codes(db->sql, 0);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    run_pragma(db, "PRAGMA cell_size_check = ON");
    run_pragma(db, "PRAGMA temp_store = MEMORY");
    return 1;
}

static int open_run(struct state_db *db, const char *path, struct sluice_error *err)
{
    if (!make_folder(db->dir, err))
        return 0;
    db->lock_fd = state_lock_take(db->dir, err);
    if (db->lock_fd < 0 || !make_file(path, err) || !open_sql(db, path, err) || !quick_check(db, path, err))
        return 0;
    if (!use_wal(db, err))
        return 0;
    run_pragma(db, "PRAGMA synchronous = FULL");
    run_pragma(db, "PRAGMA journal_size_limit = 16777216");
    if (state_schema_make(db, err) != SLUICE_OK)
        return 0;
    if (sync_folder(db->dir) != 0) {
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "cannot sync %s: %s", db->dir, strerror(errno));
        return 0;
    }
    return dead_letter_recount(db, err) == SLUICE_OK;
}

static int open_read(struct state_db *db, const char *path, struct sluice_error *err)
{
    struct stat st;
    int empty = 1;

    if (stat(path, &st) != 0 && errno != ENOENT) {
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "cannot read %s: %s", path, strerror(errno));
        return 0;
    }
    if (access(path, F_OK) == 0 &&
        (!open_sql(db, path, err) || state_schema_check(db, &empty, err) != SLUICE_OK))
        return 0;
    if (empty)
        (void)sluice_fail(
            err, SLUICE_FATAL, "state_dir",
            "there is no state in %s yet: it is made by the first `sluice run` with this state_dir", db->dir);
    return !empty;
}

struct state_db *state_db_open(const char *dir, enum state_mode mode, struct sluice_error *err)
{
    struct state_db *db = calloc(1, sizeof *db);
    pthread_mutexattr_t recursive;
    struct strbuf path;
    int ok;

    if (db == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        return NULL;
    }
    (void)pthread_mutexattr_init(&recursive);
    (void)pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(&db->lock, &recursive);
    (void)pthread_mutexattr_destroy(&recursive);
    (void)pthread_mutex_init(&db->count_lock, NULL);
    db->lock_fd = -1;
    db->mode = mode;
    db->dir = strdup(dir);
    strbuf_init(&path, 4096);
    strbuf_printf(&path, "%s/state.db", dir);
    if (db->dir == NULL || path.failed) {
        (void)sluice_fail(err, SLUICE_FATAL, "state_dir", "the name of state_dir is too long, or no memory");
        ok = 0;
    } else {
        ok = mode == STATE_RUN ? open_run(db, strbuf_text(&path), err)
                               : open_read(db, strbuf_text(&path), err);
    }
    strbuf_release(&path);
    if (!ok) {
        state_db_close(db);
        return NULL;
    }
    return db;
}

void state_db_close(struct state_db *db)
{
    uint32_t i;

    if (db == NULL)
        return;
    for (i = 0; i < STATE_STATEMENTS; i++)
        sqlite3_finalize(db->statements[i].stmt);
    (void)sqlite3_close(db->sql);
    state_lock_give(db->lock_fd);
    dead_letter_forget_counts(db);
    (void)pthread_mutex_destroy(&db->count_lock);
    (void)pthread_mutex_destroy(&db->lock);
    free(db->dir);
    free(db);
}

const char *state_db_dir(const struct state_db *db)
{
    return db->dir;
}

int64_t state_db_get(struct state_db *db, const char *owner, const char *key, void *out, uint64_t cap,
                     struct sluice_error *err)
{
    static const char sql[] = "SELECT value FROM kv WHERE owner = ?1 AND key = ?2";
    sqlite3_stmt *s;
    int64_t len = -2;
    int rc;

    pthread_mutex_lock(&db->lock);
    s = state_db_statement(db, sql, err);
    if (s != NULL) {
        (void)sqlite3_bind_text(s, 1, owner, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 2, key, -1, SQLITE_STATIC);
        rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) {
            len = sqlite3_column_bytes(s, 0);
            if (len > 0 && (uint64_t)len <= cap)
                memcpy(out, sqlite3_column_blob(s, 0), (size_t)len);
        } else if (rc == SQLITE_DONE) {
            len = -1;
        } else {
            (void)state_db_fail(db, "reading a kept value", err);
        }
        (void)sqlite3_reset(s);
        (void)sqlite3_clear_bindings(s);
    }
    pthread_mutex_unlock(&db->lock);
    return len;
}

uint32_t state_db_put(struct state_db *db, const char *owner, const char *key, const void *data, uint64_t len,
                      struct sluice_error *err)
{
    static const char sql[] = "INSERT INTO kv(owner, key, value) VALUES(?1, ?2, ?3)"
                              " ON CONFLICT(owner, key) DO UPDATE SET value = excluded.value";
    uint32_t code = SLUICE_RETRY;
    sqlite3_stmt *s;

    if (key[0] == '\0' || strlen(key) > KEY_MAX || len > VALUE_MAX)
        return sluice_fail(
            err, SLUICE_INVALID, NULL,
            "state takes keys of 1 to %u bytes and values up to %u bytes; this is %zu and %llu", KEY_MAX,
            VALUE_MAX, strlen(key), (unsigned long long)len);
    if (db->mode != STATE_RUN)
        return sluice_fail(err, SLUICE_FATAL, NULL, "%s/state.db was opened only for reading", db->dir);
    pthread_mutex_lock(&db->lock);
    state_db_rollback(db); /* or this would be in a transaction that nobody commits */
    s = state_db_statement(db, sql, err);
    if (s != NULL) {
        (void)sqlite3_bind_text(s, 1, owner, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 2, key, -1, SQLITE_STATIC);
        (void)sqlite3_bind_blob64(s, 3, len == 0 ? "" : data, len, SQLITE_STATIC);
        if (sqlite3_step(s) == SQLITE_DONE)
            code = SLUICE_OK;
        else
            code = state_db_fail(db, "keeping a value", err);
        (void)sqlite3_reset(s);
        (void)sqlite3_clear_bindings(s);
    }
    pthread_mutex_unlock(&db->lock);
    return code;
}
