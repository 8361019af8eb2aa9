# The other side is flooded as soon as it may be back.
# file: core/breaker.c
# killed by: check_breaker after_its_time_one_call_passes_and_the_others_ask_again
s/        return HALF_OPEN_POLL_MS;/        return 0 * HALF_OPEN_POLL_MS;/
