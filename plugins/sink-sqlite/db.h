/* db: one SQLite file: opening it, its statements, its transactions, and what its
 * errors mean to the host.
 *
 * Invariant: between two calls of the sink no transaction is open; after an error
 * that may have broken the connection (disk full, I/O) the next begin opens anew. */
#ifndef SLUICE_SINK_SQLITE_DB_H
#define SLUICE_SINK_SQLITE_DB_H

#include <sqlite3.h>
#include <sluice/plugin.h>

enum db_statement {
    DB_BEGIN,
    DB_COMMIT,
    DB_ROLLBACK,
    DB_DATA_VERSION,
    DB_USER_FIND,
    DB_USER_ADD,
    DB_USER_ZONE,
    DB_USER_TOUCH,
    DB_PRODUCT_FIND,
    DB_PRODUCT_ADD,
    DB_PRODUCT_CHANGE,
    DB_CATEGORY_FIND,
    DB_CATEGORY_ADD,
    DB_CATEGORY_RENAME,
    DB_RETAILER_FIND,
    DB_RETAILER_ADD,
    DB_IN_CATEGORY,
    DB_PURCHASES,
    DB_PURCHASE,
    DB_PURCHASED,
    DB_OLDER_FORGET,
    DB_STATEMENTS
};

struct db {
    const struct sluice_host *host;
    const char *path;
    int64_t cache_bytes;
    int64_t busy_ms;
    int normal;      /* synchronous=NORMAL */
    sqlite3 *handle; /* NULL: closed */
    sqlite3_stmt *statements[DB_STATEMENTS];
    int64_t data_version; /* as of the last begin */
    int64_t waited_ms;    /* by the busy handler, this time */
    int broken;           /* open anew before the next transaction */
};

uint32_t db_open(struct db *db, struct sluice_error *err);
void db_close(struct db *db);

/* Takes the write lock.  *changed is 1 if another connection wrote since the last time. */
uint32_t db_begin(struct db *db, int *changed, struct sluice_error *err);
uint32_t db_commit(struct db *db, struct sluice_error *err);
void db_rollback(struct db *db); /* harmless if no transaction is open */

/* Runs a bound statement that gives no row, and resets it. */
uint32_t db_run(struct db *db, enum db_statement which, const char *doing, struct sluice_error *err);
/* What rc means: fills err and returns the code for the host.  doing: "writing", … */
uint32_t db_fail(struct db *db, int rc, const char *doing, struct sluice_error *err);

/* Binds text, or NULL for absent; the bytes must outlive the step. */
void db_bind_text(sqlite3_stmt *statement, int at, struct sluice_str text);

#endif
