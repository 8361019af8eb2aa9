# A lane runs on before a record that waits.
# file: core/flow_acks.c
# killed by: check_flow_lanes a_poll_may_not_pass_the_window_of_the_fullest_lane
# killed by: check_simulation every_schedule_keeps_every_promise
s/return window < room ? window : room;/return window == 0 ? 0 : room;/
