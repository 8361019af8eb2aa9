/* s3_open: the first range of the object, and whether it is the one whose position is kept. */
#include <inttypes.h>

#include "s3_source.h"

#define STATE_KEY "position"
#define STATE_FORMAT                                                                                         \
    "v1 next=%" SCNu64 " ordinal=%" SCNu64 " object=%" SCNu32 " size=%" SCNu64 " url=%" SCNx64 " etag=%n"

/* Which object: an etag of another url says nothing. */
static uint64_t url_hash(const struct s3_source *f)
{
    const struct hash128 key = {0, 0};

    return hash128(&key, f->url, strlen(f->url)).lo;
}

/* The config names another object now: that is meant. */
static uint32_t other_url(struct s3_source *f, struct stream_mark *at, char etag[AWS_S3_ETAG])
{
    sluice_log(f->host, SLUICE_WARN,
               "the position that is kept is of another url: reading %.200s from its start", f->url);
    at->next = at->ordinal = 0;
    at->generation++;
    etag[0] = '\0';
    f->size = 0;
    return SLUICE_OK;
}

/* The mark and the ETag that it belongs to. */
static uint32_t load(struct s3_source *f, struct stream_mark *at, char etag[AWS_S3_ETAG], int *found,
                     struct sluice_error *err)
{
    char text[384];
    uint64_t url = 0;
    int used = 0;
    int64_t n = f->host->state_get(f->host, STATE_KEY, text, sizeof text - 1, err);

    *found = 0;
    if (n == -1)
        return SLUICE_OK;
    if (n == -2)
        return err->code != SLUICE_NONE ? err->code : SLUICE_FATAL;
    if (n < (int64_t)sizeof text) {
        text[n] = '\0';
        if (sscanf(text, STATE_FORMAT, &at->next, &at->ordinal, &at->generation, &f->size, &url, &used) ==
                5 &&
            used > 0 && text[used] != '\0' && strlen(text + used) < AWS_S3_ETAG) {
            memcpy(etag, text + used, strlen(text + used) + 1);
            *found = url == url_hash(f);
            return *found ? SLUICE_OK : other_url(f, at, etag);
        }
    }
    return sluice_fail(
        err, SLUICE_FATAL, NULL,
        "the stored position of this source is not one that this version wrote; use another state_dir "
        "or another instance name to read %.200s from its start",
        f->url);
}

uint32_t s3_store(struct record_stream *s, struct sluice_error *err)
{
    const struct s3_source *f = s->self;
    char text[384];
    int n = snprintf(text, sizeof text,
                     "v1 next=%" PRIu64 " ordinal=%" PRIu64 " object=%" PRIu32 " size=%" PRIu64
                     " url=%" PRIx64 " etag=%s",
                     s->mark.next, s->mark.ordinal, s->mark.generation, f->size, url_hash(f), f->etag);

    return f->host->state_put(f->host, STATE_KEY, text, (uint64_t)n, err);
}

static uint32_t give_why(const struct s3_source *f, struct sluice_error *err)
{
    uint32_t code = f->why.code == SLUICE_RETRY ? SLUICE_DISCONNECTED : f->why.code;

    (void)sluice_fail(err, code, f->why.option[0] != '\0' ? f->why.option : NULL, "%s", f->why.message);
    if (err != NULL)
        err->retry_after_ms = f->why.retry_after_ms;
    return code;
}

/* The first range, of the object with f->etag, or of whatever is there. */
static uint32_t first_range(struct s3_source *f, struct stream_mark *at, struct sluice_error *err)
{
    const unsigned char *magic;
    int gzip;

    f->changed = 0;
    if (s3_range_get(f, 0) != SLUICE_OK)
        return give_why(f, err);
    memcpy(f->etag, f->part.etag, sizeof f->etag);
    f->size = f->part.total;
    atomic_store(&f->stream.raw_size, f->size);
    magic = (const void *)f->part.data.data;
    gzip = f->part.data.len >= 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    if (byte_reader_open(&f->stream.reader, s3_read, f, gzip) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    stream_begin(&f->stream, at);
    return SLUICE_OK;
}

static uint32_t other_object(struct s3_source *f, struct stream_mark *at, struct sluice_error *err)
{
    if (!f->restart_on_change)
        return sluice_fail(
            err, SLUICE_FATAL, "on_change",
            "%.200s is not the object that was read up to byte %llu before; put that one back, "
            "or set on_change: restart to read this one from its start",
            f->url, (unsigned long long)at->next);
    sluice_log(f->host, SLUICE_WARN,
               "%.200s is not the object that was read up to byte %llu before: reading it from its start "
               "(on_change: restart)",
               f->url, (unsigned long long)at->next);
    at->next = at->ordinal = 0;
    at->generation++;
    f->etag[0] = '\0';
    f->stream.stored_next = UINT64_MAX;
    return first_range(f, at, err);
}

uint32_t s3_open(struct s3_source *f, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    struct stream_mark at = {.generation = 1};
    uint32_t code;
    int found;

    if (err == NULL)
        err = &own;
    f->etag[0] = '\0';
    f->size = 0; /* until the state or the object says more */
    f->ask = f->range;
    f->stream.stored_next = UINT64_MAX;
    code = load(f, &at, f->etag, &found, err);
    if (code != SLUICE_OK)
        return code;
    if (found && at.next > 0)
        f->stream.stored_next = at.next;
    code = first_range(f, &at, err);
    if (code != SLUICE_OK && f->changed)
        code = other_object(f, &at, err);
    if (code == SLUICE_OK && at.next > 0)
        sluice_log(f->host, SLUICE_INFO, "%.200s: going on after record %llu, at byte %llu", f->url,
                   (unsigned long long)at.ordinal, (unsigned long long)at.next);
    return code;
}

uint32_t s3_begin_again(struct record_stream *s, struct sluice_error *err)
{
    struct stream_mark at = {.generation = s->mark.generation + 1};
    struct s3_source *f = s->self;

    stream_fetch_close(s);
    byte_reader_close(&s->reader);
    s3_range_drop(f);
    f->etag[0] = '\0';
    f->ask = f->range;
    s->stored_next = UINT64_MAX;
    return first_range(f, &at, err);
}

uint32_t s3_look(struct s3_source *f, struct sluice_error *err)
{
    struct aws_s3_part part;
    uint32_t code = aws_s3_get_range(&f->s3, f->bucket, f->key, 0, 1, NULL, f->timeout_ms, &part, err);

    if (code == SLUICE_OK)
        aws_s3_part_release(&f->s3, &part);
    return code;
}
