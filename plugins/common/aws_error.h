/* aws_error: what AWS means when it refuses, in words that say what to do.
 *
 * S3 and STS answer in XML, SQS in JSON, and either may come where the other was asked
 * for, so both are read whatever the Content-Type says. */
#ifndef SLUICE_PLUGINS_AWS_ERROR_H
#define SLUICE_PLUGINS_AWS_ERROR_H

#include <sluice/http.h>

enum aws_trouble {
    AWS_CLOCK,     /* this machine's clock and AWS's differ too much */
    AWS_EXPIRED,   /* temporary credentials are past their end */
    AWS_BAD_KEYS,  /* key id unknown, or the secret is not that key's */
    AWS_DENIED,    /* known, and not allowed */
    AWS_NOT_FOUND, /* no such bucket, object, queue */
    AWS_ELSEWHERE, /* another region */
    AWS_THROTTLED, /* too fast */
    AWS_BROKEN,    /* their side: 5xx */
    AWS_OTHER
};

struct aws_error {
    enum aws_trouble trouble;
    char code[80];     /* as AWS names it, or empty */
    char message[200]; /* as AWS says it, or empty; never a key, a signature or a token */
    char region[40];   /* ELSEWHERE: where, if it was said */
};

/* Of an answer whose status is not what was hoped for. */
void aws_error_read(const struct sluice_http_response *answer, struct aws_error *out);
/* Fills err: "cannot read s3://b/k: …" with the remedy; the code is RETRY for what may pass
 * (throttling, 5xx, expired keys that are read anew), DISCONNECTED never, FATAL for the rest. */
uint32_t aws_error_tell(const struct aws_error *e, uint32_t status, const char *what,
                        struct sluice_error *err);

/* Text of the first <tag>…</tag> in XML, not unescaped; absent: data NULL. */
struct sluice_str aws_xml_text(struct sluice_str xml, const char *tag);

#endif
