/* aws_msk: see aws_msk.h. */
#include "aws_msk.h"

#include <openssl/crypto.h>

#define TOKEN_MAX (32u * 1024u)

static void add_base64url(struct strbuf *out, const char *text, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t i;

    for (i = 0; i < len; i += 3) {
        size_t left = len - i < 3 ? len - i : 3, k;
        uint32_t word = 0;

        for (k = 0; k < 3; k++)
            word = word << 8 | (k < left ? (unsigned char)text[i + k] : 0u);
        for (k = 0; k <= left; k++)
            strbuf_putc(out, digits[word >> (18 - 6 * k) & 63u]);
    }
}

/* The agent is no part of what is signed: the brokers strip it before they check. */
static int add_token(const struct aws_signed *s, const char *agent, struct strbuf *out)
{
    struct strbuf url;
    int failed;

    strbuf_init(&url, TOKEN_MAX);
    strbuf_add(&url, s->url.data, s->url.len);
    strbuf_puts(&url, "&User-Agent=");
    aws_encode(&url, sluice_str_of(agent), 0);
    if (!url.failed)
        add_base64url(out, url.data, url.len);
    failed = url.failed || out->failed;
    if (url.data != NULL)
        OPENSSL_cleanse(url.data, url.len);
    strbuf_release(&url);
    return failed ? -1 : 0;
}

int aws_msk_token(const struct aws_keys *keys, const char *region, const char *agent, int64_t now_ms,
                  struct strbuf *out, struct sluice_error *err)
{
    const struct aws_pair action = {sluice_str_of("Action"), sluice_str_of("kafka-cluster:Connect")};
    struct aws_request r = {.method = "GET",
                            .scheme = "https",
                            .params = &action,
                            .n_params = 1,
                            .region = region,
                            .service = "kafka-cluster"};
    struct aws_signed s;
    char host[128];
    int failed;

    if (snprintf(host, sizeof host, "kafka.%s.amazonaws.com", region) >= (int)sizeof host) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "the AWS region's name is too long");
        return -1;
    }
    r.host = host;
    r.path = sluice_str_of("/");
    if (aws_presign(&r, keys, now_ms, AWS_MSK_SECONDS, NULL, &s, err) != 0)
        return -1;
    failed = add_token(&s, agent, out);
    OPENSSL_cleanse(s.url.data, s.url.len);
    aws_signed_release(&s);
    if (failed)
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the token, or it is above 32 KiB");
    return failed;
}

int64_t aws_msk_expiry(int64_t now_ms, int64_t keys_expire_ms)
{
    int64_t own = now_ms + AWS_MSK_SECONDS * INT64_C(1000);

    return keys_expire_ms != 0 && keys_expire_ms < own ? keys_expire_ms : own;
}
