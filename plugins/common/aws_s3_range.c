/* aws_s3_range: some bytes of an object, believed only if they are those that were asked for. */
#include "aws_s3.h"

#define RANGE_TEXT 64u

/* Digits at *at, which is moved behind them.  1, or 0: none, or too many. */
static int read_number(const char **at, const char *end, uint64_t *out)
{
    const char *from = *at;
    uint64_t n = 0;

    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        if (n > (UINT64_MAX - 9) / 10)
            return 0;
        n = n * 10 + (uint64_t)(**at - '0');
    }
    *out = n;
    return *at > from;
}

static int take(const char **at, const char *end, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
        return 0;
    *at += len;
    return 1;
}

int aws_s3_content_range(struct sluice_str text, uint64_t *from, uint64_t *to, uint64_t *total)
{
    const char *at = text.data, *end = at == NULL ? NULL : at + text.len;
    uint64_t a = 0, b = 0, n;

    if (at == NULL || !take(&at, end, "bytes "))
        return 0;
    if (!take(&at, end, "*") &&
        (!read_number(&at, end, &a) || !take(&at, end, "-") || !read_number(&at, end, &b) || b < a))
        return 0;
    if (!take(&at, end, "/") || !read_number(&at, end, &n) || at != end || (n > 0 && b >= n))
        return 0;
    *from = a;
    *to = b;
    *total = n;
    return 1;
}

static uint32_t distrust(const struct aws_s3_request *r, const char *what, struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_FATAL, "aws_endpoint",
                       "s3://%.63s/%.200s: the server %s, so it cannot be read piece by piece", r->bucket,
                       r->key, what);
}

/* 200: the whole object; 206: the range. */
static uint32_t take_data(const struct aws_s3_request *r, struct aws_s3_part *part, uint64_t len,
                          struct sluice_error *err)
{
    struct sluice_str body = part->answer.body;
    uint64_t from, to;

    if (part->answer.status == 200) {
        part->total = body.len;
        part->data = part->from < body.len
                         ? (struct sluice_str){body.data + part->from, body.len - part->from}
                         : (struct sluice_str){body.data, 0};
        return SLUICE_OK;
    }
    if (!aws_s3_content_range(sluice_http_header(&part->answer, "Content-Range"), &from, &to, &part->total) ||
        from != part->from || to - from + 1 != body.len || body.len > len ||
        (body.len < len && to + 1 != part->total))
        return distrust(r, "answers with another range than was asked for", err);
    part->data = body;
    return SLUICE_OK;
}

/* The ETag of the answer, held against the one that it must be. */
static uint32_t take_etag(const struct aws_s3_request *r, struct aws_s3_part *part, struct sluice_error *err)
{
    struct sluice_str etag = sluice_http_header(&part->answer, "ETag");

    if (etag.data == NULL || etag.len == 0 || etag.len >= sizeof part->etag)
        return distrust(r, "gives no ETag, so a change would go unnoticed", err);
    memcpy(part->etag, etag.data, (size_t)etag.len);
    part->etag[etag.len] = '\0';
    if (r->if_match == NULL || strcmp(r->if_match, part->etag) == 0)
        return SLUICE_OK;
    part->found = AWS_S3_CHANGED;
    return sluice_fail(err, SLUICE_FATAL, NULL, "s3://%.63s/%.200s is another object now", r->bucket, r->key);
}

static int is_code(const struct sluice_http_response *answer, const char *code)
{
    struct sluice_str found = aws_xml_text(answer->body, "Code");

    return found.data != NULL && found.len == strlen(code) &&
           memcmp(found.data, code, (size_t)found.len) == 0;
}

static uint32_t judge(const struct aws_s3 *s3, const struct aws_s3_request *r, struct aws_s3_part *part,
                      uint64_t len, struct sluice_error *err)
{
    uint32_t status = part->answer.status, code;

    if (status == 200 || status == 206) {
        code = take_etag(r, part, err);
        if (code == SLUICE_OK)
            code = take_data(r, part, len, err);
        if (code == SLUICE_OK)
            part->found = AWS_S3_FOUND;
        return code;
    }
    if (status == 412) {
        part->found = AWS_S3_CHANGED;
        return sluice_fail(err, SLUICE_FATAL, NULL, "s3://%.63s/%.200s is another object now", r->bucket,
                           r->key);
    }
    code = aws_s3_refusal(s3, r, &part->answer, err);
    if (status == 404)
        part->found = is_code(&part->answer, "NoSuchBucket") ? AWS_S3_NO_BUCKET : AWS_S3_GONE;
    return code;
}

/* Behind its end, or an empty one: no range of it can be had, its ETag only with the whole. */
static uint32_t get_no_range(const struct aws_s3 *s3, struct aws_s3_request *r, struct aws_s3_part *part,
                             struct sluice_error *err)
{
    struct sluice_str range = sluice_http_header(&part->answer, "Content-Range");
    uint64_t from, to, total = 0;

    if (part->from > 0) {
        (void)aws_s3_content_range(range, &from, &to, &total);
        part->total = total;
        part->data = (struct sluice_str){"", 0};
        part->found = AWS_S3_FOUND;
        if (r->if_match != NULL)
            (void)snprintf(part->etag, sizeof part->etag, "%s", r->if_match);
        return SLUICE_OK;
    }
    aws_s3_part_release(s3, part);
    part->found = AWS_S3_FAILED;
    r->range = NULL;
    return aws_s3_send(s3, r, &part->answer, err);
}

uint32_t aws_s3_get_range(const struct aws_s3 *s3, const char *bucket, const char *key, uint64_t from,
                          uint64_t len, const char *etag, uint32_t timeout_ms, struct aws_s3_part *part,
                          struct sluice_error *err)
{
    struct aws_s3_request r = {.method = "GET", .bucket = bucket, .key = key, .if_match = etag};
    struct sluice_error own = {.struct_size = sizeof own};
    char range[RANGE_TEXT];
    uint32_t code;

    if (err == NULL)
        err = &own;
    memset(part, 0, sizeof *part);
    part->from = from;
    part->found = AWS_S3_FAILED;
    (void)snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)from,
                   (unsigned long long)(from + len - 1));
    r.range = range;
    r.timeout_ms = timeout_ms;
    code = aws_s3_send(s3, &r, &part->answer, err);
    if (code == SLUICE_OK && part->answer.status == 416)
        code = get_no_range(s3, &r, part, err);
    if (code == SLUICE_OK && part->found != AWS_S3_FOUND) {
        code = judge(s3, &r, part, len, err);
        if (code != SLUICE_OK) {
            enum aws_s3_found found = part->found;

            aws_s3_part_release(s3, part);
            part->found = found;
        }
    }
    return code;
}

void aws_s3_part_release(const struct aws_s3 *s3, struct aws_s3_part *part)
{
    if (part->answer.struct_size != 0)
        aws_chain_options(s3->chain)->http->release(&part->answer, 1, sizeof part->answer);
    memset(&part->answer, 0, sizeof part->answer);
    part->data = (struct sluice_str){NULL, 0};
}
