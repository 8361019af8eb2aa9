# A failed settle comes back in the next ownership.
# file: core/lane.c
# killed by: check_lane a_failed_settle_of_an_earlier_ownership_is_forgotten
# killed by: check_simulation every_schedule_keeps_every_promise
s/    if (mark->generation == l->generation)/    l->settled = *mark;/
