/* place: where a flag or a list of ids is fetched from: a file, http(s), or S3.
 *
 * What was fetched before is asked for with its ETag, so that only what has changed
 * travels; a file's ETag is made of its device, inode, size and times. */
#ifndef SLUICE_FLIPPER_PLACE_H
#define SLUICE_FLIPPER_PLACE_H

#include "../common/aws_s3.h"

#define PLACE_ETAG 160u /* longer ones are not kept: the thing is then fetched whole */

enum place_kind { PLACE_NONE, PLACE_FILE, PLACE_HTTP, PLACE_S3 };

struct place {
    enum place_kind kind;
    char *base;   /* a folder, a URL, or the prefix of the keys; without a '/' at its end */
    char *bucket; /* S3 */
};

/* "file:///dir", "http(s)://host/path", "s3://bucket/prefix".  NULL, or what is wrong with it
 * (out is then empty); *memory tells want of memory. */
const char *place_parse(const char *text, struct place *out);
void place_release(struct place *p);

struct fetcher {
    const struct sluice_host *host;
    const struct sluice_http_api *http; /* NULL: none */
    struct sluice_http_client *client;
    struct aws_s3 s3;
    const char *authorization; /* of http places, or NULL */
    uint32_t timeout_ms;
    size_t max_bytes;
};

struct fetched {
    int same; /* the ETag still holds: no data */
    struct sluice_str data;
    char etag[PLACE_ETAG]; /* empty: none */
    struct sluice_http_response response;
    char *text;
};

/* base/name, or base itself if name is NULL.  etag: NULL, empty, or the one of last time.  OK: out
 * is to be released; else err. */
uint32_t place_fetch(const struct fetcher *f, const struct place *p, const char *name, const char *etag,
                     struct fetched *out, struct sluice_error *err);
/* Stores base/name in place of what is there.  file and s3 only.  OK | RETRY | FATAL with err. */
uint32_t place_store(const struct fetcher *f, const struct place *p, const char *name, struct sluice_str text,
                     struct sluice_error *err);
/* base/name into out.  0, or -1: too long. */
int place_join(const struct place *p, const char *name, char *out, size_t size);
void fetched_release(const struct fetcher *f, struct fetched *out);

#endif
