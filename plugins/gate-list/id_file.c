/* id_file: two passes over the file, one to count the lines and one to take the ids,
 * so that the set is made in its final size and nothing is ever copied to grow. */
#include "id_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ID_FILE_BUFFER 65536u
#define ID_FILE_LINE 4096u /* a CSV's first column lies within */

struct reader {
    const struct id_file *file;
    struct sluice_error *err;
    int fd;
    size_t at, end; /* of buffer */
    uint64_t line;  /* number of the line last taken */
    size_t len;     /* bytes of that line kept in text */
    int cut;        /* the line was longer than text */
    char buffer[ID_FILE_BUFFER];
    char text[ID_FILE_LINE];
};

/* 1 more bytes, 0 end, -1 failed. */
static int fill(struct reader *r)
{
    ssize_t got;

    do {
        got = read(r->fd, r->buffer, sizeof r->buffer);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        (void)sluice_fail(r->err, SLUICE_RETRY, "path", "%s: %s", r->file->path, strerror(errno));
        return -1;
    }
    r->at = 0;
    r->end = (size_t)got;
    return got > 0;
}

/* Lines of the file, the last one too if it has no newline; -1 failed. */
static int64_t count_lines(struct reader *r)
{
    int64_t lines = 1;
    int more;

    while ((more = fill(r)) > 0) {
        const char *p = r->buffer, *end = r->buffer + r->end;

        while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
            p++;
            lines++;
        }
    }
    if (more < 0)
        return -1;
    if (lseek(r->fd, 0, SEEK_SET) != 0) {
        (void)sluice_fail(r->err, SLUICE_RETRY, "path", "%s: %s", r->file->path, strerror(errno));
        return -1;
    }
    r->at = r->end = 0;
    return lines;
}

static void keep(struct reader *r, const char *data, size_t len)
{
    size_t room = sizeof r->text - r->len;

    if (len > room) {
        len = room;
        r->cut = 1;
    }
    memcpy(r->text + r->len, data, len);
    r->len += len;
}

/* The next line without its newline; 1, 0 at the end, -1 failed. */
static int next_line(struct reader *r)
{
    int any = 0;

    r->len = 0;
    r->cut = 0;
    for (;;) {
        const char *from, *newline;
        int more = 1;

        if (r->at == r->end && (more = fill(r)) <= 0) {
            r->line += any ? 1u : 0u;
            return more < 0 ? -1 : any;
        }
        any = 1;
        from = r->buffer + r->at;
        newline = memchr(from, '\n', r->end - r->at);
        keep(r, from, newline == NULL ? r->end - r->at : (size_t)(newline - from));
        r->at = newline == NULL ? r->end : (size_t)(newline - r->buffer) + 1;
        if (newline != NULL) {
            r->line++;
            return 1;
        }
    }
}

static int refuse(struct reader *r, const char *what)
{
    (void)sluice_fail(r->err, SLUICE_FATAL, "path", "%s: line %llu %s", r->file->path,
                      (unsigned long long)r->line, what);
    return -1;
}

static void trim(struct sluice_str *s)
{
    while (s->len > 0 && (s->data[0] == ' ' || s->data[0] == '\t')) {
        s->data++;
        s->len--;
    }
    while (s->len > 0 && (s->data[s->len - 1] == ' ' || s->data[s->len - 1] == '\t'))
        s->len--;
}

/* The first field of a CSV line, in place; -1: it is not CSV. */
static int first_column(struct reader *r, struct sluice_str *line)
{
    char *text = r->text + (line->data - r->text);
    uint64_t from, to = 0;

    if (line->len == 0 || text[0] != '"') {
        const char *comma = memchr(text, ',', (size_t)line->len);

        if (comma != NULL)
            line->len = (uint64_t)(comma - text);
        return 0;
    }
    for (from = 1; from < line->len; from++) {
        if (text[from] == '"') {
            if (from + 1 == line->len || text[from + 1] == ',')
                break;
            if (text[++from] != '"')
                return refuse(r, "has a quote inside a quoted column");
        }
        text[to++] = text[from];
    }
    if (from >= line->len)
        return refuse(r, "has a quoted first column without an end");
    line->len = to;
    return 0;
}

/* The id of the line that was taken last; len 0: none. */
static int line_id(struct reader *r, struct sluice_str *id)
{
    uint64_t i;

    id->data = r->text;
    id->len = r->len;
    if (r->line == 1 && id->len >= 3 && memcmp(id->data, "\xef\xbb\xbf", 3) == 0) {
        id->data += 3;
        id->len -= 3;
    }
    if (!r->cut && id->len > 0 && id->data[id->len - 1] == '\r')
        id->len--;
    trim(id);
    if (r->file->csv) {
        if (first_column(r, id) != 0)
            return -1;
        trim(id);
    }
    if (id->len > ID_FILE_MAX_ID)
        return refuse(r, "is longer than 512 bytes: not an id");
    for (i = 0; i < id->len; i++)
        if ((unsigned char)id->data[i] < 0x20 || id->data[i] == 0x7f)
            return refuse(r, "has a control character: not an id");
    return 0;
}

static int take_ids(struct reader *r, struct idset *s)
{
    struct sluice_str id;
    int more;

    while ((more = next_line(r)) > 0) {
        if (r->line == 1 && r->file->header)
            continue;
        if (line_id(r, &id) != 0)
            return -1;
        if (id.len == 0) {
            s->blank++;
            continue;
        }
        switch (idset_add(s, id.data, (size_t)id.len)) {
        case 0:
            s->repeated++;
            break;
        case -1:
            (void)sluice_fail(r->err, SLUICE_RETRY, "path", "%s changed while it was read", r->file->path);
            return -1;
        default:
            break;
        }
    }
    return more;
}

static struct idset *read_set(struct reader *r)
{
    int64_t lines = count_lines(r);
    struct idset *s;

    if (lines < 0)
        return NULL;
    if ((uint64_t)lines > r->file->max_ids + 2) {
        (void)sluice_fail(r->err, SLUICE_FATAL, "max_ids",
                          "%s has %lld lines, more than max_ids (%llu) allows", r->file->path,
                          (long long)lines, (unsigned long long)r->file->max_ids);
        return NULL;
    }
    s = idset_new((uint64_t)lines + r->file->extra);
    if (s == NULL) {
        (void)sluice_fail(r->err, SLUICE_RETRY, "path", "no memory for the %lld ids of %s", (long long)lines,
                          r->file->path);
        return NULL;
    }
    if (take_ids(r, s) != 0) {
        idset_free(s);
        return NULL;
    }
    return s;
}

struct idset *id_file_read(const struct id_file *f, struct sluice_error *err)
{
    struct reader *r = calloc(1, sizeof *r);
    struct idset *s = NULL;

    if (r == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory to read %s", f->path);
        return NULL;
    }
    r->file = f;
    r->err = err;
    r->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (r->fd < 0) {
        (void)sluice_fail(err, SLUICE_RETRY, "path", "%s: %s", f->path, strerror(errno));
    } else {
        s = read_set(r);
        (void)close(r->fd);
    }
    free(r);
    return s;
}
