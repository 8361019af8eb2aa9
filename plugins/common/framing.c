/* framing: see framing.h.  Both kinds decide within a window of max + 2 bytes (a
 * record and "\r\n"), which is what makes cuts irrelevant. */
#include "framing.h"

#include <string.h>

static size_t without_cr(const char *data, size_t len)
{
    return len > 0 && data[len - 1] == '\r' ? len - 1 : len;
}

static enum frame_answer next_line(const struct framing *f, const char *data, size_t len, int at_end,
                                   struct frame *out)
{
    size_t window = len < FRAME_WINDOW(f->max) ? len : FRAME_WINDOW(f->max);
    const char *line = memchr(data, '\n', window);

    if (line != NULL) {
        out->len = without_cr(data, (size_t)(line - data));
        out->taken = (size_t)(line - data) + 1;
    } else if (window == FRAME_WINDOW(f->max)) {
        return FRAME_OVERSIZE;
    } else if (at_end) {
        out->len = without_cr(data, len);
        out->taken = len;
    } else {
        return FRAME_MORE;
    }
    return out->len > f->max ? FRAME_OVERSIZE : FRAME_RECORD;
}

enum frame_answer frame_next(const struct framing *f, const char *data, size_t len, int at_end,
                             struct frame *out)
{
    size_t window = len < FRAME_WINDOW(f->max) ? len : FRAME_WINDOW(f->max);
    int whole = at_end && window == len; /* the window ends where everything ends */
    size_t end;

    if (len == 0)
        return FRAME_MORE;
    if (!f->csv)
        return next_line(f, data, len, at_end, out);
    end = csv_row_end(&f->dialect, data, window, whole);
    if (end == CSV_MORE && window < FRAME_WINDOW(f->max))
        return FRAME_MORE;
    if (end == CSV_MORE || end == CSV_NOT_A_ROW || without_cr(data, end) > f->max)
        return next_line(f, data, len, at_end, out);
    out->len = without_cr(data, end);
    out->taken = end < window ? end + 1 : end;
    return FRAME_RECORD;
}

size_t frame_skip(struct frame_skip *s, const char *data, size_t len)
{
    const char *line = memchr(data, '\n', len);
    size_t n = line != NULL ? (size_t)(line - data) : len;

    if (n > 0)
        s->cr = data[n - 1] == '\r';
    s->size += n;
    s->done = line != NULL;
    return s->done ? n + 1 : n;
}

uint64_t frame_skip_size(const struct frame_skip *s)
{
    return s->size - (uint64_t)s->cr;
}
