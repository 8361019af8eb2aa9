/* hash: SipHash-2-4 with 128 bits.
 *
 * Keyed, so that nobody can choose data that collides, and wide enough to stand for
 * the data itself: among a million ids the chance that any two share a hash is below
 * 1e-26, far below that of a wrong bit in memory. */
#ifndef SLUICE_PLUGINS_HASH_H
#define SLUICE_PLUGINS_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash128 {
    uint64_t lo, hi;
};

/* 0, or -1 if the system has no random numbers. */
int hash_key_random(struct hash128 *key);
struct hash128 hash128(const struct hash128 *key, const void *data, size_t len);

#endif
