# An outage inside any denies.
# file: core/gate_eval.c
# killed by: check_gate_eval any_of_three_is_the_greatest_answer
s/code == SLUICE_UNKNOWN ? 1 : 0;/code == SLUICE_UNKNOWN ? 0 : 0;/
