# An outage fills the dead letters.
# file: core/flow.c
# killed by: check_flow an_answer_that_is_not_the_records_fault_spends_no_attempt
# killed by: check_simulation every_schedule_keeps_every_promise
/^    case SLUICE_DISCONNECTED:$/d
s/^    case SLUICE_RETRY:$/    case SLUICE_DISCONNECTED:\n&/
