/* old: a plugin built against the kept headers of minor 0.0, whose structs are shorter
 * than today's: options without `since` and `replaced_by`, a life cycle without
 * `extension`, a descriptor without `example`.  It must load and work for ever (while
 * the major is 0: until MODULE_OLDEST_MINOR is raised). */
#include <stdlib.h>

#include <sluice/plugin.h>

struct old {
    const struct sluice_host *host;
    const struct sluice_config *config;
};

static const struct sluice_option old_options[] = {
    {.name = "first", .type = SLUICE_INTEGER, .default_text = "1", .summary = "the first one"},
    {.name = "second", .type = SLUICE_STRING, .default_text = "two", .summary = "the second one"},
    {.name = "third", .type = SLUICE_DURATION, .default_text = "3s", .summary = "the third one"},
};

static uint32_t old_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    struct old *o = malloc(sizeof *o);

    if (o == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    o->host = host;
    o->config = config;
    *self = o;
    return SLUICE_OK;
}

static void old_destroy(void *self)
{
    free(self);
}

static uint32_t old_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    const struct old *o = self;
    uint32_t i;

    (void)err;
    for (i = 0; i < n; i++) {
        struct sluice_node *document = o->host->record->document(records[i]), *sum;

        if (o->host->document->type(document) != SLUICE_OBJECT) {
            sluice_verdict_set(verdicts, i, SLUICE_REJECT, "not_an_object", "the record is no object");
            continue;
        }
        sum = o->host->document->make_int(records[i], o->host->option_integer(o->config, "first") +
                                                          o->host->option_integer(o->config, "third"));
        if (sluice_set(o->host, records[i], document, "sum", sum))
            sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
        else
            sluice_verdict_set(verdicts, i, SLUICE_RETRY, "no_memory", NULL);
    }
    return SLUICE_OK;
}

static const struct sluice_lifecycle old_lifecycle = {
    .struct_size = sizeof old_lifecycle,
    .create = old_create,
    .destroy = old_destroy,
};

static const struct sluice_enricher_ops old_ops = {.struct_size = sizeof old_ops, .enrich = old_enrich};

static const struct sluice_plugin old_plugin = {
    .struct_size = sizeof old_plugin,
    .kind = SLUICE_ENRICHER,
    .flags = SLUICE_PARALLEL,
    .name = "old",
    .version = "1.0.0",
    .summary = "adds two options",
    .licence = "0BSD",
    SLUICE_OPTIONS(old_options),
    .lifecycle = &old_lifecycle,
    .ops = &old_ops,
};

SLUICE_MODULE("old", NULL, NULL, &old_plugin);
