/* Any bytes as a stream in any pieces.  Traps unless the records are the same as those
 * of one piece.  First byte: kind and longest record; second: how to cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_RECORDS 65536u

struct found {
    size_t position;
    size_t len;
    size_t next;
    int oversize;
};

struct stream {
    const char *data;
    size_t len;
    size_t known; /* bytes that have come so far */
    uint32_t cut; /* state of the cuts; 0: all at once */
};

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

/* Some more bytes come; 0 if there were none left. */
static int more(struct stream *s)
{
    size_t left = s->len - s->known;
    size_t n = left;

    if (left == 0)
        return 0;
    if (s->cut != 0) {
        s->cut = s->cut * 1664525u + 1013904223u;
        n = 1 + (s->cut >> 24) % 7;
        s->cut |= 1;
    }
    s->known += n < left ? n : left;
    return 1;
}

/* The bytes that have come, in memory that ends with them. */
static char *piece(const struct stream *s, size_t from)
{
    char *copy = malloc(s->known > from ? s->known - from : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, s->data + from, s->known - from);
    return copy;
}

static void skip_oversize(struct stream *s, size_t *at, struct found *out)
{
    struct frame_skip skip = {0, 0, 0};

    out->position = *at;
    out->oversize = 1;
    for (;;) {
        char *bytes = piece(s, *at);

        *at += frame_skip(&skip, bytes, s->known - *at);
        free(bytes);
        if (skip.done || !more(s))
            break;
    }
    out->len = (size_t)frame_skip_size(&skip);
    out->next = *at;
}

static size_t frame_all(const struct framing *f, struct stream *s, struct found *found)
{
    size_t at = 0;
    size_t n = 0;
    int at_end = 0;

    while (n < MAX_RECORDS) {
        struct frame frame;
        char *bytes = piece(s, at);
        enum frame_answer answer = frame_next(f, bytes, s->known - at, at_end, &frame);

        free(bytes);
        memset(&found[n], 0, sizeof found[n]);
        if (answer == FRAME_OVERSIZE) {
            skip_oversize(s, &at, &found[n++]);
            continue;
        }
        if (answer == FRAME_MORE) {
            check(s->known - at < FRAME_WINDOW(f->max));
            if (at_end) {
                check(at == s->len);
                break;
            }
            at_end = !more(s);
            continue;
        }
        check(frame.len <= f->max && frame.len <= frame.taken && frame.taken > 0);
        found[n].position = at;
        found[n].len = frame.len;
        at += frame.taken;
        found[n++].next = at;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct found whole[MAX_RECORDS], pieces[MAX_RECORDS];
    struct framing f = {.dialect = {',', '"'}};
    struct stream one = {0}, cut;
    size_t n;

    if (size < 2 || size > MAX_RECORDS / 2)
        return 0;
    f.csv = data[0] & 1;
    f.max = 1 + (data[0] >> 1) % 64;
    one.data = (const char *)data + 2;
    one.len = one.known = size - 2;
    cut = one;
    cut.known = 0;
    cut.cut = data[1] | 1u;
    n = frame_all(&f, &one, whole);
    check(frame_all(&f, &cut, pieces) == n);
    check(memcmp(whole, pieces, n * sizeof whole[0]) == 0);
    return 0;
}
