/* test_file: every failure fails the test that asked. */
#include "test_file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *test_file_path(const char *dir, const char *name)
{
    size_t cap = strlen(dir) + strlen(name) + 2;
    char *path = malloc(cap);

    ck_assert_ptr_nonnull(path);
    (void)snprintf(path, cap, "%s/%s", dir, name);
    return path;
}

void test_file_write(const char *path, const void *data, size_t len)
{
    char *next = test_file_path(path, "");
    FILE *out;

    memcpy(next + strlen(path), "~", 2);
    out = fopen(next, "wb");
    ck_assert_msg(out != NULL, "%s cannot be written", next);
    ck_assert_uint_eq(fwrite(data, 1, len, out), len);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(rename(next, path), 0);
    free(next);
}

void test_file_text(const char *path, const char *text)
{
    test_file_write(path, text, strlen(text));
}

char *test_file_read(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    char *data = NULL;
    size_t used = 0, cap = 0, got;

    if (in == NULL)
        return NULL;
    do {
        if (cap - used < 65536) {
            cap = cap * 2 + 131072;
            data = realloc(data, cap);
            ck_assert_ptr_nonnull(data);
        }
        got = fread(data + used, 1, cap - used - 1, in);
        used += got;
    } while (got > 0);
    (void)fclose(in);
    data[used] = '\0';
    if (len != NULL)
        *len = used;
    return data;
}
