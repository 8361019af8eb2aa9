/* once_valkey: the store in Valkey, shared by all workers.
 *
 * One connection, one round trip a batch.  Leases end by the server's clock; nothing of ours has to
 * live for that, so what a worker that died had reserved is free after `lease`. */
#include <stdlib.h>

#include "../common/valkey_link.h"
#include "once.h"
#include "once_held.h"
#include "once_script.h"
#include "strbuf.h"

#define CHUNK 1000u /* keys of one call of a script: the server does nothing else meanwhile */
#define LEASE_LEN (6u + 32u)

struct valkey_store {
    struct once_store base;
    struct valkey_link link;
    struct once_held held;
    char lease[LEASE_LEN + 1]; /* "lease:" and the owner */
    int patient;               /* what is under way is worth waiting for, though the host stops */
    struct strbuf flags;       /* of the keys of a call, as digits */
    uint8_t *added;            /* keys of a call that are new in held */
    size_t added_cap;
    struct sluice_str words[CHUNK + 6];
};

static struct valkey_store *of(struct once_store *s)
{
    return (struct valkey_store *)s;
}

static int give_up(void *context)
{
    const struct valkey_store *s = context;

    return !s->patient && s->base.setup->host->cancelled(s->base.setup->host) != 0;
}

/* --- life --------------------------------------------------------------------------- */

static uint32_t store_open(struct once_store *base, struct sluice_error *err)
{
    struct valkey_store *s = of(base);
    struct hash128 owner;

    if (once_held_init(&s->held) != 0 || hash_key_random(&owner) != 0)
        return sluice_fail(err, SLUICE_FATAL, NULL, "the system gives no random numbers");
    (void)snprintf(s->lease, sizeof s->lease, "lease:%016llx%016llx", (unsigned long long)owner.hi,
                   (unsigned long long)owner.lo);
    s->patient = 0;
    return valkey_link_open(&s->link, err);
}

static void store_free(struct once_store *base)
{
    struct valkey_store *s = of(base);

    once_held_clear(&s->held);
    strbuf_release(&s->flags);
    free(s->added);
    free(s);
}

/* --- one call of a script -------------------------------------------------------------- */

struct call {
    struct valkey_store *s;
    const char *script;
    int64_t ms;         /* ARGV[2] */
    const char *digits; /* ARGV[3], one a key; or NULL */
    uint32_t n;
    struct sluice_str (*key)(const struct call *c, uint32_t i);
    const struct once_key *keys;
    const struct once_held_key *const *held;
    struct once_key *answers; /* of reserve */
    uint32_t width;           /* numbers a key in the answer */
    uint32_t lost;            /* keys that somebody else has */
};

static struct sluice_str key_of_batch(const struct call *c, uint32_t i)
{
    return (struct sluice_str){c->keys[i].text, c->keys[i].len};
}

static struct sluice_str key_of_held(const struct call *c, uint32_t i)
{
    return (struct sluice_str){c->held[i]->text, c->held[i]->len};
}

static void add_all(void *context, struct valkey *v)
{
    struct call *c = context;
    struct sluice_str *w = c->s->words;
    char count[16], ms[24];
    uint32_t from, i, n, at;

    c->lost = 0;
    (void)snprintf(ms, sizeof ms, "%lld", (long long)c->ms);
    for (from = 0; from < c->n; from += n) {
        n = c->n - from < CHUNK ? c->n - from : CHUNK;
        (void)snprintf(count, sizeof count, "%u", n);
        w[0] = sluice_str_of("EVAL");
        w[1] = sluice_str_of(c->script);
        w[2] = sluice_str_of(count);
        for (i = 0, at = 3; i < n; i++)
            w[at++] = c->key(c, from + i);
        w[at++] = sluice_str_of(c->s->lease);
        w[at++] = sluice_str_of(ms);
        if (c->digits != NULL)
            w[at++] = (struct sluice_str){c->digits + from, n};
        valkey_add(v, at, w);
    }
}

static int64_t number_at(const redisReply *reply, uint32_t i)
{
    return reply->element[i]->type == REDIS_REPLY_INTEGER ? reply->element[i]->integer : -2;
}

static uint32_t odd_answer(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_DISCONNECTED, "address",
                       "the script of gate/once was not answered as it should be; is this Valkey, or Redis 6 "
                       "and later?");
}

static uint32_t take(void *context, uint32_t chunk, const redisReply *reply, struct sluice_error *err)
{
    struct call *c = context;
    uint32_t from = chunk * CHUNK, i, n = c->n - from < CHUNK ? c->n - from : CHUNK;

    if (reply->type == REDIS_REPLY_ERROR)
        return valkey_link_explain(&c->s->link, reply, err);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != (size_t)n * c->width)
        return odd_answer(err);
    for (i = 0; i < n; i++) {
        int64_t what = number_at(reply, i * c->width);

        if (what < 0 || what > (c->answers != NULL ? 2 : 1))
            return odd_answer(err);
        if (c->answers == NULL) {
            c->lost += what == 0 ? 1u : 0u;
            continue;
        }
        c->answers[from + i].answer = (enum once_answer)what;
        c->answers[from + i].age_ms = number_at(reply, i * 3 + 1);
        c->answers[from + i].left_ms = number_at(reply, i * 3 + 2);
    }
    return SLUICE_OK;
}

static void note_lost(const struct valkey_store *s, uint32_t n)
{
    const struct once_setup *setup = s->base.setup;

    if (n == 0)
        return;
    setup->host->metric_add(setup->host, setup->metric_keys, "lease_lost", n);
    sluice_log(setup->host, SLUICE_WARN,
               "%u keys were taken over by another worker while their work lasted, so it is done twice; "
               "raise lease, or look at how long Valkey was away",
               n);
}

/* --- reserve ------------------------------------------------------------------------ */

/* Keys that are new are held from now on, so that a second one of the batch only looks.
 * The digits are in s->flags; -1: no memory, and *n is how many were added. */
static int hold_all(struct valkey_store *s, const struct once_key *keys, uint32_t *n)
{
    uint32_t i, total = *n;
    uint8_t *grown;

    *n = 0;
    if (total > s->added_cap) {
        grown = realloc(s->added, total);
        if (grown == NULL)
            return -1;
        s->added = grown;
        s->added_cap = total;
    }
    strbuf_clear(&s->flags);
    for (i = 0; i < total; i++) {
        int added = once_held_add(&s->held, keys[i].text, keys[i].len);

        if (added < 0)
            return -1;
        s->added[i] = (uint8_t)added;
        *n = i + 1;
        strbuf_putc(&s->flags, (char)('0' + (keys[i].force ? ONCE_TAKE_DONE : 0) +
                                      (added ? ONCE_TAKE_OURS : ONCE_ONLY_LOOK)));
    }
    return s->flags.failed ? -1 : 0;
}

static uint32_t store_reserve(struct once_store *base, struct once_key *keys, uint32_t n,
                              struct sluice_error *err)
{
    struct valkey_store *s = of(base);
    struct call c = {.s = s,
                     .script = once_script_reserve,
                     .ms = base->setup->lease_ms,
                     .n = n,
                     .key = key_of_batch,
                     .keys = keys,
                     .answers = keys,
                     .width = 3};
    uint32_t code, i;

    if (hold_all(s, keys, &n) != 0) {
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %u keys", c.n);
    } else {
        c.digits = strbuf_text(&s->flags);
        code = valkey_link_run(&s->link, add_all, take, &c, err);
    }
    for (i = 0; i < n; i++)
        if (s->added[i] && (code != SLUICE_OK || keys[i].answer != ONCE_RESERVED))
            once_held_remove(&s->held, keys[i].text, keys[i].len);
    return code;
}

/* --- the end -------------------------------------------------------------------------- */

static uint32_t store_conclude(struct once_store *base, const struct once_key *keys, uint32_t n,
                               struct sluice_error *err)
{
    struct valkey_store *s = of(base);
    struct call c = {.s = s,
                     .script = once_script_conclude,
                     .ms = base->setup->ttl_ms,
                     .n = n,
                     .key = key_of_batch,
                     .keys = keys,
                     .width = 1};
    uint32_t code, i;

    strbuf_clear(&s->flags);
    for (i = 0; i < n; i++)
        strbuf_putc(&s->flags, keys[i].commit ? '1' : '0');
    if (s->flags.failed)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %u keys", n);
    c.digits = strbuf_text(&s->flags);
    s->patient = 1; /* what is written and not committed is done again */
    code = valkey_link_run(&s->link, add_all, take, &c, err);
    s->patient = 0;
    if (code != SLUICE_OK)
        return code;
    note_lost(s, c.lost);
    for (i = 0; i < n; i++)
        once_held_remove(&s->held, keys[i].text, keys[i].len);
    return SLUICE_OK;
}

/* A script over all that is held; digit: its ARGV[3] for each. */
static uint32_t run_held(struct valkey_store *s, const char *script, int64_t ms, char digit,
                         struct sluice_error *err)
{
    const struct once_held_key **held;
    struct call c = {.s = s, .script = script, .ms = ms, .n = s->held.n, .key = key_of_held, .width = 1};
    uint32_t code, i;

    if (c.n == 0)
        return SLUICE_OK;
    held = calloc(c.n, sizeof(const struct once_held_key *));
    strbuf_clear(&s->flags);
    for (i = 0; i < c.n && digit != '\0'; i++)
        strbuf_putc(&s->flags, digit);
    if (held == NULL || s->flags.failed) {
        free(held);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for %u keys", c.n);
    }
    once_held_list(&s->held, held);
    c.held = held;
    c.digits = digit != '\0' ? strbuf_text(&s->flags) : NULL;
    code = valkey_link_run(&s->link, add_all, take, &c, err);
    free(held);
    return code;
}

static uint32_t store_keep_up(struct once_store *base, struct sluice_error *err)
{
    struct valkey_store *s = of(base);

    /* What somebody else has meanwhile is told when it is concluded. */
    return run_held(s, once_script_renew, base->setup->lease_ms, '\0', err);
}

/* What is not given back here is free after `lease`. */
static void store_close(struct once_store *base)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct valkey_store *s = of(base);

    s->patient = 1;
    (void)run_held(s, once_script_conclude, 0, '0', &err);
    once_held_clear(&s->held);
    valkey_link_close(&s->link);
}

/* A look takes nothing, and needs the right to the script and to the key. */
static uint32_t store_probe(struct once_store *base, const struct once_key *key, struct sluice_error *err)
{
    struct valkey_store *s = of(base);
    char digit[] = {'0' + ONCE_ONLY_LOOK, '\0'};
    struct once_key seen = *key;
    struct call c = {.s = s,
                     .script = once_script_reserve,
                     .ms = base->setup->lease_ms,
                     .digits = digit,
                     .n = 1,
                     .key = key_of_batch,
                     .keys = key,
                     .answers = &seen,
                     .width = 3};

    return valkey_link_run(&s->link, add_all, take, &c, err);
}

static const struct once_store_ops ops = {
    .away = "valkey_unavailable",
    .open = store_open,
    .close = store_close,
    .reserve = store_reserve,
    .conclude = store_conclude,
    .keep_up = store_keep_up,
    .probe = store_probe,
    .free = store_free,
};

struct once_store *once_valkey_new(const struct once_setup *setup)
{
    const struct sluice_host *host = setup->host;
    struct valkey_store *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->base.ops = &ops;
    s->base.setup = setup;
    strbuf_init(&s->flags, 1u << 20);
    s->link.host = host;
    s->link.settings = setup->valkey;
    s->link.what = "keys can be neither reserved nor concluded";
    s->link.give_up = give_up;
    s->link.context = s;
    s->link.metric_connects = host->metric(host, SLUICE_COUNTER, "connects_total",
                                           "Connections to Valkey tried, by result", "result");
    s->link.metric_trips =
        host->metric(host, SLUICE_COUNTER, "round_trips_total", "Batches of keys sent to Valkey", NULL);
    return &s->base;
}
