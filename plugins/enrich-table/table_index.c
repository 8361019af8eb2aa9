/* table_index: a row is its line, its key and its cells, packed with varints; the
 * index holds where rows begin, with some bits of the key's hash so that most keys
 * which are not there are known not to be without a look at the rows. */
#include <stdlib.h>

#include "table.h"

#define OFFSET_BITS 40
#define OFFSET_MASK ((UINT64_C(1) << OFFSET_BITS) - 1)

struct table *table_new(const struct table_plan *plan, struct sluice_error *err)
{
    struct table *t = calloc(1, sizeof *t);

    if (t == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the table of %s", plan->path);
        return NULL;
    }
    t->plan = plan;
    t->n_slots = 1024;
    t->slots = calloc(t->n_slots, sizeof *t->slots);
    if (t->slots == NULL || hash_key_random(&t->hash_key) != 0) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the table of %s", plan->path);
        table_free(t);
        return NULL;
    }
    return t;
}

void table_free(struct table *t)
{
    if (t == NULL)
        return;
    free(t->rows);
    free(t->slots);
    free(t);
}

static uint64_t hash_of(const struct table *t, const char *key, uint64_t len)
{
    return hash128(&t->hash_key, key, (size_t)len).lo;
}

static char *put_varint(char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    return at;
}

static uint64_t take_varint(const char **at)
{
    uint64_t value = 0;
    int shift = 0;

    for (;; shift += 7) {
        unsigned char c = (unsigned char)*(*at)++;

        value |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return value;
    }
}

/* Reads the line and the key of the row at the offset; *at then stands at its cells. */
static struct sluice_str row_key(const struct table *t, uint64_t offset, uint64_t *line, const char **at)
{
    struct sluice_str key;

    *at = t->rows + offset;
    *line = take_varint(at);
    key.len = take_varint(at);
    key.data = *at;
    *at += key.len;
    return key;
}

/* The slot of the key, or the empty one where it belongs. */
static uint64_t *slot_of(const struct table *t, uint64_t hash, const char *key, uint64_t len)
{
    uint64_t tag = hash & ~OFFSET_MASK, at, line;
    const char *cells;

    for (at = hash & (t->n_slots - 1); t->slots[at] != 0; at = (at + 1) & (t->n_slots - 1)) {
        struct sluice_str there;

        if ((t->slots[at] & ~OFFSET_MASK) != tag)
            continue;
        there = row_key(t, (t->slots[at] & OFFSET_MASK) - 1, &line, &cells);
        if (there.len == len && memcmp(there.data, key, (size_t)len) == 0)
            break;
    }
    return &t->slots[at];
}

static int grow_slots(struct table *t)
{
    uint64_t n = t->n_slots * 2, i, at, line;
    uint64_t *slots = calloc((size_t)n, sizeof *slots);
    const char *cells;

    if (slots == NULL)
        return -1;
    for (i = 0; i < t->n_slots; i++) {
        struct sluice_str key;

        if (t->slots[i] == 0)
            continue;
        key = row_key(t, (t->slots[i] & OFFSET_MASK) - 1, &line, &cells);
        at = hash_of(t, key.data, key.len) & (n - 1);
        while (slots[at] != 0)
            at = (at + 1) & (n - 1);
        slots[at] = t->slots[i];
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    return 0;
}

static int reserve(struct table *t, uint64_t more)
{
    uint64_t cap = t->cap == 0 ? 65536 : t->cap;
    char *rows;

    while (cap - t->used < more)
        cap += cap / 2;
    if (cap == t->cap)
        return 0;
    if (cap > OFFSET_MASK || (rows = realloc(t->rows, (size_t)cap)) == NULL)
        return -1;
    t->rows = rows;
    t->cap = cap;
    return 0;
}

static void pack_row(struct table *t, struct sluice_str key, const struct table_cell *cells, uint64_t line)
{
    char *at = t->rows + t->used;
    uint32_t i;

    at = put_varint(at, line);
    at = put_varint(at, key.len);
    memcpy(at, key.data, (size_t)key.len);
    at += key.len;
    for (i = 0; i < t->plan->n_columns; i++) {
        at = put_varint(at, cells[i].text.len << 1 | (cells[i].json ? 1u : 0u));
        if (cells[i].text.len > 0)
            memcpy(at, cells[i].text.data, (size_t)cells[i].text.len);
        at += cells[i].text.len;
    }
    t->used = (uint64_t)(at - t->rows);
}

static int no_memory(const struct table *t, struct sluice_error *err)
{
    (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the %llu rows of %s", (unsigned long long)t->n,
                      t->plan->path);
    return -1;
}

/* A key that was there before.  1: the new row takes its place, 0: it does not. */
static int repeated(struct table *t, uint64_t slot, struct sluice_str key, uint64_t line,
                    struct sluice_error *err)
{
    const char *cells;
    uint64_t first;

    t->repeated++;
    if (t->plan->duplicates != TABLE_REFUSE)
        return t->plan->duplicates == TABLE_LAST;
    (void)row_key(t, (slot & OFFSET_MASK) - 1, &first, &cells);
    (void)sluice_fail(err, SLUICE_FATAL, "path",
                      "%s: line %llu and line %llu both have the key \"%.*s\"; mend the file, or set "
                      "duplicates to first or last",
                      t->plan->path, (unsigned long long)first, (unsigned long long)line,
                      (int)(key.len > 60 ? 60 : key.len), key.data);
    return -1;
}

int table_add(struct table *t, struct sluice_str key, const struct table_cell *cells, uint64_t line,
              struct sluice_error *err)
{
    uint64_t hash = hash_of(t, key.data, key.len), bytes = 20 + key.len, offset = t->used;
    uint64_t *slot = slot_of(t, hash, key.data, key.len);
    int is_new = *slot == 0;
    uint32_t i;

    if (!is_new) {
        int take = repeated(t, *slot, key, line, err);

        if (take <= 0)
            return take;
    }
    for (i = 0; i < t->plan->n_columns; i++)
        bytes += 10 + cells[i].text.len;
    if (reserve(t, bytes) != 0)
        return no_memory(t, err);
    pack_row(t, key, cells, line);
    *slot = (hash & ~OFFSET_MASK) | (offset + 1);
    t->n += is_new ? 1u : 0u;
    if (t->n * 10 > t->n_slots * 7 && grow_slots(t) != 0)
        return no_memory(t, err);
    return 0;
}

void table_seal(struct table *t)
{
    char *rows = t->used == 0 ? NULL : realloc(t->rows, (size_t)t->used);

    if (rows != NULL) {
        t->rows = rows;
        t->cap = t->used;
    }
}

int table_find(const struct table *t, const char *key, uint64_t len, struct table_cell *cells)
{
    uint64_t slot = *slot_of(t, hash_of(t, key, len), key, len), line;
    const char *at;
    uint32_t i;

    if (slot == 0)
        return 0;
    (void)row_key(t, (slot & OFFSET_MASK) - 1, &line, &at);
    for (i = 0; i < t->plan->n_columns; i++) {
        uint64_t head = take_varint(&at);

        cells[i].json = (int)(head & 1u);
        cells[i].text.len = head >> 1;
        cells[i].text.data = at;
        at += head >> 1;
    }
    return 1;
}
