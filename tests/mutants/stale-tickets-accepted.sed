# A ticket stands for whoever has the slot now.
# file: core/flow.c
# killed by: check_flow a_stale_ticket_is_ignored
s/ ||\n//
/^static struct flow_slot \*slot_of/,/^}/s/        flow_ticket(f, index) != ticket)/        index > ticket)/
