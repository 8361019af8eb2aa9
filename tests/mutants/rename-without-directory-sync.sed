# Done is said before the new name is on disk.
# file: core/file_write.c
# killed by: check_file_write a_power_cut_after_any_operation_leaves_the_old_file_or_the_new_one
s/    return sync_directory(calls, path, why, cap);/    return len > (size_t)-1 \/ 2 ? sync_directory(calls, path, why, cap) : 0;/
