/* key_table: a set of strings, each with a number and some bits beside it.
 *
 * Entries keep their index; keys are copied. */
#ifndef SLUICE_CORE_KEY_TABLE_H
#define SLUICE_CORE_KEY_TABLE_H

#include <sluice/abi.h>

#include "arena.h"

#define KEY_NONE UINT32_MAX

struct key_entry {
    struct sluice_str key;
    uint32_t value; /* KEY_NONE at first */
    uint32_t bits;  /* 0 at first */
};

struct key_table {
    struct key_entry *entries;
    uint32_t *slots; /* index + 1; a power of two of them, at most half full */
    uint32_t n;
    uint32_t n_slots;
    struct arena arena;
};

void key_table_init(struct key_table *t); /* allocates nothing */
void key_table_release(struct key_table *t);
/* Index of the key, or KEY_NONE. */
uint32_t key_table_find(const struct key_table *t, struct sluice_str key);
/* Index of the key, added if it was not there (*added is 1 then); KEY_NONE: no memory. */
uint32_t key_table_add(struct key_table *t, struct sluice_str key, int *added);

#endif
