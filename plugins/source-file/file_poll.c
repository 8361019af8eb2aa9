/* file_poll: bytes to records.
 *
 * A poll takes steps until one gives records, the time is over, or the file ends.
 * Every step ends soon: it frames what is in the buffer or fills the buffer once. */
#include <stdlib.h>

#include "file_source.h"
#include "utf8.h"

#define WAIT_MS 100u /* between looks at a file that does not grow */

enum step {
    STEP_GAVE,  /* records are in the batch */
    STEP_AGAIN, /* nothing yet, but there is more to do */
    STEP_WAIT,  /* nothing to do until the file grows or records settle */
    STEP_END,
    STEP_FAILED
};

static int is_blank(const struct file_source *f, const char *data, size_t len)
{
    size_t i;

    if (len == 0)
        return 1;
    if (!f->json || (unsigned char)data[0] > ' ')
        return 0;
    for (i = 0; i < len; i++)
        if (data[i] != ' ' && data[i] != '\t')
            return 0;
    return 1;
}

static void pass_blank(struct file_source *f, const struct frame *frame)
{
    uint64_t position = f->base + f->pos;

    if (position >= f->blank_mark) {
        f->blank_lines++;
        f->blank_mark = position + frame->taken;
        f->host->metric_add(f->host, f->metric.blanks, NULL, 1);
    }
    f->pos += frame->taken;
    f->ordinal++;
}

/* What the end of the bytes means for the one who wanted more. */
static enum step want_more(struct file_source *f)
{
    switch (file_fill(f)) {
    case FILE_FILLED:
    case FILE_STOPPED:
        return STEP_AGAIN;
    default:
        return f->at_end ? STEP_END : STEP_WAIT;
    }
}

static enum step open_lane(struct file_source *f, struct sluice_str header, struct sluice_error *err)
{
    struct sluice_str attributes[2] = {sluice_str_of("csv.header"), header};
    uint64_t n = header.data != NULL;
    size_t len = strlen(f->path) + 16;
    char *name = malloc(len);

    if (name == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
        return STEP_FAILED;
    }
    if (f->mark.generation > 1) /* another file at the same path: its positions are its own */
        (void)snprintf(name, len, "%s#%u", f->path, f->mark.generation);
    else
        (void)snprintf(name, len, "%s", f->path);
    f->lane = f->host->lane_open(f->host, name, attributes, n);
    free(name);
    if (f->lane == 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "no memory for a lane");
        return STEP_FAILED;
    }
    f->phase = FILE_READING;
    return STEP_AGAIN;
}

/* A header that no decoder could use stops the source here, not each of its rows. */
static enum step take_header(struct file_source *f, struct sluice_str header, struct sluice_error *err)
{
    struct csv_row row;
    struct csv_field field;
    int more;

    if (utf8_valid_prefix(header.data, header.len) < header.len) {
        file_break(f, "%s: the first row, which names the columns, is not UTF-8", f->path);
        return STEP_AGAIN;
    }
    if (memchr(header.data, '\0', header.len) != NULL) {
        file_break(f, "%s: the first row, which names the columns, holds a NUL byte: this is not text",
                   f->path);
        return STEP_AGAIN;
    }
    csv_row_init(&row, &f->framing.dialect, header.data, header.len);
    while ((more = csv_next(&row, &field)) == 1)
        ;
    if (more < 0) {
        file_break(f, "%s: the first row, which names the columns, cannot be read: byte %llu: %s", f->path,
                   (unsigned long long)(row.at - header.data) + 1, row.why);
        return STEP_AGAIN;
    }
    return open_lane(f, header, err);
}

/* 1: a byte order mark, if there is one, is behind us; 0: more bytes are needed. */
static int pass_mark(struct file_source *f)
{
    static const char mark[3] = {'\xef', '\xbb', '\xbf'};
    size_t n = f->len < sizeof mark ? f->len : sizeof mark;

    if (f->base + f->pos > 0)
        return 1;
    if (n < sizeof mark && !f->at_end && memcmp(f->buffer, mark, n) == 0)
        return 0;
    if (n == sizeof mark && memcmp(f->buffer, mark, n) == 0)
        f->pos = sizeof mark;
    return 1;
}

static enum step begin_step(struct file_source *f, struct sluice_error *err)
{
    struct sluice_str header = {NULL, 0};
    struct frame frame;

    if (!pass_mark(f)) {
        enum step step = want_more(f);

        return step == STEP_END ? STEP_AGAIN : step;
    }
    if (!f->framing.csv || !f->header)
        return open_lane(f, header, err);
    for (;;) {
        switch (frame_next(&f->framing, f->buffer + f->pos, f->len - f->pos, f->at_end, &frame)) {
        case FRAME_MORE:
            if (f->at_end && f->pos == f->len)
                return open_lane(f, header, err); /* an empty file */
            return want_more(f);
        case FRAME_OVERSIZE:
            file_break(f,
                       "%s: the first row, which names the columns, is longer than max_record (%llu bytes)",
                       f->path, (unsigned long long)f->framing.max);
            return STEP_AGAIN;
        case FRAME_RECORD:
            break;
        }
        if (frame.len > 0)
            break;
        pass_blank(f, &frame);
    }
    header = (struct sluice_str){f->buffer + f->pos, frame.len};
    f->pos += frame.taken;
    f->ordinal++;
    return take_header(f, header, err);
}

/* Frames up to n records into items; *oversize: an oversize record comes next. */
static uint32_t collect(struct file_source *f, uint64_t n, int *oversize)
{
    uint32_t k = 0;

    while (k < n) {
        const char *data = f->buffer + f->pos;
        struct sluice_item *item = &f->items[k];
        struct frame frame;
        enum frame_answer answer = frame_next(&f->framing, data, f->len - f->pos, f->at_end, &frame);

        *oversize = answer == FRAME_OVERSIZE;
        if (answer != FRAME_RECORD)
            break;
        if (is_blank(f, data, frame.len)) {
            pass_blank(f, &frame);
            continue;
        }
        item->lane = f->lane;
        item->data = data;
        item->len = item->size = frame.len;
        item->position = f->base + f->pos;
        item->next = item->position + frame.taken;
        item->ordinal = ++f->ordinal;
        f->pos += frame.taken;
        k++;
    }
    return k;
}

static void delivered(struct file_source *f, uint64_t n, uint64_t next)
{
    f->delivered += n;
    f->delivered_next = next;
}

/* Hands out what the buffer holds.  *full: there is more, but the batch took no more. */
static uint64_t give(struct file_source *f, struct sluice_batch *batch, uint64_t max, int *oversize,
                     int *full)
{
    uint64_t given = 0;

    *oversize = 0;
    *full = max == 0;
    while (given < max && !*oversize) {
        uint64_t left = max - given;
        uint32_t k = collect(f, left < FILE_ITEMS ? left : FILE_ITEMS, oversize);
        uint64_t added;

        if (k == 0)
            break;
        added = f->host->batch_add(batch, f->items, k, sizeof f->items[0]);
        given += added;
        if (added > 0)
            delivered(f, added, f->items[added - 1].next);
        if (added < k) { /* the batch is full: these come again */
            f->pos = (size_t)(f->items[added].position - f->base);
            f->ordinal = f->items[added].ordinal - 1;
            *oversize = 0;
            *full = 1;
            break;
        }
    }
    return given;
}

static void begin_skip(struct file_source *f)
{
    f->skipping = 1;
    memset(&f->skip, 0, sizeof f->skip);
    f->skip_position = f->base + f->pos;
    f->head_len = 0;
}

/* Some more of an oversize record; at its end it is handed out. */
static enum step skip_step(struct file_source *f, struct sluice_batch *batch)
{
    size_t room = (f->framing.max < FILE_OVERSIZE_HEAD ? f->framing.max : FILE_OVERSIZE_HEAD) - f->head_len;
    size_t left = f->len - f->pos;
    struct sluice_item item = {.struct_size = sizeof item, .lane = f->lane, .data = f->head};

    memcpy(f->head + f->head_len, f->buffer + f->pos, left < room ? left : room);
    f->head_len += left < room ? left : room;
    if (!f->skip.done)
        f->pos += frame_skip(&f->skip, f->buffer + f->pos, left);
    if (!f->skip.done && !(f->at_end && f->pos == f->len))
        return want_more(f);
    item.size = frame_skip_size(&f->skip);
    item.len = f->head_len < item.size ? f->head_len : item.size;
    item.position = f->skip_position;
    item.next = f->base + f->pos;
    item.ordinal = f->ordinal + 1;
    f->skip.done = 1; /* also if a full batch makes it wait */
    if (f->host->batch_add(batch, &item, 1, sizeof item) != 1)
        return STEP_GAVE;
    f->skipping = 0;
    f->oversize_size = item.size;
    f->ordinal++;
    delivered(f, 1, item.next);
    f->host->metric_add(f->host, f->metric.oversize, NULL, 1);
    return STEP_GAVE;
}

static void tell_end(const struct file_source *f)
{
    const struct sluice_host *host = f->host;

    if (f->delivered == 0 && f->mark.next > 0)
        sluice_log(host, SLUICE_INFO, "%s: nothing new after byte %llu", f->path,
                   (unsigned long long)f->mark.next);
    else if (f->delivered == 0)
        sluice_log(host, SLUICE_WARN, "%s holds no records", f->path);
    if (f->blank_lines > 0)
        sluice_log(host, SLUICE_INFO, "%s: %llu blank lines were skipped", f->path,
                   (unsigned long long)f->blank_lines);
}

static enum step read_step(struct file_source *f, struct sluice_batch *batch, uint64_t max)
{
    enum step step;
    int oversize;
    int full;

    if (f->seek_to > 0 && !file_seek(f)) {
        step = want_more(f);
        if (step == STEP_END || (step == STEP_AGAIN && f->at_end)) {
            file_shrank(f, f->base + f->len, f->seek_to);
            return STEP_AGAIN;
        }
        return step;
    }
    if (f->skipping)
        return skip_step(f, batch);
    if (give(f, batch, max, &oversize, &full) > 0 || full)
        return STEP_GAVE;
    if (oversize) {
        begin_skip(f);
        return STEP_AGAIN;
    }
    step = want_more(f);
    if (step != STEP_END)
        return step;
    tell_end(f);
    if (f->replaced)
        sluice_log(f->host, SLUICE_INFO, "%s was replaced: reading the new file from its start", f->path);
    f->phase = f->replaced ? FILE_AGAIN : FILE_ENDED;
    return STEP_AGAIN;
}

static enum step one_step(struct file_source *f, struct sluice_batch *batch, uint64_t max,
                          struct sluice_error *err)
{
    int settled = f->mark.next >= f->delivered_next;

    switch (f->phase) {
    case FILE_BEGIN:
        return begin_step(f, err);
    case FILE_READING:
        return read_step(f, batch, max);
    case FILE_AGAIN:
        if (!settled)
            return STEP_WAIT;
        return file_begin_again(f, err) == SLUICE_OK ? STEP_AGAIN : STEP_FAILED;
    case FILE_BROKEN:
        if (!settled)
            return STEP_WAIT;
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s", f->problem);
        return STEP_FAILED;
    default:
        return STEP_END;
    }
}

uint32_t file_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                   struct sluice_error *err)
{
    struct file_source *f = self;
    const struct sluice_host *host = f->host;
    int64_t until = host->steady_ms(host) + timeout_ms;

    file_fetch_close(f);
    f->oversize_size = 0;
    for (;;) {
        enum step step;
        int64_t left;

        if (host->cancelled(host))
            return sluice_fail(err, SLUICE_CANCELLED, NULL, "cancelled");
        step = one_step(f, batch, max, err);
        if (step == STEP_GAVE)
            return SLUICE_OK;
        if (step == STEP_END)
            return SLUICE_END;
        if (step == STEP_FAILED)
            return SLUICE_FATAL;
        left = until - host->steady_ms(host);
        if (left <= 0)
            return SLUICE_OK;
        if (step == STEP_WAIT)
            (void)host->wait(host, left < WAIT_MS ? (uint32_t)left : WAIT_MS);
    }
}
