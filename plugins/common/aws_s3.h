/* aws_s3: one object of S3, or of what speaks like it. */
#ifndef SLUICE_PLUGINS_AWS_S3_H
#define SLUICE_PLUGINS_AWS_S3_H

#include "aws_chain.h"
#include "aws_error.h"

struct aws_s3 {
    struct aws_chain *chain;
    const char *endpoint; /* "http://127.0.0.1:5000": bucket goes into the path; NULL: AWS */
};

/* GET of bucket/key.  etag NULL, or what an earlier answer called it: then 304 says that it still is.
 * OK: *answer has status 200 or 304, release it through the HTTP api; else err says in
 * words why not (wrong clock, expired, denied, not there …) and nothing is to release. */
uint32_t aws_s3_get(const struct aws_s3 *s3, const char *bucket, const char *key, const char *etag,
                    uint32_t timeout_ms, struct sluice_http_response *answer, struct sluice_error *err);
/* NULL if it may be a bucket's name, else what is wrong. */
const char *aws_s3_bucket_problem(const char *bucket);

#endif
