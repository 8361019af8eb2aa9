/* run_source: a source that keeps its promises, and, by one macro each, one that
 * breaks exactly one of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sluice/plugin.h>

#define RUN_COUNT 100
#define RUN_BATCH 300

#ifdef BAD_END_CODE
#define RUN_FLAGS 0
#else
#define RUN_FLAGS SLUICE_FINITE
#endif

struct run {
    const struct sluice_host *host;
    int64_t at; /* next number, from 1 */
    uint64_t max_record, unsettled;
    int ended;
    char texts[RUN_BATCH][32];
};

static uint32_t run_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    struct run *s = calloc(1, sizeof *s);

    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "out of memory");
    s->host = host;
    s->max_record = (uint64_t)host->option_integer(config, "max_record");
    *self = s;
    return SLUICE_OK;
}

static void run_destroy(void *self)
{
    free(self);
}

static uint32_t run_start(void *self, struct sluice_error *err)
{
    struct run *s = self;
    int64_t done = 0;

    if (s->host->state_get(s->host, "done", &done, sizeof done, err) == -2)
        return SLUICE_RETRY;
    s->at = done + 1;
    return SLUICE_OK;
}

static struct sluice_item run_item(struct run *s, uint64_t slot, uint32_t lane)
{
    struct sluice_item item;
    int len = snprintf(s->texts[slot], sizeof s->texts[0], "{\"n\":%lld}", (long long)s->at);

    memset(&item, 0, sizeof item);
    item.struct_size = sizeof item;
    item.lane = lane;
    item.data = s->texts[slot];
    item.len = (uint64_t)len;
    item.size = (uint64_t)len;
    if (item.len > s->max_record)
        item.len = s->max_record;
    item.position = (uint64_t)s->at;
    item.next = (uint64_t)s->at + 1;
#ifdef BAD_POSITIONS
    item.position = (uint64_t)s->at / 2;
#endif
#ifdef BAD_NEXT
    item.next = 7;
#endif
    return item;
}

/* What poll does when there is nothing more; the answer. */
static uint32_t run_at_end(struct run *s, uint32_t timeout_ms)
{
#if defined BAD_IGNORES_CANCEL
    (void)s;
    if (timeout_ms > 3000)
        timeout_ms = 3000;
    (void)nanosleep(&(struct timespec){timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000}, NULL);
    return SLUICE_OK;
#elif defined BAD_IGNORES_TIMEOUT
    (void)timeout_ms;
    return s->host->wait(s->host, 1000) ? SLUICE_CANCELLED : SLUICE_OK;
#elif defined BAD_END_ONCE
    (void)timeout_ms;
    s->ended = !s->ended;
    return s->ended ? SLUICE_END : SLUICE_OK;
#else
    (void)s;
    (void)timeout_ms;
    return SLUICE_END;
#endif
}

static uint32_t run_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                         struct sluice_error *err)
{
    struct run *s = self;
    uint32_t lane = s->host->lane_open(s->host, "numbers", NULL, 0);
    uint64_t n;

    (void)err;
    if (lane == 0)
        return SLUICE_OK;
#ifdef BAD_MAX
    max += 5;
#endif
    for (n = 0; n < max && n < RUN_BATCH && s->at <= RUN_COUNT; n++) {
        struct sluice_item item = run_item(s, n, lane);

#ifdef BAD_SHORT_BATCH
        (void)s->host->batch_add(batch, &item, 1, sizeof item);
#else
        if (s->host->batch_add(batch, &item, 1, sizeof item) == 0)
            return SLUICE_OK;
#endif
        s->at++;
        s->unsettled++;
    }
#ifdef BAD_FORGETS
    {
        int64_t done = s->at - 1;

        (void)s->host->state_put(s->host, "done", &done, sizeof done, err);
    }
#endif
    return n == 0 ? run_at_end(s, timeout_ms) : SLUICE_OK;
}

static uint32_t run_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    struct run *s = self;
    uint32_t i;

    for (i = 0; i < acks->n; i++) {
        const struct sluice_ack *ack =
            (const struct sluice_ack *)(const void *)((const char *)acks->items + (size_t)i * acks->stride);
        int64_t done = (int64_t)ack->next - 1;

#ifdef BAD_HALF_SETTLED
        done -= 2;
        if (done < 0)
            done = 0;
#endif
        if (s->host->state_put(s->host, "done", &done, sizeof done, err) != SLUICE_OK)
            return SLUICE_RETRY;
    }
#ifdef BAD_SETTLE_NOTHING
    if (acks->n == 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "nothing to settle");
#endif
    return SLUICE_OK;
}

static int64_t run_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out,
                         uint64_t cap, struct sluice_error *err)
{
    char text[32];
    uint64_t len = (uint64_t)snprintf(text, sizeof text, "{\"n\":%llu}", (unsigned long long)position);
    uint64_t n = offset < len ? len - offset : 0;

    (void)self;
    (void)lane;
    (void)err;
#ifdef BAD_FETCH
    if (n > 0)
        n--;
#endif
    n = n < cap ? n : cap;
    memcpy(out, text + (offset < len ? offset : 0), n);
    return (int64_t)n;
}

static uint32_t run_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct run *s = self;

    (void)deadline_ms;
    (void)err;
#ifdef BAD_STOP_FULL
    /* Waits for a settle that nobody owes it. */
    if (s->unsettled > 0)
        (void)nanosleep(&(struct timespec){6, 200000000}, NULL);
#endif
    s->unsettled = 0;
    return SLUICE_OK;
}

static const struct sluice_option run_options[] = {
    {.name = "max_record",
     .type = SLUICE_SIZE,
     .default_text = "1KiB",
     .min = "4",
     .summary = "longest record"},
};

static const struct sluice_lifecycle run_lifecycle = {
    .struct_size = sizeof run_lifecycle,
    .create = run_create,
    .destroy = run_destroy,
    .start = run_start,
    .stop = run_stop,
};

static const struct sluice_source_ops run_ops = {
    .struct_size = sizeof run_ops,
    .poll = run_poll,
    .settle = run_settle,
    .fetch = run_fetch,
};

static const struct sluice_plugin run_plugin = {
    .struct_size = sizeof run_plugin,
    .kind = SLUICE_SOURCE,
    .flags = RUN_FLAGS,
    .name = "run",
    .version = "1.0.0",
    .summary = "counts to a hundred",
    .licence = "0BSD",
    SLUICE_OPTIONS(run_options),
    .lifecycle = &run_lifecycle,
    .ops = &run_ops,
    .example = "plugin: run\n",
};

SLUICE_MODULE("run-source", NULL, NULL, &run_plugin);
