/*
 * What the tests ask of Kafka besides producing and consuming, without a JVM: topics with a number
 * of partitions, their ends, a group's committed offsets, records deleted from the front.
 *
 * It is the tests' own view of offsets, so it shares no code with the plugins; nothing is
 * installed.  Exit code 0 only if everything that was asked succeeded.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 15000

static const char *usage =
    "usage: kafka_admin BROKERS create TOPIC PARTITIONS [CONFIG=VALUE...]\n"
    "       kafka_admin BROKERS delete TOPIC\n"
    "       kafka_admin BROKERS trim TOPIC PARTITION OFFSET     deletes the records before OFFSET\n"
    "       kafka_admin BROKERS ends TOPIC                      PARTITION BEGIN END, a line each\n"
    "       kafka_admin BROKERS lag GROUP TOPIC                 PARTITION COMMITTED END LAG, a line each\n";

static int failed(const char *what, const char *why)
{
    fprintf(stderr, "kafka_admin: %s: %s\n", what, why);
    return 1;
}

static rd_kafka_t *admin_open(const char *brokers, const char *group)
{
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, error, sizeof error) != RD_KAFKA_CONF_OK ||
        (group != NULL &&
         rd_kafka_conf_set(conf, "group.id", group, error, sizeof error) != RD_KAFKA_CONF_OK) ||
        rd_kafka_conf_set(conf, "log_level", "2", error, sizeof error) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        failed("config", error);
        return NULL;
    }
    rd_kafka_t *kafka =
        rd_kafka_new(group != NULL ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (kafka == NULL) {
        rd_kafka_conf_destroy(conf);
        failed("librdkafka", error);
    }
    return kafka;
}

/* Waits for the one answer of an admin request; 0, or 1 after saying what went wrong. */
static int admin_result(rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS + 1000);
    if (event == NULL) {
        return failed(what, "no answer");
    }
    int result = 0;
    size_t n = 0;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        result = failed(what, rd_kafka_event_error_string(event));
    } else if (rd_kafka_event_CreateTopics_result(event) != NULL ||
               rd_kafka_event_DeleteTopics_result(event) != NULL) {
        const rd_kafka_topic_result_t **topics =
            rd_kafka_event_CreateTopics_result(event) != NULL
                ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n)
                : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
        for (size_t i = 0; i < n; i++) {
            if (rd_kafka_topic_result_error(topics[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
                result = failed(what, rd_kafka_err2str(rd_kafka_topic_result_error(topics[i])));
            }
        }
    } else if (rd_kafka_event_DeleteRecords_result(event) != NULL) {
        const rd_kafka_topic_partition_list_t *list =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        for (int i = 0; i < list->cnt; i++) {
            if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                result = failed(what, rd_kafka_err2str(list->elems[i].err));
            }
        }
    }
    rd_kafka_event_destroy(event);
    return result;
}

/* The partitions of a topic that can be written to, or -1 while one of them has no leader. */
static int partitions_of(rd_kafka_t *kafka, const char *topic)
{
    const struct rd_kafka_metadata *data = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
    int count = -1;
    if (handle == NULL) {
        return -1;
    }
    if (rd_kafka_metadata(kafka, 0, handle, &data, TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (data->topic_cnt == 1 && data->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            count = data->topics[0].partition_cnt;
            for (int i = 0; i < data->topics[0].partition_cnt; i++) {
                if (data->topics[0].partitions[i].err != RD_KAFKA_RESP_ERR_NO_ERROR ||
                    data->topics[0].partitions[i].leader < 0) {
                    count = -1;
                }
            }
        }
        rd_kafka_metadata_destroy(data);
    }
    rd_kafka_topic_destroy(handle);
    return count;
}

static int create(rd_kafka_t *kafka, rd_kafka_queue_t *queue, int argc, char **argv)
{
    char error[256];
    int partitions = (int)strtol(argv[1], NULL, 10);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(argv[0], partitions, 1, error, sizeof error);
    if (topic == NULL) {
        return failed(argv[0], error);
    }
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL) {
            rd_kafka_NewTopic_destroy(topic);
            return failed(argv[i], "must be CONFIG=VALUE");
        }
        *value = '\0';
        rd_kafka_NewTopic_set_config(topic, argv[i], value + 1);
    }
    rd_kafka_CreateTopics(kafka, &topic, 1, NULL, queue);
    int result = admin_result(queue, argv[0]);
    rd_kafka_NewTopic_destroy(topic);
    for (int tries = 0; result == 0 && partitions_of(kafka, argv[0]) != partitions; tries++) {
        if (tries == 200) {
            return failed(argv[0], "has no leaders");
        }
        rd_kafka_poll(kafka, 50);
    }
    return result;
}

static int delete_topic(rd_kafka_t *kafka, rd_kafka_queue_t *queue, const char *name)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_DeleteTopics(kafka, &topic, 1, NULL, queue);
    int result = admin_result(queue, name);
    rd_kafka_DeleteTopic_destroy(topic);
    return result;
}

static int trim(rd_kafka_t *kafka, rd_kafka_queue_t *queue, char **argv)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[0], (int32_t)strtol(argv[1], NULL, 10))->offset =
        strtoll(argv[2], NULL, 10);
    rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(kafka, &records, 1, NULL, queue);
    int result = admin_result(queue, argv[0]);
    rd_kafka_DeleteRecords_destroy(records);
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

/* A topic that was just made may have a leader that does not know it yet: asked again for a while. */
static rd_kafka_resp_err_t watermarks(rd_kafka_t *kafka, const char *topic, int32_t partition, int64_t *low,
                                      int64_t *high)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int tries = 0; tries < 100; tries++) {
        err = rd_kafka_query_watermark_offsets(kafka, topic, partition, low, high, TIMEOUT_MS);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
            break;
        }
        rd_kafka_poll(kafka, 50);
    }
    return err;
}

static int ends(rd_kafka_t *kafka, const char *topic)
{
    int partitions = partitions_of(kafka, topic);
    if (partitions < 0) {
        return failed(topic, "no such topic, or a partition without leader");
    }
    for (int32_t p = 0; p < partitions; p++) {
        int64_t low, high;
        rd_kafka_resp_err_t err = watermarks(kafka, topic, p, &low, &high);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return failed(topic, rd_kafka_err2str(err));
        }
        printf("%" PRId32 " %" PRId64 " %" PRId64 "\n", p, low, high);
    }
    return 0;
}

static int lag(rd_kafka_t *kafka, const char *topic)
{
    int partitions = partitions_of(kafka, topic);
    if (partitions < 0) {
        return failed(topic, "no such topic, or a partition without leader");
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, partitions - 1);
    rd_kafka_resp_err_t err = rd_kafka_committed(kafka, list, TIMEOUT_MS);
    for (int i = 0; err == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        int64_t low, high, at = list->elems[i].offset;
        err =
            rd_kafka_query_watermark_offsets(kafka, topic, list->elems[i].partition, &low, &high, TIMEOUT_MS);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            printf("%" PRId32 " %" PRId64 " %" PRId64 " %" PRId64 "\n", list->elems[i].partition,
                   at < 0 ? -1 : at, high, high - (at < 0 ? low : at));
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : failed(topic, rd_kafka_err2str(err));
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs(usage, stderr);
        return 2;
    }
    const char *verb = argv[2];
    bool is_lag = strcmp(verb, "lag") == 0;
    rd_kafka_t *kafka = admin_open(argv[1], is_lag ? argv[3] : NULL);
    if (kafka == NULL) {
        return 1;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    int result = 2;
    if (strcmp(verb, "create") == 0 && argc >= 5) {
        result = create(kafka, queue, argc - 3, argv + 3);
    } else if (strcmp(verb, "delete") == 0 && argc == 4) {
        result = delete_topic(kafka, queue, argv[3]);
    } else if (strcmp(verb, "trim") == 0 && argc == 6) {
        result = trim(kafka, queue, argv + 3);
    } else if (strcmp(verb, "ends") == 0 && argc == 4) {
        result = ends(kafka, argv[3]);
    } else if (is_lag && argc == 5) {
        result = lag(kafka, argv[4]);
    } else {
        fputs(usage, stderr);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
    return fflush(stdout) == 0 ? result : 1;
}
