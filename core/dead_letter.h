/* dead_letter: records that can never be written, kept whole.
 *
 * Keyed by (pipeline, step, lane, position): a record that dies again after a
 * crash replaces its letter and is not kept twice.  A record that is written after
 * all (a replay) resolves its letter.  Stored durably before the call returns.
 * Payloads above 1 MiB are kept in pieces and never held in memory.  [any] */
#ifndef SLUICE_CORE_DEAD_LETTER_H
#define SLUICE_CORE_DEAD_LETTER_H

#include <sluice/abi.h>

#include "state_db.h"

struct dead_letter {
    const char *pipeline;
    const char *step;  /* "" for the unnamed one */
    const char *stage; /* instance that rejected it: "decoder/json", "enrich-purchase" */
    const char *lane;
    uint64_t position;
    uint64_t ordinal;
    const char *reason; /* token */
    const char *detail; /* for people; may be NULL */
    uint32_t attempts;
    uint32_t reserved;
    int64_t time_ms;             /* when it died */
    struct sluice_str order_key; /* user id, or absent if unknown */
    struct sluice_str key;
    struct sluice_str payload;        /* the first bytes, or all */
    uint64_t size;                    /* of the whole payload */
    const struct sluice_str *headers; /* name, value, … */
    uint64_t n_headers;
    int64_t resolved_ms; /* from list: when it was resolved, 0 if it is not */
};

/* Gives more of an oversize payload; as source_ops.fetch.  NULL: payload is all. */
typedef int64_t (*dead_letter_more)(void *context, uint64_t offset, void *out, uint64_t cap,
                                    struct sluice_error *err);

/* All letters of one call in one transaction.  more applies only to letters whose
 * size > payload.len.  SLUICE_OK, or RETRY (disk full, …): nothing was kept. */
uint32_t dead_letter_put(struct state_db *db, const struct dead_letter *letters, uint32_t n,
                         dead_letter_more more, void *context, struct sluice_error *err);
/* Marks the letters of these records resolved, if there are any.  */
uint32_t dead_letter_resolve(struct state_db *db, const char *pipeline, const char *step, const char *lane,
                             const uint64_t *positions, uint32_t n, struct sluice_error *err);
/* How many letters are unresolved.  Kept in memory by a run: cheap.
 * 0 if the pipeline has no unresolved letters, so that resolve can be skipped. */
uint64_t dead_letter_count(struct state_db *db, const char *pipeline);

/* Unresolved letters by pipeline and reason; fn returns 0 to go on. */
typedef int (*dead_letter_tally)(void *context, const char *pipeline, const char *reason, uint64_t n);
uint32_t dead_letter_counts(struct state_db *db, dead_letter_tally fn, void *context,
                            struct sluice_error *err);

struct dead_letter_filter {
    const char *pipeline; /* NULL: all */
    const char *reason;
    const char *order_key;
    int64_t id;     /* > 0: this one */
    uint64_t limit; /* 0: all */
    int resolved;   /* 1: also those */
};
/* Calls fn for each, oldest first, with payload up to 1 MiB; fn returns 0 to go on. */
typedef int (*dead_letter_each)(void *context, int64_t id, const struct dead_letter *letter);
uint32_t dead_letter_list(struct state_db *db, const struct dead_letter_filter *filter, dead_letter_each fn,
                          void *context, struct sluice_error *err);
/* Bytes of a letter's whole payload from offset on; 0 at the end, -1 failed. */
int64_t dead_letter_read(struct state_db *db, int64_t id, uint64_t offset, void *out, uint64_t cap,
                         struct sluice_error *err);

#endif
