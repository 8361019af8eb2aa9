# A record is tried for ever.
# file: core/flow.c
# killed by: check_flow the_last_attempt_that_fails_leads_to_the_dead_letters
# killed by: check_simulation every_schedule_keeps_every_promise
s/if (s->attempts++ == 0)/if (s->attempts == 0)/
