/* ask: the keys of one batch of records that nobody knows yet, each once.
 *
 * Made by the thread that decides, answered by the asker's.  Who of the two lets go
 * last frees it; that is decided under the asker's lock. */
#ifndef SLUICE_PLUGINS_ASK_H
#define SLUICE_PLUGINS_ASK_H

#include <stddef.h>

#include "answers.h"

struct ask_key {
    struct hash128 hash;
    size_t at, len; /* in text */
    enum answer answer;
};

struct ask {
    uint32_t n, cap;      /* keys; most there can be */
    struct ask_key *keys; /* cap */
    uint32_t *table;      /* by hash: place in keys + 1; a power of two above cap */
    uint32_t mask;        /* its size - 1 */
    uint32_t *of;         /* the caller's: key of each record; cap */
    char *text;           /* the keys' bytes */
    size_t len, room;
    /* Under the asker's lock. */
    struct ask *next;
    int done;      /* the asker is through with it: answers stand, or will not come */
    int abandoned; /* the caller went on without them */
};

/* For up to cap records.  NULL: no memory. */
struct ask *ask_new(uint32_t cap);
void ask_free(struct ask *a);
/* The key's place, which is an old one if it was added before; -1: no memory. */
int64_t ask_add(struct ask *a, const struct hash128 *hash, const char *key, size_t len);

#endif
