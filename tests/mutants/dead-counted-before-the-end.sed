# A record that dies in two steps counts twice.
# file: core/flow.c
# killed by: check_flow a_reject_is_dead_only_after_its_letter_is_stored
# killed by: check_simulation every_schedule_keeps_every_promise
s/s->dead_reason = flow_count_reason(f, f->dead_by, reason, 0);/s->dead_reason = flow_count_reason(f, f->dead_by, reason, 1);/
