/* conformance_seen: what a source delivered, kept for comparison. */
#ifndef SLUICE_CORE_CONFORMANCE_SEEN_H
#define SLUICE_CORE_CONFORMANCE_SEEN_H

#include "conformance_host.h"

struct seen_record {
    uint32_t lane;
    uint32_t lane_hash; /* of its name: ids may differ from run to run */
    uint64_t position, next, ordinal, hash;
};

struct seen {
    struct conf *c;
    struct seen_record *records;
    size_t n, cap, most; /* where seen_poll_all stops */
    int compare_late;
    /* Is shown each batch while its bytes are valid; NULL: nobody looks. */
    void (*look)(struct mock *m, const struct sluice_batch *batch);
};

struct poll_result {
    uint32_t code;
    uint64_t n;       /* records in the batch */
    uint64_t offered; /* records that the source offered */
};

#define SEEN_MOST 20000u /* records of a source that has no end */

#define SEEN_HASH_START UINT64_C(14695981039346656037)
/* The hash of a record's bytes, piece by piece, and of its lane's name. */
uint64_t seen_hash(uint64_t hash, const void *data, uint64_t len);
uint32_t seen_lane_hash(const struct sluice_record *r);

struct mock *seen_begin(struct conf *c);              /* a source that is started */
void seen_need(struct conf *c, const struct seen *s); /* skips the case if nothing came */
void seen_init(struct conf *c, struct seen *s);
void seen_release(struct seen *s);
/* One poll; its records are added. */
void seen_poll(struct mock *m, struct seen *s, uint64_t max, uint32_t timeout_ms, struct poll_result *r);
/* Polls until END, or nothing comes any more, or s->most records came (SEEN_MOST as a rule).  The last code.
 */
uint32_t seen_poll_all(struct mock *m, struct seen *s, uint64_t max);
/* Settles the first n records that were seen. */
uint32_t seen_settle(struct mock *m, const struct seen *s, size_t n);
/* The same record: lane, position and bytes. */
const struct seen_record *seen_find(const struct seen *s, const struct seen_record *r);

#endif
