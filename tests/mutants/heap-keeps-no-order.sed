# A late record hides an early one.
# file: core/flow_parts.c
# killed by: check_flow records_come_back_in_the_order_of_their_time_then_of_their_arrival
# killed by: check_simulation every_schedule_keeps_every_promise
/^static void heap_up/,/^}/s/while (at > 0 \&\&/while (at > 1000 \&\&/
