/* asker: see asker.h. */
#include "asker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Nobody waits for a late answer any more, but its records come back soon. */
#define LATE_ANSWER_MS 1000

int asker_init(struct asker *a)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed =
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&a->wake, &attr) != 0;
    if (!failed && pthread_cond_init(&a->done, &attr) != 0) {
        pthread_cond_destroy(&a->wake);
        failed = 1;
    }
    if (!failed && pthread_mutex_init(&a->lock, NULL) != 0) {
        pthread_cond_destroy(&a->wake);
        pthread_cond_destroy(&a->done);
        failed = 1;
    }
    pthread_condattr_destroy(&attr);
    a->tail = &a->queue;
    return failed ? -1 : 0;
}

void asker_release(struct asker *a)
{
    pthread_cond_destroy(&a->wake);
    pthread_cond_destroy(&a->done);
    pthread_mutex_destroy(&a->lock);
}

static struct timespec in_ms(uint32_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

static int is_stopping(void *context)
{
    struct asker *a = context;

    return atomic_load(&a->stopping);
}

/* --- one round trip ------------------------------------------------------------------- */

struct trip {
    struct asker *asker;
    struct ask *ask; /* whose answer comes next */
    uint32_t at;     /* its key */
    uint32_t code;   /* OK, or what the first error reply means */
    struct sluice_error *err;
};

static void take_answer(void *context, uint32_t i, const redisReply *reply)
{
    struct trip *t = context;

    (void)i;
    while (t->at == t->ask->n) {
        t->ask = t->ask->next;
        t->at = 0;
    }
    if (reply->type == REDIS_REPLY_INTEGER)
        t->ask->keys[t->at].answer = reply->integer > 0 ? ANSWER_YES : ANSWER_NO;
    else if (t->code == SLUICE_OK)
        t->code = reply->type == REDIS_REPLY_ERROR ? valkey_explain(t->asker->valkey, reply->str, t->err)
                                                   : sluice_fail(t->err, SLUICE_DISCONNECTED, "address",
                                                                 "EXISTS was not answered by a number");
    t->at++;
}

static uint32_t ask_all(struct asker *a, struct ask *list, struct sluice_error *err)
{
    struct trip trip = {a, list, 0, SLUICE_OK, err};
    struct sluice_str words[2] = {sluice_str_of("EXISTS"), {NULL, 0}};
    struct ask *q;
    uint32_t i, code;

    for (q = list; q != NULL; q = q->next)
        for (i = 0; i < q->n; i++) {
            q->keys[i].answer = ANSWER_NONE;
            words[1] = (struct sluice_str){q->text + q->keys[i].at, q->keys[i].len};
            valkey_add(a->valkey, 2, words);
        }
    code = valkey_run(a->valkey, take_answer, &trip, err);
    a->host->metric_add(a->host, a->metric_trips, NULL, 1);
    return trip.code != SLUICE_OK ? trip.code : code;
}

static uint32_t connect_now(struct asker *a, struct sluice_error *err)
{
    uint32_t code = valkey_connect(a->valkey, err);

    a->host->metric_add(a->host, a->metric_connects, code == SLUICE_OK ? "ok" : "failed", 1);
    return code;
}

/* The answers to all of list; OK, or they will not come.  A connection may have died
 * while nobody used it, which is no outage: one fresh one is tried at once. */
static uint32_t trip(struct asker *a, struct ask *list, struct sluice_error *err)
{
    uint32_t code = ask_all(a, list, err);

    if (code == SLUICE_DISCONNECTED && valkey_hung_up(a->valkey) && (code = connect_now(a, err)) == SLUICE_OK)
        code = ask_all(a, list, err);
    if (code != SLUICE_OK)
        valkey_close(a->valkey);
    return code;
}

/* --- the thread ----------------------------------------------------------------------- */

static void remember(struct asker *a, const struct ask *q, int late)
{
    int64_t now = a->host->steady_ms(a->host), ms;
    uint32_t i;

    for (i = 0; i < q->n; i++) {
        ms = q->keys[i].answer == ANSWER_YES ? a->yes_ms : a->no_ms;
        if (late && ms < LATE_ANSWER_MS)
            ms = LATE_ANSWER_MS;
        if (q->keys[i].answer != ANSWER_NONE)
            answers_put(a->answers, &q->keys[i].hash, q->keys[i].answer, now, now + ms);
    }
}

/* Gives the list back to those who wait; lock held. */
static void finish(struct asker *a, struct ask *list, int answered)
{
    struct ask *q, *next;

    for (q = list; q != NULL; q = next) {
        next = q->next;
        if (answered)
            remember(a, q, q->abandoned);
        if (q->abandoned) {
            a->n_late--;
            ask_free(q);
        } else {
            q->done = answered ? 1 : -1;
        }
    }
    pthread_cond_broadcast(&a->done);
}

static struct ask *take_queue(struct asker *a)
{
    struct ask *list = a->queue;

    a->queue = NULL;
    a->tail = &a->queue;
    return list;
}

/* Says each change once; lock held. */
static void change(struct asker *a, uint32_t code, const struct sluice_error *err)
{
    if (code == SLUICE_CANCELLED)
        return;
    if (code == SLUICE_OK && a->state == ASKER_DOWN)
        sluice_log(a->host, SLUICE_INFO, "connected again");
    if (code != SLUICE_OK && (a->state != ASKER_DOWN || strcmp(a->why, err->message) != 0))
        sluice_log(a->host, SLUICE_WARN, "enrolments cannot be looked up: %s", err->message);
    (void)snprintf(a->why, sizeof a->why, "%s", code == SLUICE_OK ? "" : err->message);
    a->state = code == SLUICE_OK ? ASKER_UP : ASKER_DOWN;
}

/* Connects, or waits until it may try again; lock held. */
static void connect_or_wait(struct asker *a)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct timespec until;
    uint32_t code;

    pthread_mutex_unlock(&a->lock);
    code = connect_now(a, &err);
    until = in_ms(valkey_delay_ms(a->valkey));
    pthread_mutex_lock(&a->lock);
    change(a, code, &err);
    if (code == SLUICE_OK)
        return;
    finish(a, take_queue(a), 0);
    while (!atomic_load(&a->stopping) && pthread_cond_timedwait(&a->wake, &a->lock, &until) == 0)
        ;
}

static void *asker_run(void *context)
{
    struct asker *a = context;
    struct sluice_error err = {.struct_size = sizeof err};
    struct ask *list;
    uint32_t code;

    pthread_mutex_lock(&a->lock);
    while (!atomic_load(&a->stopping)) {
        if (!valkey_is_open(a->valkey)) {
            connect_or_wait(a);
        } else if (a->queue == NULL) {
            pthread_cond_wait(&a->wake, &a->lock);
        } else {
            list = take_queue(a);
            pthread_mutex_unlock(&a->lock);
            code = trip(a, list, &err);
            pthread_mutex_lock(&a->lock);
            change(a, code, &err);
            finish(a, list, code == SLUICE_OK);
        }
    }
    finish(a, take_queue(a), 0);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

uint32_t asker_start(struct asker *a, struct sluice_error *err)
{
    atomic_store(&a->stopping, 0);
    a->state = ASKER_TRYING;
    a->why[0] = '\0';
    a->valkey = valkey_new(a->settings, is_stopping, a);
    if (a->valkey == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a connection");
    if (pthread_create(&a->thread, NULL, asker_run, a) != 0) {
        valkey_free(a->valkey);
        a->valkey = NULL;
        return sluice_fail(err, SLUICE_RETRY, NULL, "no thread to ask Valkey");
    }
    return SLUICE_OK;
}

void asker_stop(struct asker *a)
{
    pthread_mutex_lock(&a->lock);
    atomic_store(&a->stopping, 1);
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL);
    valkey_free(a->valkey);
    a->valkey = NULL;
}

/* --- those who ask -------------------------------------------------------------------- */

enum asked asker_ask(struct asker *a, struct ask *q, uint32_t wait_ms)
{
    struct timespec until = in_ms(wait_ms);
    enum asked result;

    pthread_mutex_lock(&a->lock);
    if (a->state == ASKER_DOWN || a->n_late > 0 || atomic_load(&a->stopping)) {
        result = a->state == ASKER_DOWN ? ASKED_AWAY : ASKED_LATE;
        pthread_mutex_unlock(&a->lock);
        ask_free(q);
        return result;
    }
    *a->tail = q;
    a->tail = &q->next;
    pthread_cond_signal(&a->wake);
    while (q->done == 0 && pthread_cond_timedwait(&a->done, &a->lock, &until) == 0)
        ;
    result = q->done > 0 ? ASKED_ANSWERED : q->done < 0 ? ASKED_AWAY : ASKED_LATE;
    if (result == ASKED_LATE) {
        q->abandoned = 1;
        a->n_late++;
    }
    pthread_mutex_unlock(&a->lock);
    if (result == ASKED_AWAY)
        ask_free(q);
    return result;
}

int asker_is_up(struct asker *a)
{
    int up;

    pthread_mutex_lock(&a->lock);
    up = a->state == ASKER_UP;
    pthread_mutex_unlock(&a->lock);
    return up;
}

/* --- probe ------------------------------------------------------------------------------ */

struct probe {
    const struct valkey *valkey;
    uint32_t code;
    struct sluice_error *err;
};

static void probe_reply(void *context, uint32_t i, const redisReply *reply)
{
    struct probe *p = context;

    (void)i;
    if (reply->type == REDIS_REPLY_ERROR)
        p->code = valkey_explain(p->valkey, reply->str, p->err);
}

static int is_cancelled(void *context)
{
    struct asker *a = context;

    return a->host->cancelled(a->host) != 0;
}

uint32_t asker_probe(struct asker *a, const char *key, struct sluice_error *err)
{
    struct valkey *v = valkey_new(a->settings, is_cancelled, a);
    struct sluice_str words[2] = {sluice_str_of("EXISTS"), sluice_str_of(key)};
    struct probe p = {v, SLUICE_OK, err};
    uint32_t code;

    if (v == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a connection");
    code = valkey_connect(v, err);
    if (code == SLUICE_OK) {
        valkey_add(v, 2, words);
        code = valkey_run(v, probe_reply, &p, err);
    }
    valkey_free(v);
    return p.code != SLUICE_OK ? p.code : code;
}
