/* flag_file: a file of users for a flag: an id a line. */
#ifndef SLUICE_CORE_FLAG_FILE_H
#define SLUICE_CORE_FLAG_FILE_H

#include "key_table.h"

#define FLAG_FILE_BAD 20u         /* invalid lines that are told one by one */
#define FLAG_FILE_MAX (64u << 20) /* bytes */

struct flag_file_bad {
    uint64_t line;
    char text[64]; /* its first bytes, printable */
    const char *why;
};

struct flag_file {
    struct key_table users; /* each once, in the order of the file */
    uint64_t blank, duplicates, header, invalid;
    struct flag_file_bad bad[FLAG_FILE_BAD];
};

/* 0, or -1 with err (cannot be read, too large, no memory).  Invalid lines are counted and kept, not refused.
 */
int flag_file_read(struct flag_file *f, const char *path, struct sluice_error *err);
void flag_file_release(struct flag_file *f);

#endif
