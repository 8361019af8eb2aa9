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

const char *aws_s3_key_problem(const char *key)
{
    size_t len = strlen(key), at, n;

    if (len == 0)
        return "it names no object: s3://bucket/key";
    if (len > 1024)
        return "an object's key has at most 1024 bytes";
    if (key[len - 1] == '/')
        return "it ends with '/': that is a folder, not an object";
    for (at = 0; at < len; at += n + 1) {
        n = strcspn(key + at, "/");
        if ((n == 1 && key[at] == '.') || (n == 2 && memcmp(key + at, "..", 2) == 0))
            return "a part of the key is '.' or '..', which no address can carry";
    }
    return NULL;
}

static int target_make(const struct aws_s3 *s3, const char *region, const char *bucket, const char *key,
                       struct s3_target *t)
{
    const char *end = strncmp(region, "cn-", 3) == 0 ? ".cn" : "";
    const char *at = s3->endpoint, *rest;
    int in_path =
        s3->style == AWS_S3_PATH || (s3->style == AWS_S3_AUTO && (at != NULL || strchr(bucket, '.') != NULL));

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
        if (snprintf(t->host, sizeof t->host, "%s%s%.*s", in_path ? "" : bucket, in_path ? "" : ".",
                     (int)(rest - at), at) >= (int)sizeof t->host)
            return -1;
        strbuf_add(&t->path, rest, strcspn(rest, "?#"));
        while (t->path.len > 0 && t->path.data[t->path.len - 1] == '/')
            t->path.data[--t->path.len] = '\0';
    }
    if (in_path)
        strbuf_printf(&t->path, "/%s", bucket);
    strbuf_printf(&t->path, "/%s", key);
    return t->path.failed ? -1 : 0;
}

/* Room for every header that is ever sent. */
struct headers {
    struct sluice_str at[20];
    uint64_t n;
};

static void add_header(struct headers *h, const char *name, const char *value)
{
    if (value == NULL)
        return;
    h->at[2 * h->n] = sluice_str_of(name);
    h->at[2 * h->n++ + 1] = sluice_str_of(value);
}

static uint32_t perform(const struct aws_s3 *s3, const struct aws_signed *s, const struct aws_keys *keys,
                        const struct aws_s3_request *request, struct sluice_http_response *answer,
                        struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(s3->chain);
    struct headers h = {.n = 0};
    struct sluice_http_request r = {
        .struct_size = sizeof r, .method = request->method, .headers = h.at, .body = request->body};

    memset(answer, 0, sizeof *answer);
    answer->struct_size = sizeof *answer;
    r.url = s->url.data;
    add_header(&h, "Authorization", s->authorization.data);
    add_header(&h, "X-Amz-Date", s->date);
    add_header(&h, "X-Amz-Content-Sha256", s->content_sha256);
    add_header(&h, "X-Amz-Security-Token", keys->token);
    add_header(&h, "If-Match", request->if_match);
    add_header(&h, "If-None-Match", request->if_none_match);
    add_header(&h, "Range", request->range);
    add_header(&h, "Content-Type", request->content_type);
    r.n_headers = h.n;
    return o->http->perform(o->client, &r, 1, sizeof r, answer, sizeof *answer, request->timeout_ms, err);
}

static void name_object(const struct aws_s3_request *r, char *out, size_t size)
{
    (void)snprintf(out, size, "s3://%.63s/%.90s", r->bucket, r->key);
}

/* Which option of a plugin each trouble points at; all that speak to S3 call them so. */
static const char *option_of(const struct aws_error *e)
{
    switch (e->trouble) {
    case AWS_EXPIRED:
    case AWS_BAD_KEYS:
    case AWS_DENIED:
        return "aws_profile";
    case AWS_ELSEWHERE:
        return "aws_region";
    default:
        return NULL;
    }
}

uint32_t aws_s3_refusal(const struct aws_s3 *s3, const struct aws_s3_request *request,
                        const struct sluice_http_response *answer, struct sluice_error *err)
{
    const char *option;
    struct aws_error e;
    char what[160];

    name_object(request, what, sizeof what);
    aws_error_read(answer, &e);
    if (e.trouble == AWS_EXPIRED || e.trouble == AWS_BAD_KEYS)
        aws_chain_forget(s3->chain);
    (void)aws_error_tell(&e, answer->status, what, err);
    option = option_of(&e);
    if (option != NULL) {
        size_t at = strlen(err->message);

        (void)snprintf(err->option, sizeof err->option, "%s", option);
        (void)snprintf(err->message + at, sizeof err->message - at, "; see the option %s", option);
    }
    err->retry_after_ms = answer->retry_after_ms;
    return err->code;
}

static uint32_t sign_and_perform(const struct aws_s3 *s3, const struct aws_s3_request *request,
                                 const struct s3_target *t, const char *region, const struct aws_keys *keys,
                                 struct sluice_http_response *answer, struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(s3->chain);
    struct aws_request r = {.method = request->method, .service = "s3", .body = request->body};
    struct aws_signed s;
    uint32_t code;

    r.scheme = t->scheme;
    r.host = t->host;
    r.path = sluice_str_of(t->path.data);
    r.region = region;
    if (aws_sign(&r, keys, o->host->now_ms(o->host), 1, &s, err) != 0)
        return err->code;
    code = perform(s3, &s, keys, request, answer, err);
    aws_signed_release(&s);
    return code;
}

/* No whole answer came: nothing to release. */
static uint32_t unanswered(const struct aws_s3_request *request, const struct sluice_http_response *answer,
                           struct sluice_error *err)
{
    char what[160];

    name_object(request, what, sizeof what);
    (void)sluice_fail(err, answer->code == SLUICE_REJECT ? SLUICE_FATAL : SLUICE_RETRY, NULL, "%s: %s", what,
                      answer->message);
    err->retry_after_ms = answer->retry_after_ms;
    return err->code;
}

uint32_t aws_s3_send(const struct aws_s3 *s3, const struct aws_s3_request *request,
                     struct sluice_http_response *answer, struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(s3->chain);
    struct sluice_error own = {.struct_size = sizeof own};
    struct s3_target t;
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
    if (target_make(s3, region, request->bucket, request->key, &t) != 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "the address of s3://%.63s/%.200s is too long",
                           request->bucket, request->key);
    else
        code = sign_and_perform(s3, request, &t, region, &held.keys, answer, err);
    strbuf_release(&t.path);
    aws_held_release(&held);
    if (code == SLUICE_OK && answer->code != SLUICE_OK) {
        code = unanswered(request, answer, err);
        o->http->release(answer, 1, sizeof *answer);
    }
    return code;
}

uint32_t aws_s3_get(const struct aws_s3 *s3, const char *bucket, const char *key, const char *etag,
                    uint32_t timeout_ms, struct sluice_http_response *answer, struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(s3->chain);
    struct aws_s3_request r = {.method = "GET", .bucket = bucket, .key = key, .if_none_match = etag};
    struct sluice_error own = {.struct_size = sizeof own};
    uint32_t code;

    if (err == NULL)
        err = &own;
    r.timeout_ms = timeout_ms;
    code = aws_s3_send(s3, &r, answer, err);
    if (code != SLUICE_OK || answer->status == 200 || answer->status == 304)
        return code;
    code = aws_s3_refusal(s3, &r, answer, err);
    o->http->release(answer, 1, sizeof *answer);
    return code;
}

uint32_t aws_s3_put(const struct aws_s3 *s3, const char *bucket, const char *key, struct sluice_str body,
                    const char *content_type, uint32_t timeout_ms, struct sluice_error *err)
{
    const struct aws_options *o = aws_chain_options(s3->chain);
    struct aws_s3_request r = {
        .method = "PUT", .bucket = bucket, .key = key, .content_type = content_type, .body = body};
    struct sluice_error own = {.struct_size = sizeof own};
    struct sluice_http_response answer;
    uint32_t code;

    if (err == NULL)
        err = &own;
    if (body.len > AWS_S3_PUT_MAX)
        return sluice_fail(err, SLUICE_FATAL, NULL,
                           "%llu bytes are more than one upload may have here (%u MiB); split the file",
                           (unsigned long long)body.len, AWS_S3_PUT_MAX >> 20);
    r.timeout_ms = timeout_ms;
    code = aws_s3_send(s3, &r, &answer, err);
    if (code != SLUICE_OK)
        return code;
    if (answer.status != 200)
        code = aws_s3_refusal(s3, &r, &answer, err);
    o->http->release(&answer, 1, sizeof answer);
    return code;
}
