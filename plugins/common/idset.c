/* idset: open addressing, linear probing, at most three slots in four taken, so that
 * every search ends at an empty one. */
#include "idset.h"

#include <stdlib.h>

struct idset *idset_new(uint64_t room)
{
    struct hash128 key;

    return hash_key_random(&key) == 0 ? idset_new_keyed(room, &key) : NULL;
}

struct idset *idset_new_keyed(uint64_t room, const struct hash128 *key)
{
    struct idset *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->room = room;
    s->n_slots = room + room / 3 + 2;
    s->slots = room > IDSET_MAX ? NULL : calloc((size_t)s->n_slots, sizeof *s->slots);
    s->key = *key;
    if (s->slots == NULL) {
        idset_free(s);
        return NULL;
    }
    return s;
}

void idset_free(struct idset *s)
{
    if (s == NULL)
        return;
    free(s->slots);
    free(s);
}

int idset_add(struct idset *s, const char *id, size_t len)
{
    return idset_add_hash(s, idset_hash(s, id, len));
}

int idset_add_hash(struct idset *s, struct hash128 h)
{
    uint64_t at;

    if (idset_has(s, h))
        return 0;
    if (s->n == s->room)
        return -1;
    at = idset_slot(s, h);
    while ((s->slots[at].lo | s->slots[at].hi) != 0)
        at = at + 1 == s->n_slots ? 0 : at + 1;
    s->slots[at] = h;
    s->n++;
    return 1;
}

struct idset *idset_widen(const struct idset *s, uint64_t room)
{
    struct idset *wider = room < s->n ? NULL : idset_new_keyed(room, &s->key);
    uint64_t i;

    for (i = 0; wider != NULL && i < s->n_slots; i++)
        if ((s->slots[i].lo | s->slots[i].hi) != 0)
            (void)idset_add_hash(wider, s->slots[i]);
    return wider;
}
