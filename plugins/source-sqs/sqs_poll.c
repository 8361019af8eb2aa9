/* sqs_poll: messages to records. */
#include <stdlib.h>

#include "source_sqs.h"

void sqs_forget_given(struct sqs_source *s)
{
    struct sqs_message *m;

    while ((m = s->given) != NULL) {
        s->given = m->after;
        sqs_message_free(m);
    }
}

/* What nobody kept invisible for us is not ours any more; lock held. */
static int is_ours(const struct sqs_source *s, const struct held *h)
{
    return !h->lost && h->until > s->host->steady_ms(s->host);
}

/* Up to n that are ready leave the queue; lock held. */
static uint32_t take_ready(struct sqs_source *s, struct held **out, uint64_t n)
{
    struct held *h;
    uint32_t k = 0;

    while (k < n && k < SQS_ITEMS && (h = held_pop(&s->ready)) != NULL) {
        s->n_ready--;
        if (is_ours(s, h)) {
            h->state = HELD_OUT;
            out[k++] = h;
        } else {
            s->host->metric_add(s->host, s->metric.expired, NULL, 1);
            held_remove(&s->table, h);
        }
    }
    return k;
}

static void make_item(const struct sqs_source *s, const struct held *h, struct sluice_item *item)
{
    const struct sqs_message *m = h->message;

    memset(item, 0, sizeof *item);
    item->struct_size = sizeof *item;
    item->lane = s->lane;
    item->data = m->body.data;
    item->len = item->size = m->body.len;
    item->position = h->position;
    item->next = h->next;
    item->time_ms = m->sent_ms;
    item->key = m->key;
    item->message_id = m->id;
    item->headers = m->headers;
    item->n_headers = m->n_headers;
}

/* Hands out; those for which the batch has no room are ready again.  How many went. */
static uint64_t hand_out(struct sqs_source *s, struct sluice_batch *batch, struct held **list, uint32_t n)
{
    struct sluice_item items[SQS_ITEMS];
    uint64_t taken;
    uint32_t i;

    if (n == 0)
        return 0;
    for (i = 0; i < n; i++)
        make_item(s, list[i], &items[i]);
    taken = s->host->batch_add(batch, items, n, sizeof items[0]);
    pthread_mutex_lock(&s->lock);
    for (i = 0; i < taken; i++) {
        list[i]->message->position = list[i]->position;
        list[i]->message->after = s->given;
        s->given = list[i]->message;
        list[i]->message = NULL;
    }
    for (i = n; i > taken; i--) {
        list[i - 1]->state = HELD_READY;
        held_unpop(&s->ready, list[i - 1]);
        s->n_ready++;
    }
    pthread_cond_broadcast(&s->wake); /* there is room */
    pthread_mutex_unlock(&s->lock);
    return taken;
}

/* Every receiver found nothing, and nothing is left to do here; lock held. */
static int is_over(const struct sqs_source *s)
{
    const struct held *h;

    if (!s->until_empty || s->empty_streak < s->receivers || s->trouble[0] != '\0')
        return 0;
    for (h = s->table.all; h != NULL; h = h->after)
        if (h->state != HELD_GONE)
            return 0;
    return 1;
}

/* Until something is ready.  OK: something may be; lock held. */
static uint32_t wait_ready(struct sqs_source *s, uint32_t timeout_ms, struct sluice_error *err)
{
    int64_t end = s->host->steady_ms(s->host) + timeout_ms, left;

    while (s->ready.first == NULL) {
        if (s->host->cancelled(s->host))
            return SLUICE_CANCELLED;
        if (s->trouble[0] != '\0') {
            if (err != NULL)
                err->retry_after_ms = s->trouble_retry_ms;
            return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s", s->trouble);
        }
        if (is_over(s))
            return SLUICE_END;
        left = end - s->host->steady_ms(s->host);
        if (left <= 0)
            return SLUICE_OK;
        sqs_wait(s, left < SQS_SLICE_MS ? (uint32_t)left : SQS_SLICE_MS);
    }
    return SLUICE_OK;
}

uint32_t sqs_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                  struct sluice_error *err)
{
    struct sqs_source *s = self;
    struct held *list[SQS_ITEMS];
    uint64_t given = 0, taken = 1;
    uint32_t n, code;

    sqs_forget_given(s);
    pthread_mutex_lock(&s->lock);
    code = wait_ready(s, timeout_ms, err);
    pthread_mutex_unlock(&s->lock);
    while (code == SLUICE_OK && given < max && taken > 0) {
        pthread_mutex_lock(&s->lock);
        n = take_ready(s, list, max - given);
        pthread_mutex_unlock(&s->lock);
        if (n == 0)
            break;
        taken = hand_out(s, batch, list, n);
        given += taken;
        if (taken < n)
            break;
    }
    return code;
}

int64_t sqs_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out, uint64_t cap,
                  struct sluice_error *err)
{
    const struct sqs_source *s = self;
    const struct sqs_message *m;

    for (m = s->given; m != NULL && (lane != s->lane || m->position != position); m = m->after)
        ;
    if (m == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "the message is not one of the last poll");
        return -1;
    }
    if (offset >= m->body.len)
        return 0;
    if (cap > m->body.len - offset)
        cap = m->body.len - offset;
    memcpy(out, m->body.data + offset, (size_t)cap);
    return (int64_t)cap;
}
