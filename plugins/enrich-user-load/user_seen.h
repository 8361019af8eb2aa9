/* user_seen: which users a run has met, and in which record first.
 *
 * A record that is tried again (its document is made anew then) is not a duplicate of
 * itself: beside each id the set holds the id together with the place of its first record.
 * Grows with the users; 42 to 84 bytes a user. */
#ifndef SLUICE_ENRICH_USER_SEEN_H
#define SLUICE_ENRICH_USER_SEEN_H

#include <sluice/abi.h>

#include "../common/idset.h"

struct user_seen {
    struct idset *set; /* NULL: nobody yet */
    uint64_t users;
};

enum user_met { USER_NEW, USER_AGAIN, USER_DUPLICATE, USER_NO_MEMORY };

/* lane and position: the place of the record.  USER_AGAIN: the same record as before. */
enum user_met user_seen_add(struct user_seen *s, struct sluice_str id, struct sluice_str lane,
                            uint64_t position);
void user_seen_release(struct user_seen *s);

#endif
