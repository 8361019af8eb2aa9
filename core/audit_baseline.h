/* audit_baseline: an audit kept in a file, and a later one compared with it. */
#ifndef SLUICE_CORE_AUDIT_BASELINE_H
#define SLUICE_CORE_AUDIT_BASELINE_H

#include <jansson.h>

#include "graph_audit.h"

/* An audit as JSON, as printed and as kept; NULL: no memory. */
json_t *audit_json(const struct graph_audit *a, const char *graph);

struct audit_baseline {
    uint64_t counts[AUDIT_COUNTS];
    uint64_t findings[AUDIT_CHECKS];
    int has_users_file;      /* it was taken with --users-file */
    uint64_t users_unique;   /* ids in that file */
    uint64_t users_in_graph; /* of them, in the graph then */
};

/* Written to a file beside, made durable, then moved into place.  0, or -1 with err. */
int audit_baseline_save(const char *path, json_t *audit, struct sluice_error *err);
int audit_baseline_load(const char *path, struct audit_baseline *b, struct sluice_error *err);

/* Ids of a file, one a line, CRLF and a header "user_id" tolerated.  0, or -1 with err. */
int audit_users_load(const char *path, struct key_table *users, struct sluice_error *err);
uint64_t audit_users_seen(const struct key_table *users); /* those that a walk met */

/* One expectation of a backfill. */
struct audit_expectation {
    const char *name;
    int held;
    char text[160];
};
#define AUDIT_EXPECTATIONS 10u
/* Judges; the number written to out. */
uint32_t audit_compare_judge(const struct graph_audit *after, const struct audit_baseline *before,
                             struct audit_expectation *out);

#endif
