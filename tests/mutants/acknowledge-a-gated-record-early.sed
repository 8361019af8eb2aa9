# A gated record moves the mark over the open ones before it.
# file: core/lane.c
# killed by: check_lane a_gated_record_behind_an_open_one_does_not_move_the_settled_mark
# killed by: check_simulation every_schedule_keeps_every_promise
/^void lane_pass/,/^}/s/if (l->head == l->tail)/if (l->head <= l->tail)/
