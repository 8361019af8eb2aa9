/* byte_reader: the bytes of something that is read by position, from the start on, gzip undone.
 *
 * Where the bytes come from is the caller's: a descriptor, ranges of an object.  Invariant:
 * bytes that were read before a break are given out before the break is told. */
#ifndef SLUICE_PLUGINS_BYTE_READER_H
#define SLUICE_PLUGINS_BYTE_READER_H

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#define BYTE_READER_BROKEN (-1)
#define BYTE_READER_LATER (-2)

/* Up to cap bytes from `at` on, as they are stored.  > 0: so many; 0: the end, for now;
 * BROKEN: never again, problem says why; LATER: not now (the owner knows why). */
typedef int64_t (*byte_reader_raw)(void *context, uint64_t at, void *out, uint64_t cap, char *problem,
                                   size_t size);

struct byte_reader {
    byte_reader_raw read;
    void *context;
    int gzip;
    uint64_t raw;      /* stored bytes consumed */
    uint64_t position; /* bytes given out: where the next one stands */
    z_stream z;
    unsigned char *in; /* compressed bytes */
    int in_member;     /* inside a gzip member */
    uint64_t members;  /* begun so far */
    int broken;        /* nothing more will come; problem says why */
    int later;         /* the last read answered LATER */
    char problem[400];
};

/* 0, or -1 no memory.  context is borrowed. */
int byte_reader_open(struct byte_reader *r, byte_reader_raw read, void *context, int gzip);
void byte_reader_close(struct byte_reader *r);
/* > 0: so many bytes; 0: the end, for now; BROKEN, see problem; LATER: ask again, nothing is lost. */
int64_t byte_reader_read(struct byte_reader *r, char *out, uint64_t cap);
/* Without gzip only. */
void byte_reader_seek(struct byte_reader *r, uint64_t position);

#endif
