/* kafka_drive: see kafka_drive.h. */
#include "kafka_drive.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define SOON_MS 15000

void kafka_drive_begin(struct kafka_drive *d)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    memset(d, 0, sizeof *d);
    strbuf_init(&d->seen, 8u << 20);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof why), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why),
                     RD_KAFKA_CONF_OK);
    d->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    ck_assert_msg(d->producer != NULL, "%s", why);
    d->cluster = rd_kafka_handle_mock_cluster(d->producer);
    ck_assert_ptr_nonnull(d->cluster);
    d->brokers = rd_kafka_mock_cluster_bootstraps(d->cluster);
}

void kafka_drive_end(struct kafka_drive *d)
{
    kafka_drive_close(d);
    rd_kafka_destroy(d->producer);
    strbuf_release(&d->seen);
}

void kafka_drive_topic(struct kafka_drive *d, const char *name, int partitions)
{
    ck_assert_int_eq(rd_kafka_mock_topic_create(d->cluster, name, partitions, 1), 0);
}

void kafka_drive_put(struct kafka_drive *d, const char *topic, int partition, const char *key,
                     const char *payload)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    size_t key_len = key == NULL ? 0 : strlen(key), len = payload == NULL ? 0 : strlen(payload);
    rd_kafka_resp_err_t code;

    (void)rd_kafka_header_add(headers, "trace", -1, "t1", 2);
    (void)rd_kafka_header_add(headers, "empty", -1, NULL, 0);
    code =
        rd_kafka_producev(d->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)payload, len),
                          RD_KAFKA_V_TIMESTAMP(1700000000123), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    ck_assert_int_eq(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(d->producer, SOON_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

void kafka_drive_put_numbers(struct kafka_drive *d, const char *topic, int partition, int from, int to)
{
    char text[16];
    int i;

    for (i = from; i <= to; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        ck_assert_int_eq(rd_kafka_producev(d->producer, RD_KAFKA_V_TOPIC(topic),
                                           RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_VALUE(text, strlen(text)), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ck_assert_int_eq(rd_kafka_flush(d->producer, SOON_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void lane_lost(void *context, uint32_t lane)
{
    struct plugin_host *h = context;

    ck_assert_uint_ge(lane, 1);
    ck_assert_uint_le(lane, h->n_lanes);
    h->lanes[lane - 1]->generation++;
}

/* The mock takes the session timeout for the time in which members may join again. */
void kafka_drive_open(struct kafka_drive *d, const char *topic, const char *yaml)
{
    char text[2048];

    kafka_drive_close(d);
    (void)snprintf(text, sizeof text, "brokers: [\"%s\"]\ntopic: %s\ngroup: g\nsession_timeout: 5s\n%s",
                   d->brokers, topic, yaml);
    d->host = plugin_host_open("source", "kafka", text);
    d->host->env.lane_lost = lane_lost;
    plugin_host_start(d->host);
}

void kafka_drive_close(struct kafka_drive *d)
{
    if (d->host != NULL)
        plugin_host_close(d->host);
    d->host = NULL;
}

uint32_t kafka_drive_once(struct kafka_drive *d, uint32_t ms)
{
    struct sluice_batch *b = &d->host->batch;
    uint32_t code;
    uint64_t i;

    plugin_host_clear(d->host);
    error_clear(&d->err);
    code = d->host->plugin->ops.source.poll(plugin_host_self(d->host), b, PLUGIN_HOST_BATCH, ms, &d->err);
    for (i = 0; i < b->n; i++) {
        const struct sluice_record *r = b->refs[i];

        ck_assert_uint_eq(r->next, r->position + 1);
        strbuf_printf(&d->seen, "%s@%llu:", r->lane->name, (unsigned long long)r->position);
        if (r->payload.data == NULL)
            strbuf_add(&d->seen, "<none>", 6);
        else
            strbuf_add(&d->seen, r->payload.data, r->payload.len);
        strbuf_putc(&d->seen, '|');
    }
    d->n_seen += b->n;
    return code;
}

uint32_t kafka_drive_poll(struct kafka_drive *d, uint64_t count)
{
    int64_t until = clock_steady_ms() + SOON_MS;
    uint32_t code;

    do
        code = kafka_drive_once(d, 50);
    while (code == SLUICE_OK && d->n_seen < count && clock_steady_ms() < until);
    if (code == SLUICE_OK)
        ck_assert_msg(d->n_seen >= count, "only %llu of %llu records came", (unsigned long long)d->n_seen,
                      (unsigned long long)count);
    return code;
}

uint32_t kafka_drive_lane(struct kafka_drive *d, const char *lane)
{
    uint32_t i;

    for (i = 0; i < d->host->n_lanes; i++)
        if (strcmp(d->host->lanes[i]->name, lane) == 0)
            return i + 1;
    return 0;
}

uint32_t kafka_drive_settle(struct kafka_drive *d, const char *lane, uint64_t next)
{
    struct sluice_ack ack = {.lane = kafka_drive_lane(d, lane), .next = next, .position = next - 1};
    struct sluice_acks acks = {1, sizeof ack, &ack};

    error_clear(&d->err);
    return d->host->plugin->ops.source.settle(plugin_host_self(d->host), &acks, &d->err);
}

static int64_t committed(struct kafka_drive *d, const char *topic, int partition)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_t *rk;
    char why[256];
    int64_t offset;

    (void)rd_kafka_conf_set(conf, "bootstrap.servers", d->brokers, why, sizeof why);
    (void)rd_kafka_conf_set(conf, "group.id", "g", why, sizeof why);
    (void)rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    ck_assert_msg(rk != NULL, "%s", why);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    ck_assert_int_eq(rd_kafka_committed(rk, list, SOON_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return offset;
}

int64_t kafka_drive_committed(struct kafka_drive *d, const char *topic, int partition, int64_t wanted)
{
    int64_t until = clock_steady_ms() + 10000, now;
    struct sluice_error err;

    while ((now = committed(d, topic, partition)) != wanted && clock_steady_ms() < until) {
        error_clear(&err);
        if (d->host != NULL && d->host->started)
            (void)d->host->plugin->ops.source.keepalive(plugin_host_self(d->host), &err);
    }
    return now;
}

const char *kafka_drive_seen(struct kafka_drive *d)
{
    static char *text;

    free(text);
    text = strdup(strbuf_text(&d->seen));
    ck_assert_ptr_nonnull(text);
    strbuf_clear(&d->seen);
    return text;
}
