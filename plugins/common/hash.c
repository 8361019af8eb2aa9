/* hash: as in the paper "SipHash: a fast short-input PRF", in its 128-bit form. */
#include "hash.h"

#include <string.h>
#include <sys/random.h>

struct sip {
    uint64_t a, b, c, d;
};

int hash_key_random(struct hash128 *key)
{
    return getrandom(key, sizeof *key, 0) == (ssize_t)sizeof *key ? 0 : -1;
}

static inline uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = turn(s->b, 13) ^ s->a;
    s->d = turn(s->d, 16) ^ s->c;
    s->a = turn(s->a, 32) + s->d;
    s->c += s->b;
    s->d = turn(s->d, 21) ^ s->a;
    s->b = turn(s->b, 17) ^ s->c;
    s->c = turn(s->c, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    sip_round(s);
    s->a ^= word;
}

/* Little-endian, whatever the machine. */
static inline uint64_t load_word(const unsigned char *p, size_t n)
{
    uint64_t word = 0;
    size_t i;

    for (i = 0; i < n; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

static inline uint64_t sip_end(struct sip *s)
{
    int i;

    for (i = 0; i < 4; i++)
        sip_round(s);
    return s->a ^ s->b ^ s->c ^ s->d;
}

struct hash128 hash128(const struct hash128 *key, const void *data, size_t len)
{
    struct sip s = {key->lo ^ 0x736f6d6570736575u, key->hi ^ 0x646f72616e646f6du ^ 0xeeu,
                    key->lo ^ 0x6c7967656e657261u, key->hi ^ 0x7465646279746573u};
    const unsigned char *p = data;
    struct hash128 out;
    size_t left = len;

    for (; left >= 8; left -= 8, p += 8)
        sip_word(&s, load_word(p, 8));
    sip_word(&s, load_word(p, left) | (uint64_t)(len & 0xffu) << 56);
    s.c ^= 0xeeu;
    out.lo = sip_end(&s);
    s.b ^= 0xddu;
    out.hi = sip_end(&s);
    return out;
}
