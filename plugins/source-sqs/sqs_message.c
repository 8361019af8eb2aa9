/* sqs_message: what SQS tells of a message becomes a record's attributes.
 *
 * Message attributes keep their names; what SQS itself knows is called sqs.something. */
#include <stdlib.h>

#include "../common/hash.h"
#include "source_sqs.h"

static const struct {
    const char *system, *name;
} told[] = {
    {"ApproximateReceiveCount", "sqs.receive_count"},
    {"SentTimestamp", "sqs.sent_ms"},
    {"ApproximateFirstReceiveTimestamp", "sqs.first_received_ms"},
    {"DeadLetterQueueSourceArn", "sqs.redriven_from"},
    {"MessageGroupId", "sqs.group"},
    {"MessageDeduplicationId", "sqs.deduplication_id"},
    {"SequenceNumber", "sqs.sequence"},
    {"SenderId", "sqs.sender"},
    {"AWSTraceHeader", "sqs.trace"},
};

/* Absent: data NULL. */
static struct sluice_str text_of(const json_t *value)
{
    struct sluice_str s = {NULL, 0};

    if (json_is_string(value)) {
        s.data = json_string_value(value);
        s.len = json_string_length(value);
    }
    return s;
}

static struct sluice_str system_of(const struct sqs_message *m, const char *name)
{
    return text_of(json_object_get(json_object_get(m->json, "Attributes"), name));
}

static uint64_t number_of(struct sluice_str text)
{
    uint64_t n = 0, i;

    for (i = 0; i < text.len && i < 18; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        n = n * 10 + (uint64_t)(text.data[i] - '0');
    }
    return n;
}

static void add_header(struct sqs_message *m, const char *name, struct sluice_str value)
{
    if (value.data == NULL || m->n_headers == SQS_MAX_HEADERS)
        return;
    m->headers[2 * m->n_headers] = sluice_str_of(name);
    m->headers[2 * m->n_headers++ + 1] = value;
}

struct sqs_message *sqs_message_make(json_t *json)
{
    struct sluice_str id = text_of(json_object_get(json, "MessageId"));
    struct sluice_str body = text_of(json_object_get(json, "Body"));
    const struct hash128 no_key = {0, 0};
    json_t *attributes = json_object_get(json, "MessageAttributes"), *value;
    struct sqs_message *m;
    const char *name;
    size_t i;

    if (id.data == NULL || id.len == 0 || body.data == NULL ||
        memchr(id.data, '\0', (size_t)id.len) != NULL ||
        !json_is_string(json_object_get(json, "ReceiptHandle")))
        return NULL;
    m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->json = json_incref(json);
    m->id = id;
    m->body = body;
    /* The same for the same message in every process, so that its dead letter is found again. */
    m->position = hash128(&no_key, id.data, (size_t)id.len).lo & INT64_MAX;
    m->key = system_of(m, "MessageGroupId");
    m->sent_ms = (int64_t)number_of(system_of(m, "SentTimestamp"));
    add_header(m, "sqs.message_id", id);
    for (i = 0; i < sizeof told / sizeof told[0]; i++)
        add_header(m, told[i].name, system_of(m, told[i].system));
    json_object_foreach(attributes, name, value)
    {
        struct sluice_str text = text_of(json_object_get(value, "StringValue"));

        add_header(m, name, text.data != NULL ? text : text_of(json_object_get(value, "BinaryValue")));
    }
    return m;
}

void sqs_message_free(struct sqs_message *m)
{
    if (m == NULL)
        return;
    json_decref(m->json);
    free(m);
}

uint32_t sqs_receive_count(const struct sqs_message *m)
{
    uint64_t n = number_of(system_of(m, "ApproximateReceiveCount"));

    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

int sqs_is_redriven(const struct sqs_message *m)
{
    return system_of(m, "DeadLetterQueueSourceArn").data != NULL;
}
