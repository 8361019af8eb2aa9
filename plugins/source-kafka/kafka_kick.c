/* kafka_kick: wakes librdkafka's broker threads once a full queue was emptied.
 *
 * A broker thread of librdkafka 2.0 that finds the queue full sleeps for up to a second, and
 * nobody tells it that there is room: at full rate the queue would stand empty most of the
 * time.  Any request to that broker wakes it, so the ends of the partitions are asked for, in
 * a thread of its own, since the answer takes a round trip. */
#include <string.h>

#include "kafka_source.h"

#define ANSWER_MS 500

static void *kafka_kick_main(void *context)
{
    struct kafka_source *k = context;
    struct kafka_kick *kick = &k->kick;
    rd_kafka_topic_partition_list_t *list;

    pthread_mutex_lock(&kick->lock);
    for (;;) {
        while (kick->list == NULL && !kick->stop)
            pthread_cond_wait(&kick->wake, &kick->lock);
        if (kick->stop)
            break;
        list = kick->list;
        kick->list = NULL;
        pthread_mutex_unlock(&kick->lock);
        (void)rd_kafka_offsets_for_times(k->rk, list, ANSWER_MS);
        rd_kafka_topic_partition_list_destroy(list);
        pthread_mutex_lock(&kick->lock);
    }
    pthread_mutex_unlock(&kick->lock);
    return NULL;
}

uint32_t kafka_kick_start(struct kafka_source *k, struct sluice_error *err)
{
    int code;

    k->kick.stop = 0;
    k->kick.since = 0;
    k->kick.list = NULL;
    code = pthread_create(&k->kick.thread, NULL, kafka_kick_main, k);
    if (code != 0)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no thread: %s", strerror(code));
    k->kick.running = 1;
    return SLUICE_OK;
}

void kafka_kick_stop(struct kafka_source *k)
{
    if (!k->kick.running)
        return;
    pthread_mutex_lock(&k->kick.lock);
    k->kick.stop = 1;
    pthread_cond_signal(&k->kick.wake);
    pthread_mutex_unlock(&k->kick.lock);
    (void)pthread_join(k->kick.thread, NULL);
    k->kick.running = 0;
    if (k->kick.list != NULL)
        rd_kafka_topic_partition_list_destroy(k->kick.list);
    k->kick.list = NULL;
}

static void kafka_kick_now(struct kafka_source *k)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    uint32_t i;

    for (i = 0; i < k->n_parts; i++)
        if (k->parts[i]->lane != 0 && !k->parts[i]->paused)
            rd_kafka_topic_partition_list_add(list, k->parts[i]->topic, k->parts[i]->partition)->offset =
                RD_KAFKA_OFFSET_END;
    pthread_mutex_lock(&k->kick.lock);
    if (k->kick.list == NULL && list->cnt > 0) {
        k->kick.list = list;
        list = NULL;
        pthread_cond_signal(&k->kick.wake);
    }
    pthread_mutex_unlock(&k->kick.lock);
    if (list != NULL)
        rd_kafka_topic_partition_list_destroy(list);
}

/* A thread that sleeps found at least `limit` bytes, all of which are taken since: so half of
 * that, with little left, is when to wake it. */
void kafka_kick_mind(struct kafka_source *k, uint64_t messages, uint64_t bytes)
{
    struct kafka_kick *kick = &k->kick;

    if (messages > 0)
        kick->size = bytes / messages + 1;
    kick->since += bytes;
    if (kick->since < kick->limit / 2 || rd_kafka_queue_length(k->data) * kick->size >= kick->limit / 4)
        return;
    kick->since = 0;
    kafka_kick_now(k);
}
