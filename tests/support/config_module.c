/* config_module: no plugin here ever works on a record; only its options matter. */
#include "config_module.h"

static uint32_t any_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    static int nothing;

    (void)host;
    (void)config;
    (void)err;
    *self = &nothing;
    return SLUICE_OK;
}

static void any_destroy(void *self)
{
    (void)self;
}

static const struct sluice_lifecycle lifecycle = {
    .struct_size = sizeof lifecycle,
    .create = any_create,
    .destroy = any_destroy,
};

static uint32_t mem_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                         struct sluice_error *err)
{
    (void)self, (void)batch, (void)max, (void)timeout_ms, (void)err;
    return SLUICE_END;
}

static uint32_t mem_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    (void)self, (void)acks, (void)err;
    return SLUICE_OK;
}

static uint32_t any_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    (void)self, (void)records, (void)n, (void)verdicts, (void)err;
    return SLUICE_OK;
}

static uint32_t once_conclude(void *self, const struct sluice_record *const *records, uint32_t n,
                              const struct sluice_outcome *outcomes, uint64_t stride,
                              struct sluice_error *err)
{
    (void)self, (void)records, (void)n, (void)outcomes, (void)stride, (void)err;
    return SLUICE_OK;
}

static uint32_t any_work(void *self, struct sluice_record *const *records, uint32_t n,
                         const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    (void)self, (void)records, (void)n, (void)verdicts, (void)err;
    return SLUICE_OK;
}

static const struct sluice_source_ops source_ops = {
    .struct_size = sizeof source_ops, .poll = mem_poll, .settle = mem_settle};
static const struct sluice_gate_ops gate_ops = {.struct_size = sizeof gate_ops, .decide = any_decide};
static const struct sluice_gate_ops once_ops = {
    .struct_size = sizeof once_ops, .decide = any_decide, .conclude = once_conclude};
static const struct sluice_enricher_ops enricher_ops = {.struct_size = sizeof enricher_ops,
                                                        .enrich = any_work};
static const struct sluice_sink_ops sink_ops = {.struct_size = sizeof sink_ops, .write = any_work};

static const struct sluice_option mem_options[] = {
    {.name = "count",
     .type = SLUICE_INTEGER,
     .default_text = "1",
     .min = "0",
     .max = "9",
     .summary = "records"},
    {.name = "path", .type = SLUICE_PATH, .summary = "a file"},
};
static const struct sluice_option list_options[] = {
    {.name = "file", .type = SLUICE_PATH, .summary = "ids"},
    {.name = "users", .type = SLUICE_LIST, .summary = "ids, written here"},
};
static const struct sluice_option once_options[] = {
    {.name = "key", .type = SLUICE_STRING, .flags = SLUICE_REQUIRED, .summary = "the key"},
};
static const struct sluice_option table_options[] = {
    {.name = "url", .type = SLUICE_URL, .summary = "where"},
    {.name = "map", .type = SLUICE_MAP, .summary = "what to what"},
    {.name = "wait", .type = SLUICE_DURATION, .default_text = "1s", .max = "1m", .summary = "how long"},
};
static const struct sluice_option graph_options[] = {
    {.name = "url", .type = SLUICE_STRING, .flags = SLUICE_REQUIRED, .summary = "where"},
    {.name = "user", .type = SLUICE_STRING, .summary = "who"},
    {.name = "password", .type = SLUICE_STRING, .flags = SLUICE_SECRET, .summary = "secret"},
    {.name = "mode",
     .type = SLUICE_CHOICE,
     .choices = "full|incremental",
     .default_text = "full",
     .summary = "how"},
};

#define DESCRIBE(k, n, f, table, o)                                                                          \
    {                                                                                                        \
        .struct_size = sizeof(struct sluice_plugin), .kind = k, .flags = f, .name = n, .version = "1.0.0",   \
        .summary = "for tests", .licence = "MIT", SLUICE_OPTIONS(table), .lifecycle = &lifecycle, .ops = &o  \
    }

static const struct sluice_plugin mem = DESCRIBE(SLUICE_SOURCE, "mem", 0, mem_options, source_ops);
static const struct sluice_plugin list = DESCRIBE(SLUICE_GATE, "list", 0, list_options, gate_ops);
static const struct sluice_plugin once =
    DESCRIBE(SLUICE_GATE, "once", SLUICE_TWO_PHASE, once_options, once_ops);
static const struct sluice_plugin table = DESCRIBE(SLUICE_ENRICHER, "table", 0, table_options, enricher_ops);
static const struct sluice_plugin graph =
    DESCRIBE(SLUICE_SINK, "graph", SLUICE_PARALLEL, graph_options, sink_ops);
static const struct sluice_plugin null = DESCRIBE(SLUICE_SINK, "null", 0, mem_options, sink_ops);
/* One name for two kinds, as with file. */
static const struct sluice_plugin mem_sink = DESCRIBE(SLUICE_SINK, "mem", 0, mem_options, sink_ops);

static const struct sluice_plugin *const plugins[] = {&mem,   &list, &once,     &table,
                                                      &graph, &null, &mem_sink, NULL};

const struct sluice_module config_module = {
    .struct_size = sizeof config_module,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .name = "config-test",
    .plugins = plugins,
};
