/* file_drive: source/file over a file that a test writes, and what came of it. */
#ifndef SLUICE_TESTS_FILE_DRIVE_H
#define SLUICE_TESTS_FILE_DRIVE_H

#include <stddef.h>
#include <stdint.h>
#include <sluice/abi.h>

#include "plugin_host.h"
#include "strbuf.h"

/* A folder with one file and a state_dir. */
struct file_drive {
    char *dir;
    char *path;
    char *state;
    struct plugin_host *host; /* NULL: not open */
    struct strbuf seen;       /* "ordinal:payload|" a record */
    uint64_t records;
    uint64_t last_next; /* of its lane */
    uint32_t lane;
    struct sluice_error err;
};

void file_drive_begin(struct file_drive *d);
void file_drive_end(struct file_drive *d);

void file_drive_write(struct file_drive *d, const void *data, size_t len); /* the whole content */
void file_drive_append(struct file_drive *d, const void *data, size_t len);
void file_drive_text(struct file_drive *d, const char *text);
/* One more gzip member. */
void file_drive_gzip(struct file_drive *d, const void *data, size_t len);
size_t file_drive_size(const struct file_drive *d);
void file_drive_cut(struct file_drive *d, size_t len);

/* Opens (not yet started) with more options in YAML; closes what was open. */
void file_drive_open(struct file_drive *d, const char *yaml);
void file_drive_close(struct file_drive *d);
/* Forgets the stored position. */
void file_drive_forget(struct file_drive *d);
/* open, start, drive to the end (or to `limit` records), close: the poll's last answer. */
uint32_t file_drive_run(struct file_drive *d, const char *yaml, uint64_t limit);
/* Drives the open host further. */
uint32_t file_drive_on(struct file_drive *d, uint64_t limit);
/* What was seen since the last call of this. */
const char *file_drive_seen(struct file_drive *d);

#endif
