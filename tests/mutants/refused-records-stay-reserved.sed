# A key stays leased for a record that another gate denied.
# file: core/gate_eval.c
# killed by: check_gate_eval what_a_two_phase_gate_admitted_and_another_refused_is_released_at_once
s/        (void)each_two_phase(e->root, release_refused, &refused);/        (void)refused, (void)release_refused;/
