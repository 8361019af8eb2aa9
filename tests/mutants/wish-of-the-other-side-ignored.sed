# A record comes back before it was asked to.
# file: core/retry.c
# killed by: check_retry the_other_sides_wish_is_a_floor_with_jitter_on_top
# killed by: check_simulation every_schedule_keeps_every_promise
s/        delay += at_least_ms;/        delay += 0;/
