/* lookup_cache: what is known of ids, and which are being asked right now.
 *
 * Two lists in order of use, each with a maximum of bytes and a time to live: ids with
 * a value, and ids that the service does not know.  An id that is being asked is in the
 * table too, so that whoever wants it meanwhile waits for that answer.
 *
 * Invariant: whoever made an entry (MADE) settles it once, whatever happens; an entry's
 * value does not change after that and lives as long as somebody holds the entry. */
#ifndef SLUICE_PLUGINS_LOOKUP_CACHE_H
#define SLUICE_PLUGINS_LOOKUP_CACHE_H

#include <pthread.h>

#include "hash.h"
#include "lookup_answer.h"

struct lookup_entry {
    struct lookup_entry *in_bucket;
    struct lookup_entry *newer, *older; /* in its list */
    struct lookup_value *value;         /* of FOUND */
    uint64_t hash;
    int64_t expires_ms;
    uint32_t refs;
    uint32_t linked; /* in the table */
    enum lookup_state state;
    uint32_t retry_after_ms; /* of FAILED and AWAY */
    char *why;               /* of FAILED and AWAY; NULL: no memory for words */
    uint64_t id_len;
    char id[];
};

struct lookup_list {
    struct lookup_entry *newest, *oldest;
    uint64_t bytes, max_bytes, count;
    int64_t ttl_ms;
};

struct lookup_cache {
    pthread_mutex_t lock;
    pthread_cond_t settled;
    struct hash128 key;
    struct lookup_entry **buckets;
    uint64_t n_buckets, count; /* count: entries in the table */
    struct lookup_list known, unknown;
};

enum lookup_how { LOOKUP_HIT, LOOKUP_NEGATIVE, LOOKUP_JOINED, LOOKUP_MADE, LOOKUP_NO_MEMORY };

int lookup_cache_init(struct lookup_cache *c, uint64_t max_bytes, int64_t ttl_ms, int64_t unknown_ttl_ms);
void lookup_cache_release(struct lookup_cache *c); /* nobody holds an entry */
/* Forgets all that is known. */
void lookup_cache_clear(struct lookup_cache *c);
/* Finds or makes each of n ids; *how says which it was.  One lock for all. */
void lookup_cache_take(struct lookup_cache *c, const struct sluice_str *ids, uint32_t n, int64_t now,
                       struct lookup_entry **entries, enum lookup_how *how);
/* The answer about an entry that this caller made.  Takes the value; copies why. */
void lookup_cache_settle(struct lookup_cache *c, struct lookup_entry *e, enum lookup_state state,
                         struct lookup_value *value, const char *why, uint32_t retry_after_ms, int64_t now);
/* Waits until nobody is asking for it any more. */
void lookup_cache_wait(struct lookup_cache *c, const struct lookup_entry *e);
void lookup_cache_give(struct lookup_cache *c, struct lookup_entry **entries, uint32_t n);
/* Bytes and ids held in both lists. */
void lookup_cache_size(struct lookup_cache *c, uint64_t *bytes, uint64_t *known, uint64_t *unknown);

#endif
