# A settle that failed is not offered again.
# file: core/flow_acks.c
# killed by: check_flow_lanes a_settle_that_failed_is_offered_again
# killed by: check_simulation every_schedule_keeps_every_promise
s/lane_untake(&f->lanes\[lane - 1\], mark);/(void)mark;/
