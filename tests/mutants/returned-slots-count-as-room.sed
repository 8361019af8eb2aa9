# More records are promised than there are tickets.
# file: core/flow_acks.c
# killed by: check_flow_lanes slots_of_returned_records_are_no_room_until_they_are_handed_back
s/ - f->n_gone//
