# What waits in a lost lane waits on.
# file: core/flow_wait.c
# killed by: check_flow_lanes a_lost_lane_gives_its_waiting_records_back_and_settles_nothing
# killed by: check_simulation every_schedule_keeps_every_promise
/^void flow_lane_lost/,/^}/s/f->slots\[i\].lane == lane \&\&/f->slots[i].lane > f->n_lanes \&\&/
