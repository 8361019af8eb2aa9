# Settles whatever record ended last.
# file: core/lane.c
# killed by: check_lane a_done_record_behind_an_open_one_is_not_offered_until_that_is_done
# killed by: check_simulation every_schedule_keeps_every_promise
/^void lane_done/,/^}/s/    e->open = 0;/    e->open = 0, l->settled = e->mark, l->moved = 1;/
