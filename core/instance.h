/* instance: a plugin made for one block of the config, and its host services.
 *
 * Invariant: calls into a plugin without SLUICE_PARALLEL never overlap; the
 * lock that ensures it is here and nowhere else. */
#ifndef SLUICE_CORE_INSTANCE_H
#define SLUICE_CORE_INSTANCE_H

#include "metric.h"
#include "plan.h"
#include "record.h"
#include "state_db.h"

/* What the instances of one pipeline share.  Members may be NULL/0 in tests. */
struct instance_env {
    const char *pipeline_name;
    struct metrics *metrics;
    struct state_db *state;
    /* Peeked fields declared so far; slots are indexes. */
    char *fields[RECORD_MAX_FIELDS];
    uint32_t n_fields;
    /* lane_open, lane_lost and lane_full of the pipeline. */
    uint32_t (*lane_open)(void *context, const char *name, const struct sluice_str *attributes, uint64_t n);
    void (*lane_lost)(void *context, uint32_t lane);
    uint32_t (*lane_full)(void *context, uint32_t lane);
    void *lane_context;
    uint32_t checking; /* sluice/check.h: nobody else shall notice */
    /* Clocks; NULL: the machine's. */
    int64_t (*now_ms)(void);
    int64_t (*steady_ms)(void);
};

struct instance;

/* create of the plugin.  env must outlive the instance.  NULL with a problem at
 * the option or block. */
struct instance *instance_new(const struct instance_spec *spec, struct instance_env *env, struct problems *p);
void instance_free(struct instance *i); /* destroy */

uint32_t instance_start(struct instance *i, struct sluice_error *err);
uint32_t instance_stop(struct instance *i, uint32_t deadline_ms, struct sluice_error *err);
uint32_t instance_probe(struct instance *i, struct sluice_error *err);
void instance_cancel(struct instance *i); /* [any]; stays cancelled until resume or stop */
void instance_resume(struct instance *i);
void instance_stats(struct instance *i); /* [any] */

const struct plugin *instance_plugin(const struct instance *i);
const char *instance_name(const struct instance *i);
void *instance_self(struct instance *i);
const struct sluice_host *instance_host(const struct instance *i); /* for who asks in its name */
/* The plugin's flags, less the promises that this instance takes back (sluice/promise.h). */
uint32_t instance_flags(const struct instance *i);
/* Before and after each work call. */
void instance_enter(struct instance *i);
void instance_leave(struct instance *i);
void error_clear(struct sluice_error *err); /* sets struct_size, empties */

#endif
