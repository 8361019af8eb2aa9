/* file_source: one instance of source/file and its parts.
 *
 * open:  the file itself: what is refused, gzip or not, is it the one we know
 * state: the position that survives a restart
 * end:   what it means that there are no more bytes
 *
 * The records are made by plugins/common/record_stream. */
#ifndef SLUICE_PLUGINS_FILE_SOURCE_H
#define SLUICE_PLUGINS_FILE_SOURCE_H

#include "../common/record_stream.h"

#define FILE_HEADS 13u /* hashes of the first 1, 2, 4 … 4096 bytes */

/* Which file: what is stored besides the position. */
struct file_mark {
    uint64_t size; /* of the file when stored */
    uint64_t device;
    uint64_t inode;
    uint64_t
        heads[FILE_HEADS]; /* of the file's first bytes as they are on disk: what tells it from another */
    uint32_t n_heads;      /* so many are known */
};

struct file_source {
    const struct sluice_host *host;
    const char *path;
    int follow;
    int restart_on_shrink;
    int fd;
    struct file_mark mark;
    struct record_stream stream;
};

/* file_open.c */
uint32_t file_open(struct file_source *f, struct sluice_error *err); /* OK | FATAL */
void file_close(struct file_source *f);
/* Is the path still a file that can be read?  OK | FATAL. */
uint32_t file_look(const struct file_source *f, struct sluice_error *err);
/* Lets the source begin at byte 0 of whatever stands at the path now. */
uint32_t file_begin_again(struct record_stream *s, struct sluice_error *err);

/* file_state.c */
uint32_t file_state_load(struct file_source *f, struct stream_mark *at, struct file_mark *mark, int *found,
                         struct sluice_error *err);
uint32_t file_state_store(struct record_stream *s, struct sluice_error *err);
/* Hashes of the first 1, 2, 4 … bytes of fd, of at most `most` bytes; how many. */
uint32_t file_heads(int fd, uint64_t most, uint64_t heads[FILE_HEADS]);

/* file_end.c */
enum stream_fill file_no_more(struct record_stream *s);
/* The file has fewer bytes than were read: break, or begin again. */
void file_shrank(struct record_stream *s, uint64_t size, uint64_t read);

#endif
