# The one before it wakes it too early.
# file: core/flow.c
# killed by: check_flow_order a_parked_record_does_not_come_back_before_the_other_side_wished
# killed by: check_simulation every_schedule_keeps_every_promise
s/flow_heap_push(f, behind, f->slots\[behind\].due_ms);/flow_heap_push(f, behind, 0);/
