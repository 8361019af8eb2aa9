/* record_stream_fetch: the whole of an oversize record of the last poll, read again. */
#include "record_stream.h"

void stream_fetch_close(struct record_stream *s)
{
    if (s->fetcher_open)
        byte_reader_close(&s->fetcher);
    s->fetcher_open = 0;
}

static int64_t failed(const struct record_stream *s, const char *why, struct sluice_error *err)
{
    (void)sluice_fail(err, SLUICE_RETRY, NULL,
                      "%s: the oversize record at byte %llu cannot be read again: %s", s->name,
                      (unsigned long long)s->skip_position, why);
    return -1;
}

/* gzip is inflated from its start once a record, and then read on. */
static int64_t fetch_gzip(struct record_stream *s, uint64_t from, char *out, uint64_t cap,
                          struct sluice_error *err)
{
    int64_t n;

    if (s->fetcher_open && s->fetcher.position > from)
        stream_fetch_close(s);
    if (!s->fetcher_open && byte_reader_open(&s->fetcher, s->reader.read, s->reader.context, 1) != 0)
        return failed(s, "no memory", err);
    s->fetcher_open = 1;
    while (s->fetcher.position < from) {
        uint64_t skip = from - s->fetcher.position;

        n = byte_reader_read(&s->fetcher, out, skip < cap ? skip : cap);
        if (n <= 0)
            return failed(s, n < 0 ? s->fetcher.problem : "it is shorter now", err);
    }
    n = byte_reader_read(&s->fetcher, out, cap);
    return n > 0 ? n : failed(s, n < 0 ? s->fetcher.problem : "it is shorter now", err);
}

int64_t stream_fetch(struct record_stream *s, uint32_t lane, uint64_t position, uint64_t offset, void *out,
                     uint64_t cap, struct sluice_error *err)
{
    char why[sizeof s->problem] = "";
    int64_t n;

    if (s->oversize_size == 0 || lane != s->lane || position != s->skip_position)
        return failed(s, "it is not one of the last poll", err);
    if (offset >= s->oversize_size)
        return 0;
    if (cap > s->oversize_size - offset)
        cap = s->oversize_size - offset;
    if (cap == 0)
        return 0;
    if (s->reader.gzip)
        return fetch_gzip(s, position + offset, out, cap, err);
    n = s->reader.read(s->reader.context, position + offset, out, cap, why, sizeof why);
    return n > 0 ? n : failed(s, n < 0 ? why : "it is shorter now", err);
}
