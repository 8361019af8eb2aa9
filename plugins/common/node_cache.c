/* node_cache: four-way sets in one block of memory, of which twice as much is used whenever
 * it is half full: pages that nobody needs are never touched, so they are not resident. */
#include "node_cache.h"

#include <stdlib.h>
#include <string.h>

#define NODE_WAYS 4u
#define NODE_FIRST_SETS 256u

uint64_t node_hash(uint64_t h, const void *data, uint64_t len)
{
    const unsigned char *p = data;
    uint64_t word, left;

    h ^= len * UINT64_C(0x9e3779b97f4a7c15);
    for (left = len; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    if (left > 0) {
        word = 0;
        memcpy(&word, p, left);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
    }
    h ^= h >> 29;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 32);
}

int node_cache_init(struct node_cache *c, uint64_t entries, const struct hash128 *secret)
{
    c->secret = *secret;
    c->sets = NODE_FIRST_SETS;
    for (c->most_sets = c->sets; c->most_sets * NODE_WAYS < entries;)
        c->most_sets *= 2;
    c->entries = calloc(c->most_sets * NODE_WAYS, sizeof *c->entries);
    return c->entries == NULL ? -1 : 0;
}

void node_cache_release(struct node_cache *c)
{
    free(c->entries);
    c->entries = NULL;
    c->sets = 0;
}

void node_cache_clear(struct node_cache *c)
{
    if (c->held > 0)
        memset(c->entries, 0, c->sets * NODE_WAYS * sizeof *c->entries);
    c->held = 0;
}

void node_cache_unsee(struct node_cache *c)
{
    c->epoch++;
}

struct hash128 node_cache_key(const struct node_cache *c, struct sluice_str text)
{
    return hash128(&c->secret, text.data, text.len);
}

static struct node_entry *node_cache_set(struct node_cache *c, struct hash128 key)
{
    return c->entries + (key.lo & (c->sets - 1)) * NODE_WAYS;
}

/* Moves the i-th entry of a set to its front. */
static struct node_entry *node_cache_front(struct node_entry *set, uint32_t i)
{
    struct node_entry moved;

    if (i > 0) {
        moved = set[i];
        memmove(set + 1, set, i * sizeof *set);
        set[0] = moved;
    }
    return set;
}

struct node_entry *node_cache_find(struct node_cache *c, struct hash128 key)
{
    struct node_entry *set = node_cache_set(c, key);
    uint32_t i;

    for (i = 0; i < NODE_WAYS; i++)
        if (set[i].rowid != 0 && set[i].key.lo == key.lo && set[i].key.hi == key.hi)
            return node_cache_front(set, i);
    return NULL;
}

/* The entry of a set that gives way, at its front; empty if there was room. */
static struct node_entry *node_cache_place(struct node_cache *c, struct hash128 key)
{
    struct node_entry *entry = node_cache_front(node_cache_set(c, key), NODE_WAYS - 1);

    c->held += entry->rowid == 0;
    return entry;
}

/* Twice as many sets, in the memory that is there: half of each set moves to its other half. */
static void node_cache_grow(struct node_cache *c)
{
    const uint64_t sets = c->sets;
    uint64_t i;

    for (i = 0; i < sets; i++) {
        struct node_entry *low = c->entries + i * NODE_WAYS, *high = low + sets * NODE_WAYS, moved;
        uint32_t way, n_low = 0, n_high = 0;

        for (way = 0; way < NODE_WAYS; way++) {
            moved = low[way];
            low[way].rowid = 0;
            if (moved.rowid != 0 && (moved.key.lo & sets) != 0)
                high[n_high++] = moved;
            else if (moved.rowid != 0)
                low[n_low++] = moved;
        }
    }
    c->sets = sets * 2;
}

void node_cache_put(struct node_cache *c, struct hash128 key, int64_t rowid, uint64_t seen)
{
    struct node_entry *entry = node_cache_find(c, key);

    if (entry == NULL) {
        if (c->held * 2 >= c->sets * NODE_WAYS && c->sets < c->most_sets)
            node_cache_grow(c);
        entry = node_cache_place(c, key);
    }
    entry->rowid = rowid;
    entry->seen = seen;
    entry->key = key;
}
