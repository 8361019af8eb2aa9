/* flip_decide: the hot path.  Nothing is allocated, nothing is waited for: hashes of a chunk
 * are made first and the memory they point at is fetched together. */
#include "flipper.h"

#define CHUNK 32u
#define AHEAD 4u /* sets whose first slot is fetched early */

struct question {
    struct hash128 hash;
    struct sluice_str user;
};

static const char *on_reason(const struct flipper *f)
{
    return f->on_denies ? "flag_on" : NULL;
}

/* The flag is on for the user: what that means is the polarity's to say. */
static void answer(const struct flipper *f, const struct sluice_verdicts *verdicts, uint32_t i, uint32_t code,
                   const char *reason)
{
    if (f->on_denies && code == SLUICE_ADMIT)
        sluice_verdict_set(verdicts, i, SLUICE_DENY, on_reason(f), NULL);
    else if (f->on_denies && code == SLUICE_DENY)
        sluice_verdict_set(verdicts, i, SLUICE_ADMIT, NULL, NULL);
    else
        sluice_verdict_set(verdicts, i, code, code == SLUICE_ADMIT ? NULL : reason, NULL);
}

static int is_member(const struct flip_view *v, const struct flip_segment *s, struct hash128 h)
{
    return (s->ids != NULL && idset_has(s->ids, h)) || (s->list != NULL && idset_has(s->list, h)) ||
           (s->internal && v->internal != NULL && idset_has(v->internal, h));
}

/* Segments are joined by OR in three values: one that cannot tell matters only if no other admits. */
static void decide_one(const struct flipper *f, const struct flip_view *v, const struct question *q,
                       const struct sluice_verdicts *verdicts, uint32_t i)
{
    const char *unknown = NULL, *denied = "not_in_flag";
    uint32_t bucket = FLAG_BUCKETS, k;

    for (k = 0; k < v->n; k++) {
        const struct flip_segment *s = &v->segments[k];
        const char *cannot = s->list_missing                      ? "list_unread"
                             : s->internal && v->internal == NULL ? "internal_unknown"
                                                                  : NULL;
        int member = is_member(v, s, q->hash);

        if (!member && cannot == NULL)
            continue;
        if (s->threshold < FLAG_BUCKETS) {
            if (bucket == FLAG_BUCKETS)
                bucket = flag_bucket(&f->bucket_key, q->user.data, (size_t)q->user.len);
            if (bucket >= s->threshold) {
                if (member)
                    denied = "rollout";
                continue;
            }
        }
        if (member) {
            answer(f, verdicts, i, SLUICE_ADMIT, NULL);
            return;
        }
        unknown = cannot;
    }
    if (unknown != NULL)
        answer(f, verdicts, i, SLUICE_UNKNOWN, unknown);
    else
        answer(f, verdicts, i, SLUICE_DENY, denied);
}

static void look_ahead(const struct idset *s, struct hash128 h)
{
    if (s != NULL)
        __builtin_prefetch(&s->slots[idset_slot(s, h)]);
}

static void decide_chunk(const struct flipper *f, const struct flip_view *v,
                         const struct sluice_record *const *records, uint32_t from, uint32_t to,
                         const struct sluice_verdicts *verdicts)
{
    struct question q[CHUNK];
    uint32_t i, k;

    for (i = from; i < to; i++) {
        struct question *at = &q[i - from];

        at->user = f->host->record->field(records[i], f->slot);
        if (at->user.len == 0 || !v->enabled)
            continue;
        at->hash = hash128(&f->key, at->user.data, (size_t)at->user.len);
        if ((at->hash.lo | at->hash.hi) == 0)
            at->hash.lo = 1; /* as idset_hash has it */
        for (k = 0; k < v->n && k < AHEAD; k++) {
            look_ahead(v->segments[k].ids, at->hash);
            look_ahead(v->segments[k].list, at->hash);
        }
    }
    for (i = from; i < to; i++) {
        if (q[i - from].user.len == 0)
            sluice_verdict_set(
                verdicts, i, SLUICE_REJECT, f->no_field,
                sluice_record_text(f->host, records[i],
                                   "%.100s is missing, empty or not a text: the flag cannot be asked",
                                   f->field));
        else if (!v->enabled)
            answer(f, verdicts, i, SLUICE_DENY, "flag_disabled");
        else
            decide_one(f, v, &q[i - from], verdicts, i);
    }
}

void flip_decide(const struct flipper *f, const struct flip_view *v,
                 const struct sluice_record *const *records, uint32_t n,
                 const struct sluice_verdicts *verdicts)
{
    uint32_t i;

    if (f->global)
        for (i = 0; i < n; i++)
            answer(f, verdicts, i, v->global, v->global_reason);
    else
        for (i = 0; i < n; i += CHUNK)
            decide_chunk(f, v, records, i, n - i < CHUNK ? n : i + CHUNK, verdicts);
}
