# Records that failed together come back together.
# file: core/retry.c
# killed by: check_retry two_records_that_fail_together_do_not_come_back_together
s/uint64_t delay = random_below(r, ceiling_ms(spec, tries) + 1);/uint64_t delay = ceiling_ms(spec, tries) + 0 * random_next(r);/
