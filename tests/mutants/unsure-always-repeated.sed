# What may have been applied is applied again.
# file: core/flow.c
# killed by: check_flow unsure_is_tried_again_only_before_an_idempotent_sink
# killed by: check_simulation every_schedule_keeps_every_promise
s/return f->spec.idempotent ? /return f->spec.idempotent < 2 ? /
