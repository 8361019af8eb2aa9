/* sluice/flag.h (draft): who is behind a feature flag, and which version of it is used.
 *
 * `sluice flag` knows no flag service: it asks the gates of the config through this
 * interface, which a gate returns from lifecycle.extension(self, SLUICE_FLAG_ID).
 */
#ifndef SLUICE_FLAG_H
#define SLUICE_FLAG_H

#include <sluice/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_FLAG_ID "sluice.draft.flag.1"

struct sluice_flag_segment {
    uint32_t struct_size;
    uint32_t internal; /* 1: the internal users belong to it */
    struct sluice_str name;
    struct sluice_str list; /* name of its file of ids; absent: none */
    uint32_t rollout;       /* in hundredths of a per cent, 0 to 10000 */
    uint32_t listable;      /* 0: it holds users whom nobody here can list */
};

struct sluice_flag_user {
    uint32_t struct_size;
    uint32_t on; /* 1: the user's bucket is within the segment's rollout */
    struct sluice_str id;
};

struct sluice_flag_visitor {
    uint32_t struct_size;
    uint32_t reserved;
    void *context;
    /* Return SLUICE_OK to go on; anything else ends the walk with that answer. */
    uint32_t (*flag)(void *context, const char *version, uint32_t enabled); /* once, first */
    uint32_t (*segment)(void *context, const struct sluice_flag_segment *segment);
    uint32_t (*user)(void *context, const struct sluice_flag_user *user); /* of the segment before */
};

struct sluice_flag {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] The flag's name, as long as the instance. */
    const char *(*name)(void *self);
    /* [any] The version that decisions are made on now, NUL-terminated into out; 0 if there is none
     * (then out is empty) or no room, else 1. */
    uint32_t (*version)(void *self, char *out, uint64_t cap);
    /* [any] From create to stop: fetches the flag and every list, and shows segments, each followed by its
     * users, repeated ones too.  What a visitor is shown lives until it returns.
     * OK | what a visitor answered | RETRY, DISCONNECTED, FATAL (err). */
    uint32_t (*users)(void *self, const struct sluice_flag_visitor *visitor, struct sluice_error *err);
    /* [any] Where the lists are that segments name ("s3://bucket/prefix"), NUL-terminated into out; 0 if that
     * is not known (then out is empty) or no room, else 1. */
    uint32_t (*lists)(void *self, char *out, uint64_t cap);
    /* [any] From create to stop: puts a list there under the name that a segment gives it, in place of what
     * was there; ids is a line an id.  OK (it can be fetched now) | RETRY, FATAL (err). */
    uint32_t (*put_list)(void *self, const char *name, struct sluice_str ids, struct sluice_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
