/* file_end: what it means that a file has no more bytes. */
#include <sys/stat.h>

#include "file_source.h"

void file_shrank(struct record_stream *s, uint64_t size, uint64_t read)
{
    const struct file_source *f = s->self;

    if (!f->restart_on_shrink) {
        stream_break(
            s,
            "%s shrank to %llu bytes after %llu were read; put the whole file back, or set on_shrink: "
            "restart to read what is there from its start",
            f->path, (unsigned long long)size, (unsigned long long)read);
        return;
    }
    sluice_log(f->host, SLUICE_WARN,
               "%s shrank to %llu bytes: reading it from its start (on_shrink: restart)", f->path,
               (unsigned long long)size);
    s->phase = STREAM_AGAIN;
}

enum stream_fill file_no_more(struct record_stream *s)
{
    const struct file_source *f = s->self;
    struct stat st;

    if (fstat(f->fd, &st) == 0) {
        atomic_store(&s->raw_size, (uint64_t)st.st_size);
        if ((uint64_t)st.st_size < s->reader.raw) {
            file_shrank(s, (uint64_t)st.st_size, s->reader.raw);
            return STREAM_STOPPED;
        }
    }
    if (!f->follow) {
        s->at_end = 1;
        return STREAM_FILLED;
    }
    if (stat(f->path, &st) == 0 &&
        ((uint64_t)st.st_ino != f->mark.inode || (uint64_t)st.st_dev != f->mark.device)) {
        s->replaced = s->at_end = 1;
        return STREAM_FILLED;
    }
    return STREAM_NO_MORE;
}
