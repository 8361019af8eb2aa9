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
    atomic_store(&f->raw_size, (uint64_t)st->st_size);
    return SLUICE_OK;
}

/* The stored mark against the file: begin at 0 (mark->next = 0) or go on. */
static uint32_t compare(struct file_source *f, struct file_mark *mark, const struct stat *st, int gzip,
                        struct sluice_error *err)
{
    uint64_t size = (uint64_t)st->st_size;
    uint64_t least = gzip ? mark->size : mark->next; /* bytes on disk that must still be there */
    uint64_t heads[FILE_HEADS];
    uint32_t n = file_heads(f->fd, UINT64_MAX, heads);

    if (n > mark->n_heads)
        n = mark->n_heads;
    if (n > 0 && heads[n - 1] != mark->heads[n - 1]) {
        sluice_log(f->host, SLUICE_WARN,
                   "%s is not the file that was read up to byte %llu before: reading it from its start",
                   f->path, (unsigned long long)mark->next);
        mark->generation++;
        mark->next = mark->ordinal = 0;
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
    mark->generation++;
    mark->next = mark->ordinal = 0;
    return SLUICE_OK;
}

static void begin(struct file_source *f, const struct file_mark *mark)
{
    f->mark = *mark;
    f->delivered_next = mark->next;
    f->seek_to = mark->next;
    f->ordinal = 0;
    f->phase = FILE_BEGIN;
    f->lane = 0;
    f->pos = f->len = 0;
    f->base = 0;
    f->at_end = f->replaced = f->skipping = 0;
    f->delivered = f->blank_lines = f->blank_mark = 0;
    f->oversize_size = 0;
}

uint32_t file_open(struct file_source *f, struct sluice_error *err)
{
    struct file_mark mark = {.generation = 1};
    struct stat st;
    int gzip = 0;
    int found;
    uint32_t code;

    f->stored_next = UINT64_MAX;
    code = open_file(f, &st, &gzip, err);
    if (code == SLUICE_OK)
        code = file_state_load(f, &mark, &found, err);
    if (code == SLUICE_OK && found) {
        code = compare(f, &mark, &st, gzip, err);
        if (mark.next > 0)
            f->stored_next = mark.next;
    }
    if (code == SLUICE_OK && file_reader_open(&f->reader, f->fd, gzip) != 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    if (code != SLUICE_OK)
        return code;
    mark.device = (uint64_t)st.st_dev;
    mark.inode = (uint64_t)st.st_ino;
    begin(f, &mark);
    if (mark.next > 0)
        sluice_log(f->host, SLUICE_INFO, "%s: going on after record %llu, at byte %llu", f->path,
                   (unsigned long long)mark.ordinal, (unsigned long long)mark.next);
    return SLUICE_OK;
}

void file_close(struct file_source *f)
{
    file_fetch_close(f);
    file_reader_close(&f->reader);
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}

uint32_t file_begin_again(struct file_source *f, struct sluice_error *err)
{
    struct file_mark mark = {.generation = f->mark.generation + 1};
    struct stat st;
    int gzip = 0;
    uint32_t code;

    if (f->lane != 0)
        f->host->lane_lost(f->host, f->lane); /* all of it is settled */
    file_close(f);
    f->stored_next = UINT64_MAX;
    code = open_file(f, &st, &gzip, err);
    if (code == SLUICE_OK && file_reader_open(&f->reader, f->fd, gzip) != 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    mark.device = (uint64_t)st.st_dev;
    mark.inode = (uint64_t)st.st_ino;
    if (code == SLUICE_OK)
        begin(f, &mark);
    return code;
}
