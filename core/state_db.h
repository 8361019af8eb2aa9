/* state_db: the state_dir: its lock and its SQLite database.
 *
 * One `run` per state_dir: the lock file names the holder.  Written with
 * journal_mode=WAL and synchronous=FULL, so that a power cut leaves it readable
 * and never ahead of what was done.  All calls [any]: one connection, one lock. */
#ifndef SLUICE_CORE_STATE_DB_H
#define SLUICE_CORE_STATE_DB_H

#include <stdint.h>
#include <sluice/abi.h>

struct state_db;

enum state_mode { STATE_RUN, STATE_READ }; /* READ takes no lock and writes nothing; the dir must exist */

/* Makes dir (0700) if needed.  NULL with err: who holds the lock, what to do;
 * a database of a newer version is refused by name. */
struct state_db *state_db_open(const char *dir, enum state_mode mode, struct sluice_error *err);
void state_db_close(struct state_db *db);
const char *state_db_dir(const struct state_db *db);

/* Key and value by owner ("pipeline/instance").  As host->state_get and _put. */
int64_t state_db_get(struct state_db *db, const char *owner, const char *key, void *out, uint64_t cap,
                     struct sluice_error *err);
uint32_t state_db_put(struct state_db *db, const char *owner, const char *key, const void *data, uint64_t len,
                      struct sluice_error *err);

#endif
