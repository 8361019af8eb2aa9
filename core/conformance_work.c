/* conformance_work: records for the calls of decoders, gates, enrichers and sinks,
 * and what every verdict of theirs must be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance_host.h"
#include "json.h"

#define GUARD_BYTE 0xa5

static char *lane_attributes[] = {
    (char *)(size_t) "csv.header",
    (char *)(size_t) "user_id,receipt_id,time,product_id,retailer,quantity",
};

void work_init(struct mock *m, struct work *w)
{
    size_t stride = sizeof(struct sluice_verdict) + MOCK_GUARD;

    memset(w, 0, sizeof *w);
    w->m = m;
    w->lane.name = (char *)(size_t) "sample";
    w->lane.attributes = lane_attributes;
    w->lane.n_attributes = 1;
    w->lanes[0] = &w->lane;
    w->verdict_bytes = malloc(stride * MOCK_MAX_BATCH);
    if (w->verdict_bytes == NULL || batch_init(&w->batch, MOCK_MAX_BATCH, mock_world.n_fields, 0) != 0)
        conf_fail(m->c, "the suite is out of memory");
    w->batch.lanes = w->lanes;
    w->batch.n_lanes = 1;
    w->verdicts.stride = (uint32_t)stride;
    w->verdicts.items = w->verdict_bytes;
    w->item.struct_size = sizeof w->item;
    w->item.lane = 1;
}

void work_release(struct work *w)
{
    batch_release(&w->batch);
    free(w->verdict_bytes);
}

void work_clear(struct work *w)
{
    batch_clear(&w->batch);
}

static void add_document(struct work *w, struct sluice_record *r)
{
    struct sluice_error err;
    uint32_t i;

    mock_error(&err);
    r->document = json_parse_text(&w->batch.arena, r->payload, &err);
    if (w->batch.n_fields == 0)
        return;
    r->fields = &w->batch.values[(uint64_t)(r - w->batch.records) * w->batch.n_fields];
    for (i = 0; i < w->batch.n_fields; i++)
        r->fields[i] = record_document_field(r, mock_world.fields[i]);
}

void work_add(struct work *w, struct sluice_str payload)
{
    char *copy = arena_copy(&w->batch.arena, payload.data, payload.len);

    if (copy == NULL)
        conf_fail(w->m->c, "the suite is out of memory");
    w->item.data = copy;
    w->item.len = payload.len;
    w->item.size = payload.len;
    w->item.position = w->item.next;
    w->item.next += payload.len + 1;
    w->item.ordinal++;
    if (batch_add(&w->batch, &w->item, 1, sizeof w->item) != 1)
        conf_fail(w->m->c, "the suite made too large a batch");
    if (w->m->plugin->desc.kind != SLUICE_DECODER)
        add_document(w, &w->batch.records[w->batch.n - 1]);
}

void work_samples(struct work *w, uint64_t from, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        work_add(w, conf_sample(w->m->c, from + i));
}

const struct sluice_verdict *work_verdict(const struct work *w, uint32_t i)
{
    return sluice_verdict_at(&w->verdicts, i);
}

static uint32_t call_kind(struct work *w, struct sluice_record *const *records, uint32_t n,
                          const struct sluice_verdicts *v, struct sluice_error *err)
{
    const struct plugin *p = w->m->plugin;
    void *self = w->m->self;

    switch (p->desc.kind) {
    case SLUICE_DECODER:
        return p->ops.decoder.decode(self, records, n, v, err);
    case SLUICE_GATE:
        return p->ops.gate.decide(self, (const struct sluice_record *const *)records, n, v, err);
    case SLUICE_ENRICHER:
        return p->ops.enricher.enrich(self, records, n, v, err);
    default:
        return p->ops.sink.write(self, records, n, v, err);
    }
}

static const char *call_name(uint32_t kind)
{
    static const char *const names[] = {"", "poll", "decode", "decide", "enrich", "write"};

    return names[kind];
}

uint32_t work_call_part(struct work *w, uint32_t at, uint32_t n, struct sluice_error *err)
{
    struct sluice_verdicts part = w->verdicts;
    struct conf *c = w->m->c;
    uint32_t i, code;

    part.n = n;
    part.items = w->verdict_bytes + (size_t)at * part.stride;
    mock_error(err);
    for (i = 0; i < n; i++) {
        memset(sluice_verdict_at(&part, i), 0, sizeof(struct sluice_verdict));
        memset((char *)sluice_verdict_at(&part, i) + sizeof(struct sluice_verdict), GUARD_BYTE, MOCK_GUARD);
    }
    (void)snprintf(c->shared->doing, sizeof c->shared->doing, "%s", call_name(c->plugin->desc.kind));
    code = call_kind(w, w->batch.refs + at, n, &part, err);
    (void)snprintf(c->shared->doing, sizeof c->shared->doing, "%s", "");
    for (i = 0; i < n; i++) {
        const unsigned char *guard =
            (const unsigned char *)sluice_verdict_at(&part, i) + sizeof(struct sluice_verdict);
        size_t j;

        for (j = 0; j < MOCK_GUARD; j++)
            CONF_REQUIRE(c, guard[j] == GUARD_BYTE,
                         "wrote behind verdict %u: use sluice_verdict_at, which knows the stride", i);
    }
    return code;
}

uint32_t work_call(struct work *w, struct sluice_error *err)
{
    return work_call_part(w, 0, (uint32_t)w->batch.n, err);
}

int work_is_legal(uint32_t kind, uint32_t code)
{
    switch (kind) {
    case SLUICE_DECODER:
        return code == SLUICE_OK || code == SLUICE_REJECT || code == SLUICE_RETRY;
    case SLUICE_GATE:
        return code == SLUICE_ADMIT || code == SLUICE_DENY || code == SLUICE_UNKNOWN ||
               code == SLUICE_RETRY || code == SLUICE_REJECT;
    case SLUICE_ENRICHER:
        return code == SLUICE_OK || code == SLUICE_DROP || code == SLUICE_RETRY || code == SLUICE_REJECT;
    default:
        return code == SLUICE_OK || code == SLUICE_DROP || code == SLUICE_RETRY || code == SLUICE_REJECT ||
               code == SLUICE_SPLIT || code == SLUICE_UNSURE || code == SLUICE_DISCONNECTED;
    }
}

static void check_reason(struct conf *c, uint32_t i, const struct sluice_verdict *v)
{
    size_t n;

    if (v->code == SLUICE_OK || v->code == SLUICE_ADMIT)
        return;
    if (v->reason == NULL) {
        CONF_REQUIRE(c, v->code == SLUICE_RETRY || v->code == SLUICE_SPLIT || v->code == SLUICE_DISCONNECTED,
                     "verdict %s on record %u has no reason", mock_code(v->code), i);
        return;
    }
    n = strspn(v->reason, "abcdefghijklmnopqrstuvwxyz0123456789_");
    CONF_REQUIRE(c, n > 0 && n <= 64 && v->reason[n] == '\0',
                 "the reason '%.80s' on record %u is no token of [a-z0-9_]", v->reason, i);
}

static int is_legal_answer(uint32_t kind, uint32_t code)
{
    switch (code) {
    case SLUICE_OK:
    case SLUICE_RETRY:
    case SLUICE_DISCONNECTED:
    case SLUICE_CANCELLED:
    case SLUICE_FATAL:
        return 1;
    default:
        return kind == SLUICE_SINK && (code == SLUICE_SPLIT || code == SLUICE_UNSURE);
    }
}

void work_check(struct work *w, uint32_t code, struct sluice_error *err, unsigned what)
{
    struct conf *c = w->m->c;
    uint32_t i;

    CONF_REQUIRE(c, (what & WORK_LEGAL) == 0 || is_legal_answer(c->plugin->desc.kind, code),
                 "the call answered %s: %s", mock_code(code), mock_said(err));
    for (i = 0; i < w->batch.n; i++) {
        const struct sluice_verdict *v = work_verdict(w, i);

        /* Another answer than OK stands for the records without a verdict. */
        if (v->code == SLUICE_NONE && code != SLUICE_OK)
            continue;
        CONF_REQUIRE(c, (what & WORK_WRITTEN) == 0 || v->code != SLUICE_NONE,
                     "the verdict on record %u of %u was not written", i, (unsigned)w->batch.n);
        CONF_REQUIRE(c,
                     (what & WORK_LEGAL) == 0 || v->code == SLUICE_NONE ||
                         work_is_legal(c->plugin->desc.kind, v->code),
                     "verdict %s on record %u is none for a %s", mock_code(v->code), i,
                     kind_name(c->plugin->desc.kind));
        if ((what & WORK_REASON) != 0 && v->code != SLUICE_NONE)
            check_reason(c, i, v);
    }
}

static void dump_str(struct strbuf *out, const char *name, struct sluice_str s)
{
    strbuf_printf(out, "%s ", name);
    if (s.data == NULL)
        strbuf_puts(out, "absent");
    else
        strbuf_add(out, s.data, s.len);
    strbuf_putc(out, '\n');
}

void work_dump(const struct work *w, uint32_t i, struct strbuf *out)
{
    const struct sluice_record *r = w->batch.refs[i];
    uint64_t f;

    strbuf_printf(out, "%llu %llu %u\n", (unsigned long long)r->position, (unsigned long long)r->ordinal,
                  r->attempts);
    dump_str(out, "payload", r->payload);
    for (f = 0; f < w->batch.n_fields && r->fields != NULL; f++)
        dump_str(out, "field", r->fields[f]);
    if (r->document != NULL) {
        uint64_t len = document_api.write_json(r->document, NULL, 0);
        char *text = malloc(len + 1);

        if (text == NULL)
            conf_fail(w->m->c, "the suite is out of memory");
        (void)document_api.write_json(r->document, text, len);
        strbuf_add(out, text, len);
        free(text);
    }
    strbuf_putc(out, '\n');
}

struct mock *work_begin(struct conf *c, struct work *w)
{
    struct mock *m = mock_new(c, "a");

    mock_start(m);
    work_init(m, w);
    work_samples(w, 0, WORK_SAMPLES);
    return m;
}

void work_must(struct conf *c, struct work *w)
{
    struct sluice_error err;
    uint32_t code = work_call(w, &err);

    mock_need_service(c, code, &err);
    CONF_REQUIRE(c, code == SLUICE_OK, "the call answered %s: %s", mock_code(code), mock_said(&err));
}

void work_dump_all(const struct work *w, struct strbuf *out)
{
    uint32_t i;

    strbuf_init(out, (size_t)4 << 20);
    for (i = 0; i < w->batch.n; i++) {
        strbuf_printf(out, "%u %s ", work_verdict(w, i)->code,
                      work_verdict(w, i)->reason == NULL ? "" : work_verdict(w, i)->reason);
        work_dump(w, i, out);
    }
}
