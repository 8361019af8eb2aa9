/* run_gate: a gate that keeps its promises, and, by one macro each, one that breaks
 * exactly one of them. */
#include <stdlib.h>
#include <time.h>

#include <sluice/plugin.h>

#if defined BAD_RELEASE || defined BAD_COMMIT || defined GOOD_TWO_PHASE
#define RUN_TWO_PHASE 1
#endif
#define MOST_KEYS 4096

struct run {
    const struct sluice_host *host;
    uint32_t slot;
    unsigned char held[MOST_KEYS];
};

static uint32_t run_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    struct run *g = calloc(1, sizeof *g);

    (void)config;
    if (g == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    g->host = host;
    if (!host->declare_field(host, "user_id", &g->slot)) {
        free(g);
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    }
    *self = g;
    return SLUICE_OK;
}

static void run_destroy(void *self)
{
    free(self);
}

static uint32_t run_decide_one(struct run *g, const struct sluice_record *record, uint32_t i, uint32_t n)
{
    (void)i;
    (void)n;
#ifdef RUN_TWO_PHASE
    {
        unsigned char *held = &g->held[g->host->record->position(record) % MOST_KEYS];

        if (*held != 0)
            return SLUICE_DENY;
        *held = 1;
        return SLUICE_ADMIT;
    }
#else
#ifdef BAD_SHARED_STATE
    {
        static uint32_t calls;

        return calls++ % 3 == 0 ? SLUICE_DENY : SLUICE_ADMIT;
    }
#endif
#ifdef BAD_BATCH_DEPENDENT
    if (n > 1 && i == 0)
        return SLUICE_DENY;
#endif
#ifdef BAD_CHANGES_RECORD
    {
        struct sluice_node *document = g->host->record->document(record);

        (void)g->host->document->set((struct sluice_record *)(size_t)record, document, "seen", 4,
                                     g->host->document->make_bool((struct sluice_record *)(size_t)record, 1));
    }
#endif
    return g->host->record->field(record, g->slot).data == NULL ? SLUICE_DENY : SLUICE_ADMIT;
#endif
}

static uint32_t run_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    uint32_t i;

    (void)err;
#ifdef BAD_BLOCKS
    (void)nanosleep(&(struct timespec){0, 100 * 1000 * 1000}, NULL);
#endif
    for (i = 0; i < n; i++) {
        uint32_t code = run_decide_one(self, records[i], i, n);

        sluice_verdict_set(verdicts, i, code, code == SLUICE_DENY ? "not_here" : NULL, NULL);
    }
    return SLUICE_OK;
}

#ifdef RUN_TWO_PHASE
static uint32_t run_conclude(void *self, const struct sluice_record *const *records, uint32_t n,
                             const struct sluice_outcome *outcomes, uint64_t stride, struct sluice_error *err)
{
    struct run *g = self;
    uint32_t i;

    (void)err;
    for (i = 0; i < n; i++) {
        const struct sluice_outcome *o =
            (const struct sluice_outcome *)(const void *)((const char *)outcomes + i * stride);
        unsigned char *held = &g->held[g->host->record->position(records[i]) % MOST_KEYS];

#ifndef BAD_RELEASE
        if (o->code != SLUICE_OK)
            *held = 0;
#endif
#ifdef BAD_COMMIT
        if (o->code == SLUICE_OK)
            *held = 0;
#endif
        (void)o;
        (void)held;
    }
    return SLUICE_OK;
}
#endif

static const struct sluice_lifecycle run_lifecycle = {
    .struct_size = sizeof run_lifecycle,
    .create = run_create,
    .destroy = run_destroy,
};

static const struct sluice_gate_ops run_ops = {
    .struct_size = sizeof run_ops,
    .decide = run_decide,
#ifdef RUN_TWO_PHASE
    .conclude = run_conclude,
#endif
};

static const struct sluice_plugin run_plugin = {
    .struct_size = sizeof run_plugin,
    .kind = SLUICE_GATE,
#ifdef RUN_TWO_PHASE
    .flags = SLUICE_TWO_PHASE,
#endif
    .name = "run",
    .version = "1.0.0",
    .summary = "admits records with a user",
    .licence = "0BSD",
    .lifecycle = &run_lifecycle,
    .ops = &run_ops,
    .example = "plugin: run\n",
};

SLUICE_MODULE("run-gate", NULL, NULL, &run_plugin);
