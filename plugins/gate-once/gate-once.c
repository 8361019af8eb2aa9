/* gate/once: lets a record through once for each key, in two phases.
 *
 * decide reserves the key with a lease, conclude commits it when the record was written
 * and releases it when it was not.  Invariant: a key is done only after its work is; a
 * crash in between repeats the work and never skips it.  A key that somebody else holds
 * means "later", never "drop". */
#include <stdlib.h>
#include <time.h>

#include "once.h"

static const struct sluice_option once_options[] = {
    {.name = "key",
     .type = SLUICE_STRING,
     .flags = SLUICE_REQUIRED,
     .summary = "the key of a record, with members in braces",
     .example = "receipt-{request_id}"},
    {.name = "lease",
     .type = SLUICE_DURATION,
     .default_text = "5m",
     .min = "1s",
     .max = "1d",
     .summary = "how long a key stays reserved without a sign of life",
     .details = "Renewed while the work lasts. The keys of a process that died are free at once in the "
                "state_dir, and after this time in Valkey."},
    {.name = "ttl",
     .type = SLUICE_DURATION,
     .default_text = "0s",
     .summary = "how long a key that is done counts; 0: for ever"},
    {.name = "force",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "do again what was done already"},
    {.name = "force_member",
     .type = SLUICE_STRING,
     .summary = "top-level member of a record that forces for this one: true, or the text \"true\"",
     .example = "force"},
    {.name = "prefix",
     .type = SLUICE_STRING,
     .default_text = "",
     .summary = "put before every key; empty: the key is exactly what `key` says"},
    VALKEY_OPTIONS_AS("", "Valkey that keeps the keys for all workers, not the state_dir", .flags = 0),
};

/* --- life -------------------------------------------------------------------------- */

static int init_sync(struct once_gate *g)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed =
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&g->wake, &attr) != 0;
    pthread_condattr_destroy(&attr);
    if (failed)
        return -1;
    pthread_mutex_init(&g->lock, NULL);
    pthread_mutex_init(&g->wait_lock, NULL);
    return 0;
}

static void once_destroy(void *self)
{
    struct once_gate *g = self;

    if (g->store != NULL)
        g->store->ops->free(g->store);
    key_template_release(&g->key);
    pthread_cond_destroy(&g->wake);
    pthread_mutex_destroy(&g->lock);
    pthread_mutex_destroy(&g->wait_lock);
    free(g);
}

static uint32_t read_force_member(struct once_gate *g, const struct sluice_config *config,
                                  struct sluice_error *err)
{
    g->force_member = g->host->option_string(config, "force_member");
    if (g->force_member == NULL || g->host->declare_field(g->host, g->force_member, &g->force_slot))
        return SLUICE_OK;
    return sluice_fail(err, SLUICE_FATAL, "force_member",
                       "member %.100s cannot be peeked: the pipeline peeks too many fields already",
                       g->force_member);
}

static uint32_t once_configure(struct once_gate *g, const struct sluice_config *config,
                               struct sluice_error *err)
{
    const struct sluice_host *host = g->host;
    uint32_t code;

    g->force = host->option_integer(config, "force") != 0;
    g->prefix = host->option_string(config, "prefix");
    if (strlen(g->prefix) > ONCE_PREFIX_MAX)
        return sluice_fail(err, SLUICE_INVALID, "prefix", "the prefix is longer than %u bytes",
                           ONCE_PREFIX_MAX);
    code = key_template_parse(&g->key, host, host->option_string(config, "key"), err);
    if (code == SLUICE_OK)
        code = valkey_settings_read_as(host, config, "", &g->valkey, err);
    if (code == SLUICE_OK)
        code = read_force_member(g, config, err);
    if (code != SLUICE_OK)
        return code;
    g->has_user = host->declare_field(host, "user_id", &g->user_slot) != 0; /* for the log only */
    g->setup.host = host;
    g->setup.lease_ms = host->option_integer(config, "lease");
    g->setup.ttl_ms = host->option_integer(config, "ttl");
    g->setup.metric_keys =
        host->metric(host, SLUICE_COUNTER, "keys_total", "Keys, by what became of them", "what");
    g->setup.valkey = &g->valkey;
    g->store = g->valkey.host[0] != '\0' ? once_valkey_new(&g->setup) : once_sqlite_new(&g->setup);
    return g->store != NULL ? SLUICE_OK : sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
}

static uint32_t once_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                            struct sluice_error *err)
{
    struct once_gate *g = calloc(1, sizeof *g);
    uint32_t code;

    if (g == NULL || init_sync(g) != 0) {
        free(g);
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    }
    g->host = host;
    code = once_configure(g, config, err);
    if (code != SLUICE_OK) {
        once_destroy(g);
        return code;
    }
    *self = g;
    return SLUICE_OK;
}

/* The store says itself what is wrong. */
static void keep_up(struct once_gate *g)
{
    struct sluice_error err = {.struct_size = sizeof err};

    pthread_mutex_lock(&g->lock);
    (void)g->store->ops->keep_up(g->store, &err);
    pthread_mutex_unlock(&g->lock);
}

static void *once_run(void *context)
{
    struct once_gate *g = context;
    int64_t step = g->setup.lease_ms / 3;
    struct timespec until;

    pthread_mutex_lock(&g->wait_lock);
    while (!g->stopping) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(step / 1000);
        until.tv_nsec += (long)(step % 1000) * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        while (!g->stopping && pthread_cond_timedwait(&g->wake, &g->wait_lock, &until) == 0)
            ;
        if (g->stopping)
            break;
        pthread_mutex_unlock(&g->wait_lock);
        keep_up(g);
        pthread_mutex_lock(&g->wait_lock);
    }
    pthread_mutex_unlock(&g->wait_lock);
    return NULL;
}

/* Valkey need not be there yet: until it is, the gate says UNKNOWN. */
static uint32_t once_start(void *self, struct sluice_error *err)
{
    struct once_gate *g = self;
    uint32_t code = g->store->ops->open(g->store, err);

    if (code != SLUICE_OK)
        return code;
    g->stopping = 0;
    g->say_ms = 0;
    g->unsaid = 0;
    if (pthread_create(&g->thread, NULL, once_run, g) != 0) {
        g->store->ops->close(g->store);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no thread to renew leases");
    }
    return SLUICE_OK;
}

static uint32_t once_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct once_gate *g = self;

    (void)deadline_ms;
    (void)err;
    pthread_mutex_lock(&g->wait_lock);
    g->stopping = 1;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->wait_lock);
    (void)pthread_join(g->thread, NULL);
    g->store->ops->close(g->store);
    return SLUICE_OK;
}

/* Looks at the key of a record whose members all say "probe". */
static uint32_t once_probe(void *self, struct sluice_error *err)
{
    struct once_gate *g = self;
    char text[ONCE_KEY_MAX + KEY_MAX_PARTS * 8];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", g->prefix);
    struct once_key key = {.text = text};
    uint32_t i, code;

    for (i = 0; i < g->key.n && len < ONCE_KEY_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s",
                                g->key.part[i].member ? "probe" : g->key.part[i].text);
    key.len = len < ONCE_KEY_MAX ? len : ONCE_KEY_MAX;
    pthread_mutex_lock(&g->lock);
    code = g->store->ops->probe(g->store, &key, err);
    pthread_mutex_unlock(&g->lock);
    return code;
}

static const struct sluice_lifecycle once_lifecycle = {
    .struct_size = sizeof once_lifecycle,
    .create = once_create,
    .destroy = once_destroy,
    .start = once_start,
    .stop = once_stop,
    .probe = once_probe,
};

static const struct sluice_gate_ops once_ops = {
    .struct_size = sizeof once_ops,
    .decide = once_decide,
    .conclude = once_conclude,
};

static const struct sluice_plugin once_plugin = {
    .struct_size = sizeof once_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_GATE,
    .flags = SLUICE_PARALLEL | SLUICE_TWO_PHASE,
    .name = "once",
    .version = "0.1.0",
    .summary = "lets a record through once for each key",
    .licence = "MIT",
    SLUICE_OPTIONS(once_options),
    .lifecycle = &once_lifecycle,
    .ops = &once_ops,
    .example = "plugin: once\n"
               "key: \"receipt-{receipt_id}\"\n",
};

SLUICE_MODULE("gate-once", NULL, NULL, &once_plugin);
