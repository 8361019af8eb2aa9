/* file_text: read whole, up to a maximum. */
#include "file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "strbuf.h"

/* What was asked for, or NULL with err. */
static char *read_fd(int fd, const char *path, size_t max, size_t *len, struct sluice_error *err)
{
    struct strbuf b;
    char piece[16384];
    ssize_t got;

    strbuf_init(&b, max);
    while ((got = read(fd, piece, sizeof piece)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            strbuf_add(&b, piece, (size_t)got);
    explicit_bzero(piece, sizeof piece);
    if (got < 0)
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "%.300s: %s", path, strerror(errno));
    else if (b.failed)
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%.300s is above %zu bytes, or there is no memory for it",
                          path, max);
    if (got < 0 || b.failed) {
        strbuf_release(&b);
        return NULL;
    }
    if (len != NULL)
        *len = b.len;
    return strbuf_take(&b);
}

char *file_text_read(const char *path, size_t max, size_t *len, struct sluice_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    char *text = NULL;

    if (fd < 0) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "%.300s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%.300s is not a regular file", path);
    else
        text = read_fd(fd, path, max, len, err);
    (void)close(fd);
    return text;
}

void file_text_free(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}
