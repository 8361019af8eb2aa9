/* once_held: see once_held.h. */
#include "once_held.h"

#include <stdlib.h>
#include <string.h>

#define FIRST 64u

int once_held_init(struct once_held *h)
{
    memset(h, 0, sizeof *h);
    return hash_key_random(&h->secret);
}

void once_held_clear(struct once_held *h)
{
    struct once_held_key *k, *next;
    uint32_t i;

    for (i = 0; i < h->n_buckets; i++)
        for (k = h->buckets[i]; k != NULL; k = next) {
            next = k->next;
            free(k);
        }
    free(h->buckets);
    h->buckets = NULL;
    h->n_buckets = h->n = 0;
}

static int grow(struct once_held *h)
{
    uint32_t n = h->n_buckets == 0 ? FIRST : h->n_buckets * 2, i;
    struct once_held_key **buckets = calloc(n, sizeof(struct once_held_key *)), *k, *next;

    if (buckets == NULL)
        return -1;
    for (i = 0; i < h->n_buckets; i++)
        for (k = h->buckets[i]; k != NULL; k = next) {
            next = k->next;
            k->next = buckets[k->hash & (n - 1)];
            buckets[k->hash & (n - 1)] = k;
        }
    free(h->buckets);
    h->buckets = buckets;
    h->n_buckets = n;
    return 0;
}

/* Where the pointer to it stands, or would. */
static struct once_held_key **place(const struct once_held *h, const char *text, size_t len, uint64_t hash)
{
    struct once_held_key **at = &h->buckets[hash & (h->n_buckets - 1)];

    while (*at != NULL && ((*at)->hash != hash || (*at)->len != len || memcmp((*at)->text, text, len) != 0))
        at = &(*at)->next;
    return at;
}

int once_held_add(struct once_held *h, const char *text, size_t len)
{
    uint64_t hash = hash128(&h->secret, text, len).lo;
    struct once_held_key **at, *k;

    if (h->n >= h->n_buckets && grow(h) != 0)
        return -1;
    at = place(h, text, len, hash);
    if (*at != NULL)
        return 0;
    k = malloc(sizeof *k + len);
    if (k == NULL)
        return -1;
    k->next = NULL;
    k->hash = hash;
    k->len = len;
    memcpy(k->text, text, len);
    *at = k;
    h->n++;
    return 1;
}

void once_held_remove(struct once_held *h, const char *text, size_t len)
{
    struct once_held_key **at, *k;

    if (h->n == 0)
        return;
    at = place(h, text, len, hash128(&h->secret, text, len).lo);
    k = *at;
    if (k == NULL)
        return;
    *at = k->next;
    free(k);
    h->n--;
}

void once_held_list(const struct once_held *h, const struct once_held_key **out)
{
    const struct once_held_key *k;
    uint32_t i, n = 0;

    for (i = 0; i < h->n_buckets; i++)
        for (k = h->buckets[i]; k != NULL; k = k->next)
            out[n++] = k;
}
