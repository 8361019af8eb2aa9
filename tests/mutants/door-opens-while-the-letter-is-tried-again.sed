# A letter in trial counts as stored.
# file: core/flow_wait.c
# killed by: check_flow the_door_stays_closed_while_the_letter_is_tried_again
# killed by: check_simulation every_schedule_keeps_every_promise
/^static void stop_waiting/,/^}/s/    f->counts.waiting--;/    f->counts.waiting--;\n    if (s->unburied)\n        f->counts.unburied--, s->unburied = 0;/
