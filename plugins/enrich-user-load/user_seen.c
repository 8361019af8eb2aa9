/* user_seen: one set with two entries a user, doubled when it is full. */
#include "user_seen.h"

#define SEEN_ROOM_FIRST 4096u

static int seen_grow(struct user_seen *s)
{
    struct idset *bigger =
        s->set == NULL ? idset_new(SEEN_ROOM_FIRST) : idset_new_keyed(s->set->room * 2, &s->set->key);
    uint64_t i;

    if (bigger == NULL)
        return -1;
    for (i = 0; s->set != NULL && i < s->set->n_slots; i++)
        if ((s->set->slots[i].lo | s->set->slots[i].hi) != 0)
            (void)idset_add_hash(bigger, s->set->slots[i]);
    idset_free(s->set);
    s->set = bigger;
    return 0;
}

/* The hash of an id at a place: that of the hash of the id, the hash of the lane and the position. */
static struct hash128 hash_at(const struct idset *set, struct hash128 id, struct sluice_str lane,
                              uint64_t position)
{
    struct hash128 lane_hash = hash128(&set->key, lane.data, (size_t)lane.len);
    uint64_t parts[5] = {id.lo, id.hi, lane_hash.lo, lane_hash.hi, position};

    return idset_hash(set, (const char *)parts, sizeof parts);
}

enum user_met user_seen_add(struct user_seen *s, struct sluice_str id, struct sluice_str lane,
                            uint64_t position)
{
    struct hash128 user, place;

    if ((s->set == NULL || s->set->n + 2 > s->set->room) && seen_grow(s) != 0)
        return USER_NO_MEMORY;
    if (lane.data == NULL)
        lane = sluice_str_of("");
    user = idset_hash(s->set, id.data, (size_t)id.len);
    place = hash_at(s->set, user, lane, position);
    if (idset_has(s->set, user))
        return idset_has(s->set, place) ? USER_AGAIN : USER_DUPLICATE;
    (void)idset_add_hash(s->set, user);
    (void)idset_add_hash(s->set, place);
    s->users++;
    return USER_NEW;
}

void user_seen_release(struct user_seen *s)
{
    idset_free(s->set);
    s->set = NULL;
    s->users = 0;
}
