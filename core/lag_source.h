/* lag_source: the sources of a plan that can say how far their consumers are behind.
 *
 * Two blocks with the same group and topics are one source. */
#ifndef SLUICE_CORE_LAG_SOURCE_H
#define SLUICE_CORE_LAG_SOURCE_H

#include <sluice/lag.h>

#include "instance.h"

struct lag_part {
    char *topic;
    uint32_t partition;
    int64_t committed, begin, end;
    int64_t goal; /* of --wait; -1: none yet */
};

struct lag_source {
    const struct pipeline_spec *pipeline;
    const struct instance_spec *spec;
    struct instance *instance;
    struct instance_env env;
    const struct sluice_lag *lag;
    void *reader;
    char *group;
    uint32_t state; /* SLUICE_GROUP_ */
    uint64_t members;
    struct lag_part *parts; /* in the order of the source */
    size_t n_parts, cap_parts;
    int failed; /* no memory while it was read */
};

struct lag_sources {
    struct lag_source *items;
    size_t n;
};

/* pipeline: only this one's, or NULL.  0; -1 with problems. */
int lag_sources_find(struct lag_sources *s, const struct plan *plan, const char *pipeline,
                     struct problems *p);
void lag_sources_release(struct lag_sources *s);
/* Makes the instance and its reader.  1; 0: it has no lag; -1 with a problem. */
int lag_source_open(struct lag_source *s, struct problems *p);
/* Asks the source.  0; -1 with a problem. */
int lag_source_read(struct lag_source *s, uint32_t timeout_ms, struct problems *p);
/* Messages between what is committed (or the oldest, if nothing is) and the end. */
int64_t lag_part_behind(const struct lag_part *part);
int64_t lag_source_total(const struct lag_source *s);
/* Somebody consumes, as far as the brokers tell. */
int lag_source_active(const struct lag_source *s);
/* Takes the ends as they are for the goal; then how many messages are left to it. */
void lag_sources_set_goals(struct lag_sources *s);
int64_t lag_source_left(const struct lag_source *s);
int64_t lag_sources_left(const struct lag_sources *s);

#endif
