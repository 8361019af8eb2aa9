/* minor1: a source built against the kept headers of minor 0.1, before lane_full, so it never
 * asks whether its lane is full.  It must load and work for ever (while the major is 0: until
 * MODULE_OLDEST_MINOR is raised). */
#include <stdio.h>
#include <stdlib.h>

#include <sluice/plugin.h>

#define MINOR1_COUNT 40

struct minor1 {
    const struct sluice_host *host;
    int at;
    char texts[MINOR1_COUNT][32];
};

static const struct sluice_option minor1_options[] = {
    {.name = "first", .type = SLUICE_INTEGER, .default_text = "1", .summary = "the first number"},
};

static uint32_t minor1_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                              struct sluice_error *err)
{
    struct minor1 *m = calloc(1, sizeof *m);
    int i;

    if (m == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    m->host = host;
    for (i = 0; i < MINOR1_COUNT; i++)
        (void)snprintf(m->texts[i], sizeof m->texts[i], "{\"n\":%lld}",
                       (long long)(host->option_integer(config, "first") + i));
    *self = m;
    return SLUICE_OK;
}

static void minor1_destroy(void *self)
{
    free(self);
}

static uint32_t minor1_start(void *self, struct sluice_error *err)
{
    struct minor1 *m = self;
    int64_t done = 0;

    if (m->host->state_get(m->host, "done", &done, sizeof done, err) == -2)
        return SLUICE_RETRY;
    m->at = (int)done;
    return SLUICE_OK;
}

static uint32_t minor1_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                            struct sluice_error *err)
{
    struct minor1 *m = self;
    uint32_t lane = m->host->lane_open(m->host, "numbers", NULL, 0);
    uint64_t n;

    (void)timeout_ms;
    (void)err;
    if (lane == 0)
        return SLUICE_OK;
    for (n = 0; n < max && m->at < MINOR1_COUNT; n++, m->at++) {
        struct sluice_item item = {.struct_size = sizeof item,
                                   .lane = lane,
                                   .data = m->texts[m->at],
                                   .len = strlen(m->texts[m->at]),
                                   .size = strlen(m->texts[m->at]),
                                   .position = (uint64_t)m->at + 1,
                                   .next = (uint64_t)m->at + 2,
                                   .ordinal = (uint64_t)m->at + 1};

        if (m->host->batch_add(batch, &item, 1, sizeof item) == 0)
            return SLUICE_OK;
    }
    return m->at == MINOR1_COUNT && n == 0 ? SLUICE_END : SLUICE_OK;
}

static uint32_t minor1_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    struct minor1 *m = self;
    uint32_t i, code = SLUICE_OK;

    for (i = 0; i < acks->n && code == SLUICE_OK; i++) {
        const struct sluice_ack *ack =
            (const struct sluice_ack *)(const void *)((const char *)acks->items + (size_t)i * acks->stride);
        int64_t done = (int64_t)ack->position;

        code = m->host->state_put(m->host, "done", &done, sizeof done, err);
    }
    return code;
}

static const struct sluice_lifecycle minor1_lifecycle = {
    .struct_size = sizeof minor1_lifecycle,
    .create = minor1_create,
    .destroy = minor1_destroy,
    .start = minor1_start,
};

static const struct sluice_source_ops minor1_ops = {
    .struct_size = sizeof minor1_ops, .poll = minor1_poll, .settle = minor1_settle};

static const struct sluice_plugin minor1_plugin = {
    .struct_size = sizeof minor1_plugin,
    .kind = SLUICE_SOURCE,
    .flags = SLUICE_FINITE,
    .name = "minor1",
    .version = "1.0.0",
    .summary = "counts to forty",
    .licence = "0BSD",
    SLUICE_OPTIONS(minor1_options),
    .lifecycle = &minor1_lifecycle,
    .ops = &minor1_ops,
    .example = "plugin: minor1\n",
};

SLUICE_MODULE("minor1", NULL, NULL, &minor1_plugin);
