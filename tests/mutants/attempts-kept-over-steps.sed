# A step begins with the attempts of the one before.
# file: core/flow.c
# killed by: check_flow each_step_has_all_attempts
# killed by: check_simulation every_schedule_keeps_every_promise
/^static enum flow_next end_step/,/^}/s/    s->attempts = 0;//
