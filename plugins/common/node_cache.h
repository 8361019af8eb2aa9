/* node_cache: which rowid a key has, for the nodes seen lately.
 *
 * Bounded: it grows with what is put until it has as many entries as it may; then, of the
 * four entries of a set, the one unused for longest gives way.  Rowids never
 * change, so an entry is never stale; what a node was last seen with (seen) may be,
 * once another program has written, and is then forgotten (node_cache_unsee).
 * A key is kept as its keyed hash of 128 bits, which stands for it (hash.h). */
#ifndef SLUICE_SINK_SQLITE_NODE_CACHE_H
#define SLUICE_SINK_SQLITE_NODE_CACHE_H

#include <sluice/abi.h>

#include "hash.h"

struct node_entry {
    int64_t rowid; /* 0: empty */
    uint64_t seen; /* hash of the properties that the node surely has taken in, and the epoch; 0: none */
    struct hash128 key;
};

struct node_cache {
    struct node_entry *entries; /* sets of NODE_WAYS, most recent first */
    uint64_t sets;              /* a power of two */
    struct hash128 secret;      /* of the hash */
    uint64_t epoch;             /* goes into seen: a new one makes all that was seen unseen */
    uint64_t held;              /* entries that are not empty */
    uint64_t most_sets;
};

/* entries: at most.  0, or -1: no memory. */
int node_cache_init(struct node_cache *c, uint64_t entries, const struct hash128 *secret);
void node_cache_release(struct node_cache *c);
void node_cache_clear(struct node_cache *c);
void node_cache_unsee(struct node_cache *c);

struct hash128 node_cache_key(const struct node_cache *c, struct sluice_str text);
/* NULL if not here.  The entry is valid until the next put or find. */
struct node_entry *node_cache_find(struct node_cache *c, struct hash128 key);
void node_cache_put(struct node_cache *c, struct hash128 key, int64_t rowid, uint64_t seen);

/* A hash of bytes that continues from h. */
uint64_t node_hash(uint64_t h, const void *data, uint64_t len);

#endif
