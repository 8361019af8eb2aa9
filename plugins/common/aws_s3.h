/* aws_s3: one object of S3, or of what speaks like it: whole, by ranges, and put. */
#ifndef SLUICE_PLUGINS_AWS_S3_H
#define SLUICE_PLUGINS_AWS_S3_H

#include "aws_chain.h"
#include "aws_error.h"

#define AWS_S3_ETAG 160u
#define AWS_S3_PUT_MAX (64u * 1024u * 1024u) /* bytes of one put; S3 itself takes 5 GiB */

enum aws_s3_style {
    AWS_S3_AUTO, /* the bucket goes into the path on an endpoint, or if it has a dot */
    AWS_S3_PATH,
    AWS_S3_HOST
};

struct aws_s3 {
    struct aws_chain *chain;
    const char *endpoint; /* "http://127.0.0.1:5000"; NULL: AWS */
    enum aws_s3_style style;
};

/* Borrowed.  Strings NULL: not sent. */
struct aws_s3_request {
    const char *method, *bucket, *key;
    const char *if_match, *if_none_match, *range, *content_type;
    struct sluice_str body;
    uint32_t timeout_ms;
};

/* Signs and sends.  OK: an answer came, whatever its status; release it through the HTTP api.  Else err:
 * RETRY or FATAL, in words, and nothing to release. */
uint32_t aws_s3_send(const struct aws_s3 *s3, const struct aws_s3_request *request,
                     struct sluice_http_response *answer, struct sluice_error *err);
/* What a refusal means: fills err (RETRY or FATAL) with words, the option that it points at, and forgets keys
 * that AWS called expired.  Releases nothing. */
uint32_t aws_s3_refusal(const struct aws_s3 *s3, const struct aws_s3_request *request,
                        const struct sluice_http_response *answer, struct sluice_error *err);

/* GET of bucket/key.  etag NULL, or what an earlier answer called it: then 304 says that it still is.
 * OK: *answer has status 200 or 304, release it through the HTTP api; else err says in
 * words why not (wrong clock, expired, denied, not there …) and nothing is to release. */
uint32_t aws_s3_get(const struct aws_s3 *s3, const char *bucket, const char *key, const char *etag,
                    uint32_t timeout_ms, struct sluice_http_response *answer, struct sluice_error *err);

enum aws_s3_found {
    AWS_S3_FOUND,
    AWS_S3_CHANGED, /* it is not the one of that ETag any more */
    AWS_S3_GONE,    /* there is no such object (any more) */
    AWS_S3_NO_BUCKET,
    AWS_S3_FAILED /* err alone knows */
};

/* Bytes of an object.  Released by aws_s3_part_release. */
struct aws_s3_part {
    struct sluice_http_response answer;
    struct sluice_str data; /* from `from` on; less than asked for at the end of the object only */
    uint64_t from;
    uint64_t total; /* size of the object */
    char etag[AWS_S3_ETAG];
    enum aws_s3_found found; /* also where err is told */
};

/* Up to len bytes from `from` on.  etag NULL, or the one that the object must still have.  OK; else RETRY or
 * FATAL with err, part->found says more, and there is nothing to release.  A server that sends another range,
 * another ETag or none is not believed.  `from` at or behind the end: OK without data. */
uint32_t aws_s3_get_range(const struct aws_s3 *s3, const char *bucket, const char *key, uint64_t from,
                          uint64_t len, const char *etag, uint32_t timeout_ms, struct aws_s3_part *part,
                          struct sluice_error *err);
void aws_s3_part_release(const struct aws_s3 *s3, struct aws_s3_part *part);
/* "bytes 0-99/1234" (or "bytes * /1234", without the space: from and to are 0).  1 if it is well formed. */
int aws_s3_content_range(struct sluice_str text, uint64_t *from, uint64_t *to, uint64_t *total);

/* PUT in one request.  OK | RETRY | FATAL with err; above AWS_S3_PUT_MAX FATAL. */
uint32_t aws_s3_put(const struct aws_s3 *s3, const char *bucket, const char *key, struct sluice_str body,
                    const char *content_type, uint32_t timeout_ms, struct sluice_error *err);

/* NULL if it may be a bucket's name, or an object's key, else what is wrong. */
const char *aws_s3_bucket_problem(const char *bucket);
const char *aws_s3_key_problem(const char *key);

#endif
