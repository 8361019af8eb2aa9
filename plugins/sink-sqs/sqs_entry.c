/* sqs_entry: a record becomes a message. */
#include "sink_sqs.h"

static int reject(struct sluice_verdict *v, const char *reason, const char *detail)
{
    v->code = SLUICE_REJECT;
    v->reason = reason;
    v->detail = detail;
    return 0;
}

/* The member "a.b" of the document; NULL if it is not there. */
static const struct sluice_node *member(const struct sluice_host *host, const struct sluice_node *node,
                                        const char *path)
{
    size_t len;

    for (;; path += len + 1) {
        len = strcspn(path, ".");
        node = host->document->get(node, path, len);
        if (node == NULL || path[len] == '\0')
            return node;
    }
}

/* A scalar as text: 1; 0: absent, empty, or a list or object; -1: longer than size allows. */
static int scalar(const struct sluice_host *host, const struct sluice_node *node, char *out, size_t size)
{
    uint32_t type = node == NULL ? SLUICE_NULL : host->document->type(node);
    struct sluice_str text;
    uint64_t len;

    if (type == SLUICE_NULL || type == SLUICE_ARRAY || type == SLUICE_OBJECT)
        return 0;
    if (type == SLUICE_TEXT) {
        text = host->document->string(node);
        if (text.len >= size)
            return -1;
        memcpy(out, text.data, (size_t)text.len);
        out[text.len] = '\0';
        return text.len > 0;
    }
    len = host->document->write_json(node, out, size - 1);
    if (len >= size)
        return -1;
    out[len] = '\0';
    return 1;
}

/* SQS: 1 to 128 of letters, digits and ASCII punctuation. */
static int add_id(const struct sqs_sink *s, const struct sluice_record *record, const char *path,
                  const char *name, char *id, struct strbuf *json, struct sluice_verdict *verdict)
{
    const struct sluice_host *host = s->host;
    int found = scalar(host, member(host, host->record->document(record), path), id, SINK_SQS_MAX_ID + 1);
    size_t i;

    if (found == 0)
        return reject(
            verdict, "no_id",
            sluice_record_text(host, record, "%.100s is missing or empty: %s needs it", path, name));
    for (i = 0; found > 0 && id[i] != '\0'; i++)
        if (id[i] <= 0x20 || id[i] > 0x7e)
            found = -1;
    if (found < 0)
        return reject(verdict, "bad_id",
                      sluice_record_text(host, record,
                                         "%.100s cannot be a %s: 1 to 128 letters, digits and punctuation",
                                         path, name));
    strbuf_printf(json, ",\"%s\":", name);
    strbuf_json(json, id, strlen(id));
    return 1;
}

static int add_attributes(const struct sqs_sink *s, const struct sluice_record *record, struct sqs_entry *e,
                          struct sluice_verdict *verdict)
{
    const struct sluice_host *host = s->host;
    char value[4096];
    uint32_t i, n = 0;
    const char *why;

    for (i = 0; i < s->n_attributes; i++) {
        int found = scalar(host, member(host, host->record->document(record), s->attributes[i].member), value,
                           sizeof value);

        if (found == 0)
            continue;
        why = found < 0 ? "it is longer than 4095 bytes" : aws_sqs_text_problem(value, strlen(value));
        if (why != NULL)
            return reject(verdict, "bad_attribute",
                          sluice_record_text(host, record, "%.100s cannot be a message attribute: %s",
                                             s->attributes[i].member, why));
        strbuf_puts(&e->json, n++ == 0 ? ",\"MessageAttributes\":{" : ",");
        strbuf_json(&e->json, s->attributes[i].name, strlen(s->attributes[i].name));
        strbuf_puts(&e->json, ":{\"DataType\":\"String\",\"StringValue\":");
        strbuf_json(&e->json, value, strlen(value));
        strbuf_puts(&e->json, "}");
        e->size += strlen(s->attributes[i].name) + strlen("String") + strlen(value);
    }
    if (n > 0)
        strbuf_puts(&e->json, "}");
    return 1;
}

/* The message's text into e->text. */
static int take_text(const struct sqs_sink *s, const struct sluice_record *record, struct sqs_entry *e,
                     struct sluice_verdict *verdict)
{
    const struct sluice_host *host = s->host;
    const struct sluice_node *root = host->record->document(record);
    struct sluice_str payload = host->record->payload(record);
    uint64_t len = s->payload ? payload.len : host->document->write_json(root, NULL, 0);
    const char *why;

    if (!s->payload && root == NULL)
        return reject(verdict, "no_document", "the record has no document; use write: payload, or a decoder");
    if (len > s->max)
        return reject(verdict, "too_large",
                      sluice_record_text(host, record,
                                         "the message has %llu bytes, and max_message allows %llu",
                                         (unsigned long long)len, (unsigned long long)s->max));
    if (s->payload) {
        strbuf_add(&e->text, payload.data == NULL ? "" : payload.data, (size_t)len);
    } else {
        while (!e->text.failed && e->text.cap <= len) /* room to write into */
            strbuf_putc(&e->text, ' ');
        strbuf_clear(&e->text);
        if (e->text.cap <= len)
            return -1;
        (void)host->document->write_json(root, e->text.data, len);
        e->text.data[len] = '\0';
        e->text.len = (size_t)len;
    }
    if (e->text.failed)
        return -1;
    why = aws_sqs_text_problem(strbuf_text(&e->text), e->text.len);
    return why == NULL ? 1 : reject(verdict, "bad_text", why);
}

int sqs_entry_make(const struct sqs_sink *s, const struct sluice_record *record, struct sqs_entry *e,
                   struct sluice_verdict *verdict)
{
    char id[SINK_SQS_MAX_ID + 1];
    int made;

    strbuf_clear(&e->json);
    strbuf_clear(&e->text);
    e->group[0] = '\0';
    made = take_text(s, record, e, verdict);
    if (made <= 0)
        return made;
    e->size = e->text.len;
    strbuf_puts(&e->json, "\"MessageBody\":");
    strbuf_json(&e->json, strbuf_text(&e->text), e->text.len);
    if (s->delay > 0)
        strbuf_printf(&e->json, ",\"DelaySeconds\":%u", s->delay);
    if (s->group != NULL)
        made = add_id(s, record, s->group, "MessageGroupId", e->group, &e->json, verdict);
    if (made > 0 && s->deduplication != NULL)
        made = add_id(s, record, s->deduplication, "MessageDeduplicationId", id, &e->json, verdict);
    if (made > 0)
        made = add_attributes(s, record, e, verdict);
    if (made > 0 && e->size > s->max)
        return reject(verdict, "too_large",
                      sluice_record_text(s->host, record,
                                         "the message has %llu bytes with its attributes, and max_message "
                                         "allows %llu",
                                         (unsigned long long)e->size, (unsigned long long)s->max));
    return made > 0 && e->json.failed ? -1 : made;
}
