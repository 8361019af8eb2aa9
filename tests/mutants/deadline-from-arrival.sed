# An outage before the first try spends the deadline.
# file: core/flow.c
# killed by: check_flow waiting_for_the_first_try_spends_no_deadline
# killed by: check_simulation every_schedule_keeps_every_promise
s/        s->first_ms = working_ms;/        s->first_ms = s->arrived_ms;/
