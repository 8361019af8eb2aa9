# A record may be forgotten after its first step.
# file: core/flow.c
# killed by: check_flow nothing_is_settled_between_two_steps
# killed by: check_simulation every_schedule_keeps_every_promise
s/if (++s->step >= f->spec.n_steps)/if (++s->step >= 1)/
