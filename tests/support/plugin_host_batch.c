/* plugin_host_batch: records through an instance, and what came of them. */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "plugin_host_private.h"

void plugin_host_clear(struct plugin_host *h)
{
    batch_clear(&h->batch);
    memset(h->verdicts, 0, sizeof h->verdicts);
}

static struct sluice_record *add(struct plugin_host *h, const void *data, size_t len)
{
    struct sluice_item item = {.struct_size = sizeof item, .lane = 1};
    char *copy = arena_copy(&h->batch.arena, data, len);

    ck_assert_ptr_nonnull(copy);
    item.data = copy;
    item.len = item.size = len;
    item.position = h->batch.n;
    item.next = h->batch.n + 1;
    item.ordinal = h->batch.n + 1;
    ck_assert_uint_eq(batch_add(&h->batch, &item, 1, sizeof item), 1);
    return h->batch.refs[h->batch.n - 1];
}

/* Fields as the host peeks them. */
static void peek(struct plugin_host *h, struct sluice_record *r)
{
    struct sluice_str names[RECORD_MAX_FIELDS];
    uint32_t i;

    if (h->env.n_fields == 0)
        return;
    for (i = 0; i < h->env.n_fields; i++)
        names[i] = sluice_str_of(h->env.fields[i]);
    r->fields = &h->batch.values[(h->batch.n - 1) * h->batch.n_fields];
    (void)json_peek(r->payload, names, h->env.n_fields, r->fields, &h->batch.arena);
}

void plugin_host_add(struct plugin_host *h, const char *json)
{
    struct sluice_record *r = add(h, json, strlen(json));
    uint32_t kind = h->plugin->desc.kind;
    struct sluice_error err;

    peek(h, r);
    if (kind != SLUICE_ENRICHER && kind != SLUICE_SINK)
        return;
    error_clear(&err);
    r->document = json_parse_text(&h->batch.arena, r->payload, &err);
    ck_assert_msg(r->document != NULL, "%s: %s", json, err.message);
}

void plugin_host_add_bytes(struct plugin_host *h, const void *data, size_t len)
{
    peek(h, add(h, data, len));
}

uint32_t plugin_host_call(struct plugin_host *h, struct sluice_error *err)
{
    struct sluice_verdicts verdicts = {(uint32_t)h->batch.n, sizeof h->verdicts[0], h->verdicts};
    struct sluice_record *const *records = h->batch.refs;
    const struct sluice_record *const *read_only = (const struct sluice_record *const *)records;
    struct sluice_error own;
    void *self = instance_self(h->instance);
    uint32_t n = (uint32_t)h->batch.n, code = SLUICE_NONE;

    if (err == NULL)
        err = &own;
    error_clear(err);
    instance_enter(h->instance);
    switch (h->plugin->desc.kind) {
    case SLUICE_DECODER:
        code = h->plugin->ops.decoder.decode(self, records, n, &verdicts, err);
        break;
    case SLUICE_GATE:
        code = h->plugin->ops.gate.decide(self, read_only, n, &verdicts, err);
        break;
    case SLUICE_ENRICHER:
        code = h->plugin->ops.enricher.enrich(self, records, n, &verdicts, err);
        break;
    case SLUICE_SINK:
        code = h->plugin->ops.sink.write(self, records, n, &verdicts, err);
        break;
    default:
        ck_abort_msg("a source is driven, not called");
    }
    instance_leave(h->instance);
    return code;
}

const struct sluice_verdict *plugin_host_verdict(struct plugin_host *h, uint32_t i)
{
    ck_assert_uint_lt(i, h->batch.n);
    return &h->verdicts[i];
}

const char *plugin_host_document(struct plugin_host *h, uint32_t i)
{
    const struct sluice_node *root;
    uint64_t len;
    char *text;

    ck_assert_uint_lt(i, h->batch.n);
    root = h->batch.refs[i]->document;
    if (root == NULL)
        return NULL;
    len = document_api.write_json(root, NULL, 0);
    text = arena_alloc(&h->batch.arena, len + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(document_api.write_json(root, text, len), len);
    text[len] = '\0';
    return text;
}

const struct sluice_verdict *plugin_host_one(struct plugin_host *h, const char *json)
{
    struct sluice_error err;

    plugin_host_clear(h);
    plugin_host_add(h, json);
    ck_assert_msg(plugin_host_call(h, &err) == SLUICE_OK, "%s", err.message);
    return plugin_host_verdict(h, 0);
}

uint32_t plugin_host_conclude(struct plugin_host *h, uint32_t outcome, struct sluice_error *err)
{
    static struct sluice_outcome outcomes[PLUGIN_HOST_BATCH];
    const struct sluice_record *admitted[PLUGIN_HOST_BATCH];
    struct sluice_error own;
    uint32_t i, n = 0;

    for (i = 0; i < h->batch.n; i++) {
        if (h->verdicts[i].code != SLUICE_ADMIT)
            continue;
        outcomes[n].code = outcome;
        admitted[n++] = h->batch.refs[i];
    }
    if (err == NULL)
        err = &own;
    error_clear(err);
    return h->plugin->ops.gate.conclude(instance_self(h->instance), admitted, n, outcomes, sizeof outcomes[0],
                                        err);
}

uint32_t plugin_host_reload(struct plugin_host *h, struct sluice_error *err)
{
    struct sluice_error own;

    if (err == NULL)
        err = &own;
    error_clear(err);
    return h->plugin->ops.gate.reload(instance_self(h->instance), err);
}

static uint32_t settle(struct plugin_host *h, struct sluice_error *err)
{
    struct sluice_ack acks[PLUGIN_HOST_BATCH];
    struct sluice_acks all = {0, sizeof acks[0], acks};
    int any_order = (h->plugin->desc.flags & SLUICE_ANY_ORDER) != 0;
    uint64_t i;
    uint32_t a;

    for (i = 0; i < h->batch.n; i++) {
        const struct sluice_record *r = h->batch.refs[i];

        for (a = any_order ? all.n : 0; a < all.n; a++)
            if (acks[a].lane == r->lane_id)
                break;
        acks[a].lane = r->lane_id;
        acks[a].reserved = 0;
        acks[a].next = r->next;
        acks[a].position = r->position;
        acks[a].ordinal = r->ordinal;
        if (a == all.n)
            all.n++;
    }
    if (all.n == 0)
        return SLUICE_OK;
    return h->plugin->ops.source.settle(instance_self(h->instance), &all, err);
}

uint32_t plugin_host_drive(struct plugin_host *h, plugin_host_each each, void *context, uint64_t limit,
                           uint32_t idle_polls, struct sluice_error *err)
{
    uint64_t i, seen = 0;
    uint32_t code, idle = 0;
    struct sluice_error own;

    if (err == NULL)
        err = &own;
    while (seen < limit && idle < idle_polls) {
        uint64_t max = limit - seen < PLUGIN_HOST_BATCH ? limit - seen : PLUGIN_HOST_BATCH;

        plugin_host_clear(h);
        error_clear(err);
        code = h->plugin->ops.source.poll(instance_self(h->instance), &h->batch, max, 10, err);
        if (code != SLUICE_OK && code != SLUICE_END)
            return code;
        for (i = 0; i < h->batch.n; i++)
            each(context, h->batch.refs[i]);
        seen += h->batch.n;
        idle = h->batch.n == 0 ? idle + 1 : 0;
        if (settle(h, err) != SLUICE_OK)
            return err->code;
        if (code == SLUICE_END)
            return code;
    }
    return SLUICE_OK;
}

uint32_t plugin_host_poll(struct plugin_host *h, uint64_t max, uint32_t timeout_ms, struct sluice_error *err)
{
    struct sluice_error own;

    if (err == NULL)
        err = &own;
    plugin_host_clear(h);
    error_clear(err);
    return h->plugin->ops.source.poll(instance_self(h->instance), &h->batch, max, timeout_ms, err);
}

uint32_t plugin_host_settle(struct plugin_host *h, const uint64_t *next, uint32_t n, struct sluice_error *err)
{
    struct sluice_ack acks[PLUGIN_HOST_BATCH];
    struct sluice_acks all = {n, sizeof acks[0], acks};
    struct sluice_error own;
    uint32_t i;

    if (err == NULL)
        err = &own;
    error_clear(err);
    memset(acks, 0, sizeof acks);
    for (i = 0; i < n; i++) {
        acks[i].lane = 1;
        acks[i].next = next[i];
    }
    return h->plugin->ops.source.settle(instance_self(h->instance), &all, err);
}

void *plugin_host_self(struct plugin_host *h)
{
    return instance_self(h->instance);
}

const struct sluice_gate_ops *plugin_host_gate(struct plugin_host *h)
{
    return &h->plugin->ops.gate;
}

struct sluice_record *const *plugin_host_records(struct plugin_host *h, uint32_t *n)
{
    *n = (uint32_t)h->batch.n;
    return h->batch.refs;
}

/* Read from the text that Prometheus would get, so that the test sees the same. */
double plugin_host_metric(struct plugin_host *h, const char *name, const char *label)
{
    struct strbuf text;
    char start[256], wanted[256];
    double value = 0.0;
    char *line, *next;

    instance_stats(h->instance);
    strbuf_init(&text, 1u << 20);
    metrics_render(h->env.metrics, &text);
    ck_assert_int_eq(text.failed, 0);
    (void)snprintf(start, sizeof start, "sluice_%s_%s_%s{", kind_name(h->plugin->desc.kind),
                   h->plugin->desc.name, name);
    for (line = start; *line != '\0'; line++)
        if (*line == '-')
            *line = '_';
    (void)snprintf(wanted, sizeof wanted, "=\"%s\"}", label == NULL ? "" : label);
    for (line = text.data; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (strncmp(line, start, strlen(start)) != 0 || (label != NULL && strstr(line, wanted) == NULL))
            continue;
        value += strtod(strrchr(line, ' '), NULL);
    }
    strbuf_release(&text);
    return value;
}
