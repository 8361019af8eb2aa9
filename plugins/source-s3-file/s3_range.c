/* s3_range: the bytes of the object, a range at a time.
 *
 * A range that was cut is asked for again from its first byte, half as long, down to RANGE_LEAST, so that a
 * line that never carries a whole range gets on all the same; what comes whole doubles it again.  When to ask
 * again is the host's: poll answers DISCONNECTED. */
#include "s3_source.h"

#define RANGE_LEAST (64u * 1024u)

void s3_range_drop(struct s3_source *f)
{
    if (f->has_part)
        aws_s3_part_release(&f->s3, &f->part);
    f->has_part = 0;
}

static void tell_gone(struct s3_source *f, uint64_t at)
{
    if (f->part.found == AWS_S3_CHANGED) {
        f->changed = 1;
        (void)sluice_fail(&f->why, SLUICE_FATAL, "on_change",
                          "%.200s was replaced by another object after %llu of its %llu bytes were read",
                          f->url, (unsigned long long)at, (unsigned long long)f->size);
    } else if (f->part.found == AWS_S3_GONE && f->etag[0] != '\0') {
        (void)sluice_fail(
            &f->why, SLUICE_FATAL, "url",
            "%.200s was deleted after a part of its %llu bytes was read; put the same object back to "
            "go on, or another one with on_change: restart",
            f->url, (unsigned long long)f->size);
    } else if (f->part.found == AWS_S3_GONE || f->part.found == AWS_S3_NO_BUCKET) {
        (void)snprintf(f->why.option, sizeof f->why.option, "url");
    }
}

/* A cut, or the other side's trouble: less the next time. */
static void tell_cut(struct s3_source *f)
{
    f->cuts++;
    f->host->metric_add(f->host, f->metric_cuts, NULL, 1);
    f->ask = f->ask / 2 > RANGE_LEAST ? f->ask / 2 : RANGE_LEAST;
    if (f->ask > f->range)
        f->ask = f->range;
}

uint32_t s3_range_get(struct s3_source *f, uint64_t at)
{
    const char *etag = f->etag[0] != '\0' ? f->etag : NULL;
    uint32_t code;

    s3_range_drop(f);
    memset(&f->why, 0, sizeof f->why);
    f->why.struct_size = sizeof f->why;
    f->host->metric_add(f->host, f->metric_requests, NULL, 1);
    code = aws_s3_get_range(&f->s3, f->bucket, f->key, at, f->ask, etag, f->timeout_ms, &f->part, &f->why);
    if (code != SLUICE_OK) {
        if (code == SLUICE_RETRY)
            tell_cut(f);
        else
            tell_gone(f, at);
        return code;
    }
    f->has_part = 1;
    f->ask = f->ask < f->range / 2 ? f->ask * 2 : f->range;
    return SLUICE_OK;
}

int64_t s3_read(void *context, uint64_t at, void *out, uint64_t cap, char *problem, size_t size)
{
    struct s3_source *f = context;
    uint64_t n;
    uint32_t code;

    if (at >= f->size)
        return 0;
    if (!f->has_part || at < f->part.from || at >= f->part.from + f->part.data.len) {
        code = s3_range_get(f, at);
        if (code != SLUICE_OK) {
            (void)snprintf(problem, size, "%.390s", f->why.message);
            return code == SLUICE_RETRY ? BYTE_READER_LATER : BYTE_READER_BROKEN;
        }
    }
    n = f->part.from + f->part.data.len - at;
    if (n > cap)
        n = cap;
    memcpy(out, f->part.data.data + (at - f->part.from), (size_t)n);
    if (at + n == f->part.from + f->part.data.len)
        s3_range_drop(f); /* read: the memory is of more use elsewhere */
    return (int64_t)n;
}
