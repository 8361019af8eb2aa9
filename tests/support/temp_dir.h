/* temp_dir: a folder of a test's own, gone with it. */
#ifndef SLUICE_TESTS_TEMP_DIR_H
#define SLUICE_TESTS_TEMP_DIR_H

char *temp_dir_make(void);       /* a new folder under TMPDIR or /tmp; free() after temp_dir_remove */
void temp_dir_remove(char *dir); /* with all that is in it; frees dir */

#endif
