/* record_stream_begin: the byte order mark, the header, and the lane that they open. */
#include <stdlib.h>

#include "id_text.h"
#include "record_stream.h"
#include "utf8.h"

static enum stream_step open_lane(struct record_stream *s, struct sluice_str header, struct sluice_error *err)
{
    struct sluice_str attributes[2] = {sluice_str_of("csv.header"), header};
    uint64_t n = header.data != NULL;
    size_t len = strlen(s->name) + 16;
    char *name = malloc(len);

    if (name == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
        return STEP_FAILED;
    }
    if (s->mark.generation > 1) /* another file at the same path: its positions are its own */
        (void)snprintf(name, len, "%s#%u", s->name, s->mark.generation);
    else
        (void)snprintf(name, len, "%s", s->name);
    s->lane = s->host->lane_open(s->host, name, attributes, n);
    free(name);
    if (s->lane == 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no memory for a lane");
        return STEP_FAILED;
    }
    s->phase = STREAM_READING;
    return STEP_AGAIN;
}

/* A header that no decoder could use stops the source here, not each of its rows. */
static enum stream_step take_header(struct record_stream *s, struct sluice_str header,
                                    struct sluice_error *err)
{
    struct csv_row row;
    struct csv_field field;
    int more;

    if (utf8_valid_prefix(header.data, header.len) < header.len) {
        stream_break(s, "%s: the first row, which names the columns, is not UTF-8", s->name);
        return STEP_AGAIN;
    }
    if (memchr(header.data, '\0', header.len) != NULL) {
        stream_break(s, "%s: the first row, which names the columns, holds a NUL byte: this is not text",
                     s->name);
        return STEP_AGAIN;
    }
    csv_row_init(&row, &s->framing.dialect, header.data, header.len);
    while ((more = csv_next(&row, &field)) == 1)
        ;
    if (more < 0) {
        stream_break(s, "%s: the first row, which names the columns, cannot be read: byte %llu: %s", s->name,
                     (unsigned long long)(row.at - header.data) + 1, row.why);
        return STEP_AGAIN;
    }
    return open_lane(s, header, err);
}

/* 1: a byte order mark, if there is one, is behind us; 0: more bytes are needed. */
static int pass_mark(struct record_stream *s)
{
    static const char mark[3] = {'\xef', '\xbb', '\xbf'};
    size_t n = s->len < sizeof mark ? s->len : sizeof mark;

    if (s->base + s->pos > 0)
        return 1;
    if (n < sizeof mark && !s->at_end && memcmp(s->buffer, mark, n) == 0)
        return 0;
    if (n == sizeof mark && memcmp(s->buffer, mark, n) == 0)
        s->pos = sizeof mark;
    return 1;
}

enum stream_step stream_begin_step(struct record_stream *s, struct sluice_error *err)
{
    const struct sluice_str none = {NULL, 0};
    struct sluice_str header = none;
    struct frame frame;

    if (!pass_mark(s)) {
        enum stream_step step = stream_want_more(s);

        return step == STEP_END ? STEP_AGAIN : step;
    }
    if (s->header == STREAM_HEADER_NONE)
        return open_lane(s, header, err);
    for (;;) {
        switch (frame_next(&s->framing, s->buffer + s->pos, s->len - s->pos, s->at_end, &frame)) {
        case FRAME_MORE:
            if (s->at_end && s->pos == s->len)
                return open_lane(s, header, err); /* nothing is there */
            return stream_want_more(s);
        case FRAME_OVERSIZE:
            if (s->header == STREAM_HEADER_KNOWN_ID)
                return open_lane(s, header, err);
            stream_break(s,
                         "%s: the first row, which names the columns, is longer than max_record (%llu bytes)",
                         s->name, (unsigned long long)s->framing.max);
            return STEP_AGAIN;
        case FRAME_RECORD:
            break;
        }
        if (frame.len > 0)
            break;
        stream_pass_blank(s, &frame);
    }
    header = (struct sluice_str){s->buffer + s->pos, frame.len};
    if (s->header == STREAM_HEADER_KNOWN_ID && !id_is_header(header))
        return open_lane(s, none, err);
    s->pos += frame.taken;
    s->ordinal++;
    return s->header == STREAM_HEADER_CSV ? take_header(s, header, err) : open_lane(s, none, err);
}
