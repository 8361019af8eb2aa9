# Verdicts of an earlier ownership count.
# file: core/flow.c
# killed by: check_flow_lanes a_stale_ack_after_a_rebalance_is_not_accepted
# killed by: check_simulation every_schedule_keeps_every_promise
s/return l->lost || l->generation != s->generation;/return l->lost;/
