/* db: opening, statements, transactions, errors. */
#include "db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema.h"

#define DB_CHECKPOINT_PAGES 8192 /* 32 MiB of WAL: enough that a hot page is copied once, not every batch */
#define DB_JOURNAL_LIMIT 67108864

static const char *const db_sql[DB_STATEMENTS] = {
    [DB_BEGIN] = "BEGIN IMMEDIATE",
    [DB_COMMIT] = "COMMIT",
    [DB_ROLLBACK] = "ROLLBACK",
    [DB_DATA_VERSION] = "PRAGMA data_version",
    [DB_USER_FIND] = "SELECT id FROM user_keys WHERE user_id = ?1",
    [DB_USER_ADD] = "INSERT INTO user_keys(user_id, created_at, last_updated_at) VALUES(?1, ?2, ?2)",
    [DB_USER_ZONE] = "UPDATE user_keys SET timezone = ?2, timezone_at = ?3, last_updated_at = ?4 WHERE id = "
                     "?1 AND (timezone IS NULL"
                     " OR timezone_at < ?3 OR (timezone_at = ?3 AND timezone > ?2))",
    [DB_USER_TOUCH] = "UPDATE user_keys SET last_updated_at = ?2 WHERE id = ?1",
    [DB_PRODUCT_FIND] = "SELECT id, name, name_is_catalogue, brand, category, category_id, category_hierarchy"
                        " FROM products WHERE product_id = ?1",
    [DB_PRODUCT_ADD] =
        "INSERT INTO products(product_id, name, name_is_catalogue, brand, category, category_id,"
        " category_hierarchy, created_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [DB_PRODUCT_CHANGE] = "UPDATE products SET name = ?2, name_is_catalogue = ?3, brand = ?4, category = ?5,"
                          " category_id = ?6, category_hierarchy = ?7 WHERE product_id = ?1",
    [DB_CATEGORY_FIND] = "SELECT id, name FROM categories WHERE category_id = ?1",
    [DB_CATEGORY_ADD] = "INSERT INTO categories(category_id, name, created_at) VALUES(?1, ?2, ?3)",
    [DB_CATEGORY_RENAME] = "UPDATE categories SET name = ?2 WHERE id = ?1",
    [DB_RETAILER_FIND] = "SELECT id FROM retailers WHERE retailer_id = ?1",
    [DB_RETAILER_ADD] = "INSERT INTO retailers(retailer_id, name, venue_type) VALUES(?1, ?2, ?3)",
    [DB_IN_CATEGORY] = "INSERT INTO in_category(product, category) VALUES(?1, ?2)"
                       " ON CONFLICT(product) DO UPDATE SET category = excluded.category",
    [DB_PURCHASES] = "SELECT receipt, retailer, category, time FROM purchases"
                     " WHERE user = ?1 AND product = ?2 AND receipt > '' ORDER BY receipt",
    [DB_PURCHASE] = "INSERT OR REPLACE INTO purchases(user, product, receipt, retailer, category, time)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [DB_PURCHASED] = "INSERT OR REPLACE INTO purchases(user, product, receipt, retailer, category, time,"
                     " times, avg_interval_days, repurchase_likelihood, written_at)"
                     " VALUES(?1, ?2, '', 0, 0, ?3, ?4, ?5, ?6, ?7)",
    [DB_OLDER_FORGET] = "DELETE FROM older_counts WHERE user = ?1",
};

/* SQLite's own words, without those that a reader would take for ours. */
static const char *db_words(const struct db *db, int rc)
{
    return db->handle != NULL && sqlite3_errcode(db->handle) == rc ? sqlite3_errmsg(db->handle)
                                                                   : sqlite3_errstr(rc);
}

/* A folder that is not there is a mistake in the config; all else may pass. */
static uint32_t db_fail_open(struct db *db, const char *words, struct sluice_error *err)
{
    const char *slash = strrchr(db->path, '/');
    char *folder = slash == NULL || slash == db->path ? NULL : strndup(db->path, (size_t)(slash - db->path));
    int absent = folder != NULL && access(folder, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
    int why = db->handle == NULL ? 0 : sqlite3_system_errno(db->handle);
    uint32_t code;

    if (absent)
        code = sluice_fail(err, SLUICE_FATAL, "path",
                           "the folder %s does not exist; make it or name another file", folder);
    else
        code = sluice_fail(err, SLUICE_DISCONNECTED, NULL,
                           "%s cannot be opened (%s); check the modes of the file and its folder", db->path,
                           why == 0 ? words : strerror(why));
    free(folder);
    return code;
}

uint32_t db_fail(struct db *db, int rc, const char *doing, struct sluice_error *err)
{
    const char *words = db_words(db, rc);

    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        if (db->host->cancelled(db->host))
            return sluice_fail(err, SLUICE_CANCELLED, NULL, "%s was given up because the host asked",
                               db->path);
        return sluice_fail(err, SLUICE_RETRY, NULL,
                           "%s: another program held the write lock for longer than busy_timeout while %s",
                           db->path, doing);
    case SQLITE_NOMEM:
        return sluice_fail(err, SLUICE_RETRY, NULL, "%s: no memory while %s", db->path, doing);
    case SQLITE_INTERRUPT:
        return sluice_fail(err, SLUICE_CANCELLED, NULL, "%s: interrupted while %s", db->path, doing);
    case SQLITE_FULL:
        db->broken = 1;
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL,
                           "%s: the disk is full (%s while %s); make room, nothing was written by halves",
                           db->path, words, doing);
    case SQLITE_READONLY:
        db->broken = 1;
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL,
                           "%s can't be written (%s while %s); check the modes of the file and its folder",
                           db->path, words, doing);
    case SQLITE_CANTOPEN:
        db->broken = 1;
        return db_fail_open(db, words, err);
    case SQLITE_IOERR:
        db->broken = 1;
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL,
                           "%s: reading or writing failed (%s while %s); check the disk and the folder",
                           db->path, words, doing);
    case SQLITE_CORRUPT:
        return sluice_fail(
            err, SLUICE_FATAL, NULL,
            "%s is damaged (%s while %s); restore it from a backup, or move it away and load again", db->path,
            words, doing);
    case SQLITE_NOTADB:
        return sluice_fail(err, SLUICE_FATAL, "path",
                           "%s is not an SQLite database; name another file or move it away", db->path);
    default:
        return sluice_fail(err, SLUICE_FATAL, NULL, "%s: %s (SQLite code %d) while %s", db->path, words, rc,
                           doing);
    }
}

/* Waits between tries for the lock, and gives up at once when the host asks. */
static int db_busy(void *context, int tries)
{
    struct db *db = context;
    uint32_t ms = tries < 6 ? 1u << tries : 50u;

    if (tries == 0)
        db->waited_ms = 0;
    if (db->waited_ms >= db->busy_ms)
        return 0;
    db->waited_ms += ms;
    return db->host->wait(db->host, ms) == 0;
}

static int db_integer(sqlite3 *handle, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_ERROR;
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

/* Makes the tables, or refuses a file that is not ours.  Inside a write transaction, so
 * that two programs that start at once make them once. */
static uint32_t db_schema(struct db *db, struct sluice_error *err)
{
    int64_t application = 0, version = 0, tables = 0;
    int rc = db_integer(db->handle, "PRAGMA application_id", &application);

    if (rc == SQLITE_OK)
        rc = db_integer(db->handle, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK)
        rc = db_integer(db->handle, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc != SQLITE_OK)
        return db_fail(db, rc, "looking at its tables", err);
    if (application == SCHEMA_APPLICATION && version == SCHEMA_VERSION)
        return SLUICE_OK;
    if (application == SCHEMA_APPLICATION && version < SCHEMA_VERSION)
        return sluice_fail(
            err, SLUICE_FATAL, "path",
            "%s has tables of version %lld, which this sluice no longer writes (it makes version "
            "%d); move the file away and load again, the graph comes out the same",
            db->path, (long long)version, SCHEMA_VERSION);
    if (application == SCHEMA_APPLICATION)
        return sluice_fail(err, SLUICE_FATAL, "path",
                           "%s has tables of version %lld, this sluice knows version %d; use the sluice that "
                           "made it or a newer one",
                           db->path, (long long)version, SCHEMA_VERSION);
    if (application != 0 || tables != 0)
        return sluice_fail(err, SLUICE_FATAL, "path",
                           "%s is a database of another program; name another file", db->path);
    rc = sqlite3_exec(db->handle, SCHEMA_TABLES SCHEMA_VIEWS, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        char sql[96];

        (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d",
                       SCHEMA_VERSION, SCHEMA_APPLICATION);
        rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? SLUICE_OK : db_fail(db, rc, "making its tables", err);
}

static uint32_t db_prepare(struct db *db, struct sluice_error *err)
{
    int i;

    for (i = 0; i < DB_STATEMENTS; i++) {
        int rc = sqlite3_prepare_v3(db->handle, db_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i],
                                    NULL);

        if (rc != SQLITE_OK)
            return db_fail(db, rc, "preparing its statements", err);
    }
    return SLUICE_OK;
}

/* Everything after the handle exists. */
static uint32_t db_settle_in(struct db *db, struct sluice_error *err)
{
    char sql[256];
    uint32_t code;
    int rc;

    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_handler(db->handle, db_busy, db);
    (void)snprintf(
        sql, sizeof sql,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA cache_size = -%lld;"
        "PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d; PRAGMA temp_store = MEMORY",
        db->normal ? "NORMAL" : "FULL", (long long)(db->cache_bytes / 1024), DB_CHECKPOINT_PAGES,
        DB_JOURNAL_LIMIT);
    rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return db_fail(db, rc, "opening it", err);
    code = db_schema(db, err);
    if (code == SLUICE_OK) {
        rc = sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            code = db_fail(db, rc, "opening it", err);
    }
    return code == SLUICE_OK ? db_prepare(db, err) : code;
}

uint32_t db_open(struct db *db, struct sluice_error *err)
{
    uint32_t code;
    int rc = sqlite3_open_v2(db->path, &db->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK)
        code = db_fail(db, rc, "opening it", err);
    else
        code = db_settle_in(db, err);
    if (code != SLUICE_OK) {
        db_close(db);
        return code;
    }
    db->broken = 0;
    db->data_version = -1;
    return SLUICE_OK;
}

void db_close(struct db *db)
{
    int i;

    for (i = 0; i < DB_STATEMENTS; i++) {
        (void)sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    (void)sqlite3_close(db->handle);
    db->handle = NULL;
}

uint32_t db_begin(struct db *db, int *changed, struct sluice_error *err)
{
    uint32_t code;
    int64_t version;
    int rc;

    if (db->broken || db->handle == NULL) {
        db_close(db);
        code = db_open(db, err);
        if (code != SLUICE_OK)
            return code;
    }
    code = db_run(db, DB_BEGIN, "waiting for the write lock", err);
    if (code != SLUICE_OK)
        return code;
    rc = sqlite3_step(db->statements[DB_DATA_VERSION]);
    version = rc == SQLITE_ROW ? sqlite3_column_int64(db->statements[DB_DATA_VERSION], 0) : -1;
    (void)sqlite3_reset(db->statements[DB_DATA_VERSION]);
    *changed = version != db->data_version;
    db->data_version = version;
    return SLUICE_OK;
}

uint32_t db_commit(struct db *db, struct sluice_error *err)
{
    return db_run(db, DB_COMMIT, "committing", err);
}

void db_rollback(struct db *db)
{
    int i;

    if (db->handle == NULL)
        return;
    for (i = 0; i < DB_STATEMENTS; i++)
        (void)sqlite3_reset(db->statements[i]);
    if (!sqlite3_get_autocommit(db->handle)) {
        (void)sqlite3_step(db->statements[DB_ROLLBACK]);
        (void)sqlite3_reset(db->statements[DB_ROLLBACK]);
    }
    if (!sqlite3_get_autocommit(db->handle))
        db->broken = 1; /* closing rolls back */
}

uint32_t db_run(struct db *db, enum db_statement which, const char *doing, struct sluice_error *err)
{
    sqlite3_stmt *statement = db->statements[which];
    int rc = sqlite3_step(statement), reset = sqlite3_reset(statement);

    if (rc == SQLITE_DONE && reset == SQLITE_OK)
        return SLUICE_OK;
    return db_fail(db, rc == SQLITE_DONE ? reset : rc, doing, err);
}

void db_bind_text(sqlite3_stmt *statement, int at, struct sluice_str text)
{
    if (text.data == NULL)
        (void)sqlite3_bind_null(statement, at);
    else
        (void)sqlite3_bind_text64(statement, at, text.data, text.len, SQLITE_STATIC, SQLITE_UTF8);
}
