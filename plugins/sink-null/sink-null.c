/* sink/null: counts records and keeps none; for drills and benchmarks.
 *
 * Invariant: what it fails is decided by a count over all records it is given, so a
 * drill fails the same number of records however they are batched. */
#include <stdatomic.h>
#include <stdlib.h>

#include <sluice/plugin.h>

enum null_fail { NULL_FAIL_NONE, NULL_FAIL_RETRY, NULL_FAIL_DISCONNECTED, NULL_FAIL_REJECT };

struct null_sink {
    const struct sluice_host *host;
    uint32_t delay_ms;
    enum null_fail fail;
    uint64_t fail_every;
    atomic_ullong seen;
    uint32_t metric_records;
};

static const struct sluice_option null_options[] = {
    {.name = "delay",
     .type = SLUICE_DURATION,
     .default_text = "0s",
     .max = "1d",
     .summary = "how long each write takes"},
    {.name = "fail",
     .type = SLUICE_CHOICE,
     .default_text = "none",
     .choices = "none|retry|disconnected|reject",
     .summary = "how records fail",
     .details =
         "disconnected fails the whole write that meets such a record, as a destination that is away does."},
    {.name = "fail_every",
     .type = SLUICE_INTEGER,
     .default_text = "1",
     .min = "1",
     .summary = "every how many records one fails",
     .details = "With 1 and fail: disconnected it is a sink that accepts nothing."},
};

static uint32_t null_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    struct null_sink *s;

    if (host->option_given(config, "fail_every") && !host->option_integer(config, "fail"))
        return sluice_fail(err, SLUICE_INVALID, "fail_every",
                           "fail_every says how often, fail has to say how");
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    s->host = host;
    s->delay_ms = (uint32_t)host->option_integer(config, "delay");
    s->fail = (enum null_fail)host->option_integer(config, "fail");
    s->fail_every = (uint64_t)host->option_integer(config, "fail_every");
    atomic_init(&s->seen, 0);
    s->metric_records =
        host->metric(host, SLUICE_COUNTER, "records_total", "Records, by what they were told", "answer");
    *self = s;
    return SLUICE_OK;
}

static void null_destroy(void *self)
{
    free(self);
}

/* Whether the next record in the count is one that fails. */
static int null_fails(struct null_sink *s)
{
    uint64_t number = atomic_fetch_add(&s->seen, 1) + 1;

    return s->fail != NULL_FAIL_NONE && number % s->fail_every == 0;
}

static uint32_t null_write(void *self, struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct null_sink *s = self;
    uint32_t i, ok = 0, failed = 0;

    (void)records;
    if (s->delay_ms > 0 && s->host->wait(s->host, s->delay_ms))
        return sluice_fail(err, SLUICE_CANCELLED, NULL, "cancelled while waiting");
    for (i = 0; i < n; i++) {
        if (!null_fails(s)) {
            sluice_verdict_set(verdicts, i, SLUICE_OK, NULL, NULL);
            ok++;
            continue;
        }
        failed++;
        if (s->fail == NULL_FAIL_REJECT)
            sluice_verdict_set(verdicts, i, SLUICE_REJECT, "drill",
                               "the sink was told to reject this record");
        else if (s->fail == NULL_FAIL_RETRY)
            sluice_verdict_set(verdicts, i, SLUICE_RETRY, "drill", "the sink was told to ask for a retry");
        else
            break;
    }
    s->host->metric_add(s->host, s->metric_records, "ok", ok);
    s->host->metric_add(s->host, s->metric_records, "failed", failed);
    if (i == n)
        return SLUICE_OK;
    for (; i < n; i++)
        sluice_verdict_set(verdicts, i, SLUICE_DISCONNECTED, "drill", "the sink was told to be away");
    return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "the sink was told to be away");
}

static const struct sluice_lifecycle null_lifecycle = {
    .struct_size = sizeof null_lifecycle,
    .create = null_create,
    .destroy = null_destroy,
};

static const struct sluice_sink_ops null_ops = {
    .struct_size = sizeof null_ops,
    .write = null_write,
};

static const struct sluice_plugin null_plugin = {
    .struct_size = sizeof null_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_SINK,
    .flags = SLUICE_PARALLEL | SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE,
    .name = "null",
    .version = "0.1.0",
    .summary = "counts records and keeps none; fails on demand for drills",
    .licence = "MIT",
    SLUICE_OPTIONS(null_options),
    .lifecycle = &null_lifecycle,
    .ops = &null_ops,
    .example = "plugin: \"null\"\n",
};

SLUICE_MODULE("sink-null", NULL, NULL, &null_plugin);
