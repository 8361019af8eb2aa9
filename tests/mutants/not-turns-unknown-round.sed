# An outage of a killswitch admits everybody.
# file: core/gate_eval.c
# killed by: check_gate_eval not_turns_admit_and_deny_round_and_leaves_unknown
s/else if (out\[i\].code == SLUICE_DENY)/else/
