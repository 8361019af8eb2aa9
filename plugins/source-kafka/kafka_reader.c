/* kafka_reader: a client of its own that joins nothing, for questions beside the work. */
#include <stdlib.h>
#include <string.h>

#include "kafka_source.h"

#define ASK_MS 500 /* so that cancel is heard */

static void kafka_reader_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka_reader *r = opaque;

    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && r->said[0] != '\0')
        return;
    r->said_code = (rd_kafka_resp_err_t)code;
    (void)snprintf(r->said, sizeof r->said, "%s", reason);
}

static void kafka_reader_log(const rd_kafka_t *rk, int level, const char *where, const char *text)
{
    const struct kafka_reader *r = rd_kafka_opaque(rk);

    (void)level;
    sluice_log(r->source->host, SLUICE_DEBUG, "librdkafka %s: %s", where, text);
}

static void kafka_reader_refresh(rd_kafka_t *rk, const char *config, void *opaque)
{
    struct kafka_reader *r = opaque;

    (void)config;
    kafka_login_refresh(&r->source->login, rk);
}

uint32_t kafka_reader_open(struct kafka_source *k, struct kafka_reader **reader, struct sluice_error *err)
{
    struct kafka_reader *r = calloc(1, sizeof *r);
    rd_kafka_conf_t *conf;
    char why[320];

    if (r == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    r->source = k;
    if (kafka_conf_make(k->host, k->config, &conf, err) != SLUICE_OK) {
        free(r);
        return SLUICE_FATAL;
    }
    (void)rd_kafka_conf_set(conf, "group.instance.id", "", NULL, 0);
    rd_kafka_conf_set_opaque(conf, r);
    rd_kafka_conf_set_error_cb(conf, kafka_reader_error);
    rd_kafka_conf_set_log_cb(conf, kafka_reader_log);
    kafka_login_prepare(&k->login, conf, kafka_reader_refresh);
    r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (r->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        free(r);
        return sluice_fail(err, SLUICE_FATAL, NULL, "cannot make a Kafka client: %s", why);
    }
    if (kafka_login_begin(&k->login, r->rk, err) != SLUICE_OK) {
        kafka_reader_close(r);
        return SLUICE_FATAL;
    }
    *reader = r;
    return SLUICE_OK;
}

void kafka_reader_close(struct kafka_reader *r)
{
    rd_kafka_destroy_flags(r->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(r);
}

int kafka_reader_left(const struct kafka_reader *r)
{
    int64_t left = r->until - r->source->host->steady_ms(r->source->host);

    return left > 0 ? (int)left : 0;
}

uint32_t kafka_reader_failed(struct kafka_reader *r, rd_kafka_resp_err_t code, const char *about,
                             struct sluice_error *err)
{
    struct kafka_trouble t;
    int reach = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                code == RD_KAFKA_RESP_ERR__WAIT_COORD;

    (void)rd_kafka_poll(r->rk, 0);
    if (reach && r->said[0] != '\0')
        kafka_words(r->source, r->said_code, r->said, &t);
    else
        kafka_words(r->source, code, about, &t);
    return sluice_fail(err, t.code, t.option[0] == '\0' ? NULL : t.option, "%s", t.words);
}

uint32_t kafka_reader_metadata(struct kafka_reader *r, const struct rd_kafka_metadata **found,
                               struct sluice_error *err)
{
    const struct sluice_host *h = r->source->host;
    rd_kafka_resp_err_t code;
    int left;

    do {
        left = kafka_reader_left(r);
        code = rd_kafka_metadata(r->rk, 1, NULL, found, left < ASK_MS ? left : ASK_MS);
        (void)rd_kafka_poll(r->rk, 0);
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && kafka_reader_left(r) > 0 && !h->cancelled(h) &&
             (r->said[0] == '\0' || r->said_code == RD_KAFKA_RESP_ERR__TRANSPORT));
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? SLUICE_OK : kafka_reader_failed(r, code, NULL, err);
}

void kafka_reader_ask(struct kafka_reader *r, uint32_t timeout_ms)
{
    r->until = r->source->host->steady_ms(r->source->host) + timeout_ms;
    r->said[0] = '\0';
}
