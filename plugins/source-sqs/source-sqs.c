/* source/sqs: messages of a queue, deleted when their work is done.
 *
 * Between start and stop, threads of our own receive messages and keep those in work
 * invisible to others, so that no call of the host waits for the queue but settle. */
#include <stdlib.h>
#include <time.h>

#include <sluice/check.h>
#include <sluice/queue.h>

#include "source_sqs.h"

#define GRACE_MS 1000u             /* for calls under way, at stop */
#define MAX_ANSWER (32u * 1048576) /* ten messages of 1 MiB, escaped */

static const struct sluice_option sqs_options[] = {
    AWS_SQS_OPTIONS,
    {.name = "wait",
     .type = SLUICE_DURATION,
     .default_text = "20s",
     .min = "0s",
     .max = "20s",
     .summary = "how long a call waits for messages, whole seconds (long poll)"},
    {.name = "visibility",
     .type = SLUICE_DURATION,
     .default_text = "1m",
     .min = "1s",
     .max = "12h",
     .summary = "how long nobody else gets a message after its last sign of life, whole seconds",
     .details = "Renewed while the work lasts, up to the 12 hours that SQS allows. The messages of a worker "
                "that died come again after it."},
    {.name = "receivers",
     .type = SLUICE_INTEGER,
     .default_text = "2",
     .min = "1",
     .max = "16",
     .summary = "calls for messages at once; each brings up to ten"},
    {.name = "until_empty",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "end once the queue has no more messages and all that came are deleted",
     .details = "Messages that other workers hold, or that are delayed, are not waited for."},
};

/* The clients of our threads ask their host whether to give up; ours says yes once we stop. */
static uint32_t http_cancelled(const struct sluice_host *host)
{
    const struct sqs_source *s = (const void *)((const char *)host - offsetof(struct sqs_source, http_host));

    return (uint32_t)atomic_load(&s->cut);
}

static void sqs_destroy(void *self)
{
    struct sqs_source *s = self;

    if (s->receiving_client != NULL)
        s->queue.http->free(s->receiving_client);
    if (s->settling_client != NULL)
        s->queue.http->free(s->settling_client);
    aws_sqs_close(&s->queue);
    (void)pthread_mutex_destroy(&s->deleting);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->wake);
    free(s);
}

static int init_sync(struct sqs_source *s)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed =
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&s->wake, &attr) != 0;
    (void)pthread_condattr_destroy(&attr);
    if (failed)
        return -1;
    (void)pthread_mutex_init(&s->lock, NULL); /* without attributes they cannot fail here */
    (void)pthread_mutex_init(&s->deleting, NULL);
    return 0;
}

static void add_metrics(struct sqs_source *s)
{
    const struct sluice_host *h = s->host;
    struct sqs_metrics *m = &s->metric;

    m->messages =
        h->metric(h, SLUICE_COUNTER, "messages_total",
                  "Messages received: first, again (delivered before), redriven (from a dead-letter queue)",
                  "delivery");
    m->twice = h->metric(h, SLUICE_COUNTER, "received_twice_total",
                         "Messages that came again while they were in work here", NULL);
    m->expired =
        h->metric(h, SLUICE_COUNTER, "expired_total",
                  "Messages that became visible to others before their turn, and were left to them", NULL);
    m->extended = h->metric(h, SLUICE_COUNTER, "extended_total",
                            "Times that a message was kept invisible longer", NULL);
    m->lost = h->metric(h, SLUICE_COUNTER, "visibility_lost_total",
                        "Messages in work that could not be kept invisible", NULL);
    m->deleted = h->metric(h, SLUICE_COUNTER, "deleted_total", "Messages deleted", NULL);
    m->undeleted = h->metric(h, SLUICE_COUNTER, "undeleted_total",
                             "Messages that were done and whose delete was refused", NULL);
    m->returned = h->metric(h, SLUICE_COUNTER, "returned_total", "Messages given back at stop", NULL);
    m->held = h->metric(h, SLUICE_GAUGE, "held", "Messages received and not deleted", NULL);
}

static uint32_t make_clients(struct sqs_source *s, const struct sluice_config *config,
                             struct sluice_error *err)
{
    struct sluice_http_options o = {.struct_size = sizeof o, .max_parallel = s->receivers};

    o.ca_file = s->host->option_string(config, "ca_file");
    o.max_body = MAX_ANSWER;
    s->receiving_client = s->queue.http->client(&s->http_host, &o, err);
    if (s->receiving_client == NULL)
        return SLUICE_FATAL;
    o.max_body = 1u << 20;
    o.max_parallel = 8;
    s->settling_client = s->queue.http->client(s->host, &o, err);
    return s->settling_client == NULL ? SLUICE_FATAL : SLUICE_OK;
}

static uint32_t read_options(struct sqs_source *s, const struct sluice_config *config,
                             struct sluice_error *err)
{
    const struct sluice_host *host = s->host;
    int64_t wait = host->option_integer(config, "wait"),
            visibility = host->option_integer(config, "visibility");
    uint32_t code;

    if (wait % 1000 != 0)
        return sluice_fail(err, SLUICE_INVALID, "wait", "wait: SQS counts whole seconds");
    if (visibility % 1000 != 0)
        return sluice_fail(err, SLUICE_INVALID, "visibility", "visibility: SQS counts whole seconds");
    s->wait_s = (uint32_t)(wait / 1000);
    s->visibility_s = (uint32_t)(visibility / 1000);
    s->receivers = (uint32_t)host->option_integer(config, "receivers");
    s->until_empty = host->option_integer(config, "until_empty") != 0;
    code = aws_sqs_open(&s->queue, host, &s->http_host, config, 8, err);
    return code == SLUICE_OK ? make_clients(s, config, err) : code;
}

static uint32_t sqs_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    struct sqs_source *s = calloc(1, sizeof *s);
    uint32_t code;

    if (s == NULL || init_sync(s) != 0) {
        free(s);
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    }
    s->host = host;
    atomic_init(&s->cut, 0);
    memcpy(&s->http_host, host,
           host->struct_size < sizeof s->http_host ? host->struct_size : sizeof s->http_host);
    s->http_host.cancelled = http_cancelled;
    code = read_options(s, config, err);
    if (code != SLUICE_OK) {
        sqs_destroy(s);
        return code;
    }
    add_metrics(s);
    *self = s;
    return SLUICE_OK;
}

/* --- start and stop ------------------------------------------------------------------- */

/* Calls under way end by themselves, as a rule: what they bring would be invisible for nothing. */
static void end_threads(struct sqs_source *s, uint32_t grace_ms)
{
    int64_t end = s->host->steady_ms(s->host) + grace_ms;
    uint32_t i;

    pthread_mutex_lock(&s->lock);
    s->stopping = 1;
    pthread_cond_broadcast(&s->wake);
    while (s->n_receiving > 0 && s->host->steady_ms(s->host) < end)
        sqs_wait(s, SQS_SLICE_MS);
    pthread_mutex_unlock(&s->lock);
    atomic_store(&s->cut, 1);
    for (i = 0; i < s->n_threads; i++)
        (void)pthread_join(s->threads[i], NULL);
    if (s->started)
        (void)pthread_join(s->keeper, NULL);
    s->n_threads = 0;
    s->started = 0;
    atomic_store(&s->cut, 0);
}

static void clear(struct sqs_source *s)
{
    sqs_forget_given(s);
    held_release(&s->table);
    memset(&s->ready, 0, sizeof s->ready);
    memset(&s->done, 0, sizeof s->done);
    memset(s->gone, 0, sizeof s->gone);
    s->n_gone = 0;
    s->n_ready = 0;
    s->empty_streak = 0;
    s->trouble[0] = '\0';
    s->stopping = s->late = 0;
}

/* With lock held, so that none does anything before all are there. */
static int start_threads(struct sqs_source *s)
{
    int all;

    pthread_mutex_lock(&s->lock);
    s->started = pthread_create(&s->keeper, NULL, sqs_keep_run, s) == 0;
    while (s->started && s->n_threads < s->receivers &&
           pthread_create(&s->threads[s->n_threads], NULL, sqs_receive_run, s) == 0)
        s->n_threads++;
    all = s->n_threads == s->receivers;
    s->stopping = !all;
    pthread_mutex_unlock(&s->lock);
    return all ? 0 : -1;
}

static uint32_t sqs_start(void *self, struct sluice_error *err)
{
    struct sqs_source *s = self;
    struct sluice_str attributes[2];

    clear(s);
    if (s->host->extension(s->host, SLUICE_CHECK_ID) != NULL)
        return SLUICE_OK; /* whoever only looks receives nothing */
    attributes[0] = sluice_str_of("queue_url");
    attributes[1] = sluice_str_of(s->queue.url);
    s->lane = s->host->lane_open(s->host, s->queue.name, attributes, 1);
    if (s->lane == 0)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    if (start_threads(s) == 0)
        return SLUICE_OK;
    end_threads(s, 0);
    return sluice_fail(err, SLUICE_RETRY, NULL, "no threads to receive messages");
}

static uint32_t sqs_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct sqs_source *s = self;

    (void)err;
    end_threads(s, deadline_ms / 4 < GRACE_MS ? deadline_ms / 4 : GRACE_MS);
    sqs_return_all(s, deadline_ms / 2);
    clear(s);
    return SLUICE_OK;
}

static uint32_t sqs_probe(void *self, struct sluice_error *err)
{
    const struct sqs_source *s = self;

    return aws_sqs_probe(&s->queue, NULL, err);
}

static void sqs_stats(void *self)
{
    struct sqs_source *s = self;
    size_t n;

    pthread_mutex_lock(&s->lock);
    n = s->table.n;
    pthread_mutex_unlock(&s->lock);
    s->host->metric_set(s->host, s->metric.held, NULL, (double)n);
}

static uint32_t sqs_read_depth(void *self, const struct sluice_queue_visitor *visitor, uint32_t timeout_ms,
                               struct sluice_error *err)
{
    const struct sqs_source *s = self;

    return aws_sqs_depth(&s->queue, visitor, timeout_ms, err);
}

static uint32_t sqs_knows(void *self, const char *what)
{
    (void)self;
    return aws_sqs_knows(what);
}

static uint32_t sqs_tell(void *self, const char *what, uint32_t timeout_ms,
                         const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    const struct sqs_source *s = self;

    (void)what;
    return aws_sqs_tell_account(&s->queue, timeout_ms, visitor, err);
}

static const void *sqs_extension(void *self, const char *id)
{
    static const struct sluice_queue queue = {.struct_size = sizeof queue, .read = sqs_read_depth};

    static const struct sluice_identity identity = {
        .struct_size = sizeof identity, .knows = sqs_knows, .tell = sqs_tell};

    (void)self;
    if (strcmp(id, SLUICE_IDENTITY_ID) == 0)
        return &identity;
    return strcmp(id, SLUICE_QUEUE_ID) == 0 ? &queue : NULL;
}

static const struct sluice_lifecycle sqs_lifecycle = {
    .struct_size = sizeof sqs_lifecycle,
    .create = sqs_create,
    .destroy = sqs_destroy,
    .start = sqs_start,
    .stop = sqs_stop,
    .probe = sqs_probe,
    .stats = sqs_stats,
    .extension = sqs_extension,
};

static const struct sluice_source_ops sqs_ops = {
    .struct_size = sizeof sqs_ops,
    .poll = sqs_poll,
    .settle = sqs_settle,
    .fetch = sqs_fetch,
};

static const struct sluice_plugin sqs_plugin = {
    .struct_size = sizeof sqs_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_SOURCE,
    .flags = SLUICE_ANY_ORDER | SLUICE_FINITE,
    .name = "sqs",
    .version = "0.1.0",
    .summary = "messages of a queue of SQS, deleted when their work is done",
    .licence = "MIT",
    SLUICE_OPTIONS(sqs_options),
    .lifecycle = &sqs_lifecycle,
    .ops = &sqs_ops,
    .example = "plugin: sqs\n"
               "queue_url: http://127.0.0.1:9/123456789012/users\n"
               "aws_region: us-east-1\n",
};

SLUICE_MODULE("source-sqs", NULL, NULL, &sqs_plugin);
