/* aws_sigv4: requests signed as AWS asks for it (Signature Version 4).
 *
 * Two forms of one signature: headers to send with a request, and a presigned URL that
 * carries it in its query.  The caller gives the URL's parts unencoded; what is signed
 * and what is sent are made from the same text here, so they cannot differ.  No I/O. */
#ifndef SLUICE_PLUGINS_AWS_SIGV4_H
#define SLUICE_PLUGINS_AWS_SIGV4_H

#include <sluice/abi.h>

#include "strbuf.h"

#define AWS_HEADERS 24u /* most headers of a request that are signed */
#define AWS_PARAMS 48u  /* most query parameters */

#define AWS_DATE_SIZE 17u /* "20150830T123600Z" */
#define AWS_HEX_SIZE 65u  /* a SHA-256 in hexadecimal */

struct aws_keys {
    const char *access_key_id;
    const char *secret;
    const char *token; /* NULL: none */
};

struct aws_pair {
    struct sluice_str name, value;
};

/* Everything borrowed, nothing encoded yet. */
struct aws_request {
    const char *method;
    const char *scheme;            /* "https" or "http" */
    const char *host;              /* with its port if that is not the scheme's own */
    struct sluice_str path;        /* starts with '/' */
    const struct aws_pair *params; /* of the query, any order */
    uint32_t n_params;
    const struct aws_pair *headers; /* to be signed besides host and x-amz-date */
    uint32_t n_headers;
    struct sluice_str body;
    const char *region, *service; /* "us-east-1", "s3" */
    int encode_twice;             /* every service but S3 signs the path encoded once more */
};

/* What goes out.  Released by aws_signed_release. */
struct aws_signed {
    struct strbuf url;
    struct strbuf authorization;
    char date[AWS_DATE_SIZE]; /* x-amz-date */
    char
        content_sha256[AWS_HEX_SIZE]; /* x-amz-content-sha256: signed if the caller asks for it by a header */
};

void aws_hex(const unsigned char *data, size_t len, char *out);           /* out: 2 len + 1 */
int aws_sha256_hex(const void *data, size_t len, char out[AWS_HEX_SIZE]); /* 0, or -1 no memory */
/* "20150830T123600Z" of milliseconds since 1970. */
int aws_date(int64_t now_ms, char out[AWS_DATE_SIZE]); /* 0, or -1: no such year */
/* RFC 3986, capitals; '/' stays if keep_slash. */
void aws_encode(struct strbuf *out, struct sluice_str text, int keep_slash);

/* The header form.  To send: url, "Authorization", "X-Amz-Date", the request's own
 * headers, and "X-Amz-Security-Token" if the keys have a token (it is signed).
 * With sign_content, "X-Amz-Content-Sha256" is signed and to be sent too (S3 asks for it).
 * 0, or -1 with err: no memory, or too many parts. */
int aws_sign(const struct aws_request *r, const struct aws_keys *keys, int64_t now_ms, int sign_content,
             struct aws_signed *out, struct sluice_error *err);
/* The presigned form, good for `seconds`: url is all that is needed, with the request's
 * own headers if it has any.  payload_hash: NULL for that of the body, or
 * "UNSIGNED-PAYLOAD" as S3 has it. */
int aws_presign(const struct aws_request *r, const struct aws_keys *keys, int64_t now_ms, uint32_t seconds,
                const char *payload_hash, struct aws_signed *out, struct sluice_error *err);
void aws_signed_release(struct aws_signed *s);

#endif
