#include "file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int system_open(void *context, const char *path, int flags, mode_t mode)
{
    (void)context;
    return open(path, flags, mode);
}

static ssize_t system_write(void *context, int fd, const void *data, size_t len)
{
    (void)context;
    return write(fd, data, len);
}

static int system_fsync(void *context, int fd)
{
    (void)context;
    return fsync(fd);
}

static int system_close(void *context, int fd)
{
    (void)context;
    return close(fd);
}

static int system_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to);
}

static int system_unlink(void *context, const char *path)
{
    (void)context;
    return unlink(path);
}

const struct file_calls file_calls_system = {.open = system_open,
                                             .write = system_write,
                                             .fsync = system_fsync,
                                             .close = system_close,
                                             .rename = system_rename,
                                             .unlink = system_unlink};

static int failed(const char *doing, const char *path, char *why, size_t cap)
{
    (void)snprintf(why, cap, "cannot %s %s: %s", doing, path, strerror(errno));
    return -1;
}

static int write_all(const struct file_calls *calls, int fd, const char *data, size_t len)
{
    ssize_t n;

    while (len > 0) {
        n = calls->write(calls->context, fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The new content, on disk under its own name; nothing is left of it if that fails. */
static int write_beside(const struct file_calls *calls, const char *path, const void *data, size_t len,
                        mode_t mode, char *why, size_t cap)
{
    int fd = calls->open(calls->context, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode),
        rc = 0;

    if (fd < 0)
        return failed("create", path, why, cap);
    if (write_all(calls, fd, data, len) != 0)
        rc = failed("write", path, why, cap);
    else if (calls->fsync(calls->context, fd) != 0)
        rc = failed("sync", path, why, cap);
    if (calls->close(calls->context, fd) != 0 && rc == 0)
        rc = failed("close", path, why, cap);
    if (rc != 0)
        (void)calls->unlink(calls->context, path);
    return rc;
}

/* A rename is on disk when its directory is. */
static int sync_directory(const struct file_calls *calls, const char *path, char *why, size_t cap)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char directory[PATH_MAX];
    int fd, rc = 0;

    (void)snprintf(directory, sizeof directory, "%.*s", (int)len, slash == NULL ? "." : path);
    fd = calls->open(calls->context, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return failed("open directory", directory, why, cap);
    if (calls->fsync(calls->context, fd) != 0)
        rc = failed("sync directory", directory, why, cap);
    (void)calls->close(calls->context, fd); /* nothing was written through it */
    return rc;
}

int file_write(const struct file_calls *calls, const char *path, const void *data, size_t len, mode_t mode,
               char *why, size_t cap)
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof beside, "%s.new", path);

    if (n < 0 || (size_t)n >= sizeof beside) {
        errno = ENAMETOOLONG;
        return failed("write", path, why, cap);
    }
    if (write_beside(calls, beside, data, len, mode, why, cap) != 0)
        return -1;
    if (calls->rename(calls->context, beside, path) != 0) {
        (void)failed("replace", path, why, cap);
        (void)calls->unlink(calls->context, beside);
        return -1;
    }
    return sync_directory(calls, path, why, cap);
}
