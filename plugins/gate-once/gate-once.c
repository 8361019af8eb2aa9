/* gate/once: lets a record through once for each key, in two phases.
 *
 * decide reserves the key with a lease, conclude commits it when the record was written
 * and releases it when it was not.  Invariant: a key is done only after its work is; a
 * crash in between repeats the work and never skips it.  A key that somebody else holds
 * means "later", never "drop". */
#include <stdlib.h>
#include <time.h>

#include "once.h"

struct once_gate {
    const struct sluice_host *host;
    struct key_template key;
    int64_t lease_ms, ttl_ms;
    int force;
    struct once_store store;
    pthread_mutex_t lock; /* guards store */
    pthread_mutex_t wait_lock;
    pthread_cond_t wake;
    pthread_t thread;
    int stopping;
    uint32_t metric_keys;
};

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
     .details = "Renewed while the work lasts. The keys of a process that died are free at once."},
    {.name = "ttl",
     .type = SLUICE_DURATION,
     .default_text = "0s",
     .summary = "how long a key that is done counts; 0: for ever"},
    {.name = "force",
     .type = SLUICE_BOOLEAN,
     .default_text = "false",
     .summary = "do again what was done already"},
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
    g->lease_ms = host->option_integer(config, "lease");
    g->ttl_ms = host->option_integer(config, "ttl");
    g->force = host->option_integer(config, "force") != 0;
    g->store.lock_fd = -1;
    code = key_template_parse(&g->key, host, host->option_string(config, "key"), err);
    if (code != SLUICE_OK) {
        key_template_release(&g->key);
        pthread_cond_destroy(&g->wake);
        pthread_mutex_destroy(&g->lock);
        pthread_mutex_destroy(&g->wait_lock);
        free(g);
        return code;
    }
    g->metric_keys = host->metric(host, SLUICE_COUNTER, "keys_total", "Keys, by what became of them", "what");
    *self = g;
    return SLUICE_OK;
}

static void once_destroy(void *self)
{
    struct once_gate *g = self;

    key_template_release(&g->key);
    pthread_cond_destroy(&g->wake);
    pthread_mutex_destroy(&g->lock);
    pthread_mutex_destroy(&g->wait_lock);
    free(g);
}

/* Keeps the leases of work that lasts, and forgets keys that were done long ago. */
static void keep_up(struct once_gate *g)
{
    int64_t now = g->host->now_ms(g->host);
    int failed;

    pthread_mutex_lock(&g->lock);
    failed = once_store_renew(&g->store, now + g->lease_ms) != SQLITE_OK;
    if (!failed && g->ttl_ms > 0)
        failed = once_store_purge(&g->store, now - g->ttl_ms) != SQLITE_OK;
    if (failed)
        sluice_log(g->host, SLUICE_WARN, "leases could not be renewed: %s", once_store_error(&g->store));
    pthread_mutex_unlock(&g->lock);
}

static void *once_run(void *context)
{
    struct once_gate *g = context;
    int64_t step = g->lease_ms / 3;
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

static uint32_t once_start(void *self, struct sluice_error *err)
{
    struct once_gate *g = self;
    const char *dir = g->host->state_dir(g->host);
    uint32_t code;

    if (dir == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL,
                           "once keeps its keys in the state_dir and the config has none; set state_dir");
    code = once_store_open(&g->store, dir, err);
    if (code != SLUICE_OK)
        return code;
    g->stopping = 0;
    if (pthread_create(&g->thread, NULL, once_run, g) != 0) {
        once_store_close(&g->store);
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
    once_store_close(&g->store);
    return SLUICE_OK;
}

/* --- decide ------------------------------------------------------------------------ */

/* What a key that is there means for the record; NONE: it may be taken. */
static struct sluice_verdict judge(const struct once_gate *g, const struct sluice_record *record,
                                   const struct once_row *row, int64_t now)
{
    struct sluice_verdict v = {0};
    int64_t left = row->until - now;

    if (row->state == ONCE_DONE && !g->force && (g->ttl_ms == 0 || now - row->until < g->ttl_ms)) {
        v.code = SLUICE_DENY;
        v.reason = "already_done";
        v.detail = sluice_record_text(g->host, record,
                                      "this key was done %lld s ago; set force: true to do it again",
                                      (long long)((now - row->until) / 1000));
    } else if (row->state == ONCE_LEASED && left > 0 && once_store_lives(&g->store, row->owner)) {
        v.code = SLUICE_UNKNOWN; /* later, and without spending an attempt on somebody else's work */
        v.reason = "leased";
        v.detail = "somebody else is at work on this key";
        v.retry_after_ms = left < ONCE_MAX_RETRY ? (uint32_t)left : ONCE_MAX_RETRY;
    }
    return v;
}

/* One record: its verdict, and its key reserved if that is ADMIT.  An SQLite code. */
static int reserve(struct once_gate *g, const struct sluice_record *record, int64_t now,
                   struct sluice_verdict *v)
{
    char key[KEY_MAX];
    struct once_row row;
    int64_t len = key_template_make(&g->key, g->host, record, key, v);
    int code;

    if (len < 0)
        return SQLITE_OK;
    code = once_store_find(&g->store, key, len, &row);
    if (code != SQLITE_OK)
        return code;
    *v = judge(g, record, &row, now);
    if (v->code != SLUICE_NONE)
        return SQLITE_OK;
    v->code = SLUICE_ADMIT;
    return once_store_put(&g->store, key, len, ONCE_LEASED, now + g->lease_ms);
}

static int reserve_all(struct once_gate *g, const struct sluice_record *const *records, uint32_t n,
                       const struct sluice_verdicts *verdicts)
{
    int64_t now = g->host->now_ms(g->host);
    int code = once_store_begin(&g->store);
    uint32_t i;

    for (i = 0; i < n && code == SQLITE_OK; i++) {
        struct sluice_verdict v = {0};

        code = reserve(g, records[i], now, &v);
        *sluice_verdict_at(verdicts, i) = v;
    }
    if (code == SQLITE_OK)
        code = once_store_commit(&g->store);
    if (code != SQLITE_OK)
        once_store_rollback(&g->store);
    return code;
}

static uint32_t once_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                            const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct once_gate *g = self;
    uint32_t i;
    int code;

    (void)err;
    if (n == 0)
        return SLUICE_OK;
    pthread_mutex_lock(&g->lock);
    code = reserve_all(g, records, n, verdicts);
    if (code != SQLITE_OK) {
        sluice_log(g->host, SLUICE_WARN, "keys could not be reserved: %s", sqlite3_errstr(code));
        for (i = 0; i < n; i++)
            sluice_verdict_set(verdicts, i, SLUICE_UNKNOWN, "store_failed",
                               "the store of keys cannot be read or written; see the log");
    }
    pthread_mutex_unlock(&g->lock);
    for (i = 0; i < n; i++) {
        const struct sluice_verdict *v = sluice_verdict_at(verdicts, i);

        g->host->metric_add(g->host, g->metric_keys, v->code == SLUICE_ADMIT ? "reserved" : v->reason, 1);
    }
    return SLUICE_OK;
}

/* --- conclude ---------------------------------------------------------------------- */

static int conclude_one(struct once_gate *g, const struct sluice_record *record, uint32_t outcome,
                        int64_t now)
{
    struct sluice_verdict v = {0};
    char key[KEY_MAX];
    int64_t len = key_template_make(&g->key, g->host, record, key, &v);

    if (len < 0)
        return SQLITE_OK; /* it was never admitted */
    if (outcome == SLUICE_OK)
        return once_store_put(&g->store, key, len, ONCE_DONE, now);
    return once_store_release(&g->store, key, len);
}

static uint32_t once_conclude(void *self, const struct sluice_record *const *records, uint32_t n,
                              const struct sluice_outcome *outcomes, uint64_t stride,
                              struct sluice_error *err)
{
    struct once_gate *g = self;
    uint32_t i, answer = SLUICE_OK, done = 0;
    int64_t now = g->host->now_ms(g->host);
    int code;

    if (n == 0)
        return SLUICE_OK;
    pthread_mutex_lock(&g->lock);
    code = once_store_begin(&g->store);
    for (i = 0; i < n && code == SQLITE_OK; i++) {
        const struct sluice_outcome *o = (const void *)((const char *)outcomes + (uint64_t)i * stride);

        code = conclude_one(g, records[i], o->code, now);
        done += o->code == SLUICE_OK ? 1u : 0u;
    }
    if (code == SQLITE_OK)
        code = once_store_commit(&g->store);
    if (code != SQLITE_OK) {
        once_store_rollback(&g->store);
        answer = sluice_fail(err, SLUICE_RETRY, NULL, "keys could not be concluded: %s",
                             once_store_error(&g->store));
    }
    pthread_mutex_unlock(&g->lock);
    if (answer != SLUICE_OK)
        return answer;
    g->host->metric_add(g->host, g->metric_keys, "committed", done);
    g->host->metric_add(g->host, g->metric_keys, "released", n - done);
    return SLUICE_OK;
}

static const struct sluice_lifecycle once_lifecycle = {
    .struct_size = sizeof once_lifecycle,
    .create = once_create,
    .destroy = once_destroy,
    .start = once_start,
    .stop = once_stop,
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
