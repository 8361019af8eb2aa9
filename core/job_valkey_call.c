/* job_valkey_call: one script on the server, and what its answer means. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "job_valkey.h"

#define FIXED_WORDS 8u /* EVAL, script, number of keys, keys, keep, now, id */

/* What the server runs: `script` with the names that all of them use.  keep, now and id come
 * first of the arguments; A is where the script's own begin. */
#define PRELUDE                                                                                              \
    "local L,P=KEYS[1],KEYS[2] local keep,now,id=ARGV[1],ARGV[2],ARGV[3] local J=P..'job:'..id "             \
    "local U,A=J..':users',4 "                                                                               \
    "local function touch(quiet) if not quiet then redis.call('HSET',J,'changed',now) end "                  \
    "redis.call('PEXPIRE',J,keep) redis.call('PEXPIRE',U,keep) "                                             \
    "for s=0,4 do redis.call('PEXPIRE',J..':'..s,keep) end end "                                             \
    "local function none() return id~='' and redis.call('EXISTS',J)==0 end "

void job_valkey_arg(struct job_valkey *d, struct sluice_str arg)
{
    struct sluice_str *grown;

    if (d->n_words == d->cap_words) {
        uint32_t cap = d->cap_words == 0 ? 64 : d->cap_words * 2;

        grown = realloc(d->words, cap * sizeof *grown);
        if (grown == NULL) {
            d->no_memory = 1;
            return;
        }
        d->words = grown;
        d->cap_words = cap;
    }
    d->words[d->n_words++] = arg;
}

void job_valkey_text(struct job_valkey *d, const char *arg)
{
    job_valkey_arg(d, sluice_str_of(arg));
}

void job_valkey_begin(struct job_valkey *d, const char *script, const char *id)
{
    d->n_words = 0;
    d->no_memory = 0;
    job_valkey_text(d, script);
    job_valkey_text(d, id == NULL ? "" : id);
}

/* The reply to the one command. */
struct answering {
    struct job_valkey *d;
    const char *id;
    job_valkey_answer answer;
    void *context;
    struct sluice_error *err;
    uint32_t code;
};

static uint32_t explain(const struct answering *a, const char *reply)
{
    if (strncmp(reply, "ERR ", 4) == 0 && strchr(reply + 4, ' ') == NULL)
        reply += 4; /* some servers put it before the scripts' own words */
    if (strncmp(reply, "NOJOB", 5) == 0)
        return job_no_such(a->err, a->id);
    if (strncmp(reply, "EXISTS", 6) == 0)
        return sluice_fail(a->err, SLUICE_INVALID, NULL, "there is a job '%s' already", a->id);
    if (strncmp(reply, "CANCELLED", 9) == 0)
        return sluice_fail(a->err, SLUICE_INVALID, NULL,
                           "job %s is cancelled; `sluice job retry %s` ends that", a->id, a->id);
    if (strncmp(reply, "STEPS", 5) == 0)
        return sluice_fail(a->err, SLUICE_INVALID, NULL, "the job would have more than %u steps",
                           JOB_MAX_STEPS);
    return valkey_explain(a->d->v, reply, a->err);
}

static void on_reply(void *context, uint32_t i, const redisReply *reply)
{
    struct answering *a = context;

    (void)i;
    if (reply->type == REDIS_REPLY_ERROR)
        a->code = explain(a, reply->str);
    else
        a->code = a->answer == NULL ? SLUICE_OK : a->answer(a->context, reply, a->err);
}

static void add_command(struct job_valkey *d, struct sluice_str *all, const char *const *fixed)
{
    uint32_t i;

    for (i = 0; i < FIXED_WORDS; i++)
        all[i] = sluice_str_of(fixed[i]);
    for (i = 2; i < d->n_words; i++)
        all[FIXED_WORDS + i - 2] = d->words[i];
    valkey_add(d->v, FIXED_WORDS + d->n_words - 2, all);
}

/* One try; what a connection that ended meanwhile has not done is asked again by the caller. */
static uint32_t try_once(struct job_valkey *d, struct answering *a, struct sluice_str *all,
                         const char *const *fixed)
{
    uint32_t code;

    if (!valkey_is_open(d->v)) {
        code = valkey_connect(d->v, a->err);
        if (code != SLUICE_OK)
            return code;
    }
    add_command(d, all, fixed);
    a->code = SLUICE_OK;
    code = valkey_run(d->v, on_reply, a, a->err);
    return code != SLUICE_OK ? code : a->code;
}

uint32_t job_valkey_run(struct job_valkey *d, job_valkey_answer answer, void *context,
                        struct sluice_error *err)
{
    char id[JOB_ID_MAX + 1], now[24];
    struct answering a = {d, id, answer, context, err, SLUICE_OK};
    struct sluice_str *all = NULL;
    char *script = NULL, *list = NULL;
    uint32_t code;
    int was_open = valkey_is_open(d->v);

    if (!d->no_memory)
        all = calloc(FIXED_WORDS + d->n_words, sizeof *all);
    if (all == NULL || d->text.failed || asprintf(&script, PRELUDE "%s", d->words[0].data) < 0) {
        free(all);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a call of the ledger");
    }
    (void)snprintf(id, sizeof id, "%s", d->words[1].data);
    (void)snprintf(now, sizeof now, "%" PRId64, clock_now_ms());
    if (asprintf(&list, "%sjobs", d->prefix) < 0) {
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a call of the ledger");
    } else {
        const char *fixed[FIXED_WORDS] = {"EVAL", script, "2", list, d->prefix, d->keep, now, id};

        code = try_once(d, &a, all, fixed);
        if (code == SLUICE_DISCONNECTED && was_open && valkey_hung_up(d->v))
            code = try_once(d, &a, all, fixed); /* it had ended an idle connection */
        free(list);
    }
    free(script);
    free(all);
    return code;
}

uint32_t job_valkey_damaged(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_FATAL, "address",
                       "the server holds a job in a form that this sluice does not know: use the one that "
                       "wrote it, or another prefix");
}
