# Records that go back vanish from the sum.
# file: core/flow.c
# killed by: check_flow_lanes a_lost_lane_gives_its_waiting_records_back_and_settles_nothing
# killed by: check_simulation every_schedule_keeps_every_promise
/^static enum flow_next give_back/,/^}/s/    f->counts.returned++;//
