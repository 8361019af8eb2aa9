/* job_store_sqlite: jobs in jobs.sqlite of the state_dir.
 *
 * A file of its own, since `sluice job` and a sender write beside a run, which holds the
 * state_dir's lock.  WAL and synchronous=FULL: what was answered with OK survives a power
 * cut.  Each call is one transaction, but for deletion, which goes by parts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "job_sqlite.h"

#define BUSY_MS 5000
#define VERSION 1
#define DELETE_AT_ONCE "5000"
#define COLUMNS                                                                                              \
    "id, kind, source, sender, requester, cursor, error, owner, steps, state, lookback_days, force, rate, "  \
    "total, created_ms, changed_ms, lease_until_ms"

/* counts follows by triggers, in the same transaction. */
static const char schema[] =
    "CREATE TABLE jobs(n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
    " source TEXT NOT NULL, sender TEXT NOT NULL, requester TEXT NOT NULL, cursor TEXT NOT NULL DEFAULT '',"
    " error TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL DEFAULT '', steps TEXT NOT NULL DEFAULT '',"
    " state INTEGER NOT NULL, lookback_days INTEGER NOT NULL, force INTEGER NOT NULL, rate REAL NOT NULL,"
    " total INTEGER NOT NULL, created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    " lease_until_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE users(job INTEGER NOT NULL, user TEXT NOT NULL, state INTEGER NOT NULL,"
    " value TEXT NOT NULL, PRIMARY KEY(job, user)) WITHOUT ROWID;"
    "CREATE INDEX users_by_state ON users(job, state, user);"
    "CREATE TABLE counts(job INTEGER NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY(job, state)) WITHOUT ROWID;"
    "CREATE TABLE loaded(job INTEGER NOT NULL, step INTEGER NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY(job, step)) WITHOUT ROWID;"
    "CREATE TRIGGER users_insert AFTER INSERT ON users BEGIN"
    " INSERT INTO counts VALUES(NEW.job, NEW.state, 1) ON CONFLICT(job, state) DO UPDATE SET n = n + 1; END;"
    "CREATE TRIGGER users_move AFTER UPDATE OF state ON users WHEN OLD.state <> NEW.state BEGIN"
    " UPDATE counts SET n = n - 1 WHERE job = OLD.job AND state = OLD.state;"
    " INSERT INTO counts VALUES(NEW.job, NEW.state, 1) ON CONFLICT(job, state) DO UPDATE SET n = n + 1; END;"
    "PRAGMA user_version = 1;";

/* --- statements ---------------------------------------------------------------------------- */

uint32_t job_sqlite_fail(struct job_sqlite *d, const char *doing, struct sluice_error *err)
{
    int code = sqlite3_errcode(d->sql) & 0xff;

    if (code == SQLITE_FULL || (code == SQLITE_IOERR && sqlite3_system_errno(d->sql) == ENOSPC))
        return sluice_fail(err, SLUICE_RETRY, NULL,
                           "the disk is full while %s: free space for %s; nothing of this was kept", doing,
                           d->path);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return sluice_fail(
            err, SLUICE_FATAL, "state_dir",
            "%s is damaged (%s): restore a copy of it, or move it away to start without its jobs", d->path,
            sqlite3_errmsg(d->sql));
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return sluice_fail(err, SLUICE_RETRY, NULL,
                           "%s was locked by another process for %d s while %s: see who has it open", d->path,
                           BUSY_MS / 1000, doing);
    return sluice_fail(err, SLUICE_RETRY, "state_dir", "%s failed in %s: %s", doing, d->path,
                       sqlite3_errmsg(d->sql));
}

sqlite3_stmt *job_sqlite_statement(struct job_sqlite *d, const char *sql, struct sluice_error *err)
{
    uint32_t i;

    for (i = 0; i < JOB_SQLITE_STATEMENTS && d->statements[i].sql != NULL; i++)
        if (d->statements[i].sql == sql)
            return d->statements[i].stmt;
    if (i == JOB_SQLITE_STATEMENTS) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "more statements than there is room for");
        return NULL;
    }
    if (sqlite3_prepare_v3(d->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &d->statements[i].stmt, NULL) !=
        SQLITE_OK) {
        (void)job_sqlite_fail(d, "preparing a statement", err);
        return NULL;
    }
    d->statements[i].sql = sql;
    return d->statements[i].stmt;
}

void job_sqlite_done(sqlite3_stmt *s)
{
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
}

uint32_t job_sqlite_run(struct job_sqlite *d, sqlite3_stmt *s, const char *doing, struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;
    int rc = sqlite3_step(s);

    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        code = job_sqlite_fail(d, doing, err);
    job_sqlite_done(s);
    return code;
}

uint32_t job_sqlite_begin(struct job_sqlite *d, const char *doing, struct sluice_error *err)
{
    if (!sqlite3_get_autocommit(d->sql)) /* one that could not be undone before, for want of memory */
        (void)sqlite3_exec(d->sql, "ROLLBACK", NULL, NULL, NULL);
    if (sqlite3_exec(d->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return job_sqlite_fail(d, doing, err);
    return SLUICE_OK;
}

uint32_t job_sqlite_end(struct job_sqlite *d, uint32_t code, const char *doing, struct sluice_error *err)
{
    if (code == SLUICE_OK && sqlite3_exec(d->sql, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        code = job_sqlite_fail(d, doing, err);
    if (code != SLUICE_OK && !sqlite3_get_autocommit(d->sql))
        (void)sqlite3_exec(d->sql, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

uint32_t job_sqlite_number(struct job_sqlite *d, const char *id, int64_t *number, struct sluice_error *err)
{
    static const char sql[] = "SELECT n FROM jobs WHERE id = ?1";
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);
    uint32_t code = SLUICE_OK;
    int rc;

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(s, 0);
    else
        code = rc == SQLITE_DONE ? job_no_such(err, id) : job_sqlite_fail(d, "looking for a job", err);
    job_sqlite_done(s);
    return code;
}

uint32_t job_sqlite_touch(struct job_sqlite *d, int64_t number, struct sluice_error *err)
{
    static const char sql[] = "UPDATE jobs SET changed_ms = ?2 WHERE n = ?1";
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, number);
    (void)sqlite3_bind_int64(s, 2, clock_now_ms());
    return job_sqlite_run(d, s, "changing a job", err);
}

/* --- opening -------------------------------------------------------------------------------- */

static void sqlite_close(struct job_ledger *l)
{
    struct job_sqlite *d = l->self;
    uint32_t i;

    if (d == NULL)
        return;
    for (i = 0; i < JOB_SQLITE_STATEMENTS; i++)
        sqlite3_finalize(d->statements[i].stmt);
    (void)sqlite3_close(d->sql);
    strbuf_release(&d->value);
    free(d->known);
    free(d->job);
    free(d->path);
    free(d);
    l->self = NULL;
}

static int64_t ask(struct job_sqlite *d, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t answer = -1;

    if (sqlite3_prepare_v2(d->sql, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        answer = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return answer;
}

/* Two processes may come to an empty file at once: who is second finds the tables. */
static uint32_t make_tables(struct job_sqlite *d, struct sluice_error *err)
{
    static const char doing[] = "opening the ledger of jobs";
    int64_t version, tables;
    uint32_t code;

    if (sqlite3_exec(d->sql, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;",
                     NULL, NULL, NULL) != SQLITE_OK)
        return job_sqlite_fail(d, doing, err);
    code = job_sqlite_begin(d, doing, err);
    if (code != SLUICE_OK)
        return code;
    version = ask(d, "PRAGMA user_version");
    tables = ask(d, "SELECT count(*) FROM sqlite_master");
    if (version < 0 || tables < 0)
        code = job_sqlite_fail(d, doing, err);
    else if (version > VERSION)
        code = sluice_fail(err, SLUICE_FATAL, "state_dir",
                           "%s has version %lld and this sluice knows versions up to %d: use the sluice that "
                           "wrote it or a newer one",
                           d->path, (long long)version, VERSION);
    else if (version == 0 && tables > 0)
        code = sluice_fail(err, SLUICE_FATAL, "state_dir", "%s is a database of another program", d->path);
    else if (version == 0 && sqlite3_exec(d->sql, schema, NULL, NULL, NULL) != SQLITE_OK)
        code = job_sqlite_fail(d, doing, err);
    return job_sqlite_end(d, code, doing, err);
}

/* mkdir -p is the run's; here only the last folder is made. */
static uint32_t make_file(const char *dir, const char *path, struct sluice_error *err)
{
    int fd;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return sluice_fail(err, SLUICE_FATAL, "state_dir", "cannot make the folder %s: %s", dir,
                           strerror(errno));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return sluice_fail(err, SLUICE_RETRY, "state_dir", "cannot make %s: %s", path, strerror(errno));
    (void)close(fd);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); /* the name; synchronous=FULL minds the rest */
        (void)close(fd);
    }
    return SLUICE_OK;
}

static uint32_t open_file(struct job_sqlite *d, const char *dir, enum job_ledger_mode mode,
                          struct sluice_error *err)
{
    uint32_t code;

    if (mode == JOB_LEDGER_LOOK && access(d->path, F_OK) != 0)
        return sluice_fail(
            err, errno == ENOENT || errno == ENOTDIR ? SLUICE_REJECT : SLUICE_FATAL, "state_dir",
            errno == ENOENT || errno == ENOTDIR ? "there are no jobs in %s yet: %s is made with the first one"
                                                : "cannot read in %s: look at the owner and modes of %s",
            dir, d->path);
    if (mode == JOB_LEDGER_USE && (code = make_file(dir, d->path, err)) != SLUICE_OK)
        return code;
    if (sqlite3_open_v2(d->path, &d->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return d->sql == NULL ? sluice_fail(err, SLUICE_RETRY, NULL, "no memory")
                              : job_sqlite_fail(d, "opening the ledger of jobs", err);
    if (sqlite3_db_readonly(d->sql, "main") == 1)
        return sluice_fail(err, SLUICE_RETRY, "state_dir",
                           "%s could only be opened for reading; check its modes and the limit of open files",
                           d->path);
    (void)sqlite3_busy_timeout(d->sql, BUSY_MS);
    (void)sqlite3_db_config(d->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(d->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return make_tables(d, err);
}

uint32_t job_sqlite_open(struct job_ledger *l, const char *dir, enum job_ledger_mode mode,
                         struct sluice_error *err)
{
    struct job_sqlite *d = calloc(1, sizeof *d);
    uint32_t code;

    l->store = &job_store_sqlite;
    l->self = d;
    if (d == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    strbuf_init(&d->value, JOB_VALUE_MAX);
    d->known = malloc(sizeof *d->known);
    d->job = malloc(sizeof *d->job);
    if (d->known == NULL || d->job == NULL || asprintf(&d->path, "%s/jobs.sqlite", dir) < 0) {
        d->path = NULL;
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    } else {
        code = open_file(d, dir, mode, err);
    }
    if (code != SLUICE_OK)
        sqlite_close(l);
    return code;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static uint32_t sqlite_create(struct job_ledger *l, const struct job *j, struct sluice_error *err)
{
    static const char sql[] = "INSERT INTO jobs(id, kind, source, sender, requester, state, lookback_days,"
                              " force, rate, total, created_ms, changed_ms)"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)";
    struct job_sqlite *d = l->self;
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);
    uint32_t code;

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_text(s, 1, j->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, 2, j->kind, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, 3, j->source, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, 4, j->sender, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, 5, j->requester, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int(s, 6, (int)j->state);
    (void)sqlite3_bind_int64(s, 7, j->lookback_days);
    (void)sqlite3_bind_int64(s, 8, j->force);
    (void)sqlite3_bind_double(s, 9, j->rate);
    (void)sqlite3_bind_int64(s, 10, j->total);
    (void)sqlite3_bind_int64(s, 11, j->created_ms);
    code = job_sqlite_run(d, s, "keeping a new job", err);
    if (code != SLUICE_OK && (sqlite3_errcode(d->sql) & 0xff) == SQLITE_CONSTRAINT)
        return sluice_fail(err, SLUICE_INVALID, NULL, "there is a job '%s' already", j->id);
    return code;
}

static void copy_column(sqlite3_stmt *s, int at, char *out, size_t cap)
{
    const unsigned char *text = sqlite3_column_text(s, at);

    (void)snprintf(out, cap, "%s", text == NULL ? "" : (const char *)text);
}

static void read_job(sqlite3_stmt *s, struct job *j)
{
    memset(j, 0, sizeof *j);
    copy_column(s, 0, j->id, sizeof j->id);
    copy_column(s, 1, j->kind, sizeof j->kind);
    copy_column(s, 2, j->source, sizeof j->source);
    copy_column(s, 3, j->sender, sizeof j->sender);
    copy_column(s, 4, j->requester, sizeof j->requester);
    copy_column(s, 5, j->cursor, sizeof j->cursor);
    copy_column(s, 6, j->error, sizeof j->error);
    copy_column(s, 7, j->owner, sizeof j->owner);
    job_steps_unpack(j, (const char *)sqlite3_column_text(s, 8));
    j->state = (enum job_state)sqlite3_column_int(s, 9);
    j->lookback_days = (uint32_t)sqlite3_column_int64(s, 10);
    j->force = (uint32_t)sqlite3_column_int64(s, 11);
    j->rate = sqlite3_column_double(s, 12);
    j->total = sqlite3_column_int64(s, 13);
    j->created_ms = sqlite3_column_int64(s, 14);
    j->changed_ms = sqlite3_column_int64(s, 15);
    j->lease_until_ms = sqlite3_column_int64(s, 16);
}

/* Numbers by state or step of job n into list. */
static uint32_t read_counts(struct job_sqlite *d, const char *sql, int64_t n, uint64_t *list, uint32_t cap,
                            struct sluice_error *err)
{
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);
    uint32_t code = SLUICE_OK;
    int rc;

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, n);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        if (sqlite3_column_int64(s, 0) >= 0 && sqlite3_column_int64(s, 0) < (int64_t)cap)
            list[sqlite3_column_int64(s, 0)] = (uint64_t)sqlite3_column_int64(s, 1);
    if (rc != SQLITE_DONE)
        code = job_sqlite_fail(d, "counting users", err);
    job_sqlite_done(s);
    return code;
}

static uint32_t fill_counts(struct job_sqlite *d, int64_t n, struct job *j, struct sluice_error *err)
{
    static const char by_state[] = "SELECT state, n FROM counts WHERE job = ?1";
    static const char by_step[] = "SELECT step, n FROM loaded WHERE job = ?1";
    uint32_t code = read_counts(d, by_state, n, j->users, JOB_USER_STATES, err);

    return code != SLUICE_OK ? code : read_counts(d, by_step, n, j->loaded, JOB_MAX_STEPS, err);
}

static uint32_t sqlite_get(struct job_ledger *l, const char *id, struct job *out, struct sluice_error *err)
{
    static const char sql[] = "SELECT " COLUMNS ", n FROM jobs WHERE id = ?1";
    struct job_sqlite *d = l->self;
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);
    uint32_t code = SLUICE_OK;
    int64_t n = 0;
    int rc;

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        read_job(s, out);
        n = sqlite3_column_int64(s, 17);
    } else {
        code = rc == SQLITE_DONE ? job_no_such(err, id) : job_sqlite_fail(d, "reading a job", err);
    }
    job_sqlite_done(s);
    return code != SLUICE_OK ? code : fill_counts(d, n, out, err);
}

/* One at a time by falling number, so that the caller may take as long as it likes. */
static uint32_t sqlite_list(struct job_ledger *l, job_each each, void *context, struct sluice_error *err)
{
    static const char sql[] = "SELECT " COLUMNS ", n FROM jobs WHERE n < ?1 ORDER BY n DESC LIMIT 1";
    struct job_sqlite *d = l->self;
    int64_t below = INT64_MAX;
    uint32_t code;
    int rc;

    for (;;) {
        sqlite3_stmt *s = job_sqlite_statement(d, sql, err);

        if (s == NULL)
            return err->code;
        (void)sqlite3_bind_int64(s, 1, below);
        rc = sqlite3_step(s);
        code = rc == SQLITE_ROW || rc == SQLITE_DONE ? SLUICE_OK : job_sqlite_fail(d, "listing jobs", err);
        if (rc == SQLITE_ROW) {
            read_job(s, d->job);
            below = sqlite3_column_int64(s, 17);
        }
        job_sqlite_done(s);
        if (rc == SQLITE_ROW)
            code = fill_counts(d, below, d->job, err);
        if (rc != SQLITE_ROW || code != SLUICE_OK || each(context, d->job) != 0)
            return code;
    }
}

/* Users whose job is gone, a part at a time, so that nobody waits long for the lock. */
static uint32_t sweep(struct job_sqlite *d, struct sluice_error *err)
{
    static const char *const parts[] = {"DELETE FROM users WHERE (job, user) IN (SELECT job, user FROM users"
                                        " WHERE job NOT IN (SELECT n FROM jobs) LIMIT " DELETE_AT_ONCE ")",
                                        "DELETE FROM counts WHERE job NOT IN (SELECT n FROM jobs)",
                                        "DELETE FROM loaded WHERE job NOT IN (SELECT n FROM jobs)"};
    size_t i = 0;

    while (i < sizeof parts / sizeof *parts) {
        if (sqlite3_exec(d->sql, parts[i], NULL, NULL, NULL) != SQLITE_OK)
            return job_sqlite_fail(d, "deleting the users of a job", err);
        if (i > 0 || sqlite3_changes(d->sql) == 0)
            i++;
    }
    return SLUICE_OK;
}

static uint32_t sqlite_remove(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    static const char sql[] = "DELETE FROM jobs WHERE n = ?1";
    struct job_sqlite *d = l->self;
    int64_t n = 0;
    uint32_t code = job_sqlite_number(d, id, &n, err);
    sqlite3_stmt *s;

    if (code != SLUICE_OK)
        return code;
    s = job_sqlite_statement(d, sql, err);
    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, n);
    code = job_sqlite_run(d, s, "deleting a job", err);
    return code != SLUICE_OK ? code : sweep(d, err);
}

static uint32_t sqlite_expire(struct job_ledger *l, int64_t before_ms, uint64_t *deleted,
                              struct sluice_error *err)
{
    static const char sql[] = "DELETE FROM jobs WHERE changed_ms < ?1 AND lease_until_ms <= ?2";
    struct job_sqlite *d = l->self;
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);
    uint32_t code;

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, before_ms);
    (void)sqlite3_bind_int64(s, 2, clock_now_ms());
    code = job_sqlite_run(d, s, "deleting old jobs", err);
    if (code != SLUICE_OK)
        return code;
    *deleted = (uint64_t)sqlite3_changes(d->sql);
    return sweep(d, err);
}

static uint32_t sqlite_set_state(struct job_ledger *l, const char *id, enum job_state state,
                                 const char *error, int revive, struct sluice_error *err)
{
    static const char sql[] = "UPDATE jobs SET state = ?2, error = ?3, changed_ms = ?4"
                              " WHERE n = ?1 AND (?5 OR state <> 4 OR ?2 = 4)";
    struct job_sqlite *d = l->self;
    int64_t n = 0;
    uint32_t code = job_sqlite_number(d, id, &n, err);
    sqlite3_stmt *s = code != SLUICE_OK ? NULL : job_sqlite_statement(d, sql, err);

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, n);
    (void)sqlite3_bind_int(s, 2, (int)state);
    (void)sqlite3_bind_text(s, 3, error, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 4, clock_now_ms());
    (void)sqlite3_bind_int(s, 5, revive);
    code = job_sqlite_run(d, s, "changing the state of a job", err);
    if (code == SLUICE_OK && sqlite3_changes(d->sql) == 0)
        return sluice_fail(err, SLUICE_INVALID, NULL, "job %s is cancelled; `sluice job retry %s` ends that",
                           id, id);
    return code;
}

static uint32_t sqlite_set_total(struct job_ledger *l, const char *id, int64_t total,
                                 struct sluice_error *err)
{
    static const char sql[] = "UPDATE jobs SET total = ?2, changed_ms = ?3 WHERE n = ?1";
    struct job_sqlite *d = l->self;
    int64_t n = 0;
    uint32_t code = job_sqlite_number(d, id, &n, err);
    sqlite3_stmt *s = code != SLUICE_OK ? NULL : job_sqlite_statement(d, sql, err);

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, n);
    (void)sqlite3_bind_int64(s, 2, total);
    (void)sqlite3_bind_int64(s, 3, clock_now_ms());
    return job_sqlite_run(d, s, "changing the total of a job", err);
}

/* --- lease ------------------------------------------------------------------------------------ */

static uint32_t held_by_other(struct job_sqlite *d, int64_t n, struct sluice_error *err)
{
    static const char sql[] = "SELECT owner, lease_until_ms FROM jobs WHERE n = ?1";
    sqlite3_stmt *s = job_sqlite_statement(d, sql, err);
    uint32_t code = SLUICE_RETRY;
    int64_t left;

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, n);
    if (sqlite3_step(s) == SQLITE_ROW) {
        left = sqlite3_column_int64(s, 1) - clock_now_ms();
        code = sluice_fail(err, SLUICE_RETRY, NULL, "%.80s is at work on this job",
                           (const char *)sqlite3_column_text(s, 0));
        err->retry_after_ms = left < 1 ? 1 : left > 60000 ? 60000 : (uint32_t)left;
    } else {
        code = job_sqlite_fail(d, "reading a lease", err);
    }
    job_sqlite_done(s);
    return code;
}

static uint32_t sqlite_lease(struct job_ledger *l, const char *id, const char *owner, uint32_t ms,
                             struct sluice_error *err)
{
    static const char sql[] = "UPDATE jobs SET owner = ?2, lease_until_ms = ?3"
                              " WHERE n = ?1 AND (owner = '' OR owner = ?2 OR lease_until_ms <= ?4)";
    struct job_sqlite *d = l->self;
    int64_t n = 0, now = clock_now_ms();
    uint32_t code = job_sqlite_number(d, id, &n, err);
    sqlite3_stmt *s = code != SLUICE_OK ? NULL : job_sqlite_statement(d, sql, err);

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, n);
    (void)sqlite3_bind_text(s, 2, owner, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 3, now + ms);
    (void)sqlite3_bind_int64(s, 4, now);
    code = job_sqlite_run(d, s, "taking the lease of a job", err);
    return code == SLUICE_OK && sqlite3_changes(d->sql) == 0 ? held_by_other(d, n, err) : code;
}

static uint32_t sqlite_lease_end(struct job_ledger *l, const char *id, const char *owner,
                                 struct sluice_error *err)
{
    static const char sql[] = "UPDATE jobs SET owner = '', lease_until_ms = 0 WHERE n = ?1 AND owner = ?2";
    struct job_sqlite *d = l->self;
    int64_t n = 0;
    uint32_t code = job_sqlite_number(d, id, &n, err);
    sqlite3_stmt *s = code != SLUICE_OK ? NULL : job_sqlite_statement(d, sql, err);

    if (s == NULL)
        return err->code;
    (void)sqlite3_bind_int64(s, 1, n);
    (void)sqlite3_bind_text(s, 2, owner, -1, SQLITE_STATIC);
    return job_sqlite_run(d, s, "giving a lease back", err);
}

const struct job_store job_store_sqlite = {
    .close = sqlite_close,
    .create = sqlite_create,
    .get = sqlite_get,
    .list = sqlite_list,
    .remove = sqlite_remove,
    .set_state = sqlite_set_state,
    .set_total = sqlite_set_total,
    .add = job_sqlite_add,
    .mark = job_sqlite_mark,
    .scan = job_sqlite_scan,
    .lease = sqlite_lease,
    .lease_end = sqlite_lease_end,
    .expire = sqlite_expire,
};
