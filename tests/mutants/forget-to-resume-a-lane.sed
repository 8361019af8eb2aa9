# A lane that was full once stays full.
# file: core/flow_acks.c
# killed by: check_flow_lanes a_full_lane_goes_on_when_its_oldest_record_has_ended
# killed by: check_simulation every_schedule_keeps_every_promise
/^int flow_lane_full/,/^}/{
s/^{/{\n    static int stuck[64];\n/
s/    return !f->spec.any_order \&\& \(.*\);/    return stuck[lane] |= !f->spec.any_order \&\& \1;/
}
