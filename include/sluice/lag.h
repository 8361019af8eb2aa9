/* sluice/lag.h (draft): how far the consumers of a source are behind.
 *
 * `sluice lag` knows no broker: it asks each source of the config through this interface,
 * which the source returns from lifecycle.extension(self, SLUICE_LAG_ID).  It works
 * between create and destroy, without start, and takes no part in the work: it joins no
 * group and moves no position.
 */
#ifndef SLUICE_LAG_H
#define SLUICE_LAG_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_LAG_ID "sluice.draft.lag.1"

/* What the group is. */
#define SLUICE_GROUP_UNKNOWN 0u /* the brokers do not tell */
#define SLUICE_GROUP_ACTIVE 1u  /* somebody consumes */
#define SLUICE_GROUP_MOVING 2u  /* members are being assigned their partitions */
#define SLUICE_GROUP_EMPTY 3u   /* it is known, and nobody consumes */
#define SLUICE_GROUP_ABSENT 4u  /* nobody ever consumed under this name, or it was deleted */

#define SLUICE_LAG_NONE (-1) /* of committed: nothing was ever committed */

struct sluice_lag_group {
    uint32_t struct_size;
    uint32_t state; /* SLUICE_GROUP_ */
    struct sluice_str name;
    uint64_t members;
};

struct sluice_lag_partition {
    uint32_t struct_size;
    uint32_t partition;
    struct sluice_str topic;
    int64_t committed; /* the next to read of the group; SLUICE_LAG_NONE */
    int64_t begin;     /* the oldest that is there */
    int64_t end;       /* one past the newest */
};

struct sluice_lag_visitor {
    uint32_t struct_size;
    uint32_t reserved;
    void *context;
    void (*group)(void *context, const struct sluice_lag_group *group); /* once, first */
    void (*partition)(void *context, const struct sluice_lag_partition *partition);
};

struct sluice_lag {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] Makes a reader for self.  OK | FATAL. */
    uint32_t (*open)(void *self, void **reader, struct sluice_error *err);
    /* [instance] of the reader: shows the group, then every partition, within timeout_ms.  What the
     * visitor is shown lives until it returns.  OK | RETRY, DISCONNECTED | FATAL. */
    uint32_t (*read)(void *reader, const struct sluice_lag_visitor *visitor, uint32_t timeout_ms,
                     struct sluice_error *err);
    void (*close)(void *reader);
};

#ifdef __cplusplus
}
#endif
#endif
