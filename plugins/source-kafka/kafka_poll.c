/* kafka_poll: messages to records, without a copy: the bytes are librdkafka's, and are
 * given back to it at the next poll. */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kafka_source.h"

void kafka_drop_taken(struct kafka_source *k, const struct kafka_part *part)
{
    uint32_t i, n = k->delivered;

    for (i = k->delivered; i < k->n_held; i++) {
        if (part == NULL || kafka_part_of(k, k->held[i]) == part)
            rd_kafka_message_destroy(k->held[i]);
        else
            k->held[n++] = k->held[i];
    }
    k->n_held = n;
}

int kafka_has_taken(struct kafka_source *k, const struct kafka_part *part)
{
    uint32_t i;

    for (i = k->delivered; i < k->n_held; i++)
        if (kafka_part_of(k, k->held[i]) == part)
            return 1;
    return 0;
}

static void kafka_release(struct kafka_source *k)
{
    uint32_t i;

    for (i = 0; i < k->delivered; i++)
        rd_kafka_message_destroy(k->held[i]);
    k->n_held -= k->delivered;
    memmove(k->held, k->held + k->delivered, k->n_held * sizeof k->held[0]);
    k->delivered = 0;
    k->n_headers = 0;
}

void kafka_drop_all(struct kafka_source *k)
{
    kafka_release(k);
    kafka_drop_taken(k, NULL);
}

/* An event in place of a message, of one partition or of the group. */
static void kafka_event(struct kafka_source *k, const rd_kafka_message_t *m)
{
    struct kafka_part *p = kafka_part_of(k, m);

    if (p != NULL && p->lane == 0)
        return;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (p != NULL) {
            p->passed = m->offset;
            atomic_store(&p->end, m->offset);
        }
    } else if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        if (p != NULL && !p->reset) {
            p->reset = 1;
            p->bad = m->offset >= 0 ? m->offset : p->next;
            k->n_reset++;
            k->pending_at = 0;
        }
    } else {
        kafka_note_trouble(k, m->err, rd_kafka_message_errstr(m));
    }
}

void kafka_hold(struct kafka_source *k, rd_kafka_message_t *m)
{
    struct kafka_part *p;

    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_event(k, m);
        rd_kafka_message_destroy(m);
        return;
    }
    p = kafka_part_of(k, m);
    if (p == NULL || p->lane == 0 || m->offset < p->taken) {
        if (p != NULL && p->lane != 0)
            k->host->metric_add(k->host, k->metric.duplicates, NULL, 1);
        rd_kafka_message_destroy(m);
        return;
    }
    p->taken = m->offset + 1;
    k->held[k->n_held++] = m;
}

/* More messages behind those that wait; at most max in all. */
static void kafka_take(struct kafka_source *k, uint64_t max)
{
    uint32_t i, n = k->n_held;
    ssize_t got;

    if (max > KAFKA_BATCH)
        max = KAFKA_BATCH;
    if (n >= max)
        return;
    got = rd_kafka_consume_batch_queue(k->data, 0, k->scratch, (size_t)max - n);
    for (i = 0; got > 0 && i < (uint32_t)got; i++)
        kafka_hold(k, k->scratch[i]);
}

/* Name and value of each header; 0, or -1: no memory. */
static int kafka_headers(struct kafka_source *k, const rd_kafka_message_t *m, struct sluice_item *item)
{
    rd_kafka_headers_t *headers;
    size_t n, i, cap = k->cap_headers;
    struct sluice_str *grown;

    item->headers = NULL;
    item->n_headers = 0;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    n = rd_kafka_header_cnt(headers);
    if (n == 0)
        return 0;
    if (k->n_headers + 2 * n > cap) {
        if (k->n_headers > 0) /* the items before point into it: the rest comes with the next poll */
            return -1;
        while (cap < 2 * n)
            cap = cap == 0 ? 1024 : cap * 2;
        if (cap > KAFKA_HEADERS_MAX || (grown = realloc(k->headers, cap * sizeof *grown)) == NULL)
            return -1;
        k->headers = grown;
        k->cap_headers = cap;
    }
    item->headers = k->headers + k->n_headers;
    for (i = 0; i < n; i++) {
        const char *name;
        const void *value;
        size_t len;

        if (rd_kafka_header_get_all(headers, i, &name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        k->headers[k->n_headers++] = sluice_str_of(name);
        k->headers[k->n_headers++] = (struct sluice_str){value, value == NULL ? 0 : len};
    }
    item->n_headers = i;
    return 0;
}

static int kafka_item(struct kafka_source *k, const rd_kafka_message_t *m, const struct kafka_part *p,
                      struct sluice_item *item)
{
    rd_kafka_timestamp_type_t type;
    int64_t at = rd_kafka_message_timestamp(m, &type);

    if (kafka_headers(k, m, item) != 0)
        return -1;
    item->lane = p->lane;
    item->data = m->payload;
    item->len = item->size = m->payload == NULL ? 0 : m->len;
    item->position = (uint64_t)m->offset;
    item->next = item->ordinal = (uint64_t)m->offset + 1;
    item->time_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || at < 0 ? 0 : at;
    item->key = (struct sluice_str){m->key, m->key == NULL ? 0 : m->key_len};
    return 0;
}

/* 1: not a record: lost meanwhile, or a tombstone that is to be skipped. */
static int kafka_passes_over(struct kafka_source *k, const rd_kafka_message_t *m, struct kafka_part *p)
{
    if (p == NULL || p->lane == 0)
        return 1;
    if (m->payload == NULL) {
        k->host->metric_add(k->host, k->metric.tombstones, NULL, 1);
        return k->skip_tombstones;
    }
    return 0;
}

/* Items of what is held, as many as may go now; the others wait behind them.  Fills
 * `scratch` with the messages of the items. */
static uint32_t kafka_sort(struct kafka_source *k, uint64_t max)
{
    uint32_t i, n = 0, kept = 0;
    int stop = 0;

    for (i = 0; i < k->n_held; i++) {
        rd_kafka_message_t *m = k->held[i];
        struct kafka_part *p = kafka_part_of(k, m);

        if (p != NULL && p->lane != 0 && (stop || p->paused || n == max)) {
            k->held[kept++] = m;
        } else if (kafka_passes_over(k, m, p)) {
            if (p != NULL && p->lane != 0)
                p->skip = m->offset + 1;
            rd_kafka_message_destroy(m);
        } else if (kafka_item(k, m, p, &k->items[n]) != 0) {
            k->held[kept++] = m;
            stop = 1; /* nothing may pass it */
        } else {
            k->scratch[n++] = m;
        }
    }
    memmove(k->held + n, k->held, kept * sizeof k->held[0]);
    memcpy(k->held, k->scratch, n * sizeof k->held[0]);
    k->n_held = n + kept;
    return n;
}

static void kafka_deliver(struct kafka_source *k, struct sluice_batch *batch, uint64_t max)
{
    uint32_t n, i;
    uint64_t took, bytes = 0;

    if (k->n_held == 0)
        return;
    n = kafka_sort(k, max);
    took = n == 0 ? 0 : k->host->batch_add(batch, k->items, n, sizeof k->items[0]);
    for (i = 0; i < took; i++) {
        struct kafka_part *p = kafka_part_of(k, k->held[i]);

        p->next = p->last = k->held[i]->offset + 1;
        bytes += k->held[i]->len;
    }
    for (i = 0; i < k->n_parts; i++) {
        struct kafka_part *p = k->parts[i];

        if (took == n && p->skip > p->next) /* else records before the tombstone wait still */
            p->next = p->skip;
        p->skip = 0;
        atomic_store_explicit(&p->told, p->next, memory_order_relaxed);
    }
    k->delivered = (uint32_t)took;
    k->host->metric_add(k->host, k->metric.bytes, NULL, bytes);
    kafka_kick_mind(k, took, bytes);
}

/* Until something is in a queue; what is there already was looked for after the clearing. */
static void kafka_wait(struct kafka_source *k, uint32_t ms)
{
    struct pollfd fd = {.fd = k->wake, .events = POLLIN};

    (void)poll(&fd, 1, ms > 60000 ? 60000 : (int)ms);
}

static void kafka_clear_wake(struct kafka_source *k)
{
    uint64_t n;

    if (read(k->wake, &n, sizeof n) < 0)
        return; /* nothing was there */
}

/* What poll and keepalive do alike.  OK | DISCONNECTED | FATAL. */
static uint32_t kafka_tend(struct kafka_source *k, struct sluice_error *err)
{
    uint32_t code;

    kafka_serve(k);
    code = kafka_begin_pending(k, err);
    if (code != SLUICE_OK)
        return code;
    kafka_commit_some(k);
    if (k->trouble.code == SLUICE_FATAL)
        return sluice_fail(err, SLUICE_FATAL, k->trouble.option[0] == '\0' ? NULL : k->trouble.option, "%s",
                           k->trouble.words);
    return SLUICE_OK;
}

uint32_t kafka_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                    struct sluice_error *err)
{
    struct kafka_source *k = self;
    uint32_t code;

    kafka_release(k);
    kafka_clear_wake(k);
    code = kafka_tend(k, err);
    if (code != SLUICE_OK)
        return code;
    kafka_mind_windows(k);
    kafka_take(k, max);
    kafka_deliver(k, batch, max);
    if (k->delivered > 0) {
        k->trouble.code = 0;
        return SLUICE_OK;
    }
    if (k->trouble.code != 0 && !kafka_is_back(k))
        return sluice_fail(err, k->trouble.code, k->trouble.option[0] == '\0' ? NULL : k->trouble.option,
                           "%s", k->trouble.words);
    if (k->host->cancelled(k->host))
        return SLUICE_CANCELLED;
    if (k->until_end && kafka_at_goal(k))
        return SLUICE_END;
    kafka_wait(k, timeout_ms);
    code = kafka_tend(k, err);
    if (code != SLUICE_OK)
        return code;
    kafka_take(k, max);
    kafka_deliver(k, batch, max);
    return SLUICE_OK;
}

uint32_t kafka_keepalive(void *self, struct sluice_error *err)
{
    return kafka_tend(self, err);
}

int64_t kafka_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out, uint64_t cap,
                    struct sluice_error *err)
{
    struct kafka_source *k = self;
    uint32_t i;

    for (i = 0; i < k->delivered; i++) {
        const rd_kafka_message_t *m = k->held[i];

        if (k->items[i].lane != lane || (uint64_t)m->offset != position)
            continue;
        if (offset >= m->len)
            return 0;
        if (cap > m->len - offset)
            cap = m->len - offset;
        memcpy(out, (const char *)m->payload + offset, cap);
        return (int64_t)cap;
    }
    (void)sluice_fail(err, SLUICE_FATAL, NULL,
                      "the message at offset %" PRIu64 " is not one of the last poll", position);
    return -1;
}
