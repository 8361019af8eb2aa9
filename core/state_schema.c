/* state_schema: the tables of the state database, and whose they are.
 *
 * Invariant: a database is used only if its schema_version is one we know; a newer
 * or foreign one is refused before anything is written to it. */
#include "state_db_sql.h"

/* Letters: one row a dead record.  The first 1 MiB of the payload is in the row, the
 * rest in chunks of 1 MiB.  letter_counts follows by triggers, in the same transaction. */
static const char schema[] =
    "CREATE TABLE schema_version(version INTEGER NOT NULL);"
    "CREATE TABLE kv(owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY(owner, key)) WITHOUT ROWID;"
    "CREATE TABLE letters(id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, step TEXT NOT NULL,"
    " lane TEXT NOT NULL, position INTEGER NOT NULL, ordinal INTEGER NOT NULL, stage TEXT NOT NULL,"
    " reason TEXT NOT NULL, detail TEXT, attempts INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " order_key TEXT, key TEXT, headers BLOB NOT NULL, size INTEGER NOT NULL, payload BLOB,"
    " resolved_ms INTEGER, UNIQUE(pipeline, step, lane, position));"
    "CREATE INDEX letters_open ON letters(pipeline, reason) WHERE resolved_ms IS NULL;"
    "CREATE INDEX letters_of ON letters(order_key);"
    "CREATE TABLE chunks(letter INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL,"
    " UNIQUE(letter, n));"
    "CREATE TABLE letter_counts(pipeline TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY(pipeline, reason)) WITHOUT ROWID;"
    "CREATE TRIGGER letters_insert AFTER INSERT ON letters WHEN NEW.resolved_ms IS NULL BEGIN"
    " INSERT INTO letter_counts VALUES(NEW.pipeline, NEW.reason, 1)"
    " ON CONFLICT(pipeline, reason) DO UPDATE SET n = n + 1; END;"
    "CREATE TRIGGER letters_close AFTER UPDATE OF resolved_ms, reason ON letters"
    " WHEN OLD.resolved_ms IS NULL BEGIN"
    " UPDATE letter_counts SET n = n - 1 WHERE pipeline = OLD.pipeline AND reason = OLD.reason; END;"
    "CREATE TRIGGER letters_open_again AFTER UPDATE OF resolved_ms, reason ON letters"
    " WHEN NEW.resolved_ms IS NULL BEGIN"
    " INSERT INTO letter_counts VALUES(NEW.pipeline, NEW.reason, 1)"
    " ON CONFLICT(pipeline, reason) DO UPDATE SET n = n + 1; END;"
    "CREATE TRIGGER letters_delete AFTER DELETE ON letters BEGIN"
    " DELETE FROM chunks WHERE letter = OLD.id;"
    " UPDATE letter_counts SET n = n - 1"
    " WHERE pipeline = OLD.pipeline AND reason = OLD.reason AND OLD.resolved_ms IS NULL; END;"
    "INSERT INTO schema_version VALUES(1);";

static const char doing[] = "opening the state database";

/* One integer of a statement without parameters; 0 or 1 rows. */
static uint32_t ask(struct state_db *db, const char *sql, int64_t *value, int *found,
                    struct sluice_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    *found = rc == SQLITE_ROW;
    if (*found)
        *value = sqlite3_column_int64(s, 0);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        uint32_t code = state_db_fail(db, doing, err);

        sqlite3_finalize(s);
        return code;
    }
    sqlite3_finalize(s);
    return SLUICE_OK;
}

uint32_t state_schema_check(struct state_db *db, int *empty, struct sluice_error *err)
{
    int64_t tables = 0, version = 0;
    uint32_t code;
    int found;

    *empty = 0;
    code = ask(db, "SELECT count(*) FROM sqlite_master", &tables, &found, err);
    if (code != SLUICE_OK)
        return code;
    if (tables == 0) {
        *empty = 1;
        return SLUICE_OK;
    }
    code = ask(db, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
               &tables, &found, err);
    if (code != SLUICE_OK)
        return code;
    if (tables != 0)
        code = ask(db, "SELECT version FROM schema_version", &version, &found, err);
    if (code != SLUICE_OK)
        return code;
    if (tables == 0 || !found || version < 1)
        return sluice_fail(err, SLUICE_FATAL, "state_dir",
                           "%s/state.db is a database of another program: choose another state_dir", db->dir);
    if (version > STATE_VERSION)
        return sluice_fail(
            err, SLUICE_FATAL, "state_dir",
            "%s/state.db has version %lld and this sluice knows versions up to %d: use the sluice "
            "that wrote it or a newer one, or choose another state_dir",
            db->dir, (long long)version, STATE_VERSION);
    return SLUICE_OK;
}

uint32_t state_schema_make(struct state_db *db, struct sluice_error *err)
{
    uint32_t code;
    int empty;

    code = state_schema_check(db, &empty, err);
    if (code != SLUICE_OK || !empty)
        return code;
    code = state_db_begin(db, doing, err);
    if (code != SLUICE_OK)
        return code;
    if (sqlite3_exec(db->sql, schema, NULL, NULL, NULL) != SQLITE_OK) {
        code = state_db_fail(db, doing, err);
        state_db_rollback(db);
        return code;
    }
    return state_db_commit(db, doing, err);
}
