/* config_file: bytes of a config or a secret, read whole and checked.
 *
 * Invariant: only regular files are read, so that no config can make `check`
 * wait on a pipe, and what gets past text_check is UTF-8 without NULs. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_internal.h"

static const char *file_kind(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a device";
}

/* Reads fd to its end; 0, 1: longer than max, -1: errno. */
static int read_all(int fd, size_t max, char **data, size_t *len)
{
    char *buffer = NULL, *grown;
    size_t used = 0, cap = 0;
    ssize_t n;

    for (;;) {
        if (used == cap) {
            cap = cap == 0 ? 16384 : cap * 2;
            grown = realloc(buffer, cap + 1);
            if (grown == NULL)
                break;
            buffer = grown;
        }
        n = read(fd, buffer + used, cap - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        used += (size_t)n;
        if (n == 0) {
            buffer[used] = '\0';
            *data = buffer;
            *len = used;
            return 0;
        }
        if (used > max) {
            explicit_bzero(buffer, used);
            free(buffer);
            return 1;
        }
    }
    if (buffer != NULL)
        explicit_bzero(buffer, used);
    free(buffer);
    return -1;
}

int file_read(const char *path, size_t max, struct origin at, struct problems *p, char **data, size_t *len,
              unsigned *mode, int *missing)
{
    struct stat st;
    int fd, result;

    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        if (missing != NULL && (errno == ENOENT || errno == ENOTDIR)) {
            *missing = 1;
            return -1;
        }
        problem_add(p, at,
                    errno == ENOENT ? "check the path; it is relative to the file that names it" : NULL,
                    "cannot read '%s': %s", path, strerror(errno));
        return -1;
    }
    memset(&st, 0, sizeof st);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        problem_add(p, at, NULL, "cannot read '%s': it is %s, a file was expected", path,
                    file_kind(st.st_mode));
        (void)close(fd);
        return -1;
    }
    result = read_all(fd, max, data, len);
    if (result > 0)
        problem_add(p, at, NULL, "cannot read '%s': it is larger than %zu bytes", path, max);
    else if (result < 0)
        problem_add(p, at, NULL, "cannot read '%s': %s", path, strerror(errno));
    (void)close(fd);
    if (result != 0)
        return -1;
    if (mode != NULL)
        *mode = (unsigned)st.st_mode;
    return 0;
}

size_t utf8_read(const unsigned char *s, size_t left, unsigned *point)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n, i;

    if (s[0] < 0x80) {
        *point = s[0];
        return 1;
    }
    n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
        return 0;
    *point = s[0] & (0x7fu >> n);
    for (i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (s[i] & 0x3fu);
    }
    if (*point < least[n] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
        return 0;
    return n;
}

static int is_control(unsigned point)
{
    return (point < 0x20 && point != '\t' && point != '\n' && point != '\r') ||
           (point >= 0x7f && point < 0xa0 && point != 0x85) || point == 0xfffe || point == 0xffff;
}

int text_check(const char *file, const char *text, size_t len, struct problems *p)
{
    const unsigned char *s = (const unsigned char *)text;
    struct origin at = {file, 1, 1};
    size_t i = 0, n;
    unsigned point;

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        i = 3;
    for (; i < len; i += n) {
        n = utf8_read(s + i, len - i, &point);
        if (n == 0) {
            problem_add(p, at, "save the file as UTF-8", "this byte (0x%02x) is not UTF-8", s[i]);
            return -1;
        }
        if (is_control(point)) {
            problem_add(p, at, "in double quotes it can be written as \\u and four digits",
                        "a control character (U+%04X) is not allowed in a config", point);
            return -1;
        }
        if (point == 0x85 || point == 0x2028 || point == 0x2029) {
            problem_add(p, at, "in double quotes it can be written as \\u and four digits",
                        "a line separator (U+%04X) is not allowed in a config", point);
            return -1;
        }
        at.column++;
        if (point == '\n' || (point == '\r' && (i + 1 >= len || text[i + 1] != '\n'))) {
            at.line++;
            at.column = 1;
        }
    }
    return 0;
}
