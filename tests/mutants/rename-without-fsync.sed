# The new name reaches the disk before the bytes.
# file: core/file_write.c
# killed by: check_file_write a_power_cut_after_any_operation_leaves_the_old_file_or_the_new_one
s/else if (calls->fsync(calls->context, fd) != 0)/else if (len > (size_t)-1 \/ 2)/
