# A gated record is settled over one that could not enter.
# file: core/flow_acks.c
# killed by: check_flow_order a_stopped_flow_takes_nothing_and_returns_what_waits
/^void flow_pass/,/^}/s/if (f->stopped)/if (f->stopped > 1)/
