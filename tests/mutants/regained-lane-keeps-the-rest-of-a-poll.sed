# What entered while the lane was lost counts after it.
# file: core/lane.c
# killed by: check_lane a_lane_that_is_owned_again_offers_nothing_of_before
# killed by: check_simulation every_schedule_keeps_every_promise
/^void lane_gain/,/^}/s/        lane_lose(l);/        l->lost = 0;/
