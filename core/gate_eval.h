/* gate_eval: a gate expression asked about a batch, in three values.
 *
 * any, all and not follow Kleene's logic, so that an outage under `not` does not
 * turn a killswitch round.  An answer RETRY or REJECT of a gate counts as UNKNOWN
 * inside the expression and comes out only if nothing else decides.  What a final
 * UNKNOWN means is decided once, outermost (unavailable).
 *
 * One evaluator belongs to one thread; it allocates nothing after it is made. */
#ifndef SLUICE_CORE_GATE_EVAL_H
#define SLUICE_CORE_GATE_EVAL_H

#include "instance.h"

struct gate_answer {
    uint32_t code; /* ADMIT, DENY, UNKNOWN (on hold), RETRY, REJECT */
    uint32_t retry_after_ms;
    const char *reason;
    const char *detail;
};

struct gate_eval;

/* The instance made for a spec. */
typedef struct instance *(*gate_find_instance)(void *context, const struct instance_spec *spec);

/* For batches of up to cap records.  NULL: no memory. */
struct gate_eval *gate_eval_new(const struct gate_expr *expr, enum gate_unavailable unavailable,
                                gate_find_instance find, void *context, uint64_t cap);
void gate_eval_free(struct gate_eval *e);
/* One answer a record.  OK, or FATAL with err: a gate cannot go on. */
uint32_t gate_evaluate(struct gate_eval *e, struct sluice_record *const *records, uint32_t n,
                       struct gate_answer *answers, struct sluice_error *err);
/* 1 if a two-phase gate stands in it. */
int gate_eval_two_phase(const struct gate_eval *e);
/* The end of the records that the last gate_evaluate admitted: codes by place of the
 * record in its batch (record - batch->records): OK, RETRY or REJECT.  A gate that answers other than OK
 * has not heard it: call again. */
uint32_t gate_conclude(struct gate_eval *e, const uint32_t *codes, struct sluice_error *err);

#endif
