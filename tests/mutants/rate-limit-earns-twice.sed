# An older clock reading gives tokens again.
# file: core/limit.c
# killed by: check_limit an_older_clock_reading_earns_nothing_and_no_time_twice
s/    if (now_ms > l->at_ms).*/    if (now_ms != l->at_ms)/
