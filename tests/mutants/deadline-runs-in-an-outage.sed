# An outage spends the deadlines of the records that wait for its end.
# file: core/flow_wait.c
# killed by: check_flow an_outage_spends_no_deadline
# killed by: check_simulation every_schedule_keeps_every_promise
s/    return now_ms - f->paused_ms - pause;/    return now_ms;/
