/* hash: 64 bits of a byte string, for sharding and tables.  Not for secrets. */
#ifndef SLUICE_CORE_HASH_H
#define SLUICE_CORE_HASH_H

#include <stdint.h>
#include <string.h>

/* Eight bytes a step, multiply and fold; the tail is read as one padded word. */
static inline uint64_t hash_bytes(const void *data, uint64_t len)
{
    const unsigned char *p = data;
    uint64_t h = 0x9e3779b97f4a7c15u ^ len, word;

    while (len >= 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0xbf58476d1ce4e5b9u;
        h ^= h >> 29;
        p += 8;
        len -= 8;
    }
    if (len > 0) {
        word = 0;
        memcpy(&word, p, len);
        h = (h ^ word) * 0xbf58476d1ce4e5b9u;
    }
    h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
    return h ^ (h >> 29);
}

#endif
