# A record runs past one that the stop returned.
# file: core/flow.c
# killed by: check_flow_order nobody_overtakes_a_record_that_was_returned_by_the_stop
# killed by: check_simulation every_schedule_keeps_every_promise
s/if (returned \&\& f->stopped/if (returned > 1 \&\& f->stopped/
