/* sqs_settle: what is done is deleted, ten in a call, several calls at once.
 *
 * Invariant: an entry leaves the table only when the queue named it as deleted, or refused its
 * handle for good.  Entries that failed are tried again alone. */
#include <stdlib.h>

#include "source_sqs.h"

#define CALLS 8u /* at once */
#define TRIES 3u
#define PAUSE_MS 50u
#define MAX_ASK 65536u

struct call {
    struct aws_sqs_ask ask;
    uint32_t n;
    uint64_t next[AWS_SQS_BATCH];
    uint32_t delivery[AWS_SQS_BATCH];
};

struct round {
    struct sqs_source *source;
    struct call calls[CALLS];
    uint32_t used;
    uint32_t each;  /* entries of a call: all, or one once a call was refused as a whole */
    uint32_t later; /* entries that failed and may pass */
    struct aws_sqs_entry why;
};

/* One call with the next ten; lock held. */
static int fill_call(struct sqs_source *s, struct call *c, uint32_t each)
{
    struct held *h;

    aws_sqs_ask_clear(&c->ask);
    c->ask.repeat = 1;
    c->n = 0;
    strbuf_puts(&c->ask.body, "{\"QueueUrl\":");
    strbuf_json(&c->ask.body, s->queue.url, strlen(s->queue.url));
    strbuf_puts(&c->ask.body, ",\"Entries\":[");
    while (c->n < each && (h = held_pop(&s->done)) != NULL) {
        strbuf_printf(&c->ask.body, "%s{\"Id\":\"%u\",\"ReceiptHandle\":", c->n > 0 ? "," : "", c->n);
        strbuf_json(&c->ask.body, h->handle, strlen(h->handle));
        strbuf_puts(&c->ask.body, "}");
        c->next[c->n] = h->next;
        c->delivery[c->n++] = h->delivery;
    }
    strbuf_puts(&c->ask.body, "]}");
    return c->n > 0;
}

/* Its handle is no good any more.  If the message comes again it is deleted, not delivered. */
static void give_up(struct sqs_source *s, struct held *h, const struct aws_sqs_entry *why)
{
    uint64_t *place = &s->gone[s->n_gone++ % SQS_GONE];
    struct held *oldest = *place == 0 ? NULL : held_by_next(&s->table, *place);

    if (oldest != NULL && oldest->state == HELD_GONE)
        held_remove(&s->table, oldest);
    *place = h->next;
    h->state = HELD_GONE;
    s->host->metric_add(s->host, s->metric.undeleted, NULL, 1);
    sluice_log(s->host, SLUICE_WARN,
               "queue %s: message %s is done and cannot be deleted: %s: %s; if it comes again here it is "
               "deleted then",
               s->queue.name, h->id, why->code, why->message);
}

/* lock held */
static void end_entry(struct round *r, const struct call *c, uint32_t i)
{
    struct sqs_source *s = r->source;
    struct held *h = held_by_next(&s->table, c->next[i]);
    struct aws_sqs_entry e;

    if (h == NULL)
        return;
    if (c->ask.code == SLUICE_OK)
        aws_sqs_entry(c->ask.answer, i, &e);
    if (c->ask.code == SLUICE_REJECT && c->n == 1) {
        memset(&e, 0, sizeof e);
        (void)snprintf(e.code, sizeof e.code, "%s", c->ask.refusal.code);
        (void)snprintf(e.message, sizeof e.message, "%.150s", c->ask.refusal.message);
        give_up(s, h, &e);
    } else if (c->ask.code != SLUICE_OK || h->delivery != c->delivery[i]) {
        held_push(&s->done, h); /* not deleted, or received again meanwhile: its newer handle counts */
    } else if (e.fate == AWS_SQS_DONE) {
        held_remove(&s->table, h);
        s->host->metric_add(s->host, s->metric.deleted, NULL, 1);
    } else if (e.fate == AWS_SQS_REFUSED) {
        give_up(s, h, &e);
    } else {
        r->later++;
        r->why = e;
        held_push(&s->done, h);
    }
}

/* All that is done now, once.  OK, or the trouble of a call. */
static uint32_t delete_once(struct round *r, struct sluice_http_client *client, struct sluice_error *err)
{
    struct sqs_source *s = r->source;
    struct aws_sqs_ask *asks[CALLS];
    uint32_t i, k, code = SLUICE_OK;

    pthread_mutex_lock(&s->lock);
    for (r->used = 0; r->used < CALLS && fill_call(s, &r->calls[r->used], r->each); r->used++)
        asks[r->used] = &r->calls[r->used].ask;
    pthread_mutex_unlock(&s->lock);
    aws_sqs_perform(&s->queue, client, asks, r->used, s->queue.timeout_ms);
    pthread_mutex_lock(&s->lock);
    r->later = 0;
    for (i = 0; i < r->used; i++) {
        const struct call *c = &r->calls[i];

        for (k = 0; k < c->n; k++)
            end_entry(r, c, k);
        if (c->ask.code == SLUICE_REJECT)
            r->each = 1;
        else if (c->ask.code != SLUICE_OK && code == SLUICE_OK)
            code = aws_sqs_fail(&c->ask, err);
    }
    pthread_mutex_unlock(&s->lock);
    return code;
}

static int anything_done(struct sqs_source *s)
{
    int any;

    pthread_mutex_lock(&s->lock);
    any = s->done.first != NULL;
    pthread_mutex_unlock(&s->lock);
    return any;
}

static uint32_t delete_rounds(struct round *r, struct sluice_http_client *client, struct sluice_error *err)
{
    struct sqs_source *s = r->source;
    uint32_t tries = 0, code;

    while (anything_done(s)) {
        code = delete_once(r, client, err);
        if (code == SLUICE_CANCELLED || code == SLUICE_DISCONNECTED)
            return code;
        if (code != SLUICE_OK) /* deleting twice is as good as once */
            return sluice_fail(err, SLUICE_RETRY, NULL, "%s", err->message);
        if (r->later == 0)
            continue;
        if (++tries == TRIES)
            return sluice_fail(err, SLUICE_RETRY, NULL, "queue %s: %u messages are not deleted yet: %s: %s",
                               s->queue.name, r->later, r->why.code, r->why.message);
        if (s->host->wait(s->host, PAUSE_MS))
            return sluice_fail(err, SLUICE_CANCELLED, NULL, "cancelled");
    }
    return SLUICE_OK;
}

uint32_t sqs_delete_done(struct sqs_source *s, struct sluice_http_client *client, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    struct round *r = calloc(1, sizeof *r);
    uint32_t i, code;

    if (err == NULL)
        err = &own;
    if (r == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory to delete messages");
    r->source = s;
    r->each = AWS_SQS_BATCH;
    for (i = 0; i < CALLS; i++)
        aws_sqs_ask_init(&r->calls[i].ask, "DeleteMessageBatch", MAX_ASK);
    pthread_mutex_lock(&s->deleting);
    code = delete_rounds(r, client, err);
    pthread_mutex_unlock(&s->deleting);
    for (i = 0; i < CALLS; i++)
        aws_sqs_ask_release(&r->calls[i].ask);
    free(r);
    return code;
}

uint32_t sqs_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    struct sqs_source *s = self;
    uint32_t i;

    pthread_mutex_lock(&s->lock);
    for (i = 0; i < acks->n; i++) {
        const struct sluice_ack *ack = (const void *)((const char *)acks->items + (size_t)i * acks->stride);
        struct held *h = held_by_next(&s->table, ack->next);

        if (h == NULL || h->state != HELD_OUT)
            continue; /* deleted by an earlier try of the same settle */
        h->state = HELD_DONE;
        held_push(&s->done, h);
    }
    pthread_mutex_unlock(&s->lock);
    return sqs_delete_done(s, s->settling_client, err);
}
