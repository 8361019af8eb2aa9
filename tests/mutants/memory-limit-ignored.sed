# Bytes in flight have no bound.
# file: core/flow_acks.c
# killed by: check_flow_lanes there_is_no_room_while_the_memory_budget_is_used_up
# killed by: check_simulation every_schedule_keeps_every_promise
s/f->counts.bytes + f->counts.document_bytes >= f->spec.memory_bytes/f->counts.bytes > UINT64_MAX - 1/
