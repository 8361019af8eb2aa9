/* flag: what the service says about one feature flag.
 *
 * Invariant: a flag that was read is whole: whatever is missing, of a wrong type or out of its range makes
 * the answer no flag at all, since a default would admit or deny people whom nobody meant. */
#ifndef SLUICE_FLIPPER_FLAG_H
#define SLUICE_FLIPPER_FLAG_H

#include "../common/id_text.h"

#define FLAG_MAX_SEGMENTS 256u
#define FLAG_BUCKETS 10000u /* a user's bucket is 0 to 99.99: hundredths of a per cent */

struct flag_segment {
    char *name;
    char *list;        /* allowedS3IDs, or NULL */
    struct idset *ids; /* allowedIDs, or NULL if there is none */
    struct id_count count;
    int internal;
    uint32_t threshold; /* buckets below are in: 0 to FLAG_BUCKETS */
};

struct flag {
    int enabled;
    uint32_t n;
    struct flag_segment *segments;
    char digest[65]; /* of all of the above, in hexadecimal */
    char *text;      /* as the service sent it: who lists the users reads it again */
    size_t text_len;
};

/* key: that of all sets of ids.  NULL with err: RETRY no memory, FATAL not a flag, with the segment. */
struct flag *flag_parse(struct sluice_str json, const struct hash128 *key, struct sluice_error *err);
void flag_free(struct flag *f);
/* The inline ids of a segment, repeated ones too, read again from the text.  0, what each answered,
 * or SLUICE_RETRY for no memory. */
int flag_each_id(const struct flag *f, uint32_t segment, int (*each)(void *context, struct sluice_str id),
                 void *context);

/* The user's bucket of this flag, 0 to FLAG_BUCKETS - 1: SipHash-2-4 (128 bit, low half) of the user
 * keyed by the hash of the flag's name keyed by zero, modulo FLAG_BUCKETS.  Never to change. */
void flag_bucket_key(const char *flag_name, struct hash128 *key);
static inline uint32_t flag_bucket(const struct hash128 *bucket_key, const char *user, size_t len)
{
    return (uint32_t)(hash128(bucket_key, user, len).lo % FLAG_BUCKETS);
}

#endif
