/* kafka_client: the client between start and stop, and what it reports.
 *
 * start asks nobody: brokers that are away are said by poll, which is tried again, and by
 * probe.  Everything the library reports comes through kafka_serve, on the caller's thread,
 * but for log lines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <sluice/check.h>

#include "kafka_source.h"

#define PROBE_MS 5000
#define SLICE_MS 250 /* so that cancel is heard */
#define LOOK_MS 500  /* between two looks whether brokers are back */
#define EVENTS_AT_ONCE 200

static void kafka_log(const rd_kafka_t *rk, int level, const char *where, const char *text)
{
    const struct kafka_source *k = rd_kafka_opaque(rk);

    sluice_log(k->host, level <= 2 ? SLUICE_ERROR : SLUICE_DEBUG, "librdkafka %s: %s", where, text);
}

static int kafka_is_reach(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__RESOLVE || code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
           code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
           code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM;
}

void kafka_note_trouble(struct kafka_source *k, rd_kafka_resp_err_t code, const char *said)
{
    struct kafka_trouble t = {0};
    char text[400];

    if (k->trouble.code == SLUICE_FATAL)
        return;
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT) { /* one of several; librdkafka connects again */
        (void)snprintf(k->said, sizeof k->said, "%s", said == NULL ? "" : said);
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        if (k->trouble.code != 0 && k->trouble.reach)
            return; /* why they are is known */
        if (k->said[0] != '\0')
            said = k->said;
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(k->rk, text, sizeof text);
        kafka_words(k, code, text, &t);
        t.code = SLUICE_FATAL;
    } else {
        kafka_words(k, code, said, &t);
    }
    t.reach = kafka_is_reach(code);
    if (code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) {
        sluice_log(k->host, SLUICE_WARN, "%s", t.words);
        return;
    }
    k->trouble = t;
}

static void kafka_refresh(rd_kafka_t *rk, const char *config, void *opaque)
{
    struct kafka_source *k = opaque;

    (void)config;
    kafka_login_refresh(&k->login, rk);
}

static void kafka_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    kafka_note_trouble(opaque, (rd_kafka_resp_err_t)code, reason);
}

void kafka_serve(struct kafka_source *k)
{
    rd_kafka_message_t *m;
    int i;

    for (i = 0; i < EVENTS_AT_ONCE && k->n_held < KAFKA_BATCH + KAFKA_SPARE; i++) {
        m = rd_kafka_consumer_poll(k->rk, 0);
        if (m == NULL && rd_kafka_queue_length(k->main) == 0)
            return;
        if (m == NULL)
            continue;
        kafka_hold(k, m);
    }
}

int kafka_is_back(struct kafka_source *k)
{
    const struct rd_kafka_metadata *found;
    int64_t now = k->host->steady_ms(k->host);

    if (!k->trouble.reach || now < k->trouble_look_at)
        return 0;
    k->trouble_look_at = now + LOOK_MS;
    if (rd_kafka_metadata(k->rk, 0, NULL, &found, 100) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    rd_kafka_metadata_destroy(found);
    memset(&k->trouble, 0, sizeof k->trouble);
    return 1;
}

static uint32_t kafka_subscribe(struct kafka_source *k, struct sluice_error *err)
{
    uint64_t n = k->host->option_count(k->config, "topic"), i;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    rd_kafka_resp_err_t code;

    for (i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, k->host->option_item(k->config, "topic", i),
                                          RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(k->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return SLUICE_OK;
    return sluice_fail(err, SLUICE_FATAL, "topic", "cannot subscribe: %s", rd_kafka_err2str(code));
}

/* The option that librdkafka's own words on files are about. */
static const char *kafka_file_option(const char *why)
{
    return strstr(why, "ssl.ca") != NULL            ? "ca_file"
           : strstr(why, "ssl.certificate") != NULL ? "cert_file"
           : strstr(why, "ssl.key") != NULL         ? "key_file"
                                                    : NULL;
}

/* The client was not made: a file that TLS needs, as a rule. */
static uint32_t kafka_not_made(const char *why, struct sluice_error *err)
{
    const char *option = kafka_file_option(why);

    return sluice_fail(err, SLUICE_FATAL, option, "cannot make a Kafka client%s: %s",
                       option == NULL ? ""
                       : strcmp(option, "key_file") == 0
                           ? "; is it the key to cert_file, and key_password its "
                             "password?"
                           : "; is it a PEM file?",
                       why);
}

static uint32_t kafka_new(struct kafka_source *k, struct sluice_error *err)
{
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;
    char why[320];
    uint32_t code = kafka_conf_make(k->host, k->config, &conf, err);

    if (code != SLUICE_OK)
        return SLUICE_FATAL;
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    rd_kafka_conf_set_error_cb(conf, kafka_error);
    rd_kafka_conf_set_rebalance_cb(conf, kafka_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, kafka_committed);
    kafka_login_prepare(&k->login, conf, kafka_refresh);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return kafka_not_made(why, err);
    }
    pthread_mutex_lock(&k->lock);
    k->rk = rk;
    pthread_mutex_unlock(&k->lock);
    return kafka_login_begin(&k->login, rk, err);
}

static void kafka_warn(const struct kafka_source *k)
{
    if (k->insecure)
        sluice_log(k->host, SLUICE_WARN, "insecure: the brokers' certificates are not verified");
    if (k->plain_login)
        sluice_log(k->host, SLUICE_WARN, "the password goes to the brokers as it is; set tls: true");
}

/* Frees the client; held messages must be gone before. */
static void kafka_free(struct kafka_source *k)
{
    rd_kafka_t *rk = k->rk;

    kafka_kick_stop(k);
    pthread_mutex_lock(&k->stats_lock);
    pthread_mutex_lock(&k->lock);
    k->rk = NULL;
    pthread_mutex_unlock(&k->lock);
    pthread_mutex_unlock(&k->stats_lock);
    if (k->main != NULL)
        rd_kafka_queue_destroy(k->main);
    if (k->data != NULL)
        rd_kafka_queue_destroy(k->data);
    k->main = k->data = NULL;
    if (rk != NULL)
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

uint32_t kafka_start(void *self, struct sluice_error *err)
{
    static const uint64_t one = 1;
    struct kafka_source *k = self;
    uint32_t code;

    memset(&k->trouble, 0, sizeof k->trouble);
    k->said[0] = k->commit_error[0] = '\0';
    k->commit_under_way = k->n_reset = k->begun = 0;
    if (k->wake < 0)
        k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (k->wake < 0)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no eventfd: %s", strerror(errno));
    code = kafka_new(k, err);
    if (code == SLUICE_OK) {
        (void)rd_kafka_poll_set_consumer(k->rk);
        k->main = rd_kafka_queue_get_consumer(k->rk);
        k->data = rd_kafka_queue_new(k->rk);
        rd_kafka_queue_io_event_enable(k->main, k->wake, &one, sizeof one);
        rd_kafka_queue_io_event_enable(k->data, k->wake, &one, sizeof one);
        if (k->host->extension(k->host, SLUICE_CHECK_ID) == NULL) /* else the group would notice */
            code = kafka_kick_start(k, err);
    }
    if (code == SLUICE_OK)
        code = kafka_subscribe(k, err);
    if (code != SLUICE_OK) {
        kafka_free(k);
        return code;
    }
    kafka_warn(k);
    return SLUICE_OK;
}

/* Leaves the group (a static member stays in it) while the last events are served. */
static void kafka_leave(struct kafka_source *k, int64_t until)
{
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(k->rk, k->main);

    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return;
    }
    while (!rd_kafka_consumer_closed(k->rk) && k->host->steady_ms(k->host) < until)
        (void)rd_kafka_queue_poll_callback(k->main, 20);
}

uint32_t kafka_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct kafka_source *k = self;
    int64_t until = k->host->steady_ms(k->host) + deadline_ms;
    uint32_t code = SLUICE_OK, i;

    if (kafka_commit_all(k, (int)(deadline_ms / 2)) != 0)
        code = sluice_fail(err, SLUICE_RETRY, NULL, "%s", k->commit_error);
    kafka_drop_all(k);
    kafka_leave(k, until);
    kafka_drop_all(k);
    for (i = 0; i < k->n_parts; i++)
        if (k->parts[i]->lane != 0) { /* it was not revoked in time */
            k->host->lane_lost(k->host, k->parts[i]->lane);
            k->parts[i]->lane = 0;
            k->parts[i]->rkt = NULL;
            atomic_store(&k->parts[i]->owned, 0);
        }
    k->last_part = NULL;
    if (k->pending != NULL)
        rd_kafka_topic_partition_list_destroy(k->pending);
    k->pending = NULL;
    kafka_free(k);
    return code;
}

void kafka_cancel(void *self)
{
    struct kafka_source *k = self;
    uint64_t one = 1;
    int wake = k->wake;

    if (wake >= 0 && write(wake, &one, sizeof one) < 0)
        return; /* it is full: poll wakes up anyway */
}

/* 1 if the brokers answered about the topics; what they said is in err. */
static int kafka_ask_topics(struct kafka_source *k, uint32_t *code, struct sluice_error *err)
{
    uint64_t n = k->host->option_count(k->config, "topic"), i;
    const struct rd_kafka_metadata *found;
    struct kafka_trouble t;

    if (rd_kafka_metadata(k->rk, 1, NULL, &found, SLICE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    *code = SLUICE_OK;
    for (i = 0; *code == SLUICE_OK && i < n; i++) {
        const char *name = k->host->option_item(k->config, "topic", i);
        rd_kafka_resp_err_t why = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        int j;

        for (j = 0; j < found->topic_cnt; j++)
            if (strcmp(found->topics[j].topic, name) == 0)
                why = found->topics[j].err;
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        kafka_words(k, why, name, &t);
        *code = sluice_fail(err, t.code, t.option, "%s", t.words);
    }
    rd_kafka_metadata_destroy(found);
    return 1;
}

uint32_t kafka_probe(void *self, struct sluice_error *err)
{
    struct kafka_source *k = self;
    int64_t until = k->host->steady_ms(k->host) + PROBE_MS;
    uint32_t code = SLUICE_OK;

    while (!kafka_ask_topics(k, &code, err)) {
        kafka_serve(k);
        if (k->trouble.code != 0 && k->trouble.reach)
            return sluice_fail(err, k->trouble.code, k->trouble.option, "%s", k->trouble.words);
        if (k->host->steady_ms(k->host) >= until || k->host->cancelled(k->host)) {
            kafka_words(k, RD_KAFKA_RESP_ERR__TIMED_OUT, k->said, &k->trouble);
            return sluice_fail(err, SLUICE_DISCONNECTED, "brokers", "%s", k->trouble.words);
        }
    }
    return code;
}
