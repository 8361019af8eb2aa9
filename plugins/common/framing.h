/* framing: where records end in a stream of bytes.
 *
 * Invariant: the answer depends on the bytes alone, not on how they were cut into
 * pieces (tests/fuzz/fuzz_framing).  Nothing is read past len, nothing allocated. */
#ifndef SLUICE_PLUGINS_FRAMING_H
#define SLUICE_PLUGINS_FRAMING_H

#include <stdint.h>

#include "csv.h"

struct framing {
    int csv; /* rows: line ends inside quotes do not count; else lines */
    struct csv_dialect dialect;
    size_t max; /* longest record in bytes */
};

struct frame {
    size_t len;   /* the record, from data on, without its line end */
    size_t taken; /* with it */
};

/* Bytes that frame_next may need before it can answer anything but FRAME_MORE. */
#define FRAME_WINDOW(max) ((max) + 2)

enum frame_answer { FRAME_RECORD, FRAME_MORE, FRAME_OVERSIZE };

/* The record that starts at data.  OVERSIZE: it is longer than max and ends at the next
 * '\n'; go on with frame_skip from data on.  A row whose quotes do not fit, or that has no
 * end within max, is taken as a line, so that one bad quote costs one line.
 * at_end: nothing follows; then an unfinished record is one (MORE only if len is 0). */
enum frame_answer frame_next(const struct framing *f, const char *data, size_t len, int at_end,
                             struct frame *out);

/* Finding the end of an oversize record without keeping it. */
struct frame_skip {
    uint64_t size; /* bytes of the record so far */
    int cr;        /* the last of them is a '\r', which may belong to the line end */
    int done;
};

/* Eats bytes up to the end of the record; returns how many. */
size_t frame_skip(struct frame_skip *s, const char *data, size_t len);
/* Size of the record, at its end or at the end of everything. */
uint64_t frame_skip_size(const struct frame_skip *s);

#endif
