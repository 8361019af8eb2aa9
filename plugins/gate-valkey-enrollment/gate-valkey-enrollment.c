/* gate/valkey-enrollment: admits the users who are enrolled, that is, whose key exists in
 * Valkey.
 *
 * Invariant: a user is denied only because Valkey said, at most negative_ttl ago, that
 * the key is not there; whatever else happens is UNKNOWN, and the record waits.
 *
 * decide asks about all unknown users of a batch in one round trip and waits for it, up
 * to `wait`: most live traffic is of users who are not enrolled and end here, so
 * copying each record to ask about it later would cost more than the millisecond
 * that the trip takes.  While Valkey is away nobody waits. */
#include <stdlib.h>

#include <sluice/enroll.h>

#include "../common/key_template.h"
#include "asker.h"
#include "enroll.h"

#define LATE_RETRY_MS 50u

struct enrollment {
    const struct sluice_host *host;
    struct key_template key;
    struct valkey_settings settings;
    struct answers answers;
    struct asker asker;
    struct hash128 secret;
    uint32_t wait_ms;
    uint32_t metric_users, metric_connected;
};

static const struct sluice_option enrollment_options[] = {
    VALKEY_OPTIONS,
    {.name = "key",
     .type = SLUICE_STRING,
     .default_text = "experiment:enrolled:{user_id}",
     .summary = "the key that exists for a user who is enrolled, with top-level members in braces"},
    {.name = "positive_ttl",
     .type = SLUICE_DURATION,
     .default_text = "1m",
     .min = "0s",
     .max = "1d",
     .summary = "how long an enrolled user is taken for enrolled without asking again"},
    {.name = "negative_ttl",
     .type = SLUICE_DURATION,
     .default_text = "1s",
     .min = "0s",
     .max = "1h",
     .summary = "how long a user who is not enrolled is taken for that without asking again",
     .details =
         "An enrolment becomes visible after at most this time. Records denied before are not played again."},
    {.name = "cache_size",
     .type = SLUICE_INTEGER,
     .default_text = "100000",
     .min = "0",
     .max = "10000000",
     .summary = "most users whose answers are remembered, 32 bytes each; enrolled ones stay longest"},
    {.name = "wait",
     .type = SLUICE_DURATION,
     .default_text = "50ms",
     .min = "1ms",
     .max = "1s",
     .summary = "longest time that a batch waits for its answers before its records are held",
     .details = "The answers are remembered when they come. The source is not polled meanwhile."},
};

/* --- life --------------------------------------------------------------------------- */

static uint32_t enrollment_configure(struct enrollment *e, const struct sluice_config *config,
                                     struct sluice_error *err)
{
    const struct sluice_host *host = e->host;
    uint32_t code = valkey_settings_read(host, config, &e->settings, err);

    if (code != SLUICE_OK)
        return code;
    e->wait_ms = (uint32_t)host->option_integer(config, "wait");
    e->asker.host = host;
    e->asker.settings = &e->settings;
    e->asker.answers = &e->answers;
    e->asker.yes_ms = host->option_integer(config, "positive_ttl");
    e->asker.no_ms = host->option_integer(config, "negative_ttl");
    e->metric_users = host->metric(host, SLUICE_COUNTER, "users_total",
                                   "Users asked about, by where the answer came from", "answer");
    e->metric_connected = host->metric(host, SLUICE_GAUGE, "connected", "1 while Valkey answers", NULL);
    e->asker.metric_trips =
        host->metric(host, SLUICE_COUNTER, "round_trips_total", "Batches of questions sent", NULL);
    e->asker.metric_connects =
        host->metric(host, SLUICE_COUNTER, "connects_total", "Connections tried, by result", "result");
    return key_template_parse(&e->key, host, host->option_string(config, "key"), err);
}

static uint32_t enrollment_create(const struct sluice_host *host, const struct sluice_config *config,
                                  void **self, struct sluice_error *err)
{
    struct enrollment *e = calloc(1, sizeof *e);
    uint32_t code;

    if (e == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    e->host = host;
    code = enrollment_configure(e, config, err);
    if (code == SLUICE_OK && hash_key_random(&e->secret) != 0)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "the system gives no random numbers");
    if (code == SLUICE_OK &&
        answers_init(&e->answers, (uint64_t)host->option_integer(config, "cache_size")) != 0)
        code = sluice_fail(err, SLUICE_FATAL, "cache_size", "no memory for the cache");
    else if (code == SLUICE_OK && asker_init(&e->asker) != 0) {
        answers_release(&e->answers);
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    }
    if (code != SLUICE_OK) {
        key_template_release(&e->key);
        free(e);
        return code;
    }
    *self = e;
    return SLUICE_OK;
}

static void enrollment_destroy(void *self)
{
    struct enrollment *e = self;

    asker_release(&e->asker);
    answers_release(&e->answers);
    key_template_release(&e->key);
    free(e);
}

/* Valkey need not be there yet: until it is, the gate says UNKNOWN. */
static uint32_t enrollment_start(void *self, struct sluice_error *err)
{
    struct enrollment *e = self;

    answers_clear(&e->answers);
    return asker_start(&e->asker, err);
}

static uint32_t enrollment_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct enrollment *e = self;

    (void)deadline_ms;
    (void)err;
    asker_stop(&e->asker);
    return SLUICE_OK;
}

/* Asks about the key of a user called "probe": the access list counts as much as the answer. */
static uint32_t enrollment_probe(void *self, struct sluice_error *err)
{
    struct enrollment *e = self;
    char key[KEY_MAX + KEY_MAX_PARTS * 8];
    size_t len = 0;
    uint32_t i;

    for (i = 0; i < e->key.n && len < KEY_MAX; i++)
        len += (size_t)snprintf(key + len, sizeof key - len, "%s",
                                e->key.part[i].member ? "probe" : e->key.part[i].text);
    return asker_probe(&e->asker, key, err);
}

static void enrollment_stats(void *self)
{
    struct enrollment *e = self;

    e->host->metric_set(e->host, e->metric_connected, NULL, asker_is_up(&e->asker) ? 1 : 0);
}

/* --- decisions ---------------------------------------------------------------------- */

/* A batch being decided. */
struct deciding {
    struct enrollment *e;
    const struct sluice_record *const *records;
    uint32_t n;
    const struct sluice_verdicts *verdicts;
    struct ask *ask; /* NULL while all are known */
    uint64_t cached[3], asked[3];
};

static void say(const struct deciding *d, uint32_t i, enum answer answer)
{
    if (answer == ANSWER_YES)
        sluice_verdict_set(d->verdicts, i, SLUICE_ADMIT, NULL, NULL);
    else
        sluice_verdict_set(d->verdicts, i, SLUICE_DENY, "not_enrolled", NULL);
}

/* The verdict from the cache, or the user's place among the questions.  -1: no memory. */
static int look_up(struct deciding *d, uint32_t i, int64_t now_ms)
{
    struct sluice_verdict *v = sluice_verdict_at(d->verdicts, i);
    struct enrollment *e = d->e;
    struct hash128 hash;
    enum answer answer;
    char key[KEY_MAX];
    int64_t len = key_template_make(&e->key, e->host, d->records[i], key, v), place;

    if (len < 0)
        return 0; /* REJECT is in the verdict */
    hash = hash128(&e->secret, key, (size_t)len);
    answer = answers_find(&e->answers, &hash, now_ms);
    if (answer != ANSWER_NONE) {
        d->cached[answer]++;
        say(d, i, answer);
        return 0;
    }
    if (d->ask == NULL)
        d->ask = ask_new(d->n);
    place = d->ask == NULL ? -1 : ask_add(d->ask, &hash, key, (size_t)len);
    if (place < 0)
        return -1;
    d->ask->of[i] = (uint32_t)place;
    return 0;
}

/* Everybody without a verdict waits. */
static void hold(struct deciding *d, const char *reason, const char *detail, uint32_t retry_after_ms)
{
    uint64_t held = 0;
    uint32_t i;

    for (i = 0; i < d->n; i++) {
        struct sluice_verdict *v = sluice_verdict_at(d->verdicts, i);

        if (v->code != SLUICE_NONE)
            continue;
        sluice_verdict_set(d->verdicts, i, SLUICE_UNKNOWN, reason, detail);
        v->retry_after_ms = retry_after_ms;
        held++;
    }
    d->e->host->metric_add(d->e->host, d->e->metric_users, reason, held);
}

static void take_answers(struct deciding *d)
{
    uint32_t i;

    for (i = 0; i < d->n; i++)
        if (sluice_verdict_at(d->verdicts, i)->code == SLUICE_NONE) {
            enum answer answer = d->ask->keys[d->ask->of[i]].answer;

            d->asked[answer]++;
            say(d, i, answer);
        }
    ask_free(d->ask);
}

static void count(const struct deciding *d)
{
    const struct sluice_host *host = d->e->host;

    host->metric_add(host, d->e->metric_users, "cached_enrolled", d->cached[ANSWER_YES]);
    host->metric_add(host, d->e->metric_users, "cached_not_enrolled", d->cached[ANSWER_NO]);
    host->metric_add(host, d->e->metric_users, "asked_enrolled", d->asked[ANSWER_YES]);
    host->metric_add(host, d->e->metric_users, "asked_not_enrolled", d->asked[ANSWER_NO]);
}

static uint32_t enrollment_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                                  const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct enrollment *e = self;
    struct deciding d = {e, records, n, verdicts, NULL, {0}, {0}};
    int64_t now_ms = e->host->steady_ms(e->host);
    uint32_t i;

    (void)err;
    for (i = 0; i < n; i++)
        if (look_up(&d, i, now_ms) != 0) {
            ask_free(d.ask);
            d.ask = NULL;
            hold(&d, "no_memory", "no memory to ask Valkey", 0);
            break;
        }
    if (d.ask != NULL)
        switch (asker_ask(&e->asker, d.ask, e->wait_ms)) {
        case ASKED_ANSWERED:
            take_answers(&d);
            break;
        case ASKED_LATE:
            hold(&d, "valkey_slow", "Valkey has not answered yet", LATE_RETRY_MS);
            break;
        case ASKED_AWAY:
            hold(&d, "valkey_unavailable", "Valkey cannot be asked now; the log says why", 0);
            break;
        }
    count(&d);
    return SLUICE_OK;
}

static uint32_t enrollment_enroll(void *self, struct sluice_str user, uint32_t look_only, uint32_t *fresh,
                                  struct sluice_error *err)
{
    const struct enrollment *e = self;

    return enroll_user(&e->key, &e->settings, user, look_only != 0, fresh, err);
}

static const void *enrollment_extension(void *self, const char *id)
{
    static const struct sluice_enroll enroll = {.struct_size = sizeof enroll, .enroll = enrollment_enroll};

    (void)self;
    return strcmp(id, SLUICE_ENROLL_ID) == 0 ? &enroll : NULL;
}

static const struct sluice_lifecycle enrollment_lifecycle = {
    .struct_size = sizeof enrollment_lifecycle,
    .create = enrollment_create,
    .destroy = enrollment_destroy,
    .start = enrollment_start,
    .stop = enrollment_stop,
    .probe = enrollment_probe,
    .stats = enrollment_stats,
    .extension = enrollment_extension,
};

static const struct sluice_gate_ops enrollment_ops = {
    .struct_size = sizeof enrollment_ops,
    .decide = enrollment_decide,
};

static const struct sluice_plugin enrollment_plugin = {
    .struct_size = sizeof enrollment_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_GATE,
    .flags = SLUICE_PARALLEL,
    .name = "valkey-enrollment",
    .version = "0.1.0",
    .summary = "admits the users who are enrolled in Valkey",
    .licence = "MIT",
    SLUICE_OPTIONS(enrollment_options),
    .lifecycle = &enrollment_lifecycle,
    .ops = &enrollment_ops,
    .example = "plugin: valkey-enrollment\n"
               "address: 127.0.0.1:6379\n",
};

SLUICE_MODULE("gate-valkey-enrollment", NULL, NULL, &enrollment_plugin);
