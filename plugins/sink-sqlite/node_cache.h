/* node_cache: which rowid a key has, for the nodes seen lately.
 *
 * Bounded: sets of four entries, the one unused for longest gives way.  Rowids never
 * change, so an entry is never stale; what a node was last seen with (seen) may be,
 * once another program has written, and is then forgotten (node_cache_unsee).
 * Keys longer than NODE_KEY_ROOM are not kept: they cost a look-up each time. */
#ifndef SLUICE_SINK_SQLITE_NODE_CACHE_H
#define SLUICE_SINK_SQLITE_NODE_CACHE_H

#include <sluice/abi.h>

#define NODE_KEY_ROOM 46u

struct node_entry {
    int64_t rowid; /* 0: empty */
    uint64_t seen; /* hash of the properties that the node surely has taken in; 0: none */
    uint16_t len;
    char key[NODE_KEY_ROOM];
};

struct node_cache {
    struct node_entry *entries; /* sets of NODE_WAYS, most recent first */
    uint64_t sets;              /* a power of two */
};

int node_cache_init(struct node_cache *c, uint64_t entries); /* 0, or -1: no memory */
void node_cache_release(struct node_cache *c);
void node_cache_clear(struct node_cache *c);
void node_cache_unsee(struct node_cache *c);

/* NULL if not here.  The entry is valid until the next put or find. */
struct node_entry *node_cache_find(struct node_cache *c, struct sluice_str key);
void node_cache_put(struct node_cache *c, struct sluice_str key, int64_t rowid, uint64_t seen);

/* A hash of bytes that continues from h. */
uint64_t node_hash(uint64_t h, const void *data, uint64_t len);

#endif
