/* file_write: a file is replaced whole or not at all, whenever the power goes.
 *
 * The new content is written beside the file, synced, put in place by rename, and the
 * directory is synced; only then does the call say that it is done.  Invariant: at
 * every moment a reader finds all of the old content or all of the new one.
 * One writer a path at a time. */
#ifndef SLUICE_CORE_FILE_WRITE_H
#define SLUICE_CORE_FILE_WRITE_H

#include <stddef.h>
#include <sys/types.h>

/* What it asks of the file system; answers and errno as the calls of the same name. */
struct file_calls {
    void *context;
    int (*open)(void *context, const char *path, int flags, mode_t mode);
    ssize_t (*write)(void *context, int fd, const void *data, size_t len);
    int (*fsync)(void *context, int fd);
    int (*close)(void *context, int fd);
    int (*rename)(void *context, const char *from, const char *to);
    int (*unlink)(void *context, const char *path);
};

extern const struct file_calls file_calls_system;

/* Replaces path by len bytes.  0, or -1 with words in why; then the old file is still
 * whole (or, if only the last sync failed, the new one may be in its place). */
int file_write(const struct file_calls *calls, const char *path, const void *data, size_t len, mode_t mode,
               char *why, size_t cap);

#endif
