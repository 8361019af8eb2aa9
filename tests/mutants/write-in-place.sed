# The file itself is opened for writing.
# file: core/file_write.c
# killed by: check_file_write a_power_cut_after_any_operation_leaves_the_old_file_or_the_new_one
s/"%s\.new", path/"%s", path/
