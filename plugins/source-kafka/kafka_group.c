/* kafka_group: partitions that come and go, and where each of them begins.
 *
 * An assignment is only noted in the callback.  It begins in the next poll or keepalive:
 * the group's offsets are asked for, a partition without one begins where `start` says,
 * and each gets a lane; so librdkafka never chooses an offset by itself. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_source.h"

#define ASK_MS 1000    /* one question to the brokers about offsets */
#define AGAIN_MS 250   /* after one that failed */
#define REVOKE_MS 5000 /* the last commit before partitions go */
#define DIVERT_MS 10000
#define DIVERT_EACH_MS 50

static struct kafka_part *kafka_new_part(const char *topic, int32_t partition)
{
    struct kafka_part *p = calloc(1, sizeof *p);
    size_t len = strlen(topic) + 16;

    if (p == NULL)
        return NULL;
    p->topic = strdup(topic);
    p->label = malloc(len);
    if (p->topic == NULL || p->label == NULL) {
        free(p->topic);
        free(p->label);
        free(p);
        return NULL;
    }
    (void)snprintf(p->label, len, "%s/%" PRId32, topic, partition);
    p->partition = partition;
    p->sent = KAFKA_NONE;
    atomic_init(&p->committed, KAFKA_NONE);
    atomic_init(&p->end, KAFKA_NONE);
    return p;
}

static struct kafka_part *kafka_named_part(const struct kafka_source *k, const char *topic, int32_t partition)
{
    uint32_t i;

    for (i = 0; i < k->n_parts; i++)
        if (k->parts[i]->partition == partition && strcmp(k->parts[i]->topic, topic) == 0)
            return k->parts[i];
    return NULL;
}

/* The entry of a partition, made if needed; NULL: no memory. */
static struct kafka_part *kafka_take_part(struct kafka_source *k, const char *topic, int32_t partition)
{
    struct kafka_part *p = kafka_named_part(k, topic, partition), **grown;

    if (p != NULL || (p = kafka_new_part(topic, partition)) == NULL)
        return p;
    pthread_mutex_lock(&k->lock);
    grown = realloc(k->parts, (k->n_parts + 1) * sizeof *grown);
    if (grown != NULL) {
        k->parts = grown;
        k->parts[k->n_parts++] = p;
    }
    pthread_mutex_unlock(&k->lock);
    if (grown != NULL)
        return p;
    free(p->topic);
    free(p->label);
    free(p);
    return NULL;
}

void kafka_forget_parts(struct kafka_source *k)
{
    uint32_t i;

    for (i = 0; i < k->n_parts; i++) {
        free(k->parts[i]->topic);
        free(k->parts[i]->label);
        free(k->parts[i]);
    }
    free(k->parts);
    k->parts = NULL;
    k->n_parts = 0;
}

struct kafka_part *kafka_part_of(struct kafka_source *k, const rd_kafka_message_t *m)
{
    struct kafka_part *p = k->last_part;

    if (m->rkt == NULL)
        return NULL;
    if (p != NULL && p->rkt == m->rkt && p->partition == m->partition)
        return p;
    p = kafka_named_part(k, rd_kafka_topic_name(m->rkt), m->partition);
    if (p != NULL && p->lane != 0) {
        p->rkt = m->rkt;
        k->last_part = p;
    }
    return p;
}

/* A lane of its own for this ownership.  0; -1: no memory. */
static int kafka_own(struct kafka_source *k, struct kafka_part *p, int64_t next)
{
    char number[16];
    struct sluice_str attributes[4];

    (void)snprintf(number, sizeof number, "%" PRId32, p->partition);
    attributes[0] = sluice_str_of("topic");
    attributes[1] = sluice_str_of(p->topic);
    attributes[2] = sluice_str_of("partition");
    attributes[3] = sluice_str_of(number);
    p->lane = k->host->lane_open(k->host, p->label, attributes, 2);
    if (p->lane == 0)
        return -1;
    p->paused = p->reset = 0;
    p->taken = p->next = p->last = p->settled = p->passed = next;
    p->skip = 0;
    p->sent = KAFKA_NONE; /* so that the begin is committed: else a crash soon after `latest` skips */
    atomic_store(&p->told, next);
    atomic_store(&p->owned, 1);
    return 0;
}

static void kafka_lose(struct kafka_source *k, struct kafka_part *p)
{
    if (p->lane == 0)
        return;
    kafka_drop_taken(k, p);
    k->host->lane_lost(k->host, p->lane);
    p->lane = 0;
    k->n_reset -= p->reset;
    p->reset = 0;
    p->rkt = NULL;
    if (k->last_part == p)
        k->last_part = NULL;
    atomic_store(&p->owned, 0);
}

static void kafka_lose_all(struct kafka_source *k)
{
    uint32_t i;

    for (i = 0; i < k->n_parts; i++)
        kafka_lose(k, k->parts[i]);
    if (k->pending != NULL)
        rd_kafka_topic_partition_list_destroy(k->pending);
    k->pending = NULL;
}

void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                     void *opaque)
{
    struct kafka_source *k = opaque;

    k->host->metric_add(k->host, k->metric.rebalances, NULL, 1);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        kafka_lose_all(k);
        k->pending = rd_kafka_topic_partition_list_copy(list);
        k->pending_at = 0;
        k->pending_told = 0;
        sluice_log(k->host, SLUICE_INFO, "%d partitions assigned", list->cnt);
        return;
    }
    if (!rd_kafka_assignment_lost(rk) && kafka_commit_all(k, REVOKE_MS) != 0)
        sluice_log(k->host, SLUICE_WARN,
                   "partitions go, and their last offsets are not committed (%s): their new owner repeats "
                   "some messages",
                   k->commit_error);
    sluice_log(k->host, SLUICE_INFO, "%d partitions revoked%s", list->cnt,
               rd_kafka_assignment_lost(rk) ? " (lost: others have them already)" : "");
    kafka_lose_all(k);
    k->commit_under_way = 0;
    k->commit_error[0] = '\0';
    (void)rd_kafka_assign(rk, NULL);
}

/* The partition's messages come through `data`, not among the events. */
static void kafka_divert(struct kafka_source *k, const char *topic, int32_t partition)
{
    rd_kafka_queue_t *q = rd_kafka_queue_get_partition(k->rk, topic, partition);

    if (q == NULL)
        return;
    rd_kafka_queue_forward(q, k->data);
    rd_kafka_queue_destroy(q);
}

/* Lowest and highest offset of a partition.  0, or -1 with words. */
static int kafka_ends(struct kafka_source *k, const char *topic, int32_t partition, int64_t *low,
                      int64_t *high, char *why, size_t cap)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(k->rk, topic, partition, low, high, ASK_MS);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    (void)snprintf(why, cap, "%s/%" PRId32 ": %s", topic, partition, rd_kafka_err2str(code));
    return -1;
}

/* Says once that the brokers do not tell offsets, and asks again soon. */
static void kafka_ask_again(struct kafka_source *k, const char *why)
{
    k->pending_at = k->host->steady_ms(k->host) + AGAIN_MS;
    if (!k->pending_told)
        sluice_log(k->host, SLUICE_WARN, "the brokers do not tell where to begin yet: %s", why);
    k->pending_told = 1;
}

static void kafka_set_goal(struct kafka_source *k, const char *topic, int32_t partition, int64_t goal)
{
    struct kafka_part *p = kafka_take_part(k, topic, partition);

    if (p != NULL) /* else kafka_begin says that there is no memory */
        p->goal = goal;
}

int kafka_at_goal(struct kafka_source *k)
{
    uint32_t i;

    if (!k->begun || k->pending != NULL || k->n_held > k->delivered)
        return 0;
    for (i = 0; i < k->n_parts; i++) {
        const struct kafka_part *p = k->parts[i];

        if (p->lane != 0 && p->next < p->goal && p->passed < p->goal)
            return 0;
    }
    return 1;
}

/* Where each partition of the list begins, into its offset.  0, or -1: ask again. */
static int kafka_find_begin(struct kafka_source *k, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(k->rk, list, ASK_MS);
    int64_t low, high;
    char why[320];
    int i;

    for (i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
        code = list->elems[i].err;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_ask_again(k, rd_kafka_err2str(code));
        return -1;
    }
    for (i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *at = &list->elems[i];

        if (at->offset >= 0 && !k->until_end)
            continue;
        if (kafka_ends(k, at->topic, at->partition, &low, &high, why, sizeof why) != 0) {
            kafka_ask_again(k, why);
            return -1;
        }
        kafka_set_goal(k, at->topic, at->partition, high);
        if (at->offset >= 0)
            continue;
        at->offset = k->from_latest ? high : low;
        at->err = RD_KAFKA_RESP_ERR__NO_OFFSET; /* nothing was committed */
    }
    return 0;
}

/* Lanes and queues for the list, then librdkafka fetches.  0, or -1: again later. */
static int kafka_begin(struct kafka_source *k, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code;
    int i;

    for (i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *at = &list->elems[i];
        struct kafka_part *p = kafka_take_part(k, at->topic, at->partition);

        if (p == NULL || kafka_own(k, p, at->offset) != 0) {
            kafka_ask_again(k, "no memory");
            return -1;
        }
        if (at->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            p->sent = at->offset;
            atomic_store(&p->committed, at->offset);
        } else {
            atomic_store(&p->committed, KAFKA_NONE);
        }
        at->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        kafka_divert(k, at->topic, at->partition);
    }
    code = rd_kafka_assign(k->rk, list);
    k->divert_until = k->host->steady_ms(k->host) + DIVERT_MS;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    kafka_ask_again(k, rd_kafka_err2str(code));
    return -1;
}

static void kafka_begin_assigned(struct kafka_source *k)
{
    rd_kafka_topic_partition_list_t *list;

    if (k->pending == NULL || k->host->steady_ms(k->host) < k->pending_at)
        return;
    list = rd_kafka_topic_partition_list_copy(k->pending);
    if (kafka_find_begin(k, list) == 0 && kafka_begin(k, list) == 0) {
        rd_kafka_topic_partition_list_destroy(k->pending);
        k->pending = NULL;
        k->begun = 1;
        memset(&k->trouble, 0, sizeof k->trouble);
        kafka_commit_some(k);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* An offset that is not there: words for the stop, or the new offset in p->next.
 * OK | FATAL | RETRY: the brokers do not tell now. */
static uint32_t kafka_new_offset(struct kafka_source *k, struct kafka_part *p, struct sluice_error *err)
{
    int64_t low, high, next;
    char why[320];

    if (kafka_ends(k, p->topic, p->partition, &low, &high, why, sizeof why) != 0) {
        kafka_ask_again(k, why);
        return SLUICE_RETRY;
    }
    next = k->out_of_range == 2 ? high : low;
    if (k->out_of_range == 0)
        return sluice_fail(
            err, SLUICE_FATAL, "on_out_of_range",
            "%s: offset %" PRId64 " is not there any more; the brokers hold %" PRId64 " to %" PRId64
            " (%s); set on_out_of_range: earliest or latest to go on there, or set the group's offset",
            p->label, p->bad, low, high,
            p->bad < low ? "what was between is deleted: retention is shorter than the lag"
                         : "the topic was made again, or cut");
    sluice_log(k->host, SLUICE_WARN,
               "%s: offset %" PRId64 " is not there any more; going on at %" PRId64
               " (on_out_of_range), %" PRId64 " messages were never seen",
               p->label, p->bad, next, next > p->bad ? next - p->bad : 0);
    k->host->metric_add(k->host, k->metric.out_of_range, NULL, 1);
    if (next > p->bad)
        k->host->metric_add(k->host, k->metric.skipped, NULL, (uint64_t)(next - p->bad));
    kafka_lose(k, p); /* positions may go back: what is in flight is of another time */
    if (kafka_own(k, p, next) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for a lane");
    return SLUICE_OK;
}

/* What came before the hole must be done first: else the commit behind it would skip that. */
static int kafka_may_reset(struct kafka_source *k, const struct kafka_part *p)
{
    return p->reset && p->settled >= p->last && !kafka_has_taken(k, p);
}

/* librdkafka stopped fetching those; it starts anew with all, at what is to be delivered next. */
static uint32_t kafka_begin_reset(struct kafka_source *k, struct sluice_error *err)
{
    rd_kafka_topic_partition_list_t *list;
    uint32_t i, code = SLUICE_OK, found = 0;

    if (k->n_reset == 0 || k->host->steady_ms(k->host) < k->pending_at)
        return SLUICE_OK;
    for (i = 0; code == SLUICE_OK && i < k->n_parts; i++)
        if (kafka_may_reset(k, k->parts[i])) {
            code = kafka_new_offset(k, k->parts[i], err);
            found += code == SLUICE_OK;
        }
    if (code != SLUICE_OK)
        return code == SLUICE_RETRY ? SLUICE_OK : code;
    if (found == 0)
        return SLUICE_OK;
    kafka_drop_taken(k, NULL);
    list = rd_kafka_topic_partition_list_new((int)k->n_parts);
    for (i = 0; i < k->n_parts; i++) {
        struct kafka_part *p = k->parts[i];

        if (p->lane == 0)
            continue;
        rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset = p->next;
        p->paused = 0;
        p->taken = p->next;
    }
    (void)rd_kafka_assign(k->rk, list);
    k->divert_until = k->host->steady_ms(k->host) + DIVERT_MS;
    rd_kafka_topic_partition_list_destroy(list);
    kafka_commit_some(k);
    return SLUICE_OK;
}

/* librdkafka takes the diversion away when it stops fetching, which it does a while after it
 * was told; what came until the diversion is renewed is moved along then. */
static void kafka_divert_again(struct kafka_source *k)
{
    int64_t now = k->host->steady_ms(k->host);
    uint32_t i;

    if (now >= k->divert_until || now < k->divert_at)
        return;
    k->divert_at = now + DIVERT_EACH_MS;
    for (i = 0; i < k->n_parts; i++)
        if (k->parts[i]->lane != 0)
            kafka_divert(k, k->parts[i]->topic, k->parts[i]->partition);
}

uint32_t kafka_begin_pending(struct kafka_source *k, struct sluice_error *err)
{
    kafka_divert_again(k);
    kafka_begin_assigned(k);
    return kafka_begin_reset(k, err);
}

static void kafka_pause(struct kafka_source *k, struct kafka_part *p, int pause)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(list, p->topic, p->partition);
    code = pause ? rd_kafka_pause_partitions(k->rk, list) : rd_kafka_resume_partitions(k->rk, list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        p->paused = pause;
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_mind_windows(struct kafka_source *k)
{
    uint32_t i;
    int full;

    if (!SLUICE_HOST_HAS(k->host, lane_full))
        return;
    for (i = 0; i < k->n_parts; i++) {
        struct kafka_part *p = k->parts[i];

        if (p->lane == 0)
            continue;
        full = k->host->lane_full(k->host, p->lane) != 0;
        if (full != p->paused)
            kafka_pause(k, p, full);
    }
}
