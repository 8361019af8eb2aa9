/* job_store_valkey: jobs in a Valkey that all workers share; see job_valkey.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "job_valkey.h"
#include "option.h"

#define TEXT_MAX (16u << 20)

static const struct sluice_host getters = {
    .struct_size = sizeof getters,
    .option_string = option_string,
    .option_integer = option_integer,
};

static void store_close(struct job_ledger *l)
{
    struct job_valkey *d = l->self;

    if (d == NULL)
        return;
    valkey_free(d->v);
    strbuf_release(&d->text);
    free(d->known);
    free(d->job);
    free(d->words);
    free(d);
    l->self = NULL;
}

static int give_up(void *context)
{
    return atomic_load(&((struct job_ledger *)context)->cancelled);
}

uint32_t job_valkey_open(struct job_ledger *l, const struct sluice_config *options, struct sluice_error *err)
{
    struct job_valkey *d = calloc(1, sizeof *d);
    uint32_t code;

    l->store = &job_store_valkey;
    l->self = d;
    if (d == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    strbuf_init(&d->text, TEXT_MAX);
    d->prefix = option_string(options, "prefix");
    (void)snprintf(d->keep, sizeof d->keep, "%" PRId64, l->keep_ms);
    code = valkey_settings_read(&getters, options, &d->settings, err);
    d->known = malloc(sizeof *d->known);
    d->job = malloc(sizeof *d->job);
    d->v = code == SLUICE_OK ? valkey_new(&d->settings, give_up, l) : NULL;
    if (code == SLUICE_OK && (d->known == NULL || d->job == NULL || d->v == NULL))
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    if (code != SLUICE_OK)
        store_close(l);
    return code;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static uint32_t store_create(struct job_ledger *l, const struct job *j, struct sluice_error *err)
{
    static const char script[] =
        "if redis.call('EXISTS',J)==1 then return redis.error_reply('EXISTS') end "
        "redis.call('HSET',J,'kind',ARGV[A],'source',ARGV[A+1],'sender',ARGV[A+2],'requester',ARGV[A+3],"
        "'state',ARGV[A+4],'lookback',ARGV[A+5],'force',ARGV[A+6],'rate',ARGV[A+7],'total',ARGV[A+8],"
        "'created',now) redis.call('ZADD',L,now,id) touch() return 1";
    struct job_valkey *d = l->self;
    char numbers[5][40];
    uint32_t i;

    (void)snprintf(numbers[0], sizeof numbers[0], "%u", (unsigned)j->state);
    (void)snprintf(numbers[1], sizeof numbers[1], "%" PRIu32, j->lookback_days);
    (void)snprintf(numbers[2], sizeof numbers[2], "%" PRIu32, j->force);
    (void)snprintf(numbers[3], sizeof numbers[3], "%.17g", j->rate);
    (void)snprintf(numbers[4], sizeof numbers[4], "%" PRId64, j->total);
    job_valkey_begin(d, script, j->id);
    job_valkey_text(d, j->kind);
    job_valkey_text(d, j->source);
    job_valkey_text(d, j->sender);
    job_valkey_text(d, j->requester);
    for (i = 0; i < 5; i++)
        job_valkey_text(d, numbers[i]);
    return job_valkey_run(d, NULL, NULL, err);
}

static void read_field(struct job *j, const char *name, const char *text)
{
    struct {
        const char *name;
        char *out;
        size_t cap;
    } texts[] = {{"kind", j->kind, sizeof j->kind},       {"source", j->source, sizeof j->source},
                 {"sender", j->sender, sizeof j->sender}, {"requester", j->requester, sizeof j->requester},
                 {"cursor", j->cursor, sizeof j->cursor}, {"error", j->error, sizeof j->error},
                 {"owner", j->owner, sizeof j->owner}};
    unsigned long long n = strtoull(text, NULL, 10);
    size_t i;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0)
            (void)snprintf(texts[i].out, texts[i].cap, "%s", text);
    if (strcmp(name, "steps") == 0)
        job_steps_unpack(j, text);
    else if (strcmp(name, "state") == 0)
        j->state = n <= JOB_BROKEN ? (enum job_state)n : JOB_BROKEN;
    else if (strcmp(name, "lookback") == 0)
        j->lookback_days = (uint32_t)n;
    else if (strcmp(name, "force") == 0)
        j->force = (uint32_t)n;
    else if (strcmp(name, "rate") == 0)
        j->rate = strtod(text, NULL);
    else if (strcmp(name, "total") == 0)
        j->total = strtoll(text, NULL, 10);
    else if (strcmp(name, "created") == 0)
        j->created_ms = (int64_t)n;
    else if (strcmp(name, "changed") == 0)
        j->changed_ms = (int64_t)n;
    else if (name[0] == 'l' && name[1] == ':' && strtoul(name + 2, NULL, 10) < JOB_MAX_STEPS)
        j->loaded[strtoul(name + 2, NULL, 10)] = n;
}

static const char get_script[] =
    "if none() then return redis.error_reply('NOJOB') end "
    "local t=redis.call('TIME') t=t[1]*1000+math.floor(t[2]/1000) "
    "local left=tonumber(redis.call('HGET',J,'until') or '0')-t "
    "return {redis.call('HGETALL',J),redis.call('ZCARD',J..':0'),redis.call('ZCARD',J..':1'),"
    "redis.call('ZCARD',J..':2'),redis.call('ZCARD',J..':3'),redis.call('ZCARD',J..':4'),left}";

static uint32_t take_job(void *context, const redisReply *r, struct sluice_error *err)
{
    struct job *j = context;
    const redisReply *fields;
    size_t i;

    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 + JOB_USER_STATES ||
        r->element[0]->type != REDIS_REPLY_ARRAY)
        return job_valkey_damaged(err);
    fields = r->element[0];
    for (i = 0; i + 1 < fields->elements; i += 2)
        if (fields->element[i]->str != NULL && fields->element[i + 1]->str != NULL)
            read_field(j, fields->element[i]->str, fields->element[i + 1]->str);
    for (i = 0; i < JOB_USER_STATES; i++)
        j->users[i] = (uint64_t)r->element[1 + i]->integer;
    /* The lease is by the server's clock; told by ours. */
    j->lease_until_ms = r->element[1 + JOB_USER_STATES]->integer > 0
                            ? clock_now_ms() + r->element[1 + JOB_USER_STATES]->integer
                            : 0;
    return SLUICE_OK;
}

static uint32_t store_get(struct job_ledger *l, const char *id, struct job *out, struct sluice_error *err)
{
    struct job_valkey *d = l->self;

    memset(out, 0, sizeof *out);
    memcpy(out->id, id, strlen(id) + 1);
    job_valkey_begin(d, get_script, id);
    return job_valkey_run(d, take_job, out, err);
}

static uint32_t take_ids(void *context, const redisReply *r, struct sluice_error *err)
{
    struct strbuf *ids = context;
    size_t i;

    for (i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        if (r->element[i]->str != NULL && strlen(r->element[i]->str) <= JOB_ID_MAX)
            strbuf_add(ids, r->element[i]->str, strlen(r->element[i]->str) + 1);
    return ids->failed ? sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the list of jobs") : SLUICE_OK;
}

static uint32_t store_list(struct job_ledger *l, job_each each, void *context, struct sluice_error *err)
{
    static const char script[] = "return redis.call('ZREVRANGE',L,0,-1)";
    struct job_valkey *d = l->self;
    struct strbuf ids;
    const char *at;
    uint32_t code;

    strbuf_init(&ids, TEXT_MAX);
    job_valkey_begin(d, script, NULL);
    code = job_valkey_run(d, take_ids, &ids, err);
    for (at = strbuf_text(&ids); code == SLUICE_OK && at < ids.data + ids.len; at += strlen(at) + 1) {
        code = store_get(l, at, d->job, err);
        if (code == SLUICE_REJECT) { /* it expired meanwhile */
            code = SLUICE_OK;
            continue;
        }
        if (code == SLUICE_OK && each(context, d->job) != 0)
            break;
    }
    strbuf_release(&ids);
    return code;
}

static uint32_t store_remove(struct job_ledger *l, const char *id, struct sluice_error *err)
{
    static const char script[] =
        "if none() then return redis.error_reply('NOJOB') end redis.call('ZREM',L,id) "
        "return redis.call('UNLINK',J,U,J..':0',J..':1',J..':2',J..':3',J..':4')";

    job_valkey_begin(l->self, script, id);
    return job_valkey_run(l->self, NULL, NULL, err);
}

static uint32_t store_set_state(struct job_ledger *l, const char *id, enum job_state state, const char *error,
                                int revive, struct sluice_error *err)
{
    static const char script[] =
        "if none() then return redis.error_reply('NOJOB') end "
        "if ARGV[A+2]=='0' and ARGV[A]~='4' and redis.call('HGET',J,'state')=='4' then "
        "return redis.error_reply('CANCELLED') end "
        "redis.call('HSET',J,'state',ARGV[A],'error',ARGV[A+1]) touch() return 1";
    char number[16];

    (void)snprintf(number, sizeof number, "%u", (unsigned)state);
    job_valkey_begin(l->self, script, id);
    job_valkey_text(l->self, number);
    job_valkey_text(l->self, error);
    job_valkey_text(l->self, revive ? "1" : "0");
    return job_valkey_run(l->self, NULL, NULL, err);
}

static uint32_t store_set_total(struct job_ledger *l, const char *id, int64_t total, struct sluice_error *err)
{
    static const char script[] = "if none() then return redis.error_reply('NOJOB') end "
                                 "redis.call('HSET',J,'total',ARGV[A]) touch() return 1";
    char number[24];

    (void)snprintf(number, sizeof number, "%" PRId64, total);
    job_valkey_begin(l->self, script, id);
    job_valkey_text(l->self, number);
    return job_valkey_run(l->self, NULL, NULL, err);
}

/* --- lease ------------------------------------------------------------------------------------ */

/* OK, or who has it and for how long. */
static uint32_t take_lease(void *context, const redisReply *r, struct sluice_error *err)
{
    uint32_t code;

    (void)context;
    if (r->type == REDIS_REPLY_INTEGER)
        return SLUICE_OK;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[0]->str == NULL)
        return job_valkey_damaged(err);
    code = sluice_fail(err, SLUICE_RETRY, NULL, "%.80s is at work on this job", r->element[0]->str);
    err->retry_after_ms = r->element[1]->integer < 1       ? 1
                          : r->element[1]->integer > 60000 ? 60000
                                                           : (uint32_t)r->element[1]->integer;
    return code;
}

static uint32_t store_lease(struct job_ledger *l, const char *id, const char *owner, uint32_t ms,
                            struct sluice_error *err)
{
    static const char script[] =
        "if none() then return redis.error_reply('NOJOB') end local t=redis.call('TIME') "
        "t=t[1]*1000+math.floor(t[2]/1000) local has=redis.call('HGET',J,'owner') or '' "
        "local left=tonumber(redis.call('HGET',J,'until') or '0')-t "
        "if has~='' and has~=ARGV[A] and left>0 then return {has,left} end "
        "redis.call('HSET',J,'owner',ARGV[A],'until',string.format('%.0f',t+tonumber(ARGV[A+1]))) "
        "touch(true) return 1";
    char number[16];

    (void)snprintf(number, sizeof number, "%" PRIu32, ms);
    job_valkey_begin(l->self, script, id);
    job_valkey_text(l->self, owner);
    job_valkey_text(l->self, number);
    return job_valkey_run(l->self, take_lease, NULL, err);
}

static uint32_t store_lease_end(struct job_ledger *l, const char *id, const char *owner,
                                struct sluice_error *err)
{
    static const char script[] = "if none() then return redis.error_reply('NOJOB') end "
                                 "if redis.call('HGET',J,'owner')==ARGV[A] then "
                                 "redis.call('HSET',J,'owner','','until','0') end return 1";

    job_valkey_begin(l->self, script, id);
    job_valkey_text(l->self, owner);
    return job_valkey_run(l->self, NULL, NULL, err);
}

static uint32_t take_count(void *context, const redisReply *r, struct sluice_error *err)
{
    if (r->type != REDIS_REPLY_INTEGER)
        return job_valkey_damaged(err);
    *(uint64_t *)context = (uint64_t)r->integer;
    return SLUICE_OK;
}

/* The keys of old jobs expire by themselves; their names are left in the list. */
static uint32_t store_expire(struct job_ledger *l, int64_t before_ms, uint64_t *deleted,
                             struct sluice_error *err)
{
    static const char script[] =
        "local n=0 for _,i in ipairs(redis.call('ZRANGE',L,0,-1)) do "
        "if redis.call('EXISTS',P..'job:'..i)==0 then redis.call('ZREM',L,i) n=n+1 end end return n";

    (void)before_ms;
    job_valkey_begin(l->self, script, NULL);
    return job_valkey_run(l->self, take_count, deleted, err);
}

const struct job_store job_store_valkey = {
    .close = store_close,
    .create = store_create,
    .get = store_get,
    .list = store_list,
    .remove = store_remove,
    .set_state = store_set_state,
    .set_total = store_set_total,
    .add = job_valkey_add,
    .mark = job_valkey_mark,
    .scan = job_valkey_scan,
    .lease = store_lease,
    .lease_end = store_lease_end,
    .expire = store_expire,
};
