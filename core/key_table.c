/* key_table: open addressing over an array of entries. */
#include "key_table.h"

#include <stdlib.h>

#include "hash.h"

#define KEY_FIRST_SLOTS 1024u
#define KEY_MAX (UINT32_C(1) << 30)

void key_table_init(struct key_table *t)
{
    memset(t, 0, sizeof *t);
    arena_init(&t->arena, 0);
}

void key_table_release(struct key_table *t)
{
    free(t->entries);
    free(t->slots);
    arena_release(&t->arena);
    key_table_init(t);
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t key_slot(const struct key_table *t, struct sluice_str key)
{
    uint32_t at = (uint32_t)hash_bytes(key.data, key.len) & (t->n_slots - 1);

    while (t->slots[at] != 0 && !sluice_str_equal(t->entries[t->slots[at] - 1].key, key))
        at = (at + 1) & (t->n_slots - 1);
    return at;
}

uint32_t key_table_find(const struct key_table *t, struct sluice_str key)
{
    uint32_t slot;

    if (t->n == 0 || key.data == NULL)
        return KEY_NONE;
    slot = t->slots[key_slot(t, key)];
    return slot == 0 ? KEY_NONE : slot - 1;
}

static int key_grow(struct key_table *t)
{
    uint32_t n_slots = t->n_slots == 0 ? KEY_FIRST_SLOTS : t->n_slots * 2, i;
    struct key_entry *entries;
    uint32_t *slots;

    if (n_slots > KEY_MAX)
        return -1;
    entries = realloc(t->entries, n_slots / 2 * sizeof *entries);
    if (entries == NULL)
        return -1;
    t->entries = entries;
    slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return -1;
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
    for (i = 0; i < t->n; i++)
        t->slots[key_slot(t, t->entries[i].key)] = i + 1;
    return 0;
}

uint32_t key_table_add(struct key_table *t, struct sluice_str key, int *added)
{
    struct key_entry *entry;
    uint32_t slot;

    *added = 0;
    if (t->n >= t->n_slots / 2 && key_grow(t) != 0)
        return KEY_NONE;
    slot = key_slot(t, key);
    if (t->slots[slot] != 0)
        return t->slots[slot] - 1;
    entry = &t->entries[t->n];
    entry->key.data = arena_copy(&t->arena, key.data == NULL ? "" : key.data, key.len);
    if (entry->key.data == NULL)
        return KEY_NONE;
    entry->key.len = key.len;
    entry->value = KEY_NONE;
    entry->bits = 0;
    t->slots[slot] = ++t->n;
    *added = 1;
    return t->n - 1;
}
