/* file_fetch: the whole of an oversize record of the last poll, read again. */
#include <errno.h>
#include <unistd.h>

#include "file_source.h"

void file_fetch_close(struct file_source *f)
{
    if (f->fetcher_open)
        file_reader_close(&f->fetcher);
    f->fetcher_open = 0;
}

static int64_t failed(const struct file_source *f, const char *why, struct sluice_error *err)
{
    (void)sluice_fail(err, SLUICE_RETRY, NULL,
                      "%s: the oversize record at byte %llu cannot be read again: %s", f->path,
                      (unsigned long long)f->skip_position, why);
    return -1;
}

/* A gzip file is inflated from its start once a record, and then read on. */
static int64_t fetch_gzip(struct file_source *f, uint64_t from, char *out, uint64_t cap,
                          struct sluice_error *err)
{
    int64_t n;

    if (f->fetcher_open && f->fetcher.position > from)
        file_fetch_close(f);
    if (!f->fetcher_open && file_reader_open(&f->fetcher, f->fd, 1) != 0)
        return failed(f, "no memory", err);
    f->fetcher_open = 1;
    while (f->fetcher.position < from) {
        uint64_t skip = from - f->fetcher.position;

        n = file_reader_read(&f->fetcher, out, skip < cap ? skip : cap);
        if (n <= 0)
            return failed(f, n < 0 ? f->fetcher.problem : "the file is shorter now", err);
    }
    n = file_reader_read(&f->fetcher, out, cap);
    return n > 0 ? n : failed(f, n < 0 ? f->fetcher.problem : "the file is shorter now", err);
}

int64_t file_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out, uint64_t cap,
                   struct sluice_error *err)
{
    struct file_source *f = self;
    ssize_t n;

    if (f->oversize_size == 0 || lane != f->lane || position != f->skip_position)
        return failed(f, "it is not one of the last poll", err);
    if (offset >= f->oversize_size)
        return 0;
    if (cap > f->oversize_size - offset)
        cap = f->oversize_size - offset;
    if (cap == 0)
        return 0;
    if (f->reader.gzip)
        return fetch_gzip(f, position + offset, out, cap, err);
    do
        n = pread(f->fd, out, cap, (off_t)(position + offset));
    while (n < 0 && errno == EINTR);
    return n > 0 ? n : failed(f, n < 0 ? strerror(errno) : "the file is shorter now", err);
}
