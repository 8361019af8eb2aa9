/* file_fill: more bytes into the buffer, and what it means when there are none. */
#include <unistd.h>
#include <sys/stat.h>

#include "file_source.h"

void file_break(struct file_source *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(f->problem, sizeof f->problem, fmt, args);
    va_end(args);
    f->phase = FILE_BROKEN;
    f->host->metric_add(f->host, f->metric.breaks, NULL, 1);
    f->host->log(f->host, SLUICE_ERROR, f->problem);
}

void file_shrank(struct file_source *f, uint64_t size, uint64_t read)
{
    if (!f->restart_on_shrink) {
        file_break(f,
                   "%s shrank to %llu bytes after %llu were read; put the whole file back, or set on_shrink: "
                   "restart "
                   "to read what is there from its start",
                   f->path, (unsigned long long)size, (unsigned long long)read);
        return;
    }
    sluice_log(f->host, SLUICE_WARN,
               "%s shrank to %llu bytes: reading it from its start (on_shrink: restart)", f->path,
               (unsigned long long)size);
    f->phase = FILE_AGAIN;
}

/* The reader found no more bytes. */
static enum file_fill no_more(struct file_source *f)
{
    struct stat st;

    if (fstat(f->fd, &st) == 0) {
        atomic_store(&f->raw_size, (uint64_t)st.st_size);
        if ((uint64_t)st.st_size < f->reader.raw) {
            file_shrank(f, (uint64_t)st.st_size, f->reader.raw);
            return FILE_STOPPED;
        }
    }
    if (!f->follow) {
        f->at_end = 1;
        return FILE_FILLED;
    }
    if (stat(f->path, &st) == 0 &&
        ((uint64_t)st.st_ino != f->mark.inode || (uint64_t)st.st_dev != f->mark.device)) {
        f->replaced = f->at_end = 1;
        return FILE_FILLED;
    }
    return FILE_NO_MORE;
}

static void make_room(struct file_source *f)
{
    if (f->pos == 0)
        return;
    memmove(f->buffer, f->buffer + f->pos, f->len - f->pos);
    f->base += f->pos;
    f->len -= f->pos;
    f->pos = 0;
}

enum file_fill file_fill(struct file_source *f)
{
    int64_t n;

    if (f->at_end)
        return FILE_NO_MORE;
    make_room(f);
    n = file_reader_read(&f->reader, f->buffer + f->len, f->cap - f->len);
    atomic_store(&f->raw_position, f->reader.raw - (f->reader.gzip ? f->reader.z.avail_in : 0));
    if (n == 0)
        return no_more(f);
    if (n < 0) {
        file_break(f,
                   "%s: %s; all whole records before it were read, %llu bytes of an unfinished one were not",
                   f->path, f->reader.problem, (unsigned long long)(f->len - f->pos));
        return FILE_STOPPED;
    }
    f->len += (size_t)n;
    f->host->metric_add(f->host, f->metric.bytes, NULL, (uint64_t)n);
    return FILE_FILLED;
}

int file_seek(struct file_source *f)
{
    if (f->seek_to > f->base + f->len) {
        f->base += f->len;
        f->pos = f->len = 0;
        if (f->reader.gzip)
            return 0;
        file_reader_seek(&f->reader, f->seek_to);
        f->base = f->seek_to;
    } else if (f->seek_to > f->base + f->pos) {
        f->pos = (size_t)(f->seek_to - f->base);
    }
    f->seek_to = 0;
    f->ordinal = f->mark.ordinal;
    return 1;
}
