# Later records of a key pass one that waits.
# file: core/flow.c
# killed by: check_flow_order records_of_one_key_wait_behind_the_one_that_failed
# killed by: check_simulation every_schedule_keeps_every_promise
/^enum flow_next flow_may_run/,/^}/s/if (f->spec.commutative || /if (f->spec.commutative < 2 || /
