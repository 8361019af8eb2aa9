/* backfill_config: the configs that the two passes of a backfill run with.
 *
 *   collect: whatever lists the users -> enrich/user-load -> a file with one good line a user
 *   send:    that file -> enrich/user-load -> the queue
 *
 * They are configs like any other and go through plan_build, so that a backfill has the
 * host's retry, rate limit, drain and words, and no engine of its own.  What stands in a
 * `backfill:` block of the operator's config is copied into them with its origins. */
#ifndef SLUICE_CORE_BACKFILL_CONFIG_H
#define SLUICE_CORE_BACKFILL_CONFIG_H

#include <stdint.h>

#include "config.h"

enum backfill_from { BACKFILL_FILE, BACKFILL_S3, BACKFILL_NEO4J };

struct backfill_job {
    const char *id;
    double rate; /* users a second; 0: no limit */
    int64_t lookback_days;
    const char *reason;
    int force;
    const char *queue_url; /* NULL: as the block's queue says */
};

/* block: `backfill` of a config, which outlives the result; or NULL.  state_dir, spool: absolute
 * paths.  NULL with problems; config_free. */
struct config *backfill_config_collect(const struct config_value *block, const struct backfill_job *job,
                                       enum backfill_from from, const char *where, const char *state_dir,
                                       const char *spool, struct problems *p);
struct config *backfill_config_send(const struct config_value *block, const struct backfill_job *job,
                                    const char *state_dir, const char *spool, struct problems *p);

#endif
