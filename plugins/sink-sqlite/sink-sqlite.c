/* sink/sqlite: the purchase graph in one SQLite file, exact under any order and any
 * repetition of purchases.
 *
 * Invariant: a batch is one transaction.  OK is answered after COMMIT, which with
 * synchronous: full is after the disk; whatever goes wrong before leaves the file as
 * it was, and the caches empty. */
#include <stdlib.h>
#include <string.h>
#include <sluice/graph.h>

#include "graph_sink.h"

#define USERS_KEPT 131072u
#define PRODUCTS_KEPT 65536u
#define NAMES_KEPT 8192u
#define ARENA_KEPT (UINT32_C(4) << 20)
#define TEXT_MAX (UINT32_C(64) << 20)

static const struct sluice_option sqlite_options[] = {
    {.name = "path",
     .type = SLUICE_PATH,
     .flags = SLUICE_REQUIRED | SLUICE_CREATES,
     .summary = "the database file; made if it is not there",
     .details = "Beside it SQLite keeps PATH-wal and PATH-shm: the three belong together, on a local disk.",
     .example = "/var/lib/sluice/graph.sqlite"},
    {.name = "model",
     .type = SLUICE_CHOICE,
     .default_text = "purchase-graph",
     .choices = "purchase-graph",
     .summary = "what is kept"},
    {.name = "load",
     .type = SLUICE_CHOICE,
     .default_text = "incremental",
     .choices = "incremental|full",
     .summary = "full: also drop visits that no known receipt explains",
     .details =
         "Counts written by an older system have no receipts. With full, the part of the frequency of "
         "all SHOPS_AT and SHOPS_IN edges of a record's user that no known receipt explains is dropped "
         "before the record is joined, and an edge left empty goes. Receipts themselves are never "
         "dropped."},
    {.name = "store_aliases",
     .type = SLUICE_MAP,
     .summary = "one name for a store that is spelt in several ways: name -> other spellings",
     .example = "{ Corner Shop: [CORNER SHOP, The Corner Shop] }"},
    {.name = "synchronous",
     .type = SLUICE_CHOICE,
     .default_text = "full",
     .choices = "full|normal",
     .summary = "full: a written batch survives a power cut; normal: only a crash of the program",
     .details = "With normal the last batches before a power cut may be gone although they were settled with "
                "the source. The file is never damaged by either."},
    {.name = "cache",
     .type = SLUICE_SIZE,
     .default_text = "12MiB",
     .min = "1MiB",
     .max = "64GiB",
     .summary = "memory for pages of the file"},
    {.name = "busy_timeout",
     .type = SLUICE_DURATION,
     .default_text = "5s",
     .min = "0ms",
     .max = "10m",
     .summary = "how long to wait for another program's write lock before the batch is tried again later"},
};

static void sqlite_free(struct graph_sink *s)
{
    node_cache_release(&s->users);
    node_cache_release(&s->products);
    node_cache_release(&s->categories);
    node_cache_release(&s->retailers);
    graph_aliases_release(&s->aliases);
    arena_release(&s->arena);
    strbuf_release(&s->text);
    free(s->times);
    free(s->facts);
    free(s);
}

static uint32_t sqlite_caches(struct graph_sink *s, struct sluice_error *err)
{
    struct hash128 secret;

    if (hash_key_random(&secret) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "the system gives no random numbers");
    if (node_cache_init(&s->users, USERS_KEPT, &secret) != 0 ||
        node_cache_init(&s->products, PRODUCTS_KEPT, &secret) != 0 ||
        node_cache_init(&s->categories, NAMES_KEPT, &secret) != 0 ||
        node_cache_init(&s->retailers, NAMES_KEPT, &secret) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the sink's caches");
    return SLUICE_OK;
}

static uint32_t sqlite_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                              struct sluice_error *err)
{
    struct graph_sink *s = calloc(1, sizeof *s);
    uint32_t code;

    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the sink");
    s->host = host;
    s->db.host = host;
    s->db.path = host->option_string(config, "path");
    s->db.cache_bytes = host->option_integer(config, "cache");
    s->db.busy_ms = host->option_integer(config, "busy_timeout");
    s->db.normal = host->option_integer(config, "synchronous") == 1;
    s->full = host->option_integer(config, "load") == 1;
    arena_init(&s->arena, ARENA_KEPT);
    strbuf_init(&s->text, TEXT_MAX);
    code = graph_aliases_init(&s->aliases, host, config, "store_aliases", err);
    if (code == SLUICE_OK)
        code = sqlite_caches(s, err);
    if (code != SLUICE_OK) {
        sqlite_free(s);
        return code;
    }
    s->metric = host->metric(host, SLUICE_COUNTER, "purchases_total",
                             "Purchases written, by whether the graph already had them", "effect");
    *self = s;
    return SLUICE_OK;
}

static void sqlite_destroy(void *self)
{
    sqlite_free(self);
}

static void sqlite_forget(struct graph_sink *s)
{
    node_cache_clear(&s->users);
    node_cache_clear(&s->products);
    node_cache_clear(&s->categories);
    node_cache_clear(&s->retailers);
}

static uint32_t sqlite_start(void *self, struct sluice_error *err)
{
    struct graph_sink *s = self;

    sqlite_forget(s); /* the file may be another one by now */
    return db_open(&s->db, err);
}

static uint32_t sqlite_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct graph_sink *s = self;

    (void)deadline_ms;
    (void)err;
    db_close(&s->db);
    return SLUICE_OK;
}

static uint32_t sqlite_probe(void *self, struct sluice_error *err)
{
    struct graph_sink *s = self;
    int changed;
    uint32_t code = db_begin(&s->db, &changed, err);

    if (changed)
        node_cache_unsee(&s->products);
    db_rollback(&s->db);
    return code;
}

static const void *sqlite_extension(void *self, const char *id)
{
    (void)self;
    return strcmp(id, SLUICE_GRAPH_ID) == 0 ? &walk_graph : NULL;
}

/* Memory for the batch's records and what will be made of them. */
static uint32_t sqlite_room(struct graph_sink *s, uint64_t rows, struct sluice_error *err)
{
    s->rows = arena_alloc(&s->arena, (rows + 1) * sizeof *s->rows);
    s->order = arena_alloc(&s->arena, (rows + 1) * sizeof(struct row *));
    s->users_of = arena_alloc(&s->arena, (s->n_records + 1) * sizeof *s->users_of);
    if (s->rows == NULL || s->order == NULL || s->users_of == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch of %llu purchases",
                           (unsigned long long)rows);
    return SLUICE_OK;
}

/* Reads the documents; bad records get their verdict, the others a place in records. */
static uint32_t sqlite_read(struct graph_sink *s, struct sluice_record *const *records, uint32_t n,
                            const struct sluice_verdicts *verdicts, uint64_t *rows, struct sluice_error *err)
{
    const char *reason, *detail;
    uint32_t i;

    *rows = 0;
    s->n_records = 0;
    s->records = arena_alloc(&s->arena, ((uint64_t)n + 1) * sizeof *s->records);
    if (s->records == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch of %u records", n);
    for (i = 0; i < n; i++) {
        struct graph_record *r = &s->records[s->n_records];
        uint32_t code = graph_read(s->host, records[i], s->now_ms, &s->arena, r, &reason, &detail);

        if (code == SLUICE_REJECT) {
            sluice_verdict_set(verdicts, i, SLUICE_REJECT, reason, detail);
            continue;
        }
        if (code != SLUICE_OK)
            return sluice_fail(err, code, NULL, "no memory for a record's purchases");
        *rows += r->n;
        s->n_records++;
    }
    return SLUICE_OK;
}

static uint32_t sqlite_transaction(struct graph_sink *s, struct sluice_error *err)
{
    int changed = 0;
    uint32_t code = db_begin(&s->db, &changed, err);

    if (code != SLUICE_OK)
        return code;
    if (changed)
        node_cache_unsee(&s->products); /* another program may have changed them */
    s->counted = 0;
    code = write_nodes(s, err);
    if (code == SLUICE_OK)
        code = write_edges(s, err);
    if (code == SLUICE_OK)
        code = db_commit(&s->db, err);
    if (code != SLUICE_OK) {
        db_rollback(&s->db);
        sqlite_forget(s); /* rowids of this transaction were never given */
    }
    return code;
}

static uint32_t sqlite_write(void *self, struct sluice_record *const *records, uint32_t n,
                             const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct graph_sink *s = self;
    uint64_t rows;
    uint32_t code, i;

    s->now_ms = s->host->now_ms(s->host);
    arena_clear(&s->arena);
    code = sqlite_read(s, records, n, verdicts, &rows, err);
    if (code == SLUICE_OK && s->n_records > 0) {
        code = sqlite_room(s, rows, err);
        if (code == SLUICE_OK)
            code = sqlite_transaction(s, err);
    }
    if (code != SLUICE_OK)
        return code;
    for (i = 0; i < n; i++)
        if (sluice_verdict_at(verdicts, i)->code == SLUICE_NONE)
            sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
    if (s->n_records > 0) {
        s->host->metric_add(s->host, s->metric, "new", s->counted);
        s->host->metric_add(s->host, s->metric, "known", rows - s->counted);
    }
    return SLUICE_OK;
}

static const struct sluice_lifecycle sqlite_lifecycle = {
    .struct_size = sizeof sqlite_lifecycle,
    .create = sqlite_create,
    .destroy = sqlite_destroy,
    .start = sqlite_start,
    .stop = sqlite_stop,
    .probe = sqlite_probe,
    .extension = sqlite_extension,
};

static const struct sluice_sink_ops sqlite_ops = {
    .struct_size = sizeof sqlite_ops,
    .write = sqlite_write,
};

static const struct sluice_plugin sqlite_plugin = {
    .struct_size = sizeof sqlite_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_SINK,
    .flags = SLUICE_ATOMIC | SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE,
    .name = "sqlite",
    .version = "0.1.0",
    .summary = "the purchase graph in one SQLite file",
    .licence = "MIT",
    SLUICE_OPTIONS(sqlite_options),
    .lifecycle = &sqlite_lifecycle,
    .ops = &sqlite_ops,
    .example = "path: ${tmp}/graph.sqlite\n",
};

SLUICE_MODULE("sink-sqlite", NULL, NULL, &sqlite_plugin);
