# When the next page comes, the last one counts as done.
# file: core/lane.c
# killed by: check_lane a_done_record_behind_an_open_one_is_not_offered_until_that_is_done
# killed by: check_simulation every_schedule_keeps_every_promise
/^int lane_reserve/,/^}/s/    struct lane_entry \*ring;/&\n\n    if (used > 0)\n        l->settled = entry_at(l, l->tail - 1)->mark, l->moved = 1;/
