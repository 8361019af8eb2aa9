/* record_stream: bytes to records.
 *
 * A poll takes steps until one gives records, the time is over, or the stream ends.
 * Every step ends soon: it frames what is in the buffer or fills the buffer once. */
#include "record_stream.h"

#include <stdlib.h>

#define WAIT_MS 100u /* between looks at a stream that does not grow */

void stream_init(struct record_stream *s, const struct sluice_host *host, const struct stream_owner *owner,
                 void *self, size_t cap)
{
    size_t window = FRAME_WINDOW(s->framing.max);
    uint32_t i;

    s->host = host;
    s->owner = owner;
    s->self = self;
    s->cap = cap < window ? window : cap;
    for (i = 0; i < STREAM_ITEMS; i++)
        s->items[i].struct_size = sizeof s->items[i];
    s->metric.bytes = host->metric(host, SLUICE_COUNTER, "read_bytes_total", "Bytes read, after gzip.", NULL);
    s->metric.blanks = host->metric(host, SLUICE_COUNTER, "blank_lines_total", "Blank lines skipped.", NULL);
    s->metric.oversize =
        host->metric(host, SLUICE_COUNTER, "oversize_records_total", "Records above max_record.", NULL);
    s->metric.breaks = host->metric(host, SLUICE_COUNTER, "breaks_total",
                                    "Times that no more could be read before the end.", NULL);
    s->metric.position =
        host->metric(host, SLUICE_GAUGE, "position_bytes", "Bytes of the file read so far.", NULL);
    s->metric.size = host->metric(host, SLUICE_GAUGE, "size_bytes", "Size of the file.", NULL);
}

uint32_t stream_open(struct record_stream *s, struct sluice_error *err)
{
    s->buffer = malloc(s->cap);
    s->head = malloc(STREAM_OVERSIZE_HEAD);
    if (s->buffer == NULL || s->head == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for a buffer of %llu bytes",
                           (unsigned long long)s->cap);
    return SLUICE_OK;
}

void stream_close(struct record_stream *s)
{
    stream_fetch_close(s);
    byte_reader_close(&s->reader);
    free(s->buffer);
    free(s->head);
    s->buffer = s->head = NULL;
}

void stream_begin(struct record_stream *s, const struct stream_mark *mark)
{
    s->mark = *mark;
    s->delivered_next = mark->next;
    s->seek_to = mark->next;
    s->ordinal = 0;
    s->phase = STREAM_BEGIN;
    s->lane = 0;
    s->pos = s->len = 0;
    s->base = 0;
    s->at_end = s->replaced = s->skipping = 0;
    s->delivered = s->blank_lines = s->blank_mark = 0;
    s->oversize_size = 0;
    s->problem_option = NULL;
}

void stream_stats(struct record_stream *s)
{
    s->host->metric_set(s->host, s->metric.position, NULL, (double)atomic_load(&s->raw_position));
    s->host->metric_set(s->host, s->metric.size, NULL, (double)atomic_load(&s->raw_size));
}

static int is_blank(const struct record_stream *s, const char *data, size_t len)
{
    size_t i;

    if (len == 0)
        return 1;
    if (!s->json || (unsigned char)data[0] > ' ')
        return 0;
    for (i = 0; i < len; i++)
        if (data[i] != ' ' && data[i] != '\t')
            return 0;
    return 1;
}

/* Frames up to n records into items; *oversize: an oversize record comes next. */
static uint32_t collect(struct record_stream *s, uint64_t n, int *oversize)
{
    uint32_t k = 0;

    while (k < n) {
        const char *data = s->buffer + s->pos;
        struct sluice_item *item = &s->items[k];
        struct frame frame;
        enum frame_answer answer = frame_next(&s->framing, data, s->len - s->pos, s->at_end, &frame);

        *oversize = answer == FRAME_OVERSIZE;
        if (answer != FRAME_RECORD)
            break;
        if (is_blank(s, data, frame.len)) {
            stream_pass_blank(s, &frame);
            continue;
        }
        item->lane = s->lane;
        item->data = data;
        item->len = item->size = frame.len;
        item->position = s->base + s->pos;
        item->next = item->position + frame.taken;
        item->ordinal = ++s->ordinal;
        s->pos += frame.taken;
        k++;
    }
    return k;
}

static void delivered(struct record_stream *s, const struct sluice_item *items, uint64_t n)
{
    uint64_t i;

    for (i = 0; i < n && s->owner->seen != NULL; i++)
        s->owner->seen(s, &items[i]);
    s->delivered += n;
    s->delivered_next = items[n - 1].next;
}

/* Hands out what the buffer holds.  *full: there is more, but the batch took no more. */
static uint64_t give(struct record_stream *s, struct sluice_batch *batch, uint64_t max, int *oversize,
                     int *full)
{
    uint64_t given = 0;

    *oversize = 0;
    *full = max == 0;
    while (given < max && !*oversize) {
        uint64_t left = max - given;
        uint32_t k = collect(s, left < STREAM_ITEMS ? left : STREAM_ITEMS, oversize);
        uint64_t added;

        if (k == 0)
            break;
        added = s->host->batch_add(batch, s->items, k, sizeof s->items[0]);
        given += added;
        if (added > 0)
            delivered(s, s->items, added);
        if (added < k) { /* the batch is full: these come again */
            s->pos = (size_t)(s->items[added].position - s->base);
            s->ordinal = s->items[added].ordinal - 1;
            *oversize = 0;
            *full = 1;
            break;
        }
    }
    return given;
}

static void begin_skip(struct record_stream *s)
{
    s->skipping = 1;
    memset(&s->skip, 0, sizeof s->skip);
    s->skip_position = s->base + s->pos;
    s->head_len = 0;
}

/* Some more of an oversize record; at its end it is handed out. */
static enum stream_step skip_step(struct record_stream *s, struct sluice_batch *batch)
{
    size_t room =
        (s->framing.max < STREAM_OVERSIZE_HEAD ? s->framing.max : STREAM_OVERSIZE_HEAD) - s->head_len;
    size_t left = s->len - s->pos;
    struct sluice_item item = {.struct_size = sizeof item, .lane = s->lane, .data = s->head};

    memcpy(s->head + s->head_len, s->buffer + s->pos, left < room ? left : room);
    s->head_len += left < room ? left : room;
    if (!s->skip.done)
        s->pos += frame_skip(&s->skip, s->buffer + s->pos, left);
    if (!s->skip.done && !(s->at_end && s->pos == s->len))
        return stream_want_more(s);
    item.size = frame_skip_size(&s->skip);
    item.len = s->head_len < item.size ? s->head_len : item.size;
    item.position = s->skip_position;
    item.next = s->base + s->pos;
    item.ordinal = s->ordinal + 1;
    s->skip.done = 1; /* also if a full batch makes it wait */
    if (s->host->batch_add(batch, &item, 1, sizeof item) != 1)
        return STEP_GAVE;
    s->skipping = 0;
    s->oversize_size = item.size;
    s->ordinal++;
    delivered(s, &item, 1);
    s->host->metric_add(s->host, s->metric.oversize, NULL, 1);
    return STEP_GAVE;
}

static void tell_end(const struct record_stream *s)
{
    const struct sluice_host *host = s->host;

    if (s->delivered == 0 && s->mark.next > 0)
        sluice_log(host, SLUICE_INFO, "%s: nothing new after byte %llu", s->name,
                   (unsigned long long)s->mark.next);
    else if (s->delivered == 0)
        sluice_log(host, SLUICE_WARN, "%s holds no records", s->name);
    if (s->blank_lines > 0)
        sluice_log(host, SLUICE_INFO, "%s: %llu blank lines were skipped", s->name,
                   (unsigned long long)s->blank_lines);
}

static enum stream_step read_step(struct record_stream *s, struct sluice_batch *batch, uint64_t max)
{
    enum stream_step step;
    int oversize;
    int full;

    if (s->seek_to > 0 && !stream_seek(s)) {
        step = stream_want_more(s);
        if (step == STEP_END || (step == STEP_AGAIN && s->at_end)) {
            s->owner->shrank(s, s->base + s->len, s->seek_to);
            return STEP_AGAIN;
        }
        return step;
    }
    if (s->skipping)
        return skip_step(s, batch);
    if (give(s, batch, max, &oversize, &full) > 0 || full)
        return STEP_GAVE;
    if (oversize) {
        begin_skip(s);
        return STEP_AGAIN;
    }
    step = stream_want_more(s);
    if (step != STEP_END)
        return step;
    tell_end(s);
    if (s->owner->ended != NULL)
        s->owner->ended(s);
    if (s->replaced)
        sluice_log(s->host, SLUICE_INFO, "%s was replaced: reading the new file from its start", s->name);
    s->phase = s->replaced ? STREAM_AGAIN : STREAM_ENDED;
    return STEP_AGAIN;
}

static enum stream_step one_step(struct record_stream *s, struct sluice_batch *batch, uint64_t max,
                                 struct sluice_error *err)
{
    int settled = s->mark.next >= s->delivered_next;

    switch (s->phase) {
    case STREAM_BEGIN:
        return stream_begin_step(s, err);
    case STREAM_READING:
        return read_step(s, batch, max);
    case STREAM_AGAIN:
        if (!settled)
            return STEP_WAIT;
        if (s->lane != 0)
            s->host->lane_lost(s->host, s->lane); /* all of it is settled */
        s->lane = 0;
        return s->owner->again(s, err) == SLUICE_OK ? STEP_AGAIN : STEP_FAILED;
    case STREAM_BROKEN:
        if (!settled)
            return STEP_WAIT;
        (void)sluice_fail(err, SLUICE_FATAL, s->problem_option, "%s", s->problem);
        return STEP_FAILED;
    default:
        return STEP_END;
    }
}

uint32_t stream_poll(struct record_stream *s, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                     struct sluice_error *err)
{
    const struct sluice_host *host = s->host;
    struct sluice_error own = {.struct_size = sizeof own};
    int64_t until = host->steady_ms(host) + timeout_ms;

    if (err == NULL)
        err = &own;
    stream_fetch_close(s);
    s->oversize_size = 0;
    for (;;) {
        enum stream_step step;
        int64_t left;

        if (host->cancelled(host))
            return sluice_fail(err, SLUICE_CANCELLED, NULL, "cancelled");
        step = one_step(s, batch, max, err);
        if (step == STEP_GAVE)
            return SLUICE_OK;
        if (step == STEP_END)
            return SLUICE_END;
        if (step == STEP_FAILED)
            return err->code;
        if (step == STEP_LATER)
            return s->owner->later(s, err);
        left = until - host->steady_ms(host);
        if (left <= 0)
            return SLUICE_OK;
        if (step == STEP_WAIT)
            (void)host->wait(host, left < WAIT_MS ? (uint32_t)left : WAIT_MS);
    }
}

uint32_t stream_settle(struct record_stream *s, const struct sluice_acks *acks, struct sluice_error *err)
{
    const struct sluice_ack *last = NULL;
    struct stream_mark before = s->mark;
    uint32_t code;
    uint32_t i;

    for (i = 0; i < acks->n; i++) {
        const struct sluice_ack *ack = (const void *)((const char *)acks->items + (size_t)i * acks->stride);

        if (ack->lane == s->lane && (last == NULL || ack->next > last->next))
            last = ack;
    }
    if (last == NULL || (last->next <= s->mark.next && s->stored_next == s->mark.next))
        return SLUICE_OK;
    s->mark.next = last->next;
    s->mark.ordinal = last->ordinal;
    code = s->owner->store(s, err);
    if (code == SLUICE_OK)
        s->stored_next = s->mark.next;
    else
        s->mark = before; /* asked again later */
    return code;
}
