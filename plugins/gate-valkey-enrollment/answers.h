/* answers: what was answered lately, by the hash of a key.
 *
 * A table of fixed size in sets of eight.  Invariant: an answer is never given after
 * its time.  A set that is full loses an answer that is over, else a "no", else the
 * one that is over next: the few who are enrolled are worth more than the many
 * who are not.
 *
 * [any]: one lock inside. */
#ifndef SLUICE_PLUGINS_ANSWERS_H
#define SLUICE_PLUGINS_ANSWERS_H

#include <pthread.h>

#include "../common/hash.h"

enum answer { ANSWER_NONE = 0, ANSWER_YES = 1, ANSWER_NO = 2 };

struct answer_slot {
    struct hash128 key;
    int64_t until_ms; /* steady */
    uint64_t answer;
};

struct answers {
    struct answer_slot *slots; /* NULL: remembers nothing */
    uint64_t n_sets;           /* a power of two */
    pthread_mutex_t lock;
};

/* For at least n answers, 0: none.  -1: no memory. */
int answers_init(struct answers *a, uint64_t n);
void answers_release(struct answers *a);
void answers_clear(struct answers *a);
enum answer answers_find(struct answers *a, const struct hash128 *key, int64_t now_ms);
void answers_put(struct answers *a, const struct hash128 *key, enum answer answer, int64_t now_ms,
                 int64_t until_ms);

#endif
