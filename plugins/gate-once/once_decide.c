/* once_decide: records to keys, and what the store says of the keys to verdicts. */
#include <stdlib.h>

#include "once.h"
#include "strbuf.h"

#define TEXT_MAX ((size_t)256 << 20)
#define SAY_MS 1000 /* between two lines about what was skipped */
#define SPAN_MAX 32u

/* The keys of one call.  Texts move while they are added, so pointers are set at the end. */
struct keys {
    struct once_key *items;
    uint32_t *of; /* whose key: place in the batch */
    size_t *at;   /* in text */
    uint32_t n;
    struct strbuf text;
};

static int keys_init(struct keys *k, uint32_t cap)
{
    memset(k, 0, sizeof *k);
    k->items = calloc(cap, sizeof *k->items);
    k->of = calloc(cap, sizeof *k->of);
    k->at = calloc(cap, sizeof *k->at);
    strbuf_init(&k->text, TEXT_MAX);
    return k->items != NULL && k->of != NULL && k->at != NULL ? 0 : -1;
}

static void keys_release(struct keys *k)
{
    free(k->items);
    free(k->of);
    free(k->at);
    strbuf_release(&k->text);
}

/* The key of a record, or its REJECT in v. */
static struct once_key *keys_add(struct keys *k, const struct once_gate *g, uint32_t i,
                                 const struct sluice_record *record, struct sluice_verdict *v)
{
    char key[KEY_MAX];
    int64_t len = key_template_make(&g->key, g->host, record, key, v);
    uint32_t n = k->n;

    if (len < 0)
        return NULL;
    k->of[n] = i;
    k->at[n] = k->text.len;
    k->items[n].len = strlen(g->prefix) + (size_t)len;
    strbuf_puts(&k->text, g->prefix);
    strbuf_add(&k->text, key, (size_t)len);
    k->n++;
    return &k->items[n];
}

/* 0, or -1: no memory. */
static int keys_seal(struct keys *k)
{
    uint32_t i;

    if (k->text.failed)
        return -1;
    for (i = 0; i < k->n; i++)
        k->items[i].text = k->text.data + k->at[i];
    return 0;
}

/* --- words ---------------------------------------------------------------------------- */

/* "6 d 21 h", "40 s" */
static const char *span(int64_t ms, char out[SPAN_MAX])
{
    long long s = ms / 1000;

    if (s >= 86400)
        (void)snprintf(out, SPAN_MAX, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        (void)snprintf(out, SPAN_MAX, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        (void)snprintf(out, SPAN_MAX, "%lld min", s / 60);
    else
        (void)snprintf(out, SPAN_MAX, "%lld s", s);
    return out;
}

/* "was done 3 h ago and counts for another 6 d", "was done before and counts for ever" */
static void history(const struct once_key *key, char *out, size_t cap)
{
    char ago[SPAN_MAX], left[SPAN_MAX];

    (void)snprintf(out, cap, "was done %s%s and counts for %s%s",
                   key->age_ms < 0 ? "before" : span(key->age_ms, ago), key->age_ms < 0 ? "" : " ago",
                   key->left_ms < 0 ? "ever" : "another ", key->left_ms < 0 ? "" : span(key->left_ms, left));
}

/* How the next one gets through. */
static void way_out(const struct once_gate *g, char *out, size_t cap)
{
    (void)snprintf(out, cap, "force: true%s%.60s%s does it again", g->force_member != NULL ? ", or " : "",
                   g->force_member != NULL ? g->force_member : "",
                   g->force_member != NULL ? ": true in the record," : "");
}

/* One line a second at most; lock held. */
static void say_skipped(struct once_gate *g, const struct sluice_record *record, const struct once_key *key)
{
    int64_t now = g->host->steady_ms(g->host);
    struct sluice_str user = {NULL, 0};
    char past[120], force[160], others[64] = "";

    if (now < g->say_ms) {
        g->unsaid++;
        return;
    }
    if (g->has_user)
        user = g->host->record->field(record, g->user_slot);
    if (g->unsaid > 0)
        (void)snprintf(others, sizeof others, " (and %llu more since the last line)",
                       (unsigned long long)g->unsaid);
    history(key, past, sizeof past);
    way_out(g, force, sizeof force);
    sluice_log(g->host, SLUICE_INFO, "skipped%s%.*s: %.*s %s; %s%s", user.len > 0 ? " user " : "",
               (int)(user.len < 100 ? user.len : 100), user.len > 0 ? user.data : "",
               (int)(key->len < 160 ? key->len : 160), key->text, past, force, others);
    g->say_ms = now + SAY_MS;
    g->unsaid = 0;
}

/* --- decide --------------------------------------------------------------------------- */

static void deny(struct once_gate *g, const struct sluice_record *record, const struct once_key *key,
                 struct sluice_verdict *v)
{
    char past[120], force[160];

    history(key, past, sizeof past);
    way_out(g, force, sizeof force);
    v->code = SLUICE_DENY;
    v->reason = "already_done";
    v->detail = sluice_record_text(g->host, record, "this key %s; %s", past, force);
    say_skipped(g, record, key);
}

static void give(struct once_gate *g, const struct sluice_record *record, const struct once_key *key,
                 struct sluice_verdict *v)
{
    switch (key->answer) {
    case ONCE_RESERVED:
        v->code = SLUICE_ADMIT;
        break;
    case ONCE_DONE:
        deny(g, record, key, v);
        break;
    default:
        v->code = SLUICE_UNKNOWN; /* later, and without spending an attempt on somebody else's work */
        v->reason = "leased";
        v->detail = "somebody else is at work on this key";
        v->retry_after_ms =
            key->left_ms > 0 && key->left_ms < ONCE_MAX_RETRY ? (uint32_t)key->left_ms : ONCE_MAX_RETRY;
    }
}

static int is_forced(const struct once_gate *g, const struct sluice_record *record)
{
    return g->force ||
           (g->force_member != NULL &&
            sluice_str_equal(g->host->record->field(record, g->force_slot), sluice_str_of("true")));
}

/* Nobody can say: whoever has a key waits. */
static void hold(const struct once_gate *g, const struct keys *k, const struct sluice_verdicts *verdicts,
                 const struct sluice_error *err)
{
    uint32_t i;

    for (i = 0; i < k->n; i++) {
        sluice_verdict_set(verdicts, k->of[i], SLUICE_UNKNOWN, g->store->ops->away,
                           "the store of keys cannot be read or written now; the log says why");
        sluice_verdict_at(verdicts, k->of[i])->retry_after_ms = err->retry_after_ms;
    }
}

static void count(const struct once_gate *g, const struct sluice_verdicts *verdicts, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        const struct sluice_verdict *v = sluice_verdict_at(verdicts, i);

        g->host->metric_add(g->host, g->setup.metric_keys, v->code == SLUICE_ADMIT ? "reserved" : v->reason,
                            1);
    }
}

static uint32_t no_memory(struct keys *k, uint32_t n, struct sluice_error *err)
{
    keys_release(k);
    return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %u keys", n);
}

uint32_t once_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                     const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    struct once_gate *g = self;
    struct once_key *key;
    struct keys k;
    uint32_t i;

    if (n == 0)
        return SLUICE_OK;
    if (keys_init(&k, n) != 0)
        return no_memory(&k, n, err);
    for (i = 0; i < n; i++) {
        key = keys_add(&k, g, i, records[i], sluice_verdict_at(verdicts, i));
        if (key != NULL)
            key->force = is_forced(g, records[i]);
    }
    if (keys_seal(&k) != 0)
        return no_memory(&k, n, err);
    pthread_mutex_lock(&g->lock);
    if (k.n > 0 && g->store->ops->reserve(g->store, k.items, k.n, &own) != SLUICE_OK)
        hold(g, &k, verdicts, &own);
    else
        for (i = 0; i < k.n; i++)
            give(g, records[k.of[i]], &k.items[i], sluice_verdict_at(verdicts, k.of[i]));
    pthread_mutex_unlock(&g->lock);
    count(g, verdicts, n);
    keys_release(&k);
    return SLUICE_OK;
}

/* --- conclude ------------------------------------------------------------------------- */

uint32_t once_conclude(void *self, const struct sluice_record *const *records, uint32_t n,
                       const struct sluice_outcome *outcomes, uint64_t stride, struct sluice_error *err)
{
    uint32_t i, done = 0, code = SLUICE_OK;
    struct once_gate *g = self;
    struct keys k;

    if (n == 0)
        return SLUICE_OK;
    if (keys_init(&k, n) != 0)
        return no_memory(&k, n, err);
    for (i = 0; i < n; i++) {
        const struct sluice_outcome *o = (const void *)((const char *)outcomes + (uint64_t)i * stride);
        struct sluice_verdict none = {0};
        struct once_key *key = keys_add(&k, g, i, records[i], &none);

        if (key == NULL) /* it was never admitted */
            continue;
        key->commit = o->code == SLUICE_OK;
        done += key->commit ? 1u : 0u;
    }
    if (keys_seal(&k) != 0)
        return no_memory(&k, n, err);
    if (k.n > 0) {
        pthread_mutex_lock(&g->lock);
        code = g->store->ops->conclude(g->store, k.items, k.n, err);
        pthread_mutex_unlock(&g->lock);
    }
    if (code == SLUICE_OK) {
        g->host->metric_add(g->host, g->setup.metric_keys, "committed", done);
        g->host->metric_add(g->host, g->setup.metric_keys, "released", k.n - done);
    }
    keys_release(&k);
    return code == SLUICE_OK ? SLUICE_OK : SLUICE_RETRY;
}
