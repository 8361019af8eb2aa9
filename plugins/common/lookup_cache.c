/* lookup_cache: see lookup_cache.h. */
#include "lookup_cache.h"

#include <stdlib.h>

#define FIRST_BUCKETS 1024u
#define ALLOCATION 16u /* what malloc adds to a block */

int lookup_cache_init(struct lookup_cache *c, uint64_t max_bytes, int64_t ttl_ms, int64_t unknown_ttl_ms)
{
    memset(c, 0, sizeof *c);
    c->buckets = calloc(FIRST_BUCKETS, sizeof(struct lookup_entry *));
    if (c->buckets == NULL || hash_key_random(&c->key) != 0) {
        free(c->buckets);
        return 0;
    }
    c->n_buckets = FIRST_BUCKETS;
    /* An eighth is enough for ids that nobody knows, and what they are is up to the sender. */
    c->unknown.max_bytes = max_bytes / 8;
    c->known.max_bytes = max_bytes - c->unknown.max_bytes;
    c->known.ttl_ms = ttl_ms;
    c->unknown.ttl_ms = unknown_ttl_ms;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->settled, NULL);
    return 1;
}

/* --- all below: lock held --------------------------------------------------------- */

static void entry_free(struct lookup_entry *e)
{
    free(e->value);
    free(e->why);
    free(e);
}

static void entry_drop(struct lookup_entry *e)
{
    if (--e->refs == 0)
        entry_free(e);
}

static uint64_t entry_bytes(const struct lookup_entry *e)
{
    return sizeof *e + e->id_len + ALLOCATION + 2 * sizeof(struct lookup_entry *) +
           (e->value == NULL ? 0 : e->value->size + ALLOCATION);
}

static struct lookup_list *list_of(struct lookup_cache *c, const struct lookup_entry *e)
{
    return e->state == LOOKUP_FOUND ? &c->known : e->state == LOOKUP_UNKNOWN ? &c->unknown : NULL;
}

static void list_add(struct lookup_list *l, struct lookup_entry *e)
{
    e->newer = NULL;
    e->older = l->newest;
    if (l->newest != NULL)
        l->newest->newer = e;
    else
        l->oldest = e;
    l->newest = e;
    l->bytes += entry_bytes(e);
    l->count++;
}

static void list_remove(struct lookup_list *l, struct lookup_entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &l->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &l->oldest) = e->newer;
    l->bytes -= entry_bytes(e);
    l->count--;
}

/* Out of table and list. */
static void entry_unlink(struct lookup_cache *c, struct lookup_entry *e)
{
    struct lookup_entry **at = &c->buckets[e->hash & (c->n_buckets - 1)];
    struct lookup_list *l = list_of(c, e);

    while (*at != e)
        at = &(*at)->in_bucket;
    *at = e->in_bucket;
    c->count--;
    e->linked = 0;
    if (l != NULL)
        list_remove(l, e);
    entry_drop(e);
}

static void grow(struct lookup_cache *c)
{
    uint64_t n = c->n_buckets * 2, i;
    struct lookup_entry **buckets = calloc(n, sizeof *buckets), *e, *next;

    if (buckets == NULL)
        return; /* longer chains, and the next entry tries again */
    for (i = 0; i < c->n_buckets; i++)
        for (e = c->buckets[i]; e != NULL; e = next) {
            next = e->in_bucket;
            e->in_bucket = buckets[e->hash & (n - 1)];
            buckets[e->hash & (n - 1)] = e;
        }
    free(c->buckets);
    c->buckets = buckets;
    c->n_buckets = n;
}

static struct lookup_entry *find(struct lookup_cache *c, struct sluice_str id, uint64_t hash)
{
    struct lookup_entry *e;

    for (e = c->buckets[hash & (c->n_buckets - 1)]; e != NULL; e = e->in_bucket)
        if (e->hash == hash && e->id_len == id.len && memcmp(e->id, id.data, id.len) == 0)
            return e;
    return NULL;
}

static struct lookup_entry *make(struct lookup_cache *c, struct sluice_str id, uint64_t hash)
{
    struct lookup_entry *e = calloc(1, sizeof *e + id.len + 1);

    if (e == NULL)
        return NULL;
    if (c->count >= c->n_buckets)
        grow(c);
    memcpy(e->id, id.data, id.len);
    e->id_len = id.len;
    e->hash = hash;
    e->state = LOOKUP_FLYING;
    e->refs = 1; /* the table's */
    e->linked = 1;
    e->in_bucket = c->buckets[hash & (c->n_buckets - 1)];
    c->buckets[hash & (c->n_buckets - 1)] = e;
    c->count++;
    return e;
}

static struct lookup_entry *take(struct lookup_cache *c, struct sluice_str id, uint64_t hash, int64_t now,
                                 enum lookup_how *how)
{
    struct lookup_entry *e = find(c, id, hash);
    struct lookup_list *l = e == NULL ? NULL : list_of(c, e);

    if (l != NULL && now >= e->expires_ms) {
        entry_unlink(c, e);
        e = NULL;
    }
    if (e == NULL) {
        e = make(c, id, hash);
        *how = e == NULL ? LOOKUP_NO_MEMORY : LOOKUP_MADE;
    } else if (l == NULL) {
        *how = LOOKUP_JOINED;
    } else {
        list_remove(l, e);
        list_add(l, e);
        *how = l == &c->known ? LOOKUP_HIT : LOOKUP_NEGATIVE;
    }
    if (e != NULL)
        e->refs++;
    return e;
}

/* --- for callers ------------------------------------------------------------------ */

void lookup_cache_take(struct lookup_cache *c, const struct sluice_str *ids, uint32_t n, int64_t now,
                       struct lookup_entry **entries, enum lookup_how *how)
{
    uint32_t i;

    pthread_mutex_lock(&c->lock);
    for (i = 0; i < n; i++)
        entries[i] = take(c, ids[i], hash128(&c->key, ids[i].data, (size_t)ids[i].len).lo, now, &how[i]);
    pthread_mutex_unlock(&c->lock);
}

void lookup_cache_settle(struct lookup_cache *c, struct lookup_entry *e, enum lookup_state state,
                         struct lookup_value *value, const char *why, uint32_t retry_after_ms, int64_t now)
{
    struct lookup_list *l;

    pthread_mutex_lock(&c->lock);
    e->state = state;
    e->value = value;
    e->why = why == NULL ? NULL : strdup(why);
    e->retry_after_ms = retry_after_ms;
    l = list_of(c, e);
    if (l == NULL || l->ttl_ms <= 0) {
        /* Those who wait hold it; the next one asks again. */
        if (l != NULL)
            list_add(l, e);
        entry_unlink(c, e);
    } else {
        e->expires_ms = now + l->ttl_ms;
        list_add(l, e);
        while (l->bytes > l->max_bytes)
            entry_unlink(c, l->oldest);
    }
    pthread_cond_broadcast(&c->settled);
    pthread_mutex_unlock(&c->lock);
}

void lookup_cache_wait(struct lookup_cache *c, const struct lookup_entry *e)
{
    pthread_mutex_lock(&c->lock);
    while (e->state == LOOKUP_FLYING)
        pthread_cond_wait(&c->settled, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

void lookup_cache_give(struct lookup_cache *c, struct lookup_entry **entries, uint32_t n)
{
    uint32_t i;

    pthread_mutex_lock(&c->lock);
    for (i = 0; i < n; i++)
        if (entries[i] != NULL)
            entry_drop(entries[i]);
    pthread_mutex_unlock(&c->lock);
}

void lookup_cache_clear(struct lookup_cache *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->known.oldest != NULL)
        entry_unlink(c, c->known.oldest);
    while (c->unknown.oldest != NULL)
        entry_unlink(c, c->unknown.oldest);
    pthread_mutex_unlock(&c->lock);
}

void lookup_cache_size(struct lookup_cache *c, uint64_t *bytes, uint64_t *known, uint64_t *unknown)
{
    pthread_mutex_lock(&c->lock);
    *bytes = c->known.bytes + c->unknown.bytes + c->n_buckets * sizeof(struct lookup_entry *);
    *known = c->known.count;
    *unknown = c->unknown.count;
    pthread_mutex_unlock(&c->lock);
}

void lookup_cache_release(struct lookup_cache *c)
{
    lookup_cache_clear(c);
    free(c->buckets);
    (void)pthread_cond_destroy(&c->settled);
    (void)pthread_mutex_destroy(&c->lock);
}
