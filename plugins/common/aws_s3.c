/* aws_s3: virtual-hosted addresses on AWS itself, path addresses on a custom endpoint and
 * for buckets with a dot, whose names no certificate covers. */
#include "aws_s3.h"

#include <stdlib.h>

struct s3_target {
    char scheme[8];
    char host[320];
    struct strbuf path;
};

const char *aws_s3_bucket_problem(const char *bucket)
{
    size_t i, len = strlen(bucket);

    if (len < 3 || len > 63)
        return "a bucket's name has 3 to 63 characters";
    for (i = 0; i < len; i++)
        if (!((bucket[i] >= 'a' && bucket[i] <= 'z') || (bucket[i] >= '0' && bucket[i] <= '9') ||
              bucket[i] == '-' || bucket[i] == '.'))
            return "a bucket's name has lower case letters, digits, '-' and '.' only";
    return NULL;
}

static int target_make(const struct aws_s3 *s3, const char *region, const char *bucket, const char *key,
                       struct s3_target *t)
{
    const char *end = strncmp(region, "cn-", 3) == 0 ? ".cn" : "";
    const char *at = s3->endpoint, *rest;
    int in_path = at != NULL || strchr(bucket, '.') != NULL;

    strbuf_init(&t->path, 4096);
    (void)snprintf(t->scheme, sizeof t->scheme, "https");
    if (at == NULL && in_path) {
        (void)snprintf(t->host, sizeof t->host, "s3.%s.amazonaws.com%s", region, end);
    } else if (at == NULL) {
        (void)snprintf(t->host, sizeof t->host, "%s.s3.%s.amazonaws.com%s", bucket, region, end);
    } else {
        if (strncmp(at, "http://", 7) == 0)
            (void)snprintf(t->scheme, sizeof t->scheme, "http");
        at = strstr(at, "://") == NULL ? at : strstr(at, "://") + 3;
        rest = at + strcspn(at, "/?#");
        if (rest - at >= (long)sizeof t->host || rest == at)
            return -1;
        (void)snprintf(t->host, sizeof t->host, "%.*s", (int)(rest - at), at);
        strbuf_add(&t->path, rest, strcspn(rest, "?#"));
        while (t->path.len > 0 && t->path.data[t->path.len - 1] == '/')
            t->path.data[--t->path.len] = '\0';
    }
    if (in_path)
        strbuf_printf(&t->path, "/%s", bucket);
    strbuf_printf(&t->path, "/%s", key);
    return t->path.failed ? -1 : 0;
}

static uint32_t perform(const struct aws_s3 *s3, const struct aws_signed *s, const struct aws_keys *keys,
                        const char *etag, uint32_t timeout_ms, struct sluice_http_response *answer,
                        struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(s3->chain);
    struct sluice_str headers[10];
    struct sluice_http_request r = {.struct_size = sizeof r, .method = "GET", .headers = headers};

    memset(answer, 0, sizeof *answer);
    answer->struct_size = sizeof *answer;
    r.url = s->url.data;
    headers[2 * r.n_headers] = sluice_str_of("Authorization");
    headers[2 * r.n_headers++ + 1] = sluice_str_of(s->authorization.data);
    headers[2 * r.n_headers] = sluice_str_of("X-Amz-Date");
    headers[2 * r.n_headers++ + 1] = sluice_str_of(s->date);
    headers[2 * r.n_headers] = sluice_str_of("X-Amz-Content-Sha256");
    headers[2 * r.n_headers++ + 1] = sluice_str_of(s->content_sha256);
    if (keys->token != NULL) {
        headers[2 * r.n_headers] = sluice_str_of("X-Amz-Security-Token");
        headers[2 * r.n_headers++ + 1] = sluice_str_of(keys->token);
    }
    if (etag != NULL) {
        headers[2 * r.n_headers] = sluice_str_of("If-None-Match");
        headers[2 * r.n_headers++ + 1] = sluice_str_of(etag);
    }
    return o->http->perform(o->client, &r, 1, sizeof r, answer, sizeof *answer, timeout_ms, err);
}

static uint32_t judge(const struct aws_s3 *s3, const char *bucket, const char *key,
                      struct sluice_http_response *answer, struct sluice_error *err)
{
    struct aws_error e;
    char what[160];

    (void)snprintf(what, sizeof what, "s3://%.63s/%.90s", bucket, key);
    if (answer->code != SLUICE_OK)
        return sluice_fail(err, answer->code == SLUICE_REJECT ? SLUICE_FATAL : SLUICE_RETRY, NULL, "%s: %s",
                           what, answer->message);
    if (answer->status == 200 || answer->status == 304)
        return SLUICE_OK;
    aws_error_read(answer, &e);
    if (e.trouble == AWS_EXPIRED || e.trouble == AWS_BAD_KEYS)
        aws_chain_forget(s3->chain);
    (void)aws_error_tell(&e, answer->status, what, err);
    err->retry_after_ms = answer->retry_after_ms;
    return err->code;
}

uint32_t aws_s3_get(const struct aws_s3 *s3, const char *bucket, const char *key, const char *etag,
                    uint32_t timeout_ms, struct sluice_http_response *answer, struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(s3->chain);
    struct aws_request r = {.method = "GET", .service = "s3"};
    struct sluice_error own = {.struct_size = sizeof own};
    struct s3_target t;
    struct aws_signed s;
    struct aws_held held;
    char region[64];
    uint32_t code;

    if (err == NULL)
        err = &own;
    if (o->http == NULL || o->client == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "this host has no HTTP service to ask S3 with");
    if (aws_chain_keys(s3->chain, &held, err) != 0)
        return err->code;
    if (aws_chain_region(s3->chain, region, sizeof region, err) != 0) {
        aws_held_release(&held);
        return err->code;
    }
    if (target_make(s3, region, bucket, key, &t) != 0) {
        strbuf_release(&t.path);
        aws_held_release(&held);
        return sluice_fail(err, SLUICE_FATAL, NULL, "the address of s3://%.63s/%.200s is too long", bucket,
                           key);
    }
    r.scheme = t.scheme;
    r.host = t.host;
    r.path = sluice_str_of(t.path.data);
    r.region = region;
    code = aws_sign(&r, &held.keys, o->host->now_ms(o->host), 1, &s, err) != 0 ? err->code : SLUICE_OK;
    if (code == SLUICE_OK) {
        code = perform(s3, &s, &held.keys, etag, timeout_ms, answer, err);
        aws_signed_release(&s);
        if (code == SLUICE_OK) {
            code = judge(s3, bucket, key, answer, err);
            if (code != SLUICE_OK)
                o->http->release(answer, 1, sizeof *answer);
        }
    }
    strbuf_release(&t.path);
    aws_held_release(&held);
    return code;
}
