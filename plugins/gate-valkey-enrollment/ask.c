/* ask: see ask.h. */
#include "ask.h"

#include <stdlib.h>
#include <string.h>

struct ask *ask_new(uint32_t cap)
{
    struct ask *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->cap = cap;
    for (a->mask = 2; a->mask < 2 * (uint64_t)cap && a->mask < UINT32_C(1) << 31;)
        a->mask *= 2;
    a->keys = calloc(cap, sizeof *a->keys);
    a->of = calloc(cap, sizeof *a->of);
    a->table = calloc(a->mask, sizeof *a->table);
    a->mask--;
    if (a->keys == NULL || a->of == NULL || a->table == NULL) {
        ask_free(a);
        return NULL;
    }
    return a;
}

void ask_free(struct ask *a)
{
    if (a == NULL)
        return;
    free(a->keys);
    free(a->of);
    free(a->table);
    free(a->text);
    free(a);
}

static int make_room(struct ask *a, size_t len)
{
    size_t room = a->room == 0 ? 4096 : a->room;
    char *text;

    while (room - a->len < len)
        room *= 2; /* at most cap keys of 1 KiB */
    if (room == a->room)
        return 0;
    text = realloc(a->text, room);
    if (text == NULL)
        return -1;
    a->text = text;
    a->room = room;
    return 0;
}

int64_t ask_add(struct ask *a, const struct hash128 *hash, const char *key, size_t len)
{
    uint32_t at = (uint32_t)hash->hi & a->mask, i;

    for (; (i = a->table[at]) != 0; at = (at + 1) & a->mask)
        if (a->keys[i - 1].hash.lo == hash->lo && a->keys[i - 1].hash.hi == hash->hi)
            return i - 1;
    if (a->n == a->cap || make_room(a, len) != 0)
        return -1;
    memcpy(a->text + a->len, key, len);
    a->keys[a->n] = (struct ask_key){*hash, a->len, len, ANSWER_NONE};
    a->len += len;
    a->table[at] = ++a->n;
    return a->n - 1;
}
