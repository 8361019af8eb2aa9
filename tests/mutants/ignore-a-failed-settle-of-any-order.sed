# One of many that failed is not offered again.
# file: core/flow_acks.c
# killed by: check_flow_lanes a_single_settle_that_failed_is_offered_again
s/ \&\& reserve_acks(f, 1) == 0)/ \&\& reserve_acks(f, 1) == 1)/
