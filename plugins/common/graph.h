/* graph: what every purchase-graph sink must agree on, whatever its database.
 *
 * Invariant: pure functions of their arguments, so that two sinks fed the same
 * purchases come to the same ids and figures, to the last bit. */
#ifndef SLUICE_PLUGINS_GRAPH_H
#define SLUICE_PLUGINS_GRAPH_H

#include <stddef.h>
#include <stdint.h>
#include <sluice/plugin.h>

#include "arena.h"

#define GRAPH_MAX_ID 512u                 /* bytes of a key, a store or a category name */
#define GRAPH_ID_ROOM (GRAPH_MAX_ID + 4u) /* the longest id made of a name */
#define GRAPH_DEFAULT_TIMEZONE "UTC"
#define GRAPH_DEFAULT_VENUE "Grocery"
#define GRAPH_DAY_MS INT64_C(86400000)
#define GRAPH_MIN_TIME INT64_C(-62135596800000) /* year 1 */
#define GRAPH_MAX_TIME INT64_C(253402300799999) /* the end of year 9999 */

/* "CAT_" + the name in ASCII lower case, each run of bytes outside [a-z0-9] one '_'.
 * out holds len + 4 bytes; returns the length, writes no NUL. */
size_t graph_category_id(const char *name, size_t len, char *out);
/* "RET_" + the name as it is; out and the answer as above. */
size_t graph_retailer_id(const char *name, size_t len, char *out);

/* Of n times in ascending order (ms): the mean gap in days rounded half up, 0 below two. */
int64_t graph_interval_days(const int64_t *times, size_t n);
/* (1 - 1/n) / (1 + cv of the gaps), 0 below two. */
double graph_likelihood(const int64_t *times, size_t n);

/* Bytewise order of two strings, as memcmp, a prefix first. */
int graph_compare(struct sluice_str a, struct sluice_str b);

/* One purchase of a document.  Strings that are absent have data NULL, never len 0;
 * all are borrowed from the record. */
struct graph_purchase {
    struct sluice_str receipt;
    struct sluice_str product;
    struct sluice_str retailer; /* the store's name */
    struct sluice_str description;
    struct sluice_str name;
    struct sluice_str brand;
    struct sluice_str category; /* its name */
    struct sluice_str category_id;
    const struct sluice_str *hierarchy; /* root to leaf, none empty */
    uint64_t n_hierarchy;
    int64_t time;
};

struct graph_record {
    struct sluice_str user;
    struct sluice_str timezone;
    struct graph_purchase *purchases;
    uint64_t n;
};

/* Reads the purchase document (purchase.h) of a record.  SLUICE_OK; SLUICE_REJECT
 * with reason and detail for the verdict; SLUICE_RETRY: no memory.  out lives in the
 * arena; now_ms is the clock against which "in the future" is judged. */
uint32_t graph_read(const struct sluice_host *host, const struct sluice_record *record, int64_t now_ms,
                    struct arena *arena, struct graph_record *out, const char **reason, const char **detail);

#endif
