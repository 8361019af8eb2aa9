/* file_reader: the bytes of a file from the start on, gzip undone.
 *
 * Reads by pread, so that several readers share one descriptor.  Invariant: bytes
 * that were read before a break are given out before the break is told. */
#ifndef SLUICE_PLUGINS_FILE_READER_H
#define SLUICE_PLUGINS_FILE_READER_H

#include <stdint.h>
#include <zlib.h>

struct file_reader {
    int fd;
    int gzip;
    uint64_t raw;      /* bytes of the file consumed */
    uint64_t position; /* bytes given out: where the next one stands */
    z_stream z;
    unsigned char *in; /* compressed bytes */
    int in_member;     /* inside a gzip member */
    uint64_t members;  /* begun so far */
    int broken;        /* nothing more will come; problem says why */
    char problem[160];
};

/* 0, or -1 no memory.  fd is borrowed. */
int file_reader_open(struct file_reader *r, int fd, int gzip);
void file_reader_close(struct file_reader *r);
/* > 0: so many bytes; 0: the end, for now; -1: broken, see problem. */
int64_t file_reader_read(struct file_reader *r, char *out, uint64_t cap);
/* Plain files only. */
void file_reader_seek(struct file_reader *r, uint64_t position);

#endif
