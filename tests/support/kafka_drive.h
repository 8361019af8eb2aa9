/* kafka_drive: librdkafka's mock cluster, a producer for it, and source/kafka on it.
 *
 * What was delivered is kept as text: "topic/partition@offset:payload|". */
#ifndef SLUICE_TESTS_KAFKA_DRIVE_H
#define SLUICE_TESTS_KAFKA_DRIVE_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "plugin_host_private.h"
#include "strbuf.h"

struct kafka_drive {
    rd_kafka_t *producer; /* also the handle of the cluster */
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
    struct plugin_host *host;
    struct strbuf seen;
    uint64_t n_seen;
    struct sluice_error err;
};

void kafka_drive_begin(struct kafka_drive *d); /* one broker */
void kafka_drive_end(struct kafka_drive *d);
void kafka_drive_topic(struct kafka_drive *d, const char *name, int partitions);
/* One message; NULL: without payload, or key. */
void kafka_drive_put(struct kafka_drive *d, const char *topic, int partition, const char *key,
                     const char *payload);
/* Messages "0", "1" … of one partition. */
void kafka_drive_put_numbers(struct kafka_drive *d, const char *topic, int partition, int from, int to);
/* Creates and starts: group "g" and more options in YAML. */
void kafka_drive_open(struct kafka_drive *d, const char *topic, const char *yaml);
void kafka_drive_close(struct kafka_drive *d);
/* Polls until `count` records are seen in all, or the answer is not OK; nothing is settled.
 * The last answer; fails the test after 15 s. */
uint32_t kafka_drive_poll(struct kafka_drive *d, uint64_t count);
/* One poll of so many ms. */
uint32_t kafka_drive_once(struct kafka_drive *d, uint32_t ms);
/* Settles lane "topic/partition" up to `next`. */
uint32_t kafka_drive_settle(struct kafka_drive *d, const char *lane, uint64_t next);
uint32_t kafka_drive_lane(struct kafka_drive *d, const char *lane);
/* What the group has committed; polls meanwhile until it is `wanted`, for at most 10 s. */
int64_t kafka_drive_committed(struct kafka_drive *d, const char *topic, int partition, int64_t wanted);
const char *kafka_drive_seen(struct kafka_drive *d); /* and forgets it */

#endif
