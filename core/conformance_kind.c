/* conformance_kind: what only decoders, only enrichers or only sinks promise; gates have a
 * file of their own. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "conformance_host.h"

#include <sluice/graph.h>

/* The same records twice give the same documents. */
static void same_twice(struct conf *c)
{
    struct strbuf first, second;
    struct work a, b;
    struct mock *m = work_begin(c, &a);

    work_must(c, &a);
    work_dump_all(&a, &first);
    work_init(m, &b);
    work_samples(&b, 0, WORK_SAMPLES);
    work_must(c, &b);
    /* Positions differ by the batch only. */
    work_dump_all(&b, &second);
    CONF_REQUIRE(c, first.len == second.len && strcmp(strbuf_text(&first), strbuf_text(&second)) == 0,
                 "the same records came out differently the second time");
    mock_free(m);
}

static void decode_makes_documents(struct conf *c)
{
    struct work w;
    struct mock *m = work_begin(c, &w);
    uint32_t i;

    work_must(c, &w);
    for (i = 0; i < w.batch.n; i++)
        CONF_REQUIRE(c, work_verdict(&w, i)->code != SLUICE_OK || w.batch.refs[i]->document != NULL,
                     "record %u is OK and has no document", i);
    mock_free(m);
}

static void decode_says_why(struct conf *c)
{
    struct work w;
    struct mock *m = work_begin(c, &w);
    char noise[48];
    uint32_t i, j;

    for (i = 0; i < 60; i++) {
        for (j = 0; j < sizeof noise; j++)
            noise[j] = (char)conf_random(c);
        work_add(&w, (struct sluice_str){noise, sizeof noise});
    }
    work_must(c, &w);
    for (i = 0; i < w.batch.n; i++) {
        const struct sluice_verdict *v = work_verdict(&w, i);

        CONF_REQUIRE(c, v->code != SLUICE_REJECT || (v->detail != NULL && v->detail[0] != '\0'),
                     "record %u is rejected (%s) without a detail for people", i, v->reason);
    }
    mock_free(m);
}

static void peek_record(struct conf *c, struct work *w, uint32_t i, const struct sluice_str *names,
                        uint64_t n)
{
    struct sluice_str values[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    uint8_t status = 0;
    struct sluice_peek peek = {sizeof peek, 1, w->batch.refs + i, names, n, values, &status};
    struct sluice_error err;
    uint32_t code;
    uint64_t f;

    mock_error(&err);
    code = c->plugin->ops.decoder.peek(w->m->self, &peek, &err);
    CONF_REQUIRE(c, code == SLUICE_OK || code == SLUICE_RETRY, "peek answered %s", mock_code(code));
    CONF_REQUIRE(c, status == SLUICE_PEEK_WHOLE || status == SLUICE_PEEK_BROKEN,
                 "peek gave record %u the status %u", i, status);
    if (work_verdict(w, i)->code != SLUICE_OK)
        return;
    CONF_REQUIRE(c, status == SLUICE_PEEK_WHOLE, "peek says that record %u is broken, decode takes it", i);
    for (f = 0; f < n; f++) {
        struct sluice_str whole = record_document_field(w->batch.refs[i], names[f].data);

        CONF_REQUIRE(c, sluice_str_equal(values[f], whole),
                     "peek reads %.*s of record %u as '%.*s', decode as '%.*s'", (int)names[f].len,
                     names[f].data, i, (int)values[f].len, values[f].data == NULL ? "" : values[f].data,
                     (int)whole.len, whole.data == NULL ? "" : whole.data);
    }
}

static void peek_agrees(struct conf *c)
{
    struct sluice_str names[4];
    struct work w;
    struct mock *m;
    uint32_t i;

    if (c->plugin->ops.decoder.peek == NULL)
        conf_skip(c, "it has no peek");
    names[0] = sluice_str_of("user_id");
    names[1] = sluice_str_of("receipt_id");
    names[2] = sluice_str_of("n");
    names[3] = sluice_str_of("no_such_member");
    m = work_begin(c, &w);
    work_must(c, &w);
    for (i = 0; i < w.batch.n; i++)
        peek_record(c, &w, i, names, 4);
    mock_free(m);
}

static void document_is_not_needed(struct conf *c)
{
    struct work w;
    struct mock *m = work_begin(c, &w);
    uint32_t i;

    for (i = 0; i < w.batch.n; i++)
        w.batch.refs[i]->document = NULL;
    work_must(c, &w);
    for (i = 0; i < w.batch.n; i++)
        CONF_REQUIRE(c, work_verdict(&w, i)->code != SLUICE_NONE,
                     "record %u has no document and got no verdict", i);
    mock_free(m);
}

static void flush_is_quick(struct conf *c)
{
    struct sluice_error err;
    struct work w;
    struct mock *m = work_begin(c, &w);
    int64_t before;
    uint32_t code;

    if (c->plugin->ops.sink.flush == NULL)
        conf_skip(c, "it has no flush");
    work_must(c, &w);
    mock_error(&err);
    before = clock_steady_ms();
    code = c->plugin->ops.sink.flush(m->self, 500, &err);
    CONF_REQUIRE(c, code == SLUICE_OK, "flush answered %s: %s", mock_code(code), mock_said(&err));
    CONF_REQUIRE(c, clock_steady_ms() - before < 1500, "flush took %lld ms and had 500",
                 (long long)(clock_steady_ms() - before));
    work_must(c, &w);
    mock_free(m);
}

static uint32_t tell_node(void *context, const struct sluice_graph_node *n)
{
    strbuf_printf(context, "node %u %.*s %.*s\n", n->type, (int)n->id.len,
                  n->id.data == NULL ? "" : n->id.data, (int)n->name.len,
                  n->name.data == NULL ? "" : n->name.data);
    return SLUICE_OK;
}

static uint32_t tell_edge(void *context, const struct sluice_graph_edge *e)
{
    strbuf_printf(context, "edge %u %.*s %.*s %lld %lld\n", e->type, (int)e->from.len,
                  e->from.data == NULL ? "" : e->from.data, (int)e->to.len,
                  e->to.data == NULL ? "" : e->to.data, (long long)e->count, (long long)e->last_ms);
    return SLUICE_OK;
}

/* What the sink holds, by its graph. 0: it has none. */
static int tell_graph(struct mock *m, struct strbuf *out)
{
    struct sluice_graph_visitor visitor = {sizeof visitor, 0, out, tell_node, tell_edge};
    const struct sluice_graph *graph;
    struct sluice_error err;

    if (m->plugin->lifecycle.extension == NULL)
        return 0;
    graph = m->plugin->lifecycle.extension(m->self, SLUICE_GRAPH_ID);
    if (graph == NULL)
        return 0;
    mock_error(&err);
    (void)graph->walk(m->self, NULL, &visitor, &err);
    return 1;
}

/* The files that the sink writes, byte by byte. */
static int tell_files(struct mock *m, struct strbuf *out)
{
    uint32_t i;
    int told = 0, byte;

    for (i = 0; i < m->plugin->desc.n_options; i++) {
        const struct sluice_option *o = &m->plugin->options[i];
        const char *path = o->type == SLUICE_PATH && (o->flags & SLUICE_CREATES) != 0
                               ? option_string(m->config, o->name)
                               : NULL;
        FILE *in = path == NULL ? NULL : fopen(path, "r");

        while (in != NULL && (byte = getc(in)) != EOF)
            strbuf_putc(out, (char)byte);
        if (in != NULL) {
            (void)fclose(in);
            told = 1;
        }
    }
    return told;
}

static void write_twice_changes_nothing(struct conf *c)
{
    struct strbuf once, twice;
    struct sluice_error err;
    struct work w;
    struct mock *m;
    int told;

    if ((c->plugin->desc.flags & SLUICE_IDEMPOTENT) == 0)
        conf_skip(c, "it does not say SLUICE_IDEMPOTENT");
    strbuf_init(&once, (size_t)16 << 20);
    strbuf_init(&twice, (size_t)16 << 20);
    m = work_begin(c, &w);
    work_must(c, &w);
    if (c->plugin->ops.sink.flush != NULL)
        (void)c->plugin->ops.sink.flush(m->self, 1000, &err);
    told = tell_graph(m, &once) ? 1 : tell_files(m, &once) ? 2 : 0;
    work_must(c, &w);
    if (c->plugin->ops.sink.flush != NULL)
        (void)c->plugin->ops.sink.flush(m->self, 1000, &err);
    if (told == 1)
        (void)tell_graph(m, &twice);
    else if (told == 2)
        (void)tell_files(m, &twice);
    else
        conf_skip(c, "it neither shows a graph nor writes a file that could be compared");
    CONF_REQUIRE(c, strcmp(strbuf_text(&once), strbuf_text(&twice)) == 0,
                 "says SLUICE_IDEMPOTENT, and writing the same records again changed what it holds");
    mock_free(m);
}

const struct conf_case conf_kind_cases[] = {
    {"same-twice", "makes the same of the same records", CONF_DECODER | CONF_ENRICHER, 0, same_twice},
    {"decode-makes-documents", "makes a document of each record that is OK", CONF_DECODER, 0,
     decode_makes_documents},
    {"decode-says-why", "says why a record is rejected", CONF_DECODER, 0, decode_says_why},
    {"peek-agrees", "peeks what decode reads", CONF_DECODER, 0, peek_agrees},
    {"document-is-not-needed", "gives a verdict on a record without a document",
     CONF_GATE | CONF_ENRICHER | CONF_SINK, 0, document_is_not_needed},
    {"flush-is-quick", "flushes within its deadline and writes on", CONF_SINK, 0, flush_is_quick},
    {"write-twice", "holds the same after a second write, if it says so", CONF_SINK, 0,
     write_twice_changes_nothing},
    {NULL, NULL, 0, 0, NULL},
};
