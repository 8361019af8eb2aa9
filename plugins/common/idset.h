/* idset: a set of ids as 128-bit keyed hashes, 21 bytes an id at its fullest.
 *
 * The ids themselves are not kept: a million of them takes 21 MB however long they
 * are, and a look-up touches one line of memory.  See hash.h for why a hash may stand
 * for its id.  Once filled, a set is never changed, so any thread may read it. */
#ifndef SLUICE_PLUGINS_IDSET_H
#define SLUICE_PLUGINS_IDSET_H

#include "hash.h"

struct idset {
    struct hash128 key;
    struct hash128 *slots;    /* all zero: empty */
    uint64_t n_slots;         /* < 2^32 */
    uint64_t n;               /* ids held */
    uint64_t room;            /* ids that fit */
    uint64_t blank, repeated; /* lines of the file that brought nothing */
};

#define IDSET_MAX UINT64_C(3000000000)

struct idset *idset_new(uint64_t room); /* room <= IDSET_MAX; NULL: no memory */
/* With a given key: sets of one key know an id by one hash. */
struct idset *idset_new_keyed(uint64_t room, const struct hash128 *key);
void idset_free(struct idset *s);
/* A copy with more room; NULL: no memory, or less room than ids. */
struct idset *idset_widen(const struct idset *s, uint64_t room);
/* 1 added, 0 was there, -1 no room left. */
int idset_add(struct idset *s, const char *id, size_t len);
/* The same with what idset_hash said, of this set or of another one with its key. */
int idset_add_hash(struct idset *s, struct hash128 h);

static inline struct hash128 idset_hash(const struct idset *s, const char *id, size_t len)
{
    struct hash128 h = hash128(&s->key, id, len);

    if ((h.lo | h.hi) == 0) /* the empty slot's */
        h.lo = 1;
    return h;
}
/* Where the search for the hash begins: for prefetching. */
static inline uint64_t idset_slot(const struct idset *s, struct hash128 h)
{
    return (h.hi >> 32) * s->n_slots >> 32;
}
static inline int idset_has(const struct idset *s, struct hash128 h)
{
    uint64_t at = idset_slot(s, h);

    for (;;) {
        const struct hash128 *slot = &s->slots[at];

        if (slot->lo == h.lo && slot->hi == h.hi)
            return 1;
        if ((slot->lo | slot->hi) == 0)
            return 0;
        if (++at == s->n_slots)
            at = 0;
    }
}

#endif
