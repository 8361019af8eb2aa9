/* record_stream_fill: more bytes into the buffer, and what it means when there are none. */
#include "record_stream.h"

void stream_pass_blank(struct record_stream *s, const struct frame *frame)
{
    uint64_t position = s->base + s->pos;

    if (position >= s->blank_mark) {
        s->blank_lines++;
        s->blank_mark = position + frame->taken;
        s->host->metric_add(s->host, s->metric.blanks, NULL, 1);
    }
    s->pos += frame->taken;
    s->ordinal++;
}

void stream_break(struct record_stream *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(s->problem, sizeof s->problem, fmt, args);
    va_end(args);
    s->phase = STREAM_BROKEN;
    s->host->metric_add(s->host, s->metric.breaks, NULL, 1);
    s->host->log(s->host, SLUICE_ERROR, s->problem);
}

static void make_room(struct record_stream *s)
{
    if (s->pos == 0)
        return;
    memmove(s->buffer, s->buffer + s->pos, s->len - s->pos);
    s->base += s->pos;
    s->len -= s->pos;
    s->pos = 0;
}

enum stream_fill stream_fill(struct record_stream *s)
{
    int64_t n;
    int named; /* the problem says already of what */

    if (s->at_end)
        return STREAM_NO_MORE;
    make_room(s);
    n = byte_reader_read(&s->reader, s->buffer + s->len, s->cap - s->len);
    atomic_store(&s->raw_position, s->reader.raw - (s->reader.gzip ? s->reader.z.avail_in : 0));
    if (n == 0)
        return s->owner->no_more(s);
    if (n == BYTE_READER_LATER)
        return STREAM_LATER;
    if (n < 0) {
        if (s->owner->broken != NULL && s->owner->broken(s))
            return STREAM_STOPPED;
        named = strncmp(s->reader.problem, s->name, strlen(s->name)) == 0;
        stream_break(
            s, "%s%s%s; all whole records before it were read, %llu bytes of an unfinished one were not",
            named ? "" : s->name, named ? "" : ": ", s->reader.problem,
            (unsigned long long)(s->len - s->pos));
        return STREAM_STOPPED;
    }
    s->len += (size_t)n;
    s->host->metric_add(s->host, s->metric.bytes, NULL, (uint64_t)n);
    return STREAM_FILLED;
}

int stream_seek(struct record_stream *s)
{
    if (s->seek_to > s->base + s->len) {
        s->base += s->len;
        s->pos = s->len = 0;
        if (s->reader.gzip)
            return 0;
        byte_reader_seek(&s->reader, s->seek_to);
        s->base = s->seek_to;
    } else if (s->seek_to > s->base + s->pos) {
        s->pos = (size_t)(s->seek_to - s->base);
    }
    s->seek_to = 0;
    s->ordinal = s->mark.ordinal;
    return 1;
}

/* What the end of the bytes means for the one who wanted more. */
enum stream_step stream_want_more(struct record_stream *s)
{
    switch (stream_fill(s)) {
    case STREAM_FILLED:
    case STREAM_STOPPED:
        return STEP_AGAIN;
    case STREAM_LATER:
        return STEP_LATER;
    default:
        return s->at_end ? STEP_END : STEP_WAIT;
    }
}
