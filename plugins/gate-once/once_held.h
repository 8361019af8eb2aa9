/* once_held: the keys that this instance has reserved in Valkey and not yet concluded.
 *
 * What is in here is renewed; a lease of this owner that is not in here is nobody's (its
 * answer was lost) and may be taken.  One thread at a time. */
#ifndef SLUICE_PLUGINS_ONCE_HELD_H
#define SLUICE_PLUGINS_ONCE_HELD_H

#include "../common/hash.h"

struct once_held_key {
    struct once_held_key *next;
    uint64_t hash;
    size_t len;
    char text[];
};

struct once_held {
    struct once_held_key **buckets;
    uint32_t n_buckets; /* a power of two, or 0 */
    uint32_t n;
    struct hash128 secret;
};

/* 0, or -1: the system gives no random numbers. */
int once_held_init(struct once_held *h);
/* Forgets all. */
void once_held_clear(struct once_held *h);
/* 1 it is new, 0 it was there, -1 no memory. */
int once_held_add(struct once_held *h, const char *text, size_t len);
void once_held_remove(struct once_held *h, const char *text, size_t len);
/* Fills out (of n) with all of them. */
void once_held_list(const struct once_held *h, const struct once_held_key **out);

#endif
