/* s3_source: one instance of source/s3-file and its parts.
 *
 * open:  the object: which one, gzip or not, is it the one we know; the position that survives a restart
 * range: its bytes, a range at a time, and what it means when one does not come
 *
 * The records are made by plugins/common/record_stream.  Invariant: every byte that is framed belongs
 * to the object whose ETag is `etag`. */
#ifndef SLUICE_PLUGINS_S3_SOURCE_H
#define SLUICE_PLUGINS_S3_SOURCE_H

#include "../common/aws_s3.h"
#include "../common/idset.h"
#include "../common/record_stream.h"

struct s3_source {
    const struct sluice_host *host;
    const struct sluice_http_api *http;
    struct sluice_http_client *client;
    struct aws_chain *chain;
    struct aws_s3 s3;

    /* options */
    const char *url;
    char *bucket;
    const char *key; /* into url */
    uint64_t range;  /* bytes asked for at a time, at most */
    uint32_t timeout_ms;
    int restart_on_change;
    uint64_t lines_max; /* kept for counting lines that came before */

    char etag[AWS_S3_ETAG];  /* of the object that is read; empty: none yet */
    uint64_t size;           /* of it */
    uint64_t ask;            /* bytes to ask for next: less after a cut, so that a bad line gets on too */
    struct aws_s3_part part; /* the range at hand */
    int has_part;
    int changed;             /* the object is another one now */
    struct sluice_error why; /* of what did not come: RETRY or FATAL */
    uint64_t cuts, duplicates;
    int lines_full;
    struct idset *lines;
    uint32_t metric_requests, metric_cuts, metric_duplicates;
    struct record_stream stream;
};

/* s3_open.c */
uint32_t s3_open(struct s3_source *f, struct sluice_error *err);
uint32_t s3_look(struct s3_source *f, struct sluice_error *err); /* one byte of it */
uint32_t s3_begin_again(struct record_stream *s, struct sluice_error *err);
uint32_t s3_store(struct record_stream *s, struct sluice_error *err);

/* s3_range.c */
int64_t s3_read(void *context, uint64_t at, void *out, uint64_t cap, char *problem, size_t size);
/* The range that holds byte `at` comes to hand: OK | RETRY | FATAL, with f->why. */
uint32_t s3_range_get(struct s3_source *f, uint64_t at);
void s3_range_drop(struct s3_source *f);

/* s3_lines.c: lines that were read before */
void s3_line_seen(struct record_stream *s, const struct sluice_item *item);
void s3_lines_told(struct record_stream *s);

#endif
