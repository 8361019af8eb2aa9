/* plan: a config made into what shall run, with every instance's options checked.
 *
 * `check` and `run` both start here and nowhere else, so they accept and refuse
 * the same.  A plan does no I/O but opening option files. */
#ifndef SLUICE_CORE_PLAN_H
#define SLUICE_CORE_PLAN_H

#include "module.h"
#include "option.h"

struct instance_spec {
    const struct plugin *plugin;
    char *name; /* unique in its pipeline */
    struct sluice_config *config;
    struct origin origin;
    double rate_limit; /* records a second; 0: none */
    uint32_t writers;  /* sinks; 1 otherwise */
};

enum gate_operator { GATE_LEAF, GATE_ANY, GATE_ALL, GATE_NOT };
enum gate_unavailable { UNAVAILABLE_HOLD, UNAVAILABLE_DENY, UNAVAILABLE_ADMIT };

struct gate_expr {
    enum gate_operator op;
    struct instance_spec *leaf;  /* LEAF */
    struct gate_expr **children; /* the others */
    size_t n;
};

struct stage_spec {
    struct gate_expr *gate;         /* or … */
    struct instance_spec *enricher; /* … this */
    enum gate_unavailable unavailable;
    int once; /* it was written as `once` of the step: its key says that the step is done */
    struct origin origin;
};

struct step_spec {
    char *name;                /* NULL: the only, unnamed step */
    struct stage_spec *stages; /* `once` stands here as the first, a gate */
    size_t n_stages;
    struct instance_spec *sink;
    struct origin origin;
};

struct retry_spec {
    uint32_t attempts;    /* tries in all, >= 1 */
    uint32_t min_ms;      /* first back-off */
    uint32_t max_ms;      /* cap of the back-off */
    uint32_t deadline_ms; /* from a record's first try; 0: none */
};

struct breaker_spec {
    uint32_t failures; /* in a row that open it; 0: none */
    uint32_t open_ms;  /* before one call is tried again */
};

struct pipeline_spec {
    char *name;
    struct origin origin;
    struct instance_spec *source;
    struct instance_spec *decoder; /* built-in json if not given */
    char *order_key;               /* top-level member, "user_id" if not given */
    char *job_id, *job_user;       /* top-level members that say what job a record is of; NULL: none */
    struct stage_spec *stages;     /* before the steps; with one unnamed step all are in the step */
    size_t n_stages;
    struct step_spec *steps; /* at least one */
    size_t n_steps;
    struct instance_spec **instances; /* all of the above, each once */
    size_t n_instances;

    uint64_t batch_records; /* most records a batch */
    uint64_t batch_bytes;   /* most payload bytes a batch */
    uint32_t linger_ms;     /* longest wait for a fuller batch */
    uint64_t memory_bytes;  /* most payload bytes in flight */
    uint64_t max_in_flight; /* most records in flight */
    uint64_t lane_window;   /* records of a lane beyond its oldest unsettled one */
    uint64_t max_record;    /* bytes; larger ones are oversize */
    uint32_t commit_ms;     /* interval of settling */
    double rate_limit;      /* records a second polled; 0: none */
    char *log_records;      /* event that is logged at the end of each record and step; NULL: none */
    struct retry_spec retry;
    struct breaker_spec breaker;
};

/* `backfill:`: what `sluice backfill` and the admin API send with, unless told otherwise. */
struct backfill_spec {
    const struct config_value *block; /* of the config; NULL: there is none */
    double rate_limit;                /* users a second; 0: no limit */
    int64_t lookback_days;
    int64_t give_up_ms; /* a queue that takes nothing for so long ends a command; 0: never */
    char *reason;
    int has_queue;
};

/* What a thing that the config talks to must be called, see expect.h. */
struct expectation {
    const char *what; /* the option's name */
    char **values;    /* one of them */
    uint64_t n;
    struct origin origin;
};
#define PLAN_EXPECT 3u

struct plan {
    char *state_dir;       /* absolute, or NULL */
    char *http_listen;     /* "127.0.0.1:0" form, or NULL: no HTTP */
    char *http_token_file; /* or NULL */
    int http_anonymous;    /* no token is asked for, on any address */
    char *log_format;      /* "json" | "logfmt" */
    char *log_level;       /* "debug" … "error" */
    uint32_t drain_ms;     /* deadline of a drain */
    struct backfill_spec backfill;
    struct expectation expect[PLAN_EXPECT];
    size_t n_expect;
    struct sluice_config *jobs; /* the options of `jobs`, or its defaults */
    int jobs_given;             /* the config has that block */
    struct pipeline_spec *pipelines;
    size_t n_pipelines;
};

struct plan_flags {
    int no_files; /* check --no-files: do not open option files */
};

/* plugin_dirs of the config, absolute, for registry_scan before plan_build.
 * NULL-terminated, free each and the array; NULL: no memory. */
char **plan_plugin_dirs(const struct config *c, struct problems *p);
/* NULL with problems. */
struct plan *plan_build(const struct config *c, const struct registry *r, struct plan_flags flags,
                        struct problems *p);
void plan_free(struct plan *plan);
/* A plan that has `expect` of the config and nothing else.  NULL with problems. */
struct plan *plan_expectations(const struct config *c, struct problems *p);

/* The `backfill` block of c (which outlives out), or the defaults if c is NULL or has none.  0, or -1
 * with problems; release in both cases. */
int plan_backfill_read(const struct config *c, struct backfill_spec *out, struct problems *p);
void plan_backfill_release(struct backfill_spec *spec);

/* The tables of the host's own blocks, for the reference page. */
const struct option_table *plan_tables(size_t *n);

#endif
