/* plan_internal: what the parts of plan share. */
#ifndef SLUICE_CORE_PLAN_INTERNAL_H
#define SLUICE_CORE_PLAN_INTERNAL_H

#include "config_internal.h"
#include "plan.h"

/* Indexes of plan_tables(). */
enum plan_table {
    TABLE_TOP,
    TABLE_LOG,
    TABLE_HTTP,
    TABLE_ADMIN,
    TABLE_EXPECT,
    TABLE_BACKFILL,
    TABLE_JOBS,
    TABLE_PIPELINE,
    TABLE_BATCH,
    TABLE_RETRY,
    TABLE_BREAKER,
    TABLE_JOB,
    TABLE_STEP,
    TABLE_GATE,
    TABLE_INSTANCE,
    TABLE_SINK,
    TABLE_COUNT
};

struct planner {
    const struct registry *registry;
    struct plan_flags flags;
    struct problems *problems;
    struct plan *plan;
    struct pipeline_spec *pipe; /* being built */
    const char *step;           /* its named step, or NULL */
};

void plan_no_memory(struct planner *b);
/* option_parse by a table of the host's own; refuses secrets in what the table knows. */
struct sluice_config *plan_options_of(struct planner *b, const struct option_table *t,
                                      const struct config_value *block, const char *const *skip);
struct sluice_config *plan_options(struct planner *b, enum plan_table table, const struct config_value *block,
                                   const char *const *skip);
/* The same for an absent block: an empty one at `at`. */
struct sluice_config *plan_options_or_default(struct planner *b, enum plan_table table,
                                              const struct config_value *block, struct origin at);
/* A name that people give: [A-Za-z0-9] and then also _.-, at most 63; else a problem. */
int plan_name_good(struct planner *b, const char *what, const char *name, struct origin at);
/* Text of a scalar that must not be a secret; NULL: told. */
const char *plan_text(struct planner *b, const char *what, const struct config_value *v);
void plan_copy(struct planner *b, char **out, const char *text); /* NULL stays NULL */

/* The instance of a block (or, for a decoder, of a bare name).  It belongs to the pipeline.
 * host: members that the caller reads itself, beside the usual.  NULL: told. */
struct instance_spec *plan_instance(struct planner *b, uint32_t kind, const struct config_value *block,
                                    const char *const *host);
/* Members of `block` that the table does not know, for option_parse's skip; the caller frees. */
const char **plan_unknown_of(struct planner *b, const struct option_table *t,
                             const struct config_value *block);

/* The value of a stage's `gate`, into stage.  0, or -1 told. */
int plan_gate(struct planner *b, const struct config_value *gate, struct stage_spec *stage);
/* The gate of `once: "key"` or `once: { key: ..., ... }`. */
int plan_once(struct planner *b, const struct config_value *once, struct stage_spec *stage);
/* 1 if a gate in it holds something until the record ends. */
int plan_gate_two_phase(const struct gate_expr *gate);
void plan_gate_free(struct gate_expr *gate);

/* The `backfill` block and the blocks of instances in it. */
void plan_backfill(struct planner *b, const struct config *c);
/* The top level's `jobs` (NULL: not there), and `job` of a pipeline. */
void plan_jobs(struct planner *b, const struct config_value *block, struct origin at);
void plan_pipeline_job(struct planner *b, const struct config_value *v);

/* One member of `pipelines`, into the zeroed pipe. */
void plan_pipeline(struct planner *b, const char *name, struct origin at, const struct config_value *v,
                   struct pipeline_spec *pipe);
void plan_pipeline_release(struct pipeline_spec *pipe);
void plan_stages(struct planner *b, const struct config_value *list, const struct config_value *once,
                 struct stage_spec **stages, size_t *n);
void plan_stages_free(struct stage_spec *stages, size_t n);

#endif
