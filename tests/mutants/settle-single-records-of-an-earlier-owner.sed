# What ended before a lane was lost is settled after it was opened again.
# file: core/flow_acks.c
# killed by: check_flow_lanes a_source_of_any_order_settles_nothing_of_a_lost_lane
# killed by: check_simulation every_schedule_keeps_every_promise
s/        if (owner->lost || owner->generation != ack->generation)/        if (owner->lost)/
