/* file_source: one instance of source/file and its parts.
 *
 * open:  the file itself: what is refused, gzip or not, is it the one we know
 * state: the position that survives a restart
 * poll:  bytes to records
 *
 * Invariants: base + pos is the position of the next byte to frame; items handed out
 * point into buffer (or head, for an oversize record), which only changes in a poll
 * that has not handed out any yet. */
#ifndef SLUICE_PLUGINS_FILE_SOURCE_H
#define SLUICE_PLUGINS_FILE_SOURCE_H

#include <stdatomic.h>

#include <sluice/plugin.h>

#include "file_reader.h"
#include "framing.h"

#define FILE_ITEMS 256u
#define FILE_HEADS 13u                   /* hashes of the first 1, 2, 4 … 4096 bytes */
#define FILE_OVERSIZE_HEAD (64u * 1024u) /* bytes of an oversize record that go with it */

/* Which file, and how far: what is stored. */
struct file_mark {
    uint64_t next;    /* all before it is done */
    uint64_t ordinal; /* of the last record done */
    uint64_t size;    /* of the file when stored */
    uint64_t device;
    uint64_t inode;
    uint64_t
        heads[FILE_HEADS]; /* of the file's first bytes as they are on disk: what tells it from another */
    uint32_t n_heads;      /* so many are known */
    uint32_t generation;   /* 1, and one more whenever the file was replaced */
};

enum file_phase {
    FILE_BEGIN, /* byte order mark and header are still to be read */
    FILE_READING,
    FILE_AGAIN,  /* the file was replaced: begin anew once all is settled */
    FILE_BROKEN, /* no more can be read: say so once all is settled */
    FILE_ENDED,
};

struct file_metrics {
    uint32_t bytes, blanks, oversize, breaks, position, size;
};

struct file_source {
    const struct sluice_host *host;
    const char *path;
    struct framing framing;
    int json;   /* lines of only blanks are blank */
    int header; /* the first row names the columns */
    int follow;
    int restart_on_shrink;
    size_t cap; /* of buffer */
    struct file_metrics metric;

    int fd;
    struct file_reader reader;
    struct file_mark mark;   /* settled */
    uint64_t stored_next;    /* of the mark in the state; UINT64_MAX: none */
    uint64_t delivered_next; /* of the last record handed out */
    uint64_t delivered;      /* records since start */
    uint64_t blank_lines;
    uint64_t blank_mark; /* blank lines before this position are counted */
    enum file_phase phase;
    uint32_t lane;
    char *buffer;
    char *head; /* of an oversize record */
    size_t pos;
    size_t len;
    uint64_t base;
    uint64_t seek_to;  /* position to go on at, once the header is read; 0: none */
    uint64_t ordinal;  /* of the last line framed */
    int at_end;        /* nothing follows the bytes in buffer */
    int replaced;      /* follow: another file stands at the path now */
    char problem[400]; /* of FILE_BROKEN */

    /* An oversize record: being skipped, or of the last poll. */
    int skipping;
    struct frame_skip skip;
    uint64_t skip_position;
    size_t head_len;
    uint64_t oversize_size; /* > 0: fetch may ask for it */
    struct file_reader fetcher;
    int fetcher_open;

    struct sluice_item items[FILE_ITEMS];
    _Atomic uint64_t raw_position;
    _Atomic uint64_t raw_size;
};

/* file_open.c */
uint32_t file_open(struct file_source *f, struct sluice_error *err); /* OK | FATAL */
void file_close(struct file_source *f);
/* Is the path still a file that can be read?  OK | FATAL. */
uint32_t file_look(const struct file_source *f, struct sluice_error *err);
/* Lets the source begin at byte 0 of whatever stands at the path now. */
uint32_t file_begin_again(struct file_source *f, struct sluice_error *err);

/* file_state.c */
uint32_t file_state_load(struct file_source *f, struct file_mark *mark, int *found, struct sluice_error *err);
uint32_t file_state_store(struct file_source *f, struct sluice_error *err);
/* Hashes of the first 1, 2, 4 … bytes of fd, of at most `most` bytes; how many. */
uint32_t file_heads(int fd, uint64_t most, uint64_t heads[FILE_HEADS]);
uint32_t file_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err);

/* file_poll.c, file_fetch.c */
uint32_t file_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                   struct sluice_error *err);
int64_t file_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out, uint64_t cap,
                   struct sluice_error *err);
void file_fetch_close(struct file_source *f);

/* file_fill.c: more bytes into the buffer, and what the end of them means. */
enum file_fill {
    FILE_FILLED,  /* there are more bytes, or it is known now that none follow (at_end) */
    FILE_NO_MORE, /* none for now, or none at all (at_end) */
    FILE_STOPPED  /* the phase changed: broken, or again */
};
enum file_fill file_fill(struct file_source *f);
/* Passes over bytes up to seek_to.  1: done; 0: fill more first. */
int file_seek(struct file_source *f);
/* Nothing more can be read; said once here, and by poll when all is settled. */
void file_break(struct file_source *f, const char *fmt, ...) SLUICE_PRINTF(2, 3);
/* The file has fewer bytes than were read: break, or begin again. */
void file_shrank(struct file_source *f, uint64_t size, uint64_t read);

#endif
