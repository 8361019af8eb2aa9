# One lane at its window stops the others, though the source leaves it out.
# file: core/flow_acks.c
# killed by: check_flow_lanes a_full_lane_holds_back_only_itself_if_the_source_asks
# killed by: check_simulation every_schedule_keeps_every_promise
s/    if (f->lanes_apart)/    if (f == NULL)/
