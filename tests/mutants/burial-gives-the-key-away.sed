# Those behind reach the next step first.
# file: core/flow.c
# killed by: check_flow_order a_record_that_is_being_buried_holds_its_key_for_its_later_steps
# killed by: check_simulation every_schedule_keeps_every_promise
/^static enum flow_next bury/,/^}/s/if (!f->spec.commutative)/if (f->spec.commutative > 1)/
