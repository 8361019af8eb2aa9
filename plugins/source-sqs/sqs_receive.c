/* sqs_receive: threads that ask for messages, as long as there is room for what may come.
 *
 * Invariant: a message is in the table at most once.  If it comes again while it is held, its
 * newer handle replaces the older one, and the host does not see it twice. */
#include <stdlib.h>
#include <time.h>

#include "source_sqs.h"

#define FIRST_PAUSE_MS 100u
#define MAX_PAUSE_MS 10000u
#define MAX_ASK 4096u

void sqs_wait(struct sqs_source *s, uint32_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

static void make_body(const struct sqs_source *s, struct aws_sqs_ask *a, uint32_t wait_s)
{
    strbuf_puts(&a->body, "{\"QueueUrl\":");
    strbuf_json(&a->body, s->queue.url, strlen(s->queue.url));
    strbuf_printf(&a->body,
                  ",\"MaxNumberOfMessages\":%u,\"WaitTimeSeconds\":%u,\"VisibilityTimeout\":%u,"
                  "\"AttributeNames\":[\"All\"],\"MessageSystemAttributeNames\":[\"All\"],"
                  "\"MessageAttributeNames\":[\"All\"]}",
                  AWS_SQS_BATCH, wait_s, s->visibility_s);
}

/* How long it is surely ours: the answer was a while on its way. */
static int64_t until_of(const struct sqs_source *s)
{
    int64_t ms = (int64_t)s->visibility_s * 1000;

    return s->host->steady_ms(s->host) + ms - (ms / 10 < 1000 ? ms / 10 : 1000);
}

/* It came again: its newer handle counts.  lock held; handle is taken over. */
static void take_again(struct sqs_source *s, struct held *h, char *handle)
{
    free(h->handle);
    h->handle = handle;
    h->until = until_of(s);
    h->delivery++;
    h->lost = 0;
    s->host->metric_add(s->host, s->metric.twice, NULL, 1);
    if (h->state != HELD_GONE)
        return;
    h->state = HELD_DONE;
    held_push(&s->done, h);
    s->late = 1;
}

static int take_new(struct sqs_source *s, struct sqs_message *m, char *handle)
{
    struct held *h = calloc(1, sizeof *h);

    if (h == NULL || (h->id = strdup(m->id.data)) == NULL) {
        free(h);
        return -1;
    }
    h->next = s->last_next + 1;
    h->position = m->position;
    h->until = until_of(s);
    if (held_add(&s->table, h) != 0) {
        held_free(h);
        return -1;
    }
    h->handle = handle;
    h->message = m;
    s->last_next++;
    s->n_ready++;
    held_push(&s->ready, h);
    s->host->metric_add(s->host, s->metric.messages,
                        sqs_is_redriven(m)          ? "redriven"
                        : sqs_receive_count(m) > 1u ? "again"
                                                    : "first",
                        1);
    return 0;
}

/* lock held.  What can't be kept for want of memory comes again once it is visible. */
static int take_one(struct sqs_source *s, json_t *json)
{
    struct sqs_message *m = sqs_message_make(json);
    const char *text = json_string_value(json_object_get(json, "ReceiptHandle"));
    char *handle = m == NULL || text == NULL ? NULL : strdup(text);
    struct held *h;

    if (handle == NULL) {
        sqs_message_free(m);
        return -1;
    }
    h = held_by_id(&s->table, m->position, m->id.data);
    if (h != NULL) {
        take_again(s, h, handle);
        sqs_message_free(m);
        return 0;
    }
    if (take_new(s, m, handle) == 0)
        return 0;
    free(handle);
    sqs_message_free(m);
    return -1;
}

static void take_answer(struct sqs_source *s, const struct aws_sqs_ask *a)
{
    const json_t *list = json_object_get(a->answer, "Messages");
    size_t i, n = json_array_size(list), bad = 0;

    for (i = 0; i < n; i++)
        bad += take_one(s, json_array_get(list, i)) != 0;
    s->empty_streak = n > 0 ? 0 : s->empty_streak + 1;
    if (bad > 0)
        sluice_log(s->host, SLUICE_WARN,
                   "queue %s: %zu of %zu messages could not be taken (no id, handle or body, or no memory); "
                   "they come again",
                   s->queue.name, bad, n);
    s->trouble[0] = '\0';
}

static uint32_t pause_after(const struct aws_sqs_ask *a, uint32_t failures)
{
    uint32_t ms = failures < 8 ? FIRST_PAUSE_MS << failures : MAX_PAUSE_MS;

    if (ms > MAX_PAUSE_MS)
        ms = MAX_PAUSE_MS;
    return ms < a->retry_after_ms ? a->retry_after_ms : ms;
}

/* lock held.  Room for all that one more call may bring. */
static int may_receive(const struct sqs_source *s)
{
    return s->n_ready <= (size_t)AWS_SQS_BATCH * (s->receivers - s->n_receiving) &&
           s->n_receiving < s->receivers && !s->host->cancelled(s->host);
}

static void receive(struct sqs_source *s, struct aws_sqs_ask *a)
{
    /* After trouble we want to know at once that it is over. */
    uint32_t wait_s = s->trouble[0] != '\0' ? 0 : s->wait_s;

    s->n_receiving++;
    pthread_mutex_unlock(&s->lock);
    aws_sqs_ask_clear(a);
    make_body(s, a, wait_s);
    aws_sqs_perform(&s->queue, s->receiving_client, &a, 1, wait_s * 1000 + s->queue.timeout_ms);
    pthread_mutex_lock(&s->lock);
    s->n_receiving--;
    if (a->code == SLUICE_OK) {
        take_answer(s, a);
    } else if (a->code != SLUICE_CANCELLED) {
        (void)snprintf(s->trouble, sizeof s->trouble, "%s", a->message);
        s->trouble_retry_ms = a->retry_after_ms;
    }
    pthread_cond_broadcast(&s->wake);
}

void *sqs_receive_run(void *context)
{
    struct sqs_source *s = context;
    int64_t not_before = 0, now;
    struct aws_sqs_ask a;
    uint32_t failures = 0;

    aws_sqs_ask_init(&a, "ReceiveMessage", MAX_ASK);
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        now = s->host->steady_ms(s->host);
        if (now < not_before || !may_receive(s)) {
            sqs_wait(s, SQS_SLICE_MS);
            continue;
        }
        receive(s, &a);
        if (a.code == SLUICE_OK || a.code == SLUICE_CANCELLED)
            failures = 0;
        else
            not_before = s->host->steady_ms(s->host) + pause_after(&a, failures++);
        json_decref(a.answer);
        a.answer = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    aws_sqs_ask_release(&a);
    return NULL;
}
