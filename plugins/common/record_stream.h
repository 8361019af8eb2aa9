/* record_stream: the records of one stream of bytes, for sources that read a file, an object.
 *
 * The source opens what it reads, gives a reader of its bytes and says what their end means; this
 * frames them (lines, CSV rows), passes over the byte order mark, header and blank lines, hands out
 * oversize records by their head, and goes on at a position that was settled before.
 *
 * Invariants: base + pos is the position of the next byte to frame; items handed out point into
 * buffer (or head, for an oversize record), which only changes in a poll that has not handed
 * out any yet. */
#ifndef SLUICE_PLUGINS_RECORD_STREAM_H
#define SLUICE_PLUGINS_RECORD_STREAM_H

#include <stdatomic.h>

#include <sluice/plugin.h>

#include "byte_reader.h"
#include "framing.h"

#define STREAM_ITEMS 256u
#define STREAM_OVERSIZE_HEAD (64u * 1024u) /* bytes of an oversize record that go with it */

/* How far. */
struct stream_mark {
    uint64_t next;       /* all before it is done */
    uint64_t ordinal;    /* of the last record done */
    uint32_t generation; /* 1, and one more whenever what stands there was replaced */
};

enum stream_phase {
    STREAM_BEGIN, /* byte order mark and header are still to be read */
    STREAM_READING,
    STREAM_AGAIN,  /* it was replaced: begin anew once all is settled */
    STREAM_BROKEN, /* no more can be read: say so once all is settled */
    STREAM_ENDED,
};

enum stream_header {
    STREAM_HEADER_NONE,
    STREAM_HEADER_CSV,     /* the first row names the columns and goes along with the lane */
    STREAM_HEADER_LINE,    /* the first line is passed over … */
    STREAM_HEADER_KNOWN_ID /* … if it is the name of a column of ids */
};

struct stream_metrics {
    uint32_t bytes, blanks, oversize, breaks, position, size;
};

enum stream_fill {
    STREAM_FILLED,  /* there are more bytes, or it is known now that none follow (at_end) */
    STREAM_NO_MORE, /* none for now, or none at all (at_end) */
    STREAM_STOPPED, /* the phase changed: broken, or again */
    STREAM_LATER    /* see owner->later */
};

struct record_stream;

/* What the owner does. */
struct stream_owner {
    /* The reader found no more bytes: FILLED with at_end set, NO_MORE for now, or STOPPED after stream_break.
     */
    enum stream_fill (*no_more)(struct record_stream *s);
    /* Fewer bytes are there than were read. */
    void (*shrank)(struct record_stream *s, uint64_t size, uint64_t read);
    /* Begins anew with what stands there now.  OK, RETRY, DISCONNECTED (asked again), FATAL. */
    uint32_t (*again)(struct record_stream *s, struct sluice_error *err);
    /* The reader answered LATER: err with why.  RETRY, DISCONNECTED or FATAL.  May be NULL. */
    uint32_t (*later)(struct record_stream *s, struct sluice_error *err);
    /* The reader is broken.  1: the owner did what is to be done (phase); 0: break with the reader's
     * problem.  May be NULL. */
    int (*broken)(struct record_stream *s);
    /* A record was handed out.  May be NULL. */
    void (*seen)(struct record_stream *s, const struct sluice_item *item);
    /* The end was reached.  May be NULL. */
    void (*ended)(struct record_stream *s);
    /* Keeps the mark durably. */
    uint32_t (*store)(struct record_stream *s, struct sluice_error *err);
};

struct record_stream {
    const struct sluice_host *host;
    const struct stream_owner *owner;
    void *self;       /* the owner's */
    const char *name; /* path or address: the lane's name, and for messages */
    struct framing framing;
    int json; /* lines of only blanks are blank */
    enum stream_header header;
    size_t cap; /* of buffer */
    struct stream_metrics metric;

    struct byte_reader reader;
    struct stream_mark mark; /* settled */
    uint64_t stored_next;    /* of the mark in the state; UINT64_MAX: none */
    uint64_t delivered_next; /* of the last record handed out */
    uint64_t delivered;      /* records since start */
    uint64_t blank_lines;
    uint64_t blank_mark; /* blank lines before this position are counted */
    enum stream_phase phase;
    uint32_t lane;
    char *buffer;
    char *head; /* of an oversize record */
    size_t pos;
    size_t len;
    uint64_t base;
    uint64_t seek_to;  /* position to go on at, once the header is read; 0: none */
    uint64_t ordinal;  /* of the last line framed */
    int at_end;        /* nothing follows the bytes in buffer */
    int replaced;      /* something else stands there now */
    char problem[400]; /* of STREAM_BROKEN */
    const char *problem_option;

    /* An oversize record: being skipped, or of the last poll. */
    int skipping;
    struct frame_skip skip;
    uint64_t skip_position;
    size_t head_len;
    uint64_t oversize_size; /* > 0: fetch may ask for it */
    struct byte_reader fetcher;
    int fetcher_open;

    struct sluice_item items[STREAM_ITEMS];
    _Atomic uint64_t raw_position;
    _Atomic uint64_t raw_size;
};

/* In create: the metrics, and a buffer of at least cap and what max_record needs. */
void stream_init(struct record_stream *s, const struct sluice_host *host, const struct stream_owner *owner,
                 void *self, size_t cap);
/* In start and stop: OK | FATAL (no memory). */
uint32_t stream_open(struct record_stream *s, struct sluice_error *err);
void stream_close(struct record_stream *s); /* the reader too */
/* Once the reader is open: from the mark on. */
void stream_begin(struct record_stream *s, const struct stream_mark *mark);
/* No more can be read; said once here, and by poll when all is settled. */
void stream_break(struct record_stream *s, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* The calls of a source, and stats. */
uint32_t stream_poll(struct record_stream *s, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                     struct sluice_error *err);
uint32_t stream_settle(struct record_stream *s, const struct sluice_acks *acks, struct sluice_error *err);
int64_t stream_fetch(struct record_stream *s, uint32_t lane, uint64_t position, uint64_t offset, void *out,
                     uint64_t cap, struct sluice_error *err);
void stream_stats(struct record_stream *s);

/* record_stream_fill.c, record_stream_begin.c, record_stream_fetch.c: parts of the poll.  What ordinal a
 * line has counts header and blank lines too. */
enum stream_fill stream_fill(struct record_stream *s);
int stream_seek(struct record_stream *s); /* passes over bytes up to seek_to.  1: done; 0: fill more first */
void stream_fetch_close(struct record_stream *s);
enum stream_step {
    STEP_GAVE,  /* records are in the batch */
    STEP_AGAIN, /* nothing yet, but there is more to do */
    STEP_WAIT,  /* nothing to do until there are more bytes or records settle */
    STEP_END,
    STEP_FAILED, /* err */
    STEP_LATER   /* owner->later says why */
};
enum stream_step stream_begin_step(struct record_stream *s, struct sluice_error *err);
enum stream_step stream_want_more(struct record_stream *s);
void stream_pass_blank(struct record_stream *s, const struct frame *frame);

#endif
