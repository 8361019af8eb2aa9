/* sink/sqs: a message a record, in batches of up to ten, to a queue of SQS.
 *
 * Invariant: OK means that the queue named the message as taken. */
#include <ctype.h>
#include <stdlib.h>

#include <sluice/promise.h>
#include <sluice/queue.h>

#include "sink_sqs.h"

static const struct sluice_option sqs_options[] = {
    AWS_SQS_OPTIONS,
    {.name = "write",
     .type = SLUICE_CHOICE,
     .default_text = "document",
     .choices = "document|payload",
     .summary = "what of a record becomes the message",
     .details = "document: the document as compact JSON, as the stages left it. payload: the bytes as the "
                "source delivered them, which must be text."},
    {.name = "max_message",
     .type = SLUICE_SIZE,
     .default_text = "1MiB",
     .min = "1KiB",
     .max = "1MiB",
     .summary = "longest message, and longest batch, in bytes",
     .details = "Of a queue whose MaximumMessageSize is lower, that. Longer messages are refused."},
    {.name = "parallel",
     .type = SLUICE_INTEGER,
     .default_text = "4",
     .min = "1",
     .max = "16",
     .summary = "batches on their way at once, for each writer; FIFO queues: one"},
    {.name = "group",
     .type = SLUICE_FIELD,
     .summary = "member of the document that is the message's group; FIFO queues need one",
     .example = "user_id"},
    {.name = "deduplication",
     .type = SLUICE_FIELD,
     .summary = "member of the document that is the deduplication id, on FIFO queues",
     .example = "request_id"},
    {.name = "attributes",
     .type = SLUICE_MAP,
     .summary = "message attributes: name, and the member of the document that holds the value",
     .details = "At most 10, of type String. One whose member is not there is left out.",
     .example = "{ request_id: request_id }"},
    {.name = "delay",
     .type = SLUICE_DURATION,
     .default_text = "0s",
     .min = "0s",
     .max = "15m",
     .summary = "how long a message stays invisible at first, whole seconds; 0: as the queue has it"},
    {.name = "no_answer",
     .type = SLUICE_CHOICE,
     .default_text = "again",
     .choices = "again|unsure",
     .summary = "what becomes of messages that were sent and not answered",
     .details = "again: they are sent again, and may be in the queue twice, which consumers of SQS must "
                "bear anyway. unsure: they go to the dead letters, where somebody decides."},
};

static uint32_t no_memory(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
}

static void sqs_destroy(void *self)
{
    struct sqs_sink *s = self;

    aws_sqs_close(&s->queue);
    free(s);
}

static int is_attribute_name(const char *name)
{
    size_t i, len = strlen(name);

    for (i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
            return 0;
    return len > 0 && len <= 256 && name[0] != '.' && name[len - 1] != '.' &&
           strncasecmp(name, "aws.", 4) != 0 && strncasecmp(name, "amazon.", 7) != 0;
}

static uint32_t take_attributes(struct sqs_sink *s, const struct sluice_config *config,
                                struct sluice_error *err)
{
    const struct sluice_host *host = s->host;
    uint64_t i, n = host->option_count(config, "attributes");

    if (n > SINK_SQS_ATTRIBUTES)
        return sluice_fail(err, SLUICE_INVALID, "attributes", "attributes: SQS takes at most %u of a message",
                           SINK_SQS_ATTRIBUTES);
    for (i = 0; i < n; i++) {
        const char *name = host->option_item(config, "attributes", i);

        if (!is_attribute_name(name))
            return sluice_fail(
                err, SLUICE_INVALID, "attributes",
                "attributes: %.80s is no name of an attribute: letters, digits, '-', '_', '.', "
                "not beginning with AWS. or Amazon.",
                name);
        if (host->option_values(config, "attributes", i) != 1)
            return sluice_fail(err, SLUICE_INVALID, "attributes", "attributes: %.80s needs one member", name);
        s->attributes[s->n_attributes].name = name;
        s->attributes[s->n_attributes++].member = host->option_value(config, "attributes", i, 0);
    }
    return SLUICE_OK;
}

/* A path of members, without lists. */
static uint32_t check_member(const char *option, const char *path, struct sluice_error *err)
{
    if (path == NULL || strpbrk(path, "[]") == NULL)
        return SLUICE_OK;
    return sluice_fail(err, SLUICE_INVALID, option, "%s: %.100s: a member of a list cannot be told apart",
                       option, path);
}

static uint32_t check_rules(const struct sqs_sink *s, int64_t delay_ms, struct sluice_error *err)
{
    uint32_t i, code;

    if (s->queue.fifo && s->group == NULL)
        return sluice_fail(err, SLUICE_INVALID, "group",
                           "group: the queue is FIFO, so each message needs a group; name the member, like "
                           "group: user_id");
    if (!s->queue.fifo && s->deduplication != NULL)
        return sluice_fail(err, SLUICE_INVALID, "deduplication",
                           "deduplication: the queue is not FIFO, so it does not tell messages apart");
    if (s->queue.fifo && delay_ms > 0)
        return sluice_fail(err, SLUICE_INVALID, "delay",
                           "delay: a FIFO queue has one delay for all messages");
    if (delay_ms % 1000 != 0)
        return sluice_fail(err, SLUICE_INVALID, "delay", "delay: SQS counts whole seconds");
    if ((code = check_member("group", s->group, err)) != SLUICE_OK ||
        (code = check_member("deduplication", s->deduplication, err)) != SLUICE_OK)
        return code;
    for (i = 0; i < s->n_attributes; i++)
        if ((code = check_member("attributes", s->attributes[i].member, err)) != SLUICE_OK)
            return code;
    return SLUICE_OK;
}

static uint32_t read_options(struct sqs_sink *s, const struct sluice_config *config, struct sluice_error *err)
{
    const struct sluice_host *host = s->host;
    int64_t delay_ms = host->option_integer(config, "delay");
    uint32_t code;

    s->payload = host->option_integer(config, "write") == 1;
    s->unsure = host->option_integer(config, "no_answer") == 1;
    s->max = (size_t)host->option_integer(config, "max_message");
    s->parallel = (uint32_t)host->option_integer(config, "parallel");
    s->group = host->option_string(config, "group");
    s->deduplication = host->option_string(config, "deduplication");
    s->delay = (uint32_t)(delay_ms / 1000);
    code = aws_sqs_open(&s->queue, host, host, config, 64, err);
    if (code == SLUICE_OK)
        code = take_attributes(s, config, err);
    return code == SLUICE_OK ? check_rules(s, delay_ms, err) : code;
}

static uint32_t sqs_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    struct sqs_sink *s = calloc(1, sizeof *s);
    uint32_t code;

    if (s == NULL)
        return no_memory(err);
    s->host = host;
    code = read_options(s, config, err);
    if (code != SLUICE_OK) {
        sqs_destroy(s);
        return code;
    }
    s->metric_messages =
        host->metric(host, SLUICE_COUNTER, "messages_total", "Messages, by what the queue did", "result");
    *self = s;
    return SLUICE_OK;
}

static uint32_t sqs_start(void *self, struct sluice_error *err)
{
    (void)self;
    (void)err;
    return SLUICE_OK; /* the first write finds out, and waits if it must */
}

static uint32_t sqs_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)err;
    return SLUICE_OK;
}

static uint32_t sqs_probe(void *self, struct sluice_error *err)
{
    const struct sqs_sink *s = self;
    uint64_t most = 0;
    uint32_t code = aws_sqs_probe(&s->queue, &most, err);

    if (code == SLUICE_OK && most > 0 && most < s->max)
        return sluice_fail(err, SLUICE_FATAL, "max_message",
                           "queue %s takes messages of up to %llu bytes, and max_message is %llu; lower it",
                           s->queue.name, (unsigned long long)most, (unsigned long long)s->max);
    return code;
}

/* SQS keeps no order but that of FIFO groups. */
static uint32_t sqs_promises(void *self)
{
    const struct sqs_sink *s = self;

    return s->queue.fifo ? 0 : SLUICE_COMMUTATIVE;
}

static uint32_t sqs_read_depth(void *self, const struct sluice_queue_visitor *visitor, uint32_t timeout_ms,
                               struct sluice_error *err)
{
    const struct sqs_sink *s = self;

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
    const struct sqs_sink *s = self;

    (void)what;
    return aws_sqs_tell_account(&s->queue, timeout_ms, visitor, err);
}

static const void *sqs_extension(void *self, const char *id)
{
    static const struct sluice_promise promise = {.struct_size = sizeof promise, .flags = sqs_promises};
    static const struct sluice_queue queue = {.struct_size = sizeof queue, .read = sqs_read_depth};

    static const struct sluice_identity identity = {
        .struct_size = sizeof identity, .knows = sqs_knows, .tell = sqs_tell};

    (void)self;
    if (strcmp(id, SLUICE_IDENTITY_ID) == 0)
        return &identity;
    if (strcmp(id, SLUICE_PROMISE_ID) == 0)
        return &promise;
    return strcmp(id, SLUICE_QUEUE_ID) == 0 ? &queue : NULL;
}

static const struct sluice_lifecycle sqs_lifecycle = {
    .struct_size = sizeof sqs_lifecycle,
    .create = sqs_create,
    .destroy = sqs_destroy,
    .start = sqs_start,
    .stop = sqs_stop,
    .probe = sqs_probe,
    .extension = sqs_extension,
};

static const struct sluice_sink_ops sqs_ops = {
    .struct_size = sizeof sqs_ops,
    .write = sqs_write,
};

static const struct sluice_plugin sqs_plugin = {
    .struct_size = sizeof sqs_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_SINK,
    .flags = SLUICE_PARALLEL | SLUICE_COMMUTATIVE,
    .name = "sqs",
    .version = "0.1.0",
    .summary = "sends records to a queue of SQS, one message each",
    .licence = "MIT",
    SLUICE_OPTIONS(sqs_options),
    .lifecycle = &sqs_lifecycle,
    .ops = &sqs_ops,
    .example = "plugin: sqs\n"
               "queue_url: http://127.0.0.1:9/123456789012/users\n"
               "aws_region: us-east-1\n",
};

SLUICE_MODULE("sink-sqs", NULL, NULL, &sqs_plugin);
