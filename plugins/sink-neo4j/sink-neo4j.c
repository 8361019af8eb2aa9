/* sink/neo4j: the purchase graph in Neo4j, or any statement of the user's own.
 *
 * Invariant: a batch is one transaction.  OK is answered after the server said that it
 * committed; when it did not say, the answer is UNSURE and the batch comes again, which
 * the purchase graph's rule makes harmless. */
#include <stdlib.h>
#include <string.h>
#include <sluice/check.h>
#include <sluice/graph.h>
#include <sluice/identity.h>
#include <sluice/promise.h>

#include "neo4j_sink.h"

#define PRODUCTS_KEPT 65536u
#define NAMES_KEPT 8192u
#define ARENA_KEPT (UINT32_C(2) << 20)
#define BODY_KEPT (UINT32_C(4) << 20)
#define BODY_MAX (UINT64_C(128) << 20)
#define ANSWER_MAX (UINT64_C(64) << 20)

static const struct sluice_option neo4j_options[] = {
    NEO4J_OPTIONS,
    {.name = "model",
     .type = SLUICE_CHOICE,
     .default_text = "purchase-graph",
     .choices = "purchase-graph|cypher",
     .summary = "what is written: the purchase graph, or what `statement` makes of the documents"},
    {.name = "load",
     .type = SLUICE_CHOICE,
     .default_text = "incremental",
     .choices = "incremental|full",
     .summary = "purchase-graph: full also drops visits that no known receipt explains",
     .details =
         "Counts written by an older system have no receipts. With full, the part of the frequency of "
         "all SHOPS_AT and SHOPS_IN edges of a record's user that no known receipt explains is dropped "
         "before the record is joined, and an edge left empty goes. Receipts themselves are never "
         "dropped."},
    {.name = "store_aliases",
     .type = SLUICE_MAP,
     .summary = "purchase-graph: one name for a store that is spelt in several ways: name -> other spellings",
     .example = "{ Corner Shop: [CORNER SHOP, The Corner Shop] }"},
    {.name = "statement",
     .type = SLUICE_STRING,
     .summary = "cypher: what to run over $rows, the documents of a batch as maps",
     .details =
         "It is sent once a batch, as one transaction, most often as `UNWIND $rows AS row …`. Delivery is "
         "at least once: see `idempotent`.",
     .example = "UNWIND $rows AS row MERGE (p:Person {id: row.id}) SET p.name = row.name"},
    {.name = "idempotent",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "cypher: running the statement again over the same rows changes nothing",
     .details =
         "With false, a batch whose outcome is unknown (the connection was lost while committing) is not "
         "run again: its records become dead letters that say so. Batches still come again after a "
         "crash of sluice, since the source repeats what was not acknowledged."},
};

static void work_free(struct work *w)
{
    arena_release(&w->arena);
    neo4j_call_release(&w->call);
    free(w);
}

static void neo4j_sink_free(struct sink *s)
{
    struct work *w;

    while ((w = s->pool) != NULL) {
        s->pool = w->next;
        work_free(w);
    }
    node_cache_release(&s->products);
    node_cache_release(&s->categories);
    node_cache_release(&s->retailers);
    graph_aliases_release(&s->aliases);
    neo4j_close(&s->neo4j);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Rules between options. */
static uint32_t neo4j_sink_options(struct sink *s, const struct sluice_config *config,
                                   struct sluice_error *err)
{
    const struct sluice_host *host = s->host;

    s->model = (enum neo4j_model)host->option_integer(config, "model");
    s->full = host->option_integer(config, "load") == 1;
    s->statement = host->option_string(config, "statement");
    s->flags = SLUICE_ATOMIC | SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE;
    if (s->model == MODEL_PURCHASE_GRAPH) {
        if (s->statement != NULL)
            return sluice_fail(err, SLUICE_INVALID, "statement", "goes with model: cypher only");
        if (host->option_given(config, "idempotent"))
            return sluice_fail(err, SLUICE_INVALID, "idempotent",
                               "goes with model: cypher only; the purchase graph always is");
        return graph_aliases_init(&s->aliases, host, config, "store_aliases", err);
    }
    if (s->statement == NULL || s->statement[0] == '\0')
        return sluice_fail(err, SLUICE_INVALID, "statement", "model: cypher needs it; see its example");
    if (strstr(s->statement, "$rows") == NULL)
        return sluice_fail(err, SLUICE_INVALID, "statement", "must use $rows, the documents of a batch");
    if (s->full)
        return sluice_fail(err, SLUICE_INVALID, "load", "goes with model: purchase-graph only");
    if (host->option_count(config, "store_aliases") > 0)
        return sluice_fail(err, SLUICE_INVALID, "store_aliases", "goes with model: purchase-graph only");
    s->flags = SLUICE_ATOMIC;
    if (host->option_integer(config, "idempotent") != 0)
        s->flags |= SLUICE_IDEMPOTENT;
    return SLUICE_OK;
}

static int neo4j_sink_caches(struct sink *s)
{
    struct hash128 secret;

    if (hash_key_random(&secret) != 0)
        return -1;
    if (node_cache_init(&s->products, PRODUCTS_KEPT, &secret) != 0 ||
        node_cache_init(&s->categories, NAMES_KEPT, &secret) != 0 ||
        node_cache_init(&s->retailers, NAMES_KEPT, &secret) != 0)
        return -1;
    return 0;
}

static uint32_t neo4j_sink_create(const struct sluice_host *host, const struct sluice_config *config,
                                  void **self, struct sluice_error *err)
{
    struct sink *s = calloc(1, sizeof *s);
    uint32_t code;

    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the sink");
    s->host = host;
    s->reading = host->extension(host, SLUICE_CHECK_ID) != NULL;
    (void)pthread_mutex_init(&s->lock, NULL);
    code = neo4j_sink_options(s, config, err);
    if (code == SLUICE_OK)
        code = neo4j_open(&s->neo4j, host, config, ANSWER_MAX, err);
    if (code == SLUICE_OK && s->model == MODEL_PURCHASE_GRAPH && neo4j_sink_caches(s) != 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the sink's caches, or no random numbers");
    if (code != SLUICE_OK) {
        neo4j_sink_free(s);
        return code;
    }
    s->metric_purchases = host->metric(host, SLUICE_COUNTER, "purchases_total",
                                       "Purchases written, by whether the graph already had them", "effect");
    s->metric_transactions =
        host->metric(host, SLUICE_COUNTER, "transactions_total", "Transactions, by how they ended", "end");
    s->metric_retries = host->metric(host, SLUICE_COUNTER, "retries_total",
                                     "Transactions run again by the sink itself, by the reason", "reason");
    s->metric_deadlocks = host->metric(host, SLUICE_COUNTER, "deadlocks_total",
                                       "Transactions that the server ended for a deadlock", NULL);
    *self = s;
    return SLUICE_OK;
}

static void neo4j_sink_destroy(void *self)
{
    neo4j_sink_free(self);
}

static uint32_t neo4j_sink_start(void *self, struct sluice_error *err)
{
    struct sink *s = self;
    uint32_t code = neo4j_connect(&s->neo4j, err);

    if (code != SLUICE_OK || s->model == MODEL_CYPHER || s->reading)
        return code;
    catalogue_forget(s); /* the graph may be another one by now */
    return schema_make(s, err);
}

static uint32_t neo4j_sink_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)err;
    return SLUICE_OK;
}

static uint32_t neo4j_sink_probe(void *self, struct sluice_error *err)
{
    struct sink *s = self;

    return neo4j_ping(&s->neo4j, err);
}

static uint32_t neo4j_sink_flags(void *self)
{
    return ((const struct sink *)self)->flags;
}

static const struct sluice_promise neo4j_promise = {.struct_size = sizeof neo4j_promise,
                                                    .flags = neo4j_sink_flags};

static const void *neo4j_sink_extension(void *self, const char *id)
{
    struct sink *s = self;

    if (strcmp(id, SLUICE_IDENTITY_ID) == 0)
        return &neo4j_identity;
    if (strcmp(id, SLUICE_PROMISE_ID) == 0)
        return &neo4j_promise;
    if (strcmp(id, SLUICE_GRAPH_ID) != 0 || s->model != MODEL_PURCHASE_GRAPH)
        return NULL;
    s->reading = 1;
    return &walk_graph;
}

/* --- write ------------------------------------------------------------------------ */

static struct work *work_take(struct sink *s)
{
    struct work *w;

    pthread_mutex_lock(&s->lock);
    w = s->pool;
    if (w != NULL)
        s->pool = w->next;
    pthread_mutex_unlock(&s->lock);
    if (w != NULL || (w = calloc(1, sizeof *w)) == NULL)
        return w;
    arena_init(&w->arena, ARENA_KEPT);
    neo4j_call_init(&w->call, BODY_MAX);
    return w;
}

static void work_give(struct sink *s, struct work *w)
{
    arena_clear(&w->arena);
    if (w->call.body.cap > BODY_KEPT)
        strbuf_release(&w->call.body);
    pthread_mutex_lock(&s->lock);
    w->next = s->pool;
    s->pool = w;
    pthread_mutex_unlock(&s->lock);
}

/* Reads the documents; bad records get their verdict, the others a place in the batch. */
static uint32_t neo4j_sink_read(struct sink *s, struct work *w, struct sluice_record *const *records,
                                uint32_t n, const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    const char *reason, *detail;
    struct batch *b = &w->batch;
    uint32_t i;

    memset(b, 0, sizeof *b);
    b->arena = &w->arena;
    b->records = arena_alloc(&w->arena, ((uint64_t)n + 1) * sizeof *b->records);
    if (b->records == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch of %u records", n);
    for (i = 0; i < n; i++) {
        uint32_t code = graph_read(s->host, records[i], w->now_ms, &w->arena, &b->records[b->n_records],
                                   &reason, &detail);

        if (code == SLUICE_REJECT) {
            sluice_verdict_set(verdicts, i, SLUICE_REJECT, reason, detail);
            continue;
        }
        if (code != SLUICE_OK)
            return sluice_fail(err, code, NULL, "no memory for a record's purchases");
        b->n_records++;
    }
    if (batch_make(b, &s->aliases) != 0)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch of %llu purchases",
                           (unsigned long long)b->n_rows);
    return SLUICE_OK;
}

static void neo4j_sink_count(struct sink *s, const struct batch *b, uint32_t code)
{
    static const char *const ends[] = {"committed", "unknown", "failed"};

    s->host->metric_add(s->host, s->metric_transactions,
                        ends[code == SLUICE_OK       ? 0
                             : code == SLUICE_UNSURE ? 1
                                                     : 2],
                        1);
    if (code != SLUICE_OK || s->model == MODEL_CYPHER)
        return;
    s->host->metric_add(s->host, s->metric_purchases, "new", b->counted);
    s->host->metric_add(s->host, s->metric_purchases, "known",
                        b->n_rows > b->counted ? b->n_rows - b->counted : 0);
}

static uint32_t neo4j_sink_write(void *self, struct sluice_record *const *records, uint32_t n,
                                 const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct sink *s = self;
    struct work *w = work_take(s);
    uint32_t code, i;

    if (w == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch");
    w->now_ms = s->host->now_ms(s->host);
    if (s->model == MODEL_CYPHER) {
        code = cypher_write(s, w, records, n, err);
        neo4j_sink_count(s, &w->batch, code);
    } else {
        code = neo4j_sink_read(s, w, records, n, verdicts, err);
        if (code == SLUICE_OK && w->batch.n_records > 0) {
            code = write_batch(s, w, err);
            neo4j_sink_count(s, &w->batch, code);
        }
    }
    work_give(s, w);
    for (i = 0; i < n && code == SLUICE_OK; i++)
        if (sluice_verdict_at(verdicts, i)->code == SLUICE_NONE)
            sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
    return code;
}

static const struct sluice_lifecycle neo4j_lifecycle = {
    .struct_size = sizeof neo4j_lifecycle,
    .create = neo4j_sink_create,
    .destroy = neo4j_sink_destroy,
    .start = neo4j_sink_start,
    .stop = neo4j_sink_stop,
    .probe = neo4j_sink_probe,
    .extension = neo4j_sink_extension,
};

static const struct sluice_sink_ops neo4j_ops = {
    .struct_size = sizeof neo4j_ops,
    .write = neo4j_sink_write,
};

static const struct sluice_plugin neo4j_plugin = {
    .struct_size = sizeof neo4j_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_SINK,
    .flags = SLUICE_PARALLEL | SLUICE_ATOMIC | SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE,
    .name = "neo4j",
    .version = "0.1.0",
    .summary = "the purchase graph, or a statement of your own, in Neo4j over HTTP",
    .licence = "MIT",
    SLUICE_OPTIONS(neo4j_options),
    .lifecycle = &neo4j_lifecycle,
    .ops = &neo4j_ops,
    .example = "url: http://127.0.0.1:7474\nuser: neo4j\npassword: example\n",
};

SLUICE_MODULE("sink-neo4j", NULL, NULL, &neo4j_plugin);
