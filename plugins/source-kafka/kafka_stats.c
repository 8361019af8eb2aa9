/* kafka_stats: position, end and lag of each partition, before each scrape.
 *
 * The end comes with every fetch; while nothing is fetched (down-stream is full) it is
 * asked for, so that the lag is true when it matters most. */
#include <stdlib.h>
#include <string.h>

#include "kafka_source.h"

#define STALE_MS 10000
#define ASK_MS 500

void kafka_register_metrics(struct kafka_source *k)
{
    const struct sluice_host *h = k->host;
    struct kafka_metrics *m = &k->metric;

    m->bytes = h->metric(h, SLUICE_COUNTER, "read_bytes_total", "Payload bytes delivered.", NULL);
    m->tombstones =
        h->metric(h, SLUICE_COUNTER, "tombstones_total", "Messages without a payload seen.", NULL);
    m->duplicates = h->metric(h, SLUICE_COUNTER, "duplicates_total",
                              "Messages that the library fetched again and that were passed over.", NULL);
    m->out_of_range = h->metric(h, SLUICE_COUNTER, "out_of_range_total",
                                "Times that an offset was not there any more.", NULL);
    m->skipped = h->metric(h, SLUICE_COUNTER, "skipped_offsets_total",
                           "Offsets never seen, since on_out_of_range went on behind them.", NULL);
    m->rebalances =
        h->metric(h, SLUICE_COUNTER, "rebalances_total", "Assignments and revocations of the group.", NULL);
    m->commits = h->metric(h, SLUICE_COUNTER, "commits_total", "Commits that the brokers accepted.", NULL);
    m->commit_failures = h->metric(h, SLUICE_COUNTER, "commit_failures_total",
                                   "Commits that failed and were sent again.", NULL);
    m->stale_acks = h->metric(h, SLUICE_COUNTER, "stale_acks_total",
                              "Acknowledgements of partitions that are not owned any more.", NULL);
    m->position = h->metric(h, SLUICE_GAUGE, "position_offset", "Next offset to deliver.", "partition");
    m->end = h->metric(h, SLUICE_GAUGE, "end_offset", "One past the newest offset.", "partition");
    m->lag = h->metric(h, SLUICE_GAUGE, "lag_messages",
                       "Offsets between the committed one and the end; 0 where the partition is not owned.",
                       "partition");
    m->assigned = h->metric(h, SLUICE_GAUGE, "assigned", "1 while the partition is owned.", "partition");
}

/* The freshest end that is known without asking. */
static int64_t kafka_known_end(struct kafka_source *k, struct kafka_part *p, int64_t now)
{
    int64_t low, high, known = atomic_load(&p->end);

    if (rd_kafka_get_watermark_offsets(k->rk, p->topic, p->partition, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high > known) {
        atomic_store(&p->end, high);
        p->end_at = now;
        known = high;
    }
    return known;
}

/* The ends of owned partitions that were not heard of for a while, in one question. */
static void kafka_ask_ends(struct kafka_source *k, struct kafka_part *const *parts, uint32_t n, int64_t now)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    uint32_t i;
    int j;

    if (now - k->stats_at < STALE_MS)
        return;
    k->stats_at = now;
    for (i = 0; i < n; i++) {
        if (!atomic_load(&parts[i]->owned) || now - parts[i]->end_at < STALE_MS)
            continue;
        if (list == NULL)
            list = rd_kafka_topic_partition_list_new(8);
        rd_kafka_topic_partition_list_add(list, parts[i]->topic, parts[i]->partition)->offset =
            RD_KAFKA_OFFSET_END;
    }
    if (list == NULL)
        return;
    if (rd_kafka_offsets_for_times(k->rk, list, ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (j = 0; j < list->cnt; j++)
            for (i = 0; i < n; i++)
                if (list->elems[j].err == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[j].offset >= 0 &&
                    parts[i]->partition == list->elems[j].partition &&
                    strcmp(parts[i]->topic, list->elems[j].topic) == 0) {
                    atomic_store(&parts[i]->end, list->elems[j].offset);
                    parts[i]->end_at = now;
                }
    rd_kafka_topic_partition_list_destroy(list);
}

static void kafka_publish(struct kafka_source *k, struct kafka_part *p, int64_t now)
{
    const struct sluice_host *h = k->host;
    int owned = atomic_load(&p->owned);
    int64_t told = atomic_load(&p->told), done = atomic_load(&p->committed);
    int64_t end = owned ? kafka_known_end(k, p, now) : 0;

    h->metric_set(h, k->metric.assigned, p->label, owned);
    h->metric_set(h, k->metric.position, p->label, owned ? (double)told : 0);
    h->metric_set(h, k->metric.end, p->label, end > 0 ? (double)end : 0);
    h->metric_set(h, k->metric.lag, p->label,
                  owned && end > (done < 0 ? told : done) ? (double)(end - (done < 0 ? told : done)) : 0);
}

void kafka_stats(void *self)
{
    struct kafka_source *k = self;
    int64_t now = k->host->steady_ms(k->host);
    struct kafka_part **parts;
    uint32_t n, i;

    pthread_mutex_lock(&k->stats_lock); /* stop waits for it before rk goes */
    pthread_mutex_lock(&k->lock);
    n = k->n_parts;
    parts = k->rk == NULL || n == 0 ? NULL : malloc(n * sizeof(struct kafka_part *));
    if (parts != NULL)
        memcpy(parts, k->parts, n * sizeof(struct kafka_part *));
    pthread_mutex_unlock(&k->lock);
    for (i = 0; parts != NULL && i < n; i++)
        (void)kafka_known_end(k, parts[i], now);
    if (parts != NULL)
        kafka_ask_ends(k, parts, n, now);
    for (i = 0; parts != NULL && i < n; i++)
        kafka_publish(k, parts[i], now);
    free(parts);
    pthread_mutex_unlock(&k->stats_lock);
}
