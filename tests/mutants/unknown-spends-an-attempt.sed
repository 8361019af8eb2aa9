# A gate that cannot tell kills the record in the end.
# file: core/flow.c
# killed by: check_flow an_answer_that_is_not_the_records_fault_spends_no_attempt
# killed by: check_simulation every_schedule_keeps_every_promise
/^    case SLUICE_UNKNOWN:$/s/.*/    case SLUICE_UNKNOWN:\n        return try_again(f, s, retry_after_ms, now_ms);/
