/* kafka_commit: what is done, told to the brokers.
 *
 * settle only moves forward what may be committed; one commit is under way at a time, and
 * a failed one is sent again with what is done by then. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_source.h"

#define COMMIT_AGAIN_MS 500 /* after a failure */
#define COMMIT_EACH_MS 100  /* else */

/* What may be committed: all before it is done.  Once every record that was delivered is
 * done, what follows up to the end that was seen counts too, so that the lag comes to zero
 * behind a tombstone that is skipped or the mark of a transaction. */
static int64_t kafka_done(struct kafka_source *k, const struct kafka_part *p)
{
    int64_t done = p->settled;

    if (p->settled < p->last || p->reset || (p->next <= done && p->passed <= done) || kafka_has_taken(k, p))
        return done;
    return p->passed > p->next ? p->passed : p->next;
}

static rd_kafka_topic_partition_list_t *kafka_unsent(struct kafka_source *k)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    uint32_t i;

    for (i = 0; i < k->n_parts; i++) {
        struct kafka_part *p = k->parts[i];
        int64_t done;

        if (p->lane == 0 || (done = kafka_done(k, p)) == p->sent)
            continue;
        if (list == NULL)
            list = rd_kafka_topic_partition_list_new(8);
        rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset = done;
    }
    if (list != NULL)
        (void)rd_kafka_offsets_store(k->rk, list); /* refused for what is not ours any more */
    return list;
}

static struct kafka_part *kafka_part_at(const struct kafka_source *k, const rd_kafka_topic_partition_t *at)
{
    uint32_t i;

    for (i = 0; i < k->n_parts; i++)
        if (k->parts[i]->partition == at->partition && strcmp(k->parts[i]->topic, at->topic) == 0)
            return k->parts[i];
    return NULL;
}

/* The group is being shared out anew: the commit comes after that, or not at all. */
static int kafka_is_moving(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

static void kafka_commit_failed(struct kafka_source *k, rd_kafka_resp_err_t code)
{
    k->commit_at = k->host->steady_ms(k->host) + COMMIT_AGAIN_MS;
    k->host->metric_add(k->host, k->metric.commit_failures, NULL, 1);
    if (!kafka_is_moving(code))
        (void)snprintf(k->commit_error, sizeof k->commit_error,
                       "offsets are not committed: %s; nothing is lost, but a restart repeats what is not",
                       rd_kafka_err2str(code));
}

/* What became of a commit of ours, one partition after the other. */
static void kafka_take_result(struct kafka_source *k, rd_kafka_resp_err_t code,
                              const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t worst = code;
    int i;

    for (i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct kafka_part *p = kafka_part_at(k, at);
        rd_kafka_resp_err_t own = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : at->err;

        if (own != RD_KAFKA_RESP_ERR_NO_ERROR)
            worst = own;
        if (p == NULL || at->offset < 0)
            continue;
        if (own == RD_KAFKA_RESP_ERR_NO_ERROR) {
            atomic_store(&p->committed, at->offset);
            if (p->lane != 0)
                p->sent = at->offset;
        }
    }
    if (worst != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_commit_failed(k, worst);
    } else {
        k->commit_error[0] = '\0';
        k->host->metric_add(k->host, k->metric.commits, NULL, 1);
    }
}

void kafka_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                     void *opaque)
{
    struct kafka_source *k = opaque;

    (void)rk;
    if (!k->commit_under_way)
        return; /* of an ownership that is over */
    k->commit_under_way = 0;
    kafka_take_result(k, code, list);
}

void kafka_commit_some(struct kafka_source *k)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;

    if (k->commit_under_way || k->host->steady_ms(k->host) < k->commit_at)
        return;
    list = kafka_unsent(k);
    if (list == NULL)
        return;
    code = rd_kafka_commit(k->rk, list, 1);
    k->commit_at = k->host->steady_ms(k->host) + COMMIT_EACH_MS;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        k->commit_under_way = 1;
    else
        kafka_commit_failed(k, code);
    rd_kafka_topic_partition_list_destroy(list);
}

struct kafka_waiting {
    struct kafka_source *source;
    int done;
};

static void kafka_waited(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct kafka_waiting *w = opaque;

    (void)rk;
    w->done = 1;
    kafka_take_result(w->source, code, list);
}

int kafka_commit_all(struct kafka_source *k, int ms)
{
    rd_kafka_topic_partition_list_t *list = kafka_unsent(k);
    struct kafka_waiting *w;
    rd_kafka_queue_t *queue;
    int64_t until = k->host->steady_ms(k->host) + ms, left;
    int done;

    if (list == NULL)
        return 0;
    (void)snprintf(k->commit_error, sizeof k->commit_error, "offsets are not committed: no answer in %d ms",
                   ms);
    w = calloc(1, sizeof *w);
    queue = rd_kafka_queue_new(k->rk);
    if (w == NULL || queue == NULL) {
        rd_kafka_topic_partition_list_destroy(list);
        free(w);
        if (queue != NULL)
            rd_kafka_queue_destroy(queue);
        return -1;
    }
    w->source = k;
    if (rd_kafka_commit_queue(k->rk, list, queue, kafka_waited, w) == RD_KAFKA_RESP_ERR_NO_ERROR)
        while (!w->done && (left = until - k->host->steady_ms(k->host)) > 0)
            (void)rd_kafka_queue_poll_callback(queue, left < 100 ? (int)left : 100);
    done = w->done;
    rd_kafka_queue_destroy(queue); /* nobody calls kafka_waited after this */
    free(w);
    rd_kafka_topic_partition_list_destroy(list);
    return done && k->commit_error[0] == '\0' ? 0 : -1;
}

static struct kafka_part *kafka_lane_part(const struct kafka_source *k, uint32_t lane)
{
    uint32_t i;

    for (i = 0; lane != 0 && i < k->n_parts; i++)
        if (k->parts[i]->lane == lane)
            return k->parts[i];
    return NULL;
}

uint32_t kafka_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    struct kafka_source *k = self;
    uint32_t i;

    for (i = 0; i < acks->n; i++) {
        const struct sluice_ack *ack = (const void *)((const char *)acks->items + (size_t)i * acks->stride);
        struct kafka_part *p = kafka_lane_part(k, ack->lane);
        int64_t next = (int64_t)ack->next;

        if (p == NULL || next > p->last) /* of an ownership that is over */
            k->host->metric_add(k->host, k->metric.stale_acks, NULL, 1);
        else if (next > p->settled)
            p->settled = next;
    }
    kafka_commit_some(k);
    if (k->commit_error[0] == '\0')
        return SLUICE_OK;
    return sluice_fail(err, SLUICE_RETRY, NULL, "%s", k->commit_error);
}
