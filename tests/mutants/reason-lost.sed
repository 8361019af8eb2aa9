# Denials are counted without their reason.
# file: core/flow_parts.c
# killed by: check_flow the_reason_table_folds_into_other
s/    if (reason == NULL)$/    if (reason != NULL)/
