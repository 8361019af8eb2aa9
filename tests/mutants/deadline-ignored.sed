# Only attempts end the tries.
# file: core/flow.c
# killed by: check_flow the_deadline_ends_the_tries_before_the_attempts_do
# killed by: check_simulation every_schedule_keeps_every_promise
s/(retry->deadline_ms > 0 && working_ms/(retry->deadline_ms > UINT32_MAX - 1 \&\& working_ms/
