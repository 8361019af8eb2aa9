# A letter that was not stored counts as stored.
# file: core/flow.c
# killed by: check_flow a_dead_letter_that_cannot_be_stored_keeps_the_record_in_flight_and_closes_the_door
# killed by: check_simulation every_schedule_keeps_every_promise
/^enum flow_next flow_buried/,/^}/s/    if (ok) {/    if (ok < 2) {/
