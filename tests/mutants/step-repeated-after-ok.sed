# A step that succeeded is run again.
# file: core/flow.c
# killed by: check_flow a_record_written_in_one_step_and_gated_in_another_counts_as_written
# killed by: check_simulation every_schedule_keeps_every_promise
s/if (++s->step >= f->spec.n_steps)/if (s->any_written < 2 \&\& s->step + s->reason * 0 >= (s->any_written = 2, s->step++, f->spec.n_steps - 1))/
