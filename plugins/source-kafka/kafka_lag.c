/* kafka_lag: how far the group is behind. */
#include <inttypes.h>
#include <string.h>

#include "kafka_source.h"

/* Every partition of the topics. */
static uint32_t kafka_list_parts(struct kafka_reader *r, rd_kafka_topic_partition_list_t *list,
                                 struct sluice_error *err)
{
    const struct sluice_host *h = r->source->host;
    uint64_t n = h->option_count(r->source->config, "topic"), i;
    const struct rd_kafka_metadata *found;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int j, p;

    if (kafka_reader_metadata(r, &found, err) != SLUICE_OK)
        return err->code;
    for (i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < n; i++) {
        const char *name = h->option_item(r->source->config, "topic", i);

        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        for (j = 0; j < found->topic_cnt; j++) {
            if (strcmp(found->topics[j].topic, name) != 0)
                continue;
            code = found->topics[j].err;
            for (p = 0; p < found->topics[j].partition_cnt; p++)
                rd_kafka_topic_partition_list_add(list, name, found->topics[j].partitions[p].id);
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            (void)kafka_reader_failed(r, code, name, err);
    }
    rd_kafka_metadata_destroy(found);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? SLUICE_OK : err->code;
}

static uint32_t kafka_state_of(const char *state)
{
    static const struct {
        const char *name;
        uint32_t state;
    } states[] = {{"Stable", SLUICE_GROUP_ACTIVE},
                  {"PreparingRebalance", SLUICE_GROUP_MOVING},
                  {"CompletingRebalance", SLUICE_GROUP_MOVING},
                  {"Empty", SLUICE_GROUP_EMPTY},
                  {"Dead", SLUICE_GROUP_ABSENT}};
    size_t i;

    for (i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++)
        if (strcmp(states[i].name, state) == 0)
            return states[i].state;
    return SLUICE_GROUP_UNKNOWN;
}

/* Brokers that do not tell leave it unknown.  Not by the admin call DescribeConsumerGroups:
 * librdkafka 2.0.2 aborts in it when a broker does not know the request. */
static void kafka_ask_group(struct kafka_reader *r, struct sluice_lag_group *group)
{
    const char *name = r->source->host->option_string(r->source->config, "group");
    const struct rd_kafka_group_list *list = NULL;
    int timeout = kafka_reader_left(r) / 2;

    if (rd_kafka_list_groups(r->rk, name, &list, timeout) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (list->group_cnt == 0) {
        group->state = SLUICE_GROUP_ABSENT;
    } else if (list->groups[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        group->state = kafka_state_of(list->groups[0].state);
        group->members = (uint64_t)list->groups[0].member_cnt;
    }
    rd_kafka_group_list_destroy(list);
}

static uint32_t kafka_show_parts(struct kafka_reader *r, rd_kafka_topic_partition_list_t *list,
                                 const struct sluice_lag_visitor *visitor, struct sluice_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(r->rk, list, kafka_reader_left(r));
    int64_t low, high;
    int i;

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_reader_failed(r, code, "the group's offsets", err);
    for (i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct sluice_lag_partition p = {.struct_size = sizeof p};

        code = at->err != RD_KAFKA_RESP_ERR_NO_ERROR
                   ? at->err
                   : rd_kafka_query_watermark_offsets(r->rk, at->topic, at->partition, &low, &high,
                                                      kafka_reader_left(r));
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_reader_failed(r, code, at->topic, err);
        p.partition = (uint32_t)at->partition;
        p.topic = sluice_str_of(at->topic);
        p.committed = at->offset >= 0 ? at->offset : SLUICE_LAG_NONE;
        p.begin = low;
        p.end = high;
        visitor->partition(visitor->context, &p);
    }
    return SLUICE_OK;
}

static uint32_t kafka_lag_read(void *reader, const struct sluice_lag_visitor *visitor, uint32_t timeout_ms,
                               struct sluice_error *err)
{
    struct kafka_reader *r = reader;
    const struct sluice_host *h = r->source->host;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    struct sluice_lag_group group = {.struct_size = sizeof group};
    uint32_t code;

    kafka_reader_ask(r, timeout_ms);
    code = kafka_list_parts(r, list, err);
    if (code == SLUICE_OK) {
        group.name = sluice_str_of(h->option_string(r->source->config, "group"));
        kafka_ask_group(r, &group);
        visitor->group(visitor->context, &group);
        code = kafka_show_parts(r, list, visitor, err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static uint32_t kafka_lag_open(void *self, void **reader, struct sluice_error *err)
{
    struct kafka_reader *r;
    uint32_t code = kafka_reader_open(self, &r, err);

    if (code == SLUICE_OK)
        *reader = r;
    return code;
}

static void kafka_lag_close(void *reader)
{
    kafka_reader_close(reader);
}

const struct sluice_lag kafka_lag = {
    .struct_size = sizeof kafka_lag,
    .open = kafka_lag_open,
    .read = kafka_lag_read,
    .close = kafka_lag_close,
};
