# Only the bytes that came count, not what was made of them.
# file: core/flow_acks.c
# killed by: check_flow_lanes documents_leave_no_room_when_they_take_the_memory
s/f->counts.bytes + f->counts.document_bytes >= f->spec.memory_bytes/f->counts.bytes >= f->spec.memory_bytes/
