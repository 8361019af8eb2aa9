/* file_open: opens the file, refuses what is not one, and decides where to go on. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>

#include "file_source.h"

static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a pipe (FIFO)";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a device";
}

static uint32_t refuse(const struct file_source *f, int problem, struct sluice_error *err)
{
    const char *what = problem == ENOENT   ? "check the name, or wait until the file is there"
                       : problem == EACCES ? "give this user the right to read it and to pass its folders"
                                           : "";

    return sluice_fail(err, SLUICE_FATAL, "path", "%s: %s%s%s", f->path, strerror(problem), *what ? "; " : "",
                       what);
}

uint32_t file_look(const struct file_source *f, struct sluice_error *err)
{
    struct stat st;

    if (stat(f->path, &st) != 0)
        return refuse(f, errno, err);
    if (!S_ISREG(st.st_mode)) /* not even opened: a pipe would block, a device may act */
        return sluice_fail(err, SLUICE_FATAL, "path", "%s is %s; a regular file was expected", f->path,
                           kind_of(st.st_mode));
    if (access(f->path, R_OK) != 0)
        return refuse(f, errno, err);
    return SLUICE_OK;
}

/* Opens and reads what is needed to know the file: *gzip, *st. */
static uint32_t open_file(struct file_source *f, struct stat *st, int *gzip, struct sluice_error *err)
{
    unsigned char magic[2] = {0, 0};
    uint32_t code = file_look(f, err);
    ssize_t n;

    if (code != SLUICE_OK)
        return code;
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (f->fd < 0)
        return refuse(f, errno, err);
    if (fstat(f->fd, st) != 0 || !S_ISREG(st->st_mode))
        return sluice_fail(err, SLUICE_FATAL, "path", "%s is not a regular file any more", f->path);
    do
        n = pread(f->fd, magic, sizeof magic, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return refuse(f, errno, err);
    *gzip = magic[0] == 0x1f && magic[1] == 0x8b;
    if (*gzip && f->follow)
        return sluice_fail(err, SLUICE_FATAL, "follow",
                           "%s is compressed with gzip and cannot be followed; set "
                           "follow: false",
                           f->path);
    atomic_store(&f->stream.raw_size, (uint64_t)st->st_size);
    return SLUICE_OK;
}

/* The stored mark against the file: begin at 0 (at->next = 0) or go on. */
static uint32_t compare(struct file_source *f, struct stream_mark *at, const struct file_mark *mark,
                        const struct stat *st, int gzip, struct sluice_error *err)
{
    uint64_t size = (uint64_t)st->st_size;
    uint64_t least = gzip ? mark->size : at->next; /* bytes on disk that must still be there */
    uint64_t heads[FILE_HEADS];
    uint32_t n = file_heads(f->fd, UINT64_MAX, heads);

    if (n > mark->n_heads)
        n = mark->n_heads;
    if (n > 0 && heads[n - 1] != mark->heads[n - 1]) {
        sluice_log(f->host, SLUICE_WARN,
                   "%s is not the file that was read up to byte %llu before: reading it from its start",
                   f->path, (unsigned long long)at->next);
        at->generation++;
        at->next = at->ordinal = 0;
        return SLUICE_OK;
    }
    if (size >= least)
        return SLUICE_OK;
    if (!f->restart_on_shrink)
        return sluice_fail(
            err, SLUICE_FATAL, "path",
            "%s has %llu bytes, but was read up to byte %llu before: it shrank; put the whole file back, "
            "or set on_shrink: restart to read what is there from its start",
            f->path, (unsigned long long)size, (unsigned long long)least);
    sluice_log(f->host, SLUICE_WARN,
               "%s shrank to %llu bytes: reading it from its start (on_shrink: restart)", f->path,
               (unsigned long long)size);
    at->generation++;
    at->next = at->ordinal = 0;
    return SLUICE_OK;
}

static int64_t read_raw(void *context, uint64_t at, void *out, uint64_t cap, char *problem, size_t size)
{
    const struct file_source *f = context;
    ssize_t n;

    do
        n = pread(f->fd, out, cap, (off_t)at);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    (void)snprintf(problem, size, "byte %llu cannot be read: %s", (unsigned long long)at + 1,
                   strerror(errno));
    return BYTE_READER_BROKEN;
}

/* From the mark on, in the file that is open. */
static uint32_t begin(struct file_source *f, const struct stream_mark *at, const struct file_mark *mark,
                      const struct stat *st, int gzip, struct sluice_error *err)
{
    if (byte_reader_open(&f->stream.reader, read_raw, f, gzip) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    f->mark = *mark;
    f->mark.device = (uint64_t)st->st_dev;
    f->mark.inode = (uint64_t)st->st_ino;
    stream_begin(&f->stream, at);
    return SLUICE_OK;
}

uint32_t file_open(struct file_source *f, struct sluice_error *err)
{
    struct stream_mark at = {.generation = 1};
    struct file_mark mark = {.size = 0};
    struct stat st;
    int gzip = 0;
    int found;
    uint32_t code;

    f->stream.stored_next = UINT64_MAX;
    code = open_file(f, &st, &gzip, err);
    if (code == SLUICE_OK)
        code = file_state_load(f, &at, &mark, &found, err);
    if (code == SLUICE_OK && found) {
        code = compare(f, &at, &mark, &st, gzip, err);
        if (at.next > 0)
            f->stream.stored_next = at.next;
    }
    if (code == SLUICE_OK)
        code = begin(f, &at, &mark, &st, gzip, err);
    if (code != SLUICE_OK)
        return code;
    if (at.next > 0)
        sluice_log(f->host, SLUICE_INFO, "%s: going on after record %llu, at byte %llu", f->path,
                   (unsigned long long)at.ordinal, (unsigned long long)at.next);
    return SLUICE_OK;
}

void file_close(struct file_source *f)
{
    stream_fetch_close(&f->stream);
    byte_reader_close(&f->stream.reader);
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}

uint32_t file_begin_again(struct record_stream *s, struct sluice_error *err)
{
    struct stream_mark at = {.generation = s->mark.generation + 1};
    struct file_mark mark = {.size = 0};
    struct file_source *f = s->self;
    struct stat st;
    int gzip = 0;
    uint32_t code;

    file_close(f);
    s->stored_next = UINT64_MAX;
    code = open_file(f, &st, &gzip, err);
    return code == SLUICE_OK ? begin(f, &at, &mark, &st, gzip, err) : code;
}
