/* Any bytes as the answer of S3 to a ranged GET: the first byte chooses status and request, then headers and
 * body with a NUL between them.  Traps unless: what is taken for the object lies within the range that was
 * asked for and within the object, has the ETag that it must have, and whatever is refused is told in
 * printable words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/aws_s3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RANGE 16u
#define SECRET "canary"

static const char *answer_text;
static size_t answer_len;
static uint32_t answer_status;
static unsigned held; /* answers that were not released */

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

static uint32_t fake_perform(struct sluice_http_client *client, const struct sluice_http_request *requests,
                             uint32_t n, uint32_t stride, struct sluice_http_response *r, uint32_t r_stride,
                             uint32_t deadline_ms, struct sluice_error *err)
{
    const char *split = memchr(answer_text, '\0', answer_len);

    (void)client, (void)stride, (void)r_stride, (void)deadline_ms, (void)err;
    check(n == 1 && requests->url != NULL);
    r->code = SLUICE_OK;
    r->status = answer_status;
    r->headers.data = split == NULL ? "" : answer_text;
    r->headers.len = split == NULL ? 0 : (uint64_t)(split - answer_text);
    r->body.data = split == NULL ? answer_text : split + 1;
    r->body.len = split == NULL ? answer_len : (uint64_t)(answer_text + answer_len - (split + 1));
    held++;
    return SLUICE_OK;
}

static void fake_release(struct sluice_http_response *r, uint32_t n, uint32_t stride)
{
    (void)stride;
    check(n == 1 && held > 0);
    memset(r, 0, sizeof *r);
    held--;
}

static const char *fake_env(const char *name)
{
    return strcmp(name, "AWS_ACCESS_KEY_ID") == 0       ? "AKID"
           : strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? SECRET
                                                        : NULL;
}

static int64_t fake_now(const struct sluice_host *host)
{
    (void)host;
    return 1440938160000;
}

static void fake_log(const struct sluice_host *host, uint32_t level, const char *text)
{
    (void)host, (void)level, (void)text;
}

static void is_told(const struct sluice_error *err)
{
    size_t i;

    check(err->code == SLUICE_RETRY || err->code == SLUICE_FATAL);
    check(err->message[0] != '\0');
    check(strstr(err->message, SECRET) == NULL ||
          memmem(answer_text, answer_len, SECRET, strlen(SECRET)) != NULL);
    for (i = 0; err->message[i] != '\0'; i++)
        check((unsigned char)err->message[i] >= 0x20);
}

static void try_range(const struct aws_s3 *s3, uint64_t from, const char *etag)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct aws_s3_part part;

    if (aws_s3_get_range(s3, "bucket", "key", from, RANGE, etag, 1000, &part, &err) != SLUICE_OK) {
        is_told(&err);
        check(held == 0);
        return;
    }
    check(part.found == AWS_S3_FOUND && part.from == from);
    check(part.data.len == 0 || from + part.data.len <= part.total);
    check(part.answer.status == 200 || part.data.len <= RANGE);
    check(etag == NULL || strcmp(etag, part.etag) == 0);
    check(part.etag[0] != '\0' || part.answer.status == 416);
    check(part.data.len == 0 || part.data.data != NULL);
    aws_s3_part_release(s3, &part);
    check(held == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t statuses[] = {200, 206, 206, 206, 416, 404, 412, 403};
    static const struct sluice_http_api http = {
        .struct_size = sizeof http, .perform = fake_perform, .release = fake_release};
    struct sluice_host host = {
        .struct_size = sizeof host, .now_ms = fake_now, .steady_ms = fake_now, .log = fake_log};
    struct aws_options o = {.host = &host, .http = &http, .region = "us-east-1", .env = fake_env};
    struct aws_s3 s3 = {.endpoint = "http://127.0.0.1:1"};
    char *text;

    if (size == 0)
        return 0;
    o.client = (struct sluice_http_client *)(void *)&host; /* never looked at */
    s3.chain = aws_chain_new(&o);
    text = malloc(size);
    check(s3.chain != NULL && text != NULL);
    memcpy(text, data + 1, size - 1);
    answer_text = text;
    answer_len = size - 1;
    answer_status = statuses[data[0] % 8];
    try_range(&s3, data[0] & 16 ? 8 : 0, data[0] & 8 ? "\"v1\"" : NULL);
    aws_chain_free(s3.chain);
    free(text);
    return 0;
}
