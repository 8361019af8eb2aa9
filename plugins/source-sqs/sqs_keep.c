/* sqs_keep: what is held stays invisible to other workers for as long as it is held, and is
 * given back at once when we stop.
 *
 * Extended as soon as a third of its time is over, so that two failures in a row do no harm. */
#include <stdlib.h>

#include "source_sqs.h"

#define CALLS 8u
#define MAX_ASK 65536u
#define MAX_TICK_MS 5000u
#define MIN_TICK_MS 50u

struct call {
    struct aws_sqs_ask ask;
    uint32_t n;
    uint64_t next[AWS_SQS_BATCH];
    uint32_t delivery[AWS_SQS_BATCH];
};

struct round {
    struct call calls[CALLS];
    uint32_t used;
    uint32_t n; /* entries */
};

static void begin_call(const struct sqs_source *s, struct call *c)
{
    aws_sqs_ask_clear(&c->ask);
    c->n = 0;
    strbuf_puts(&c->ask.body, "{\"QueueUrl\":");
    strbuf_json(&c->ask.body, s->queue.url, strlen(s->queue.url));
    strbuf_puts(&c->ask.body, ",\"Entries\":[");
}

static void add_entry(struct call *c, const struct held *h, uint32_t seconds)
{
    strbuf_printf(&c->ask.body,
                  "%s{\"Id\":\"%u\",\"VisibilityTimeout\":%u,\"ReceiptHandle\":", c->n > 0 ? "," : "", c->n,
                  seconds);
    strbuf_json(&c->ask.body, h->handle, strlen(h->handle));
    strbuf_puts(&c->ask.body, "}");
    c->next[c->n] = h->next;
    c->delivery[c->n++] = h->delivery;
}

static int wants(const struct held *h, int giving_back, int64_t before)
{
    if (h->state == HELD_GONE || h->lost)
        return 0;
    if (giving_back)
        return h->state != HELD_DONE;
    return h->until < before;
}

/* Those that are due, as many as fit into one round; lock held. */
static void fill(struct sqs_source *s, struct round *r, int giving_back, int64_t before)
{
    uint32_t seconds = giving_back ? 0 : s->visibility_s;
    struct held *h;

    r->used = r->n = 0;
    for (h = s->table.all; h != NULL; h = h->after) {
        struct call *c;

        if (!wants(h, giving_back, before))
            continue;
        if (r->used == 0 || r->calls[r->used - 1].n == AWS_SQS_BATCH) {
            if (r->used == CALLS)
                break;
            begin_call(s, &r->calls[r->used++]);
        }
        c = &r->calls[r->used - 1];
        add_entry(c, h, seconds);
        r->n++;
    }
    for (seconds = 0; seconds < r->used; seconds++)
        strbuf_puts(&r->calls[seconds].ask.body, "]}");
}

/* lock held */
static void end_entry(struct sqs_source *s, const struct call *c, uint32_t i, int giving_back, int64_t until)
{
    struct held *h = held_by_next(&s->table, c->next[i]);
    struct aws_sqs_entry e;

    if (h == NULL || h->delivery != c->delivery[i] || c->ask.code != SLUICE_OK)
        return;
    aws_sqs_entry(c->ask.answer, i, &e);
    if (giving_back) {
        h->lost = 1; /* asked for once */
        if (e.fate == AWS_SQS_DONE)
            s->host->metric_add(s->host, s->metric.returned, NULL, 1);
    } else if (e.fate == AWS_SQS_DONE) {
        h->until = until;
        s->host->metric_add(s->host, s->metric.extended, NULL, 1);
    } else if (e.fate == AWS_SQS_REFUSED) {
        h->lost = 1;
        s->host->metric_add(s->host, s->metric.lost, NULL, 1);
        sluice_log(s->host, SLUICE_WARN,
                   "queue %s: message %s is visible to others again: %s: %s; its work goes on, and it may be "
                   "done twice",
                   s->queue.name, h->id, e.code, e.message);
    }
}

/* One round.  OK: r->n says how many it was about; else the trouble is in err. */
static uint32_t change(struct sqs_source *s, struct round *r, int giving_back, uint32_t timeout_ms,
                       struct sluice_error *err)
{
    int64_t now = s->host->steady_ms(s->host), keep = (int64_t)s->visibility_s * 1000;
    struct aws_sqs_ask *asks[CALLS];
    uint32_t i, k, code = SLUICE_OK;

    pthread_mutex_lock(&s->lock);
    fill(s, r, giving_back, now + keep * 2 / 3);
    pthread_mutex_unlock(&s->lock);
    for (i = 0; i < r->used; i++)
        asks[i] = &r->calls[i].ask;
    aws_sqs_perform(&s->queue, NULL, asks, r->used, timeout_ms);
    pthread_mutex_lock(&s->lock);
    for (i = 0; i < r->used; i++) {
        for (k = 0; k < r->calls[i].n; k++)
            end_entry(s, &r->calls[i], k, giving_back, now + keep);
        if (r->calls[i].ask.code != SLUICE_OK && code == SLUICE_OK)
            code = aws_sqs_fail(&r->calls[i].ask, err);
    }
    pthread_mutex_unlock(&s->lock);
    return code;
}

static struct round *round_new(void)
{
    struct round *r = calloc(1, sizeof *r);
    uint32_t i;

    for (i = 0; r != NULL && i < CALLS; i++)
        aws_sqs_ask_init(&r->calls[i].ask, "ChangeMessageVisibilityBatch", MAX_ASK);
    return r;
}

static void round_free(struct round *r)
{
    uint32_t i;

    for (i = 0; r != NULL && i < CALLS; i++)
        aws_sqs_ask_release(&r->calls[i].ask);
    free(r);
}

/* Everything that is due now. */
static void keep_all(struct sqs_source *s, struct round *r, int *told)
{
    struct sluice_error err = {.struct_size = sizeof err};
    uint32_t code, third = s->visibility_s * 1000 / 3;
    uint32_t timeout = third < s->queue.timeout_ms ? third : s->queue.timeout_ms;

    do
        code = change(s, r, 0, timeout, &err);
    while (code == SLUICE_OK && r->n == CALLS * AWS_SQS_BATCH);
    if (code != SLUICE_OK && code != SLUICE_CANCELLED && !*told)
        sluice_log(s->host, SLUICE_WARN, "messages in work cannot be kept invisible, for now: %s",
                   err.message);
    *told = code != SLUICE_OK;
}

void *sqs_keep_run(void *context)
{
    struct sqs_source *s = context;
    uint32_t tick = s->visibility_s * 1000 / 6;
    struct round *r = NULL;
    int told = 0, late;
    int64_t due = 0;

    tick = tick > MAX_TICK_MS ? MAX_TICK_MS : tick < MIN_TICK_MS ? MIN_TICK_MS : tick;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        if (s->host->steady_ms(s->host) < due && !s->late) {
            sqs_wait(s, tick < SQS_SLICE_MS ? tick : SQS_SLICE_MS);
            continue;
        }
        late = s->late;
        s->late = 0;
        pthread_mutex_unlock(&s->lock);
        if (late)
            (void)sqs_delete_done(s, s->queue.client, NULL);
        if (r != NULL || (r = round_new()) != NULL)
            keep_all(s, r, &told);
        pthread_mutex_lock(&s->lock);
        due = s->host->steady_ms(s->host) + tick;
    }
    pthread_mutex_unlock(&s->lock);
    round_free(r);
    return NULL;
}

void sqs_return_all(struct sqs_source *s, uint32_t deadline_ms)
{
    struct sluice_error err = {.struct_size = sizeof err};
    int64_t end = s->host->steady_ms(s->host) + deadline_ms, left;
    struct round *r = round_new();

    while (r != NULL && (left = end - s->host->steady_ms(s->host)) > 0) {
        uint32_t timeout = left < s->queue.timeout_ms ? (uint32_t)left : s->queue.timeout_ms;

        if (change(s, r, 1, timeout, &err) != SLUICE_OK) {
            sluice_log(s->host, SLUICE_WARN,
                       "unfinished messages could not be given back and come again in up to %u s: %s",
                       s->visibility_s, err.message);
            break;
        }
        if (r->n == 0)
            break;
    }
    round_free(r);
}
