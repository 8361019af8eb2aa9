/* kafka_login: how a client logs in that does not hold a password: Amazon MSK by IAM.
 *
 * librdkafka asks for a token before the first login, when four fifths of the last one's time
 * are over, and ten seconds after it got none.  It asks on a thread of its own, so that the
 * keys may be fetched over the network while partitions are polled.  Every client (of the
 * group, of the lag, of the identity) has one such thread, and all share the chain of keys. */
#include <string.h>

#include "../common/aws_msk.h"
#include "kafka_source.h"

#define FETCH_MS 5000u /* one question for keys */
#define TOKEN_MAX 65536u
#define LEAST_MS 1000 /* a token that ends sooner is none */

static uint32_t kafka_login_http(struct kafka_login *l, const struct sluice_host *host,
                                 struct sluice_error *err)
{
    const struct sluice_http_options o = {
        .struct_size = sizeof o, .max_parallel = 1, .connect_timeout_ms = FETCH_MS, .max_body = 256u * 1024u};

    l->http = host->extension == NULL ? NULL : host->extension(host, SLUICE_HTTP_ID);
    if (l->http != NULL && (l->client = l->http->client(host, &o, err)) == NULL)
        return err->code == SLUICE_OK ? SLUICE_FATAL : err->code;
    return SLUICE_OK;
}

uint32_t kafka_login_make(struct kafka_login *l, const struct sluice_host *host,
                          const struct sluice_config *config, struct sluice_error *err)
{
    struct aws_options o = {.host = host, .timeout_ms = FETCH_MS};
    uint32_t code;

    memset(l, 0, sizeof *l);
    l->host = host;
    if (host->option_integer(config, "mechanism") != KAFKA_MSK_IAM)
        return SLUICE_OK;
    code = kafka_login_http(l, host, err);
    if (code != SLUICE_OK)
        return code;
    o.http = l->http;
    o.client = l->client;
    o.profile = host->option_string(config, "aws_profile");
    o.region = host->option_string(config, "aws_region");
    l->chain = aws_chain_new(&o);
    if (l->chain != NULL)
        return SLUICE_OK;
    kafka_login_free(l);
    return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the AWS credentials");
}

void kafka_login_free(struct kafka_login *l)
{
    if (l->client != NULL)
        l->http->free(l->client);
    aws_chain_free(l->chain);
    memset(l, 0, sizeof *l);
}

/* The token and its end.  0, or -1 with err. */
static int kafka_token(struct kafka_login *l, struct strbuf *token, int64_t *expires_ms,
                       struct sluice_error *err)
{
    int64_t now = l->host->now_ms(l->host);
    struct aws_held held;
    char region[64];
    int failed;

    if (aws_chain_region(l->chain, region, sizeof region, err) != 0 ||
        aws_chain_keys(l->chain, &held, err) != 0)
        return -1;
    *expires_ms = aws_msk_expiry(now, held.expires_ms);
    failed = *expires_ms - now < LEAST_MS;
    if (failed)
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "the AWS credentials of %s end just now", held.source);
    else
        failed = aws_msk_token(&held.keys, region, "sluice", now, token, err);
    aws_held_release(&held);
    return failed ? -1 : 0;
}

void kafka_login_refresh(struct kafka_login *l, rd_kafka_t *rk)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct strbuf token;
    int64_t expires_ms;
    char why[256];

    strbuf_init(&token, TOKEN_MAX);
    if (kafka_token(l, &token, &expires_ms, &err) != 0) {
        (void)rd_kafka_oauthbearer_set_token_failure(rk, err.message);
    } else if (rd_kafka_oauthbearer_set_token(rk, token.data, expires_ms, "sluice", NULL, 0, why,
                                              sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)rd_kafka_oauthbearer_set_token_failure(rk, why);
    } else {
        sluice_log(l->host, SLUICE_DEBUG, "a new token for the login, good for %lld s",
                   (long long)((expires_ms - l->host->now_ms(l->host) + 500) / 1000));
    }
    if (token.data != NULL)
        explicit_bzero(token.data, token.len);
    strbuf_release(&token);
}

void kafka_login_prepare(const struct kafka_login *l, rd_kafka_conf_t *conf,
                         void (*refresh)(rd_kafka_t *rk, const char *config, void *opaque))
{
    if (l->chain == NULL)
        return;
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, refresh);
}

uint32_t kafka_login_begin(const struct kafka_login *l, rd_kafka_t *rk, struct sluice_error *err)
{
    rd_kafka_error_t *error = l->chain == NULL ? NULL : rd_kafka_sasl_background_callbacks_enable(rk);

    if (error == NULL)
        return SLUICE_OK;
    (void)sluice_fail(err, SLUICE_FATAL, "mechanism", "no thread for the login: %s",
                      rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return SLUICE_FATAL;
}
