/* flag_file: see flag_file.h.  What an id is, and what a header, is what the gate says (id_text). */
#include "flag_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../plugins/common/id_text.h"

static void trim(struct sluice_str *s)
{
    while (s->len > 0 && strchr(" \t\r\n", s->data[s->len - 1]) != NULL)
        s->len--;
    while (s->len > 0 && (s->data[0] == ' ' || s->data[0] == '\t')) {
        s->data++;
        s->len--;
    }
}

static void note_bad(struct flag_file *f, uint64_t line, struct sluice_str s, const char *why)
{
    struct flag_file_bad *bad;
    size_t i, n;

    if (f->invalid++ >= FLAG_FILE_BAD)
        return;
    bad = &f->bad[f->invalid - 1];
    bad->line = line;
    bad->why = why;
    n = s.len < sizeof bad->text ? (size_t)s.len : sizeof bad->text - 1;
    for (i = 0; i < n; i++) /* it goes to a terminal */
        bad->text[i] = s.data[i] < 0x20 || s.data[i] > 0x7e ? '?' : s.data[i];
    bad->text[n] = '\0';
}

/* One line.  0, or -1: no memory. */
static int take_line(struct flag_file *f, struct sluice_str s, uint64_t line)
{
    int added;

    trim(&s);
    if (s.len == 0) {
        f->blank++;
    } else if (f->users.n == 0 && f->header == 0 && f->invalid == 0 && id_is_header(s)) {
        f->header++;
    } else if (memchr(s.data, ',', (size_t)s.len) != NULL) {
        note_bad(f, line, s, "more than one id or column");
    } else if (!id_is_valid(s)) {
        note_bad(f, line, s,
                 s.len > ID_TEXT_MAX_ID ? "longer than 512 bytes" : "a space, quote or control byte in it");
    } else {
        if (key_table_add(&f->users, s, &added) == KEY_NONE)
            return -1;
        f->duplicates += !added;
    }
    return 0;
}

int flag_file_read(struct flag_file *f, const char *path, struct sluice_error *err)
{
    FILE *file = fopen(path, "re");
    struct stat st;
    uint64_t line = 0;
    char *text = NULL;
    size_t cap = 0, skip;
    ssize_t len;
    int failed = 0;

    memset(f, 0, sizeof *f);
    key_table_init(&f->users);
    if (file == NULL || fstat(fileno(file), &st) != 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "cannot read %s: %s", path, strerror(errno));
        return -1;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)FLAG_FILE_MAX) {
        (void)fclose(file);
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s: a regular file of at most %u MiB was expected", path,
                          FLAG_FILE_MAX >> 20);
        return -1;
    }
    while (!failed && (len = getline(&text, &cap, file)) >= 0) {
        skip = line == 0 && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        failed = take_line(f, (struct sluice_str){text + skip, (uint64_t)len - skip}, ++line) != 0;
    }
    failed |= ferror(file);
    if (failed)
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "cannot read %s: %s", path,
                          ferror(file) ? strerror(errno) : "no memory");
    free(text);
    (void)fclose(file);
    return failed ? -1 : 0;
}

void flag_file_release(struct flag_file *f)
{
    key_table_release(&f->users);
    memset(f, 0, sizeof *f);
}
