/* lookup_enrich: an enricher that looks ids of a record up at a service.
 *
 * Everything but the names is shared by enrich/fps and enrich/category: a plugin is its
 * option table (LOOKUP_OPTIONS), what it sets by default, and a descriptor. */
#ifndef SLUICE_PLUGINS_LOOKUP_ENRICH_H
#define SLUICE_PLUGINS_LOOKUP_ENRICH_H

#include <sluice/plugin.h>

#include "key_path.h"
#include "lookup.h"

/* A member that the enricher sets unless options say otherwise. */
struct lookup_default {
    const char *member, *from;
    int only_absent; /* of `fill`: what the record has stays */
};

struct lookup_target {
    const char *member;
    int only_absent;
};

struct lookup_enricher {
    const struct sluice_host *host;
    struct lookup lookup;
    struct key_path path;
    struct lookup_target targets[LOOKUP_MAX_FIELDS]; /* one a field of the answer, in its order */
    uint32_t metric_no_key;
};

/* The calls of a plugin, but for create, which hands its defaults over. */
uint32_t lookup_enricher_create(const struct sluice_host *host, const struct sluice_config *config,
                                const struct lookup_default *defaults, uint32_t n, void **self,
                                struct sluice_error *err);
void lookup_enricher_destroy(void *self);
uint32_t lookup_enricher_stop(void *self, uint32_t deadline_ms, struct sluice_error *err);
uint32_t lookup_enricher_probe(void *self, struct sluice_error *err);
void lookup_enricher_stats(void *self);
uint32_t lookup_enricher_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                                const struct sluice_verdicts *verdicts, struct sluice_error *err);

#define LOOKUP_LIFECYCLE(create_fn)                                                                          \
    {                                                                                                        \
        .struct_size = sizeof(struct sluice_lifecycle), .create = (create_fn),                               \
        .destroy = lookup_enricher_destroy, .stop = lookup_enricher_stop, .probe = lookup_enricher_probe,    \
        .stats = lookup_enricher_stats                                                                       \
    }

/* The options, with what differs. */
#define LOOKUP_OPTIONS(url_example, path_default, list_default, from_default, set_details, set_example,      \
                       fill_details)                                                                         \
    {.name = "url",                                                                                          \
     .type = SLUICE_URL,                                                                                     \
     .flags = SLUICE_REQUIRED,                                                                               \
     .summary = "the service",                                                                               \
     .example = url_example},                                                                                \
        {.name = "path",                                                                                     \
         .type = SLUICE_STRING,                                                                              \
         .default_text = path_default,                                                                       \
         .summary = "path of the call, behind url"},                                                         \
        {.name = "method",                                                                                   \
         .type = SLUICE_CHOICE,                                                                              \
         .default_text = "POST",                                                                             \
         .choices = "POST|PUT",                                                                              \
         .summary = "method of the call"},                                                                   \
        {.name = "token",                                                                                    \
         .type = SLUICE_STRING,                                                                              \
         .flags = SLUICE_SECRET,                                                                             \
         .summary = "sent as Authorization: Bearer TOKEN",                                                   \
         .example = "${file:/run/secrets/token}"},                                                           \
        {.name = "ca_file",                                                                                  \
         .type = SLUICE_PATH,                                                                                \
         .summary = "PEM file of the authorities to trust, in place of the system's"},                       \
        {.name = "from",                                                                                     \
         .type = SLUICE_FIELD,                                                                               \
         .default_text = from_default,                                                                       \
         .summary = "where the ids stand in the record",                                                     \
         .details = "What is found is set beside the id, in the same object."},                              \
        {.name = "ids",                                                                                      \
         .type = SLUICE_STRING,                                                                              \
         .default_text = "ids",                                                                              \
         .summary = "member of the request that holds the ids"},                                             \
        {.name = "list",                                                                                     \
         .type = SLUICE_STRING,                                                                              \
         .default_text = list_default,                                                                       \
         .summary = "member of the answer that holds the items"},                                            \
        {.name = "id",                                                                                       \
         .type = SLUICE_STRING,                                                                              \
         .default_text = "id",                                                                               \
         .summary = "member of an item that holds its id"},                                                  \
        {.name = "set",                                                                                      \
         .type = SLUICE_MAP,                                                                                 \
         .summary = "members to set, and the member of the item that each comes from",                       \
         .details = set_details,                                                                             \
         .example = set_example},                                                                            \
        {.name = "fill",                                                                                     \
         .type = SLUICE_MAP,                                                                                 \
         .summary = "the same, for members that the record does not have yet",                               \
         .details = fill_details},                                                                           \
        {.name = "batch",                                                                                    \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "100",                                                                              \
         .min = "1",                                                                                         \
         .max = "1000",                                                                                      \
         .summary = "ids a request, at most"},                                                               \
        {.name = "max_parallel",                                                                             \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "8",                                                                                \
         .min = "1",                                                                                         \
         .max = "256",                                                                                       \
         .summary = "requests at once"},                                                                     \
        {.name = "per_second",                                                                               \
         .type = SLUICE_NUMBER,                                                                              \
         .min = "0.01",                                                                                      \
         .max = "100000",                                                                                    \
         .summary = "requests a second, at most; without it there is no limit"},                             \
        {.name = "attempts",                                                                                 \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "4",                                                                                \
         .min = "1",                                                                                         \
         .max = "100",                                                                                       \
         .summary = "tries of one request, within timeout",                                                  \
         .details = "After 408, 425, 429, 500, 502, 503, 504 and lost connections, with a random wait "      \
                    "that grows; Retry-After is waited for."},                                               \
        {.name = "timeout",                                                                                  \
         .type = SLUICE_DURATION,                                                                            \
         .default_text = "10s",                                                                              \
         .min = "10ms",                                                                                      \
         .max = "10m",                                                                                       \
         .summary = "for all that a batch of records has to look up, tries and waits included"},             \
        {.name = "cache_size",                                                                               \
         .type = SLUICE_SIZE,                                                                                \
         .default_text = "16MiB",                                                                            \
         .min = "0",                                                                                         \
         .max = "64GiB",                                                                                     \
         .summary = "memory for what was found; what was used longest ago goes first",                       \
         .details = "An eighth of it is for ids that the service does not know."},                           \
        {.name = "ttl",                                                                                      \
         .type = SLUICE_DURATION,                                                                            \
         .default_text = "1h",                                                                               \
         .min = "0ms",                                                                                       \
         .max = "30d",                                                                                       \
         .summary = "for how long what was found is used again"},                                            \
    {                                                                                                        \
        .name = "unknown_ttl", .type = SLUICE_DURATION, .default_text = "30s", .min = "0ms", .max = "30d",   \
        .summary = "for how long an id that the service does not know is not asked for again"                \
    }

#endif
