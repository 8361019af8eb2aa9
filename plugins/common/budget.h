/* budget: so many requests a second, shared by all workers that name the same key in Valkey.
 *
 *   n = budget_take(b, want, &wait_ms);   n requests may go out now; 0: ask again after wait_ms
 *   budget_pause(b, ms);                  the service wants to be left alone, by all workers
 *
 * Tokens are leased in bulk, worth a tenth of a second, from a clock that all share (GCRA on the
 * server's time): over any time T all workers together are given at most rate x (T + 0.1 s)
 * tokens, or one more where a second holds fewer than ten.  What was leased and not
 * used is worth nothing after BUDGET_KEEP_MS.
 *
 * While Valkey is away each worker takes rate / workers, or nobody takes anything: an option.
 *
 * [any]: one lock inside, held through a round trip. */
#ifndef SLUICE_PLUGINS_BUDGET_H
#define SLUICE_PLUGINS_BUDGET_H

#include <pthread.h>

#include "valkey_link.h"

#define BUDGET_BULK_MS 100
#define BUDGET_KEEP_MS 500

enum budget_fallback { BUDGET_SHARE, BUDGET_WAIT };

/* What a worker knows by itself.  No clock, no I/O: times are steady milliseconds. */
struct budget_core {
    double per_second;
    enum budget_fallback fallback;
    uint32_t workers; /* who share it while Valkey is away */
    uint32_t tokens;  /* leased and not used … */
    int64_t until_ms; /* … before this */
    int64_t pause_ms; /* nobody asks before this */
    int64_t next_ms;  /* Valkey has nothing before this */
    double share;     /* of the fallback's own bucket */
    int64_t share_ms;
};

void budget_core_init(struct budget_core *c, double per_second, enum budget_fallback fallback,
                      uint32_t workers);
/* How many a lease is worth, at least 1. */
uint32_t budget_core_bulk(const struct budget_core *c);
/* Of what is leased; 0 with *wait_ms > 0: not before; 0 with 0: Valkey has to be asked. */
uint32_t budget_core_take(struct budget_core *c, uint32_t want, int64_t now_ms, uint32_t *wait_ms);
/* What Valkey said: so many, or in wait_ms, or all pause for pause_ms. */
void budget_core_lease(struct budget_core *c, uint32_t n, uint32_t wait_ms, uint32_t pause_ms,
                       int64_t now_ms);
/* Valkey is away. */
uint32_t budget_core_away(struct budget_core *c, uint32_t want, int64_t now_ms, uint32_t *wait_ms);
void budget_core_pause(struct budget_core *c, uint32_t ms, int64_t now_ms);

struct budget {
    const struct sluice_host *host;
    struct valkey_settings settings;
    const char *key;
    char pause_key[300];
    pthread_mutex_t lock; /* guards what follows */
    struct budget_core core;
    struct valkey_link link;
    uint32_t metric_tokens, metric_pauses;
};

/* The options, behind those of the plugin that has per_second; key_default is the service's. */
#define BUDGET_OPTIONS(key_default)                                                                          \
    VALKEY_OPTIONS_AS("budget_", "Valkey where all workers share per_second", .flags = 0),                   \
        {.name = "budget_key",                                                                               \
         .type = SLUICE_STRING,                                                                              \
         .default_text = key_default,                                                                        \
         .summary = "key of the budget: who names the same one shares it"},                                  \
        {.name = "budget_fallback",                                                                          \
         .type = SLUICE_CHOICE,                                                                              \
         .default_text = "share",                                                                            \
         .choices = "share|wait",                                                                            \
         .summary = "what a worker takes while Valkey is away: its share of per_second, or nothing"},        \
    {                                                                                                        \
        .name = "budget_workers", .type = SLUICE_INTEGER, .default_text = "3", .min = "1", .max = "10000",   \
        .summary = "how many workers there are: the share is per_second / budget_workers"                    \
    }

/* In create: no I/O.  *out NULL: the options name no budget_address.  OK | INVALID | FATAL. */
uint32_t budget_new(const struct sluice_host *host, const struct sluice_config *config, struct budget **out,
                    struct sluice_error *err);
void budget_free(struct budget *b); /* NULL too */
uint32_t budget_start(struct budget *b, struct sluice_error *err);
void budget_stop(struct budget *b);
uint32_t budget_take(struct budget *b, uint32_t want, uint32_t *wait_ms);
void budget_pause(struct budget *b, uint32_t ms);
/* One round trip that takes nothing. */
uint32_t budget_probe(struct budget *b, struct sluice_error *err);

#endif
