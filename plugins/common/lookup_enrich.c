/* lookup_enrich: options and life of an enricher that looks ids up. */
#include "lookup_enrich.h"

#include <stdlib.h>

#include "purchase.h"

/* What sinks of the purchase graph take; members of a user's own may be either. */
static enum lookup_type type_of(const char *member)
{
    static const char *const texts[] = {PURCHASE_NAME, PURCHASE_BRAND, PURCHASE_CATEGORY,
                                        PURCHASE_CATEGORY_ID, PURCHASE_DESCRIPTION};
    size_t i;

    if (strcmp(member, PURCHASE_HIERARCHY) == 0)
        return LOOKUP_LIST;
    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(member, texts[i]) == 0)
            return LOOKUP_TEXT;
    return LOOKUP_ANY;
}

static uint32_t add_target(struct lookup_enricher *e, struct lookup_spec *spec, const char *option,
                           const char *member, const char *from, int only_absent, struct sluice_error *err)
{
    if (spec->n_fields == LOOKUP_MAX_FIELDS)
        return sluice_fail(err, SLUICE_INVALID, option, "%s: more than %u members in all", option,
                           LOOKUP_MAX_FIELDS);
    if (from[0] == '\0' || member[0] == '\0')
        return sluice_fail(err, SLUICE_INVALID, option, "%s: a member has no name", option);
    e->targets[spec->n_fields] = (struct lookup_target){member, only_absent};
    spec->fields[spec->n_fields++] = (struct lookup_field){from, type_of(member)};
    return SLUICE_OK;
}

static uint32_t read_map(struct lookup_enricher *e, const struct sluice_config *config, const char *option,
                         struct lookup_spec *spec, int only_absent, struct sluice_error *err)
{
    const struct sluice_host *host = e->host;
    uint64_t n = host->option_count(config, option), i;
    uint32_t code = SLUICE_OK;

    for (i = 0; i < n && code == SLUICE_OK; i++) {
        const char *member = host->option_item(config, option, i);

        if (host->option_values(config, option, i) != 1)
            return sluice_fail(err, SLUICE_INVALID, option, "%s: %.60s needs one member of the answer",
                               option, member);
        code =
            add_target(e, spec, option, member, host->option_value(config, option, i, 0), only_absent, err);
    }
    return code;
}

static uint32_t read_targets(struct lookup_enricher *e, const struct sluice_config *config,
                             const struct lookup_default *defaults, uint32_t n, struct lookup_spec *spec,
                             struct sluice_error *err)
{
    const struct sluice_host *host = e->host;
    uint32_t code = read_map(e, config, "set", spec, 0, err), i;

    if (code == SLUICE_OK)
        code = read_map(e, config, "fill", spec, 1, err);
    for (i = 0; i < n && code == SLUICE_OK; i++) {
        const char *option = defaults[i].only_absent ? "fill" : "set";

        if (!host->option_given(config, option))
            code = add_target(e, spec, option, defaults[i].member, defaults[i].from, defaults[i].only_absent,
                              err);
    }
    if (code == SLUICE_OK && spec->n_fields == 0)
        return sluice_fail(err, SLUICE_INVALID, "set", "set and fill are both empty: there is nothing to do");
    return code;
}

static uint32_t read_options(struct lookup_enricher *e, const struct sluice_config *config,
                             struct lookup_options *o, struct sluice_error *err)
{
    const struct sluice_host *host = e->host;
    const char *from = host->option_string(config, "from"), *why = key_path_parse(&e->path, from);

    if (why != NULL)
        return sluice_fail(err, SLUICE_INVALID, "from", "from: %.100s %s", from, why);
    o->url = host->option_string(config, "url");
    o->path = host->option_string(config, "path");
    o->method = host->option_integer(config, "method") == 0 ? "POST" : "PUT";
    o->token = host->option_string(config, "token");
    o->ca_file = host->option_string(config, "ca_file");
    o->ids = host->option_string(config, "ids");
    o->spec.list = host->option_string(config, "list");
    o->spec.id = host->option_string(config, "id");
    o->batch = (uint32_t)host->option_integer(config, "batch");
    o->max_parallel = (uint32_t)host->option_integer(config, "max_parallel");
    o->attempts = (uint32_t)host->option_integer(config, "attempts");
    o->timeout_ms = (uint32_t)host->option_integer(config, "timeout");
    o->per_second = host->option_number(config, "per_second");
    o->cache_bytes = (uint64_t)host->option_integer(config, "cache_size");
    o->ttl_ms = host->option_integer(config, "ttl");
    o->unknown_ttl_ms = host->option_integer(config, "unknown_ttl");
    return SLUICE_OK;
}

uint32_t lookup_enricher_create(const struct sluice_host *host, const struct sluice_config *config,
                                const struct lookup_default *defaults, uint32_t n, void **self,
                                struct sluice_error *err)
{
    struct lookup_enricher *e = calloc(1, sizeof *e);
    struct lookup_options o;
    uint32_t code;

    if (e == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    memset(&o, 0, sizeof o);
    e->host = host;
    code = read_options(e, config, &o, err);
    if (code == SLUICE_OK)
        code = read_targets(e, config, defaults, n, &o.spec, err);
    if (code == SLUICE_OK)
        code = lookup_open(&e->lookup, host, &o, err);
    if (code != SLUICE_OK) {
        free(e);
        return code;
    }
    e->metric_no_key = host->metric(host, SLUICE_COUNTER, "without_id_total",
                                    "Places in records where there was no id to look up", NULL);
    *self = e;
    return SLUICE_OK;
}

void lookup_enricher_destroy(void *self)
{
    struct lookup_enricher *e = self;

    lookup_close(&e->lookup);
    free(e);
}

uint32_t lookup_enricher_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct lookup_enricher *e = self;

    (void)deadline_ms;
    (void)err;
    lookup_cache_clear(&e->lookup.cache);
    return SLUICE_OK;
}

uint32_t lookup_enricher_probe(void *self, struct sluice_error *err)
{
    struct lookup_enricher *e = self;

    return lookup_probe(&e->lookup, err);
}

void lookup_enricher_stats(void *self)
{
    struct lookup_enricher *e = self;

    lookup_stats(&e->lookup);
}
