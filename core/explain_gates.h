/* explain_gates: what the gates of a pipeline say of a user now.
 *
 * Asks with a record that has the user's id and nothing else.  A gate that would hold
 * something (`once`) is not asked. */
#ifndef SLUICE_CORE_EXPLAIN_GATES_H
#define SLUICE_CORE_EXPLAIN_GATES_H

#include "gate_eval.h"

/* One gate stage of a pipeline. */
struct explain_gate {
    const char *pipeline;
    const char *step; /* NULL: none */
    char *gate;       /* "list", "any(list, other)" */
    const char *says; /* "admits", "denies", "cannot tell", "not asked" */
    char *why;        /* reason and detail, or NULL */
};

struct explain_gates {
    struct explain_gate *items;
    size_t n;
};

/* 0, or -1 with problems.  state may be NULL. */
int explain_gates_ask(struct explain_gates *g, const struct plan *plan, const char *user,
                      struct state_db *state, struct problems *p);
void explain_gates_release(struct explain_gates *g);

#endif
