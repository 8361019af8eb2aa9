/* byte_reader: see byte_reader.h. */
#include "byte_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_BYTES (64u * 1024u)

int byte_reader_open(struct byte_reader *r, byte_reader_raw read, void *context, int gzip)
{
    memset(r, 0, sizeof *r);
    r->read = read;
    r->context = context;
    r->gzip = gzip;
    if (!gzip)
        return 0;
    r->in = malloc(IN_BYTES);
    if (r->in == NULL)
        return -1;
    if (inflateInit2(&r->z, 15 + 16) != Z_OK) { /* 16: gzip, with its header */
        free(r->in);
        r->in = NULL;
        return -1;
    }
    return 0;
}

void byte_reader_close(struct byte_reader *r)
{
    if (r->in != NULL)
        (void)inflateEnd(&r->z);
    free(r->in);
    memset(r, 0, sizeof *r);
}

void byte_reader_seek(struct byte_reader *r, uint64_t position)
{
    r->raw = position;
    r->position = position;
}

static int64_t read_raw(struct byte_reader *r, void *out, uint64_t cap)
{
    int64_t n = r->read(r->context, r->raw, out, cap, r->problem, sizeof r->problem);

    r->later = n == BYTE_READER_LATER;
    if (n == BYTE_READER_BROKEN)
        r->broken = 1;
    if (n > 0)
        r->raw += (uint64_t)n;
    return n;
}

static void gzip_broken(struct byte_reader *r, const char *why)
{
    r->broken = 1;
    (void)snprintf(r->problem, sizeof r->problem, "the gzip data %s, at byte %llu of the file", why,
                   (unsigned long long)(r->raw - r->z.avail_in) + 1);
}

/* Between members: zeros may fill up, another member may begin.  1: go on, 0: nothing more. */
static int begin_member(struct byte_reader *r)
{
    while (r->z.avail_in > 0 && *r->z.next_in == 0 && r->members > 0) {
        r->z.next_in++;
        r->z.avail_in--;
    }
    if (r->z.avail_in == 0)
        return 1;
    if (*r->z.next_in != 0x1f) {
        gzip_broken(r, "is followed by something else");
        return 0;
    }
    if (inflateReset(&r->z) != Z_OK) {
        gzip_broken(r, "cannot be read");
        return 0;
    }
    r->in_member = 1;
    r->members++;
    return 1;
}

/* More compressed bytes, if there are none at hand.  1: there are some. */
static int refill(struct byte_reader *r)
{
    int64_t n;

    if (r->z.avail_in > 0)
        return 1;
    n = read_raw(r, r->in, IN_BYTES);
    if (n > 0) {
        r->z.next_in = r->in;
        r->z.avail_in = (uInt)n;
        return 1;
    }
    if (n == 0 && r->in_member)
        gzip_broken(r, "ends too early: the file was cut off");
    return 0;
}

static void inflate_some(struct byte_reader *r)
{
    int code = inflate(&r->z, Z_NO_FLUSH);

    if (code == Z_STREAM_END)
        r->in_member = 0;
    else if (code == Z_MEM_ERROR)
        gzip_broken(r, "needs memory that is not there");
    else if (code != Z_OK && code != Z_BUF_ERROR)
        gzip_broken(r, "is damaged");
}

static int64_t read_gzip(struct byte_reader *r, char *out, uint64_t cap)
{
    uint64_t n;

    r->z.next_out = (unsigned char *)out;
    r->z.avail_out = cap > 1u << 30 ? 1u << 30 : (uInt)cap;
    cap = r->z.avail_out;
    r->later = 0;
    while (r->z.avail_out > 0 && !r->broken) {
        if (!refill(r))
            break;
        if (!r->in_member && !begin_member(r))
            break;
        if (r->in_member)
            inflate_some(r);
    }
    n = cap - r->z.avail_out;
    r->position += n;
    if (n == 0 && r->broken)
        return BYTE_READER_BROKEN;
    if (n == 0 && r->later)
        return BYTE_READER_LATER;
    return (int64_t)n;
}

int64_t byte_reader_read(struct byte_reader *r, char *out, uint64_t cap)
{
    int64_t n;

    if (r->gzip)
        return read_gzip(r, out, cap);
    if (r->broken)
        return BYTE_READER_BROKEN;
    n = read_raw(r, out, cap);
    if (n > 0)
        r->position += (uint64_t)n;
    return n;
}
