# A rejected record ends without a letter.
# file: core/flow.c
# killed by: check_flow a_reject_is_dead_only_after_its_letter_is_stored
# killed by: check_simulation every_schedule_keeps_every_promise
/^    default:/,/^    }/s/return bury(f, s);/return end_step(f, s);/
