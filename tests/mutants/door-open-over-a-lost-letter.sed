# Records keep coming while letters cannot be stored.
# file: core/flow_acks.c
# killed by: check_flow a_dead_letter_that_cannot_be_stored_keeps_the_record_in_flight_and_closes_the_door
# killed by: check_simulation every_schedule_keeps_every_promise
s/f->counts.unburied > 0 || //
