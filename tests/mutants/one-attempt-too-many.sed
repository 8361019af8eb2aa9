# The last attempt is followed by another.
# file: core/flow.c
# killed by: check_flow the_last_attempt_that_fails_leads_to_the_dead_letters
# killed by: check_simulation every_schedule_keeps_every_promise
s/s->attempts >= retry->attempts/s->attempts > retry->attempts/
