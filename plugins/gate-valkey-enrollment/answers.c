/* answers: see answers.h. */
#include "answers.h"

#include <stdlib.h>
#include <string.h>

#define SET 8u

int answers_init(struct answers *a, uint64_t n)
{
    memset(a, 0, sizeof *a);
    for (a->n_sets = 1; a->n_sets * SET < n;)
        a->n_sets *= 2;
    if (n > 0) {
        a->slots = calloc(a->n_sets * SET, sizeof *a->slots);
        if (a->slots == NULL)
            return -1;
    }
    if (pthread_mutex_init(&a->lock, NULL) != 0) {
        free(a->slots);
        return -1;
    }
    return 0;
}

void answers_release(struct answers *a)
{
    free(a->slots);
    pthread_mutex_destroy(&a->lock);
}

void answers_clear(struct answers *a)
{
    pthread_mutex_lock(&a->lock);
    if (a->slots != NULL)
        memset(a->slots, 0, a->n_sets * SET * sizeof *a->slots);
    pthread_mutex_unlock(&a->lock);
}

static struct answer_slot *set_of(const struct answers *a, const struct hash128 *key)
{
    return &a->slots[(key->lo & (a->n_sets - 1)) * SET];
}

static int is_key(const struct answer_slot *s, const struct hash128 *key)
{
    return s->answer != ANSWER_NONE && s->key.lo == key->lo && s->key.hi == key->hi;
}

enum answer answers_find(struct answers *a, const struct hash128 *key, int64_t now_ms)
{
    enum answer found = ANSWER_NONE;
    struct answer_slot *s;
    uint32_t i;

    if (a->slots == NULL)
        return found;
    s = set_of(a, key);
    pthread_mutex_lock(&a->lock);
    for (i = 0; i < SET; i++)
        if (is_key(&s[i], key) && s[i].until_ms > now_ms)
            found = (enum answer)s[i].answer;
    pthread_mutex_unlock(&a->lock);
    return found;
}

/* Which one of a set gives way: the higher, the sooner. */
static int loss(const struct answer_slot *s, int64_t now_ms)
{
    return s->answer == ANSWER_NONE || s->until_ms <= now_ms ? 2 : s->answer == ANSWER_NO ? 1 : 0;
}

void answers_put(struct answers *a, const struct hash128 *key, enum answer answer, int64_t now_ms,
                 int64_t until_ms)
{
    struct answer_slot *s, *out;
    uint32_t i;

    if (a->slots == NULL || until_ms <= now_ms)
        return;
    out = s = set_of(a, key);
    pthread_mutex_lock(&a->lock);
    for (i = 0; i < SET; i++) {
        int more;

        if (is_key(&s[i], key)) {
            out = &s[i];
            break;
        }
        more = loss(&s[i], now_ms) - loss(out, now_ms);
        if (more > 0 || (more == 0 && s[i].until_ms < out->until_ms))
            out = &s[i];
    }
    *out = (struct answer_slot){*key, until_ms, answer};
    pthread_mutex_unlock(&a->lock);
}
