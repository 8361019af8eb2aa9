# Records of a key wait for ever behind one that ended.
# file: core/flow.c
# killed by: check_flow_order three_records_of_one_key_go_on_one_after_the_other
# killed by: check_simulation every_schedule_keeps_every_promise
s/    if (behind != FLOW_NONE) {/    if (behind + 1 > FLOW_NONE) {/
