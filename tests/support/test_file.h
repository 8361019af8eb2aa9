/* test_file: small files of a test's own. */
#ifndef SLUICE_TESTS_TEST_FILE_H
#define SLUICE_TESTS_TEST_FILE_H

#include <stddef.h>

/* The path of name in dir; free it. */
char *test_file_path(const char *dir, const char *name);
/* Writes the whole file in place of what was there, by a new file and a rename. */
void test_file_write(const char *path, const void *data, size_t len);
void test_file_text(const char *path, const char *text);
/* The whole file, NUL-terminated; free it.  NULL: there is none. */
char *test_file_read(const char *path, size_t *len);

#endif
