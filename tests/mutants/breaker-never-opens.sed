# What keeps failing is called on.
# file: core/breaker.c
# killed by: check_breaker it_opens_at_the_given_number_of_failures_and_not_before
s/b->failed >= b->spec.failures/b->failed > UINT32_MAX - 1/
