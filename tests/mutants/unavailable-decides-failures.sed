# A record that is broken is let through when a gate is away.
# file: core/gate_eval.c
# killed by: check_gate_eval unavailable_decides_a_final_unknown_and_nothing_else
/^static void decide_unknown/,/^}/s/if (a->code != SLUICE_UNKNOWN)/if (a->code == SLUICE_DENY)/
