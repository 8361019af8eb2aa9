# What an earlier owner could not settle is settled by the next one.
# file: core/flow_acks.c
# killed by: check_flow_lanes a_single_settle_that_failed_before_a_rebalance_is_not_offered_after_it
# killed by: check_simulation every_schedule_keeps_every_promise
s/    else if (mark->generation == f->lanes\[lane - 1\].generation \&\& reserve_acks(f, 1) == 0)/    else if (reserve_acks(f, 1) == 0)/
