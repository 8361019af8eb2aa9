/* once_keys: see once_keys.h. */
#include "once_keys.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../plugins/gate-once/once_script.h"

#define KEYS 4096

struct entry {
    char *key; /* NULL: free */
    char value[64];
    int64_t until; /* -1: for ever */
};

struct once_keys {
    int64_t (*now)(void);
    struct resp_server *server; /* NULL: the real one … */
    redisContext *real;         /* … here */
    char address[128], prefix[64];
    pthread_mutex_t lock;
    struct entry entries[KEYS];
};

static void die(const char *what)
{
    (void)fprintf(stderr, "once_keys: %s\n", what);
    exit(99);
}

/* --- the double ------------------------------------------------------------------------- */

/* The key's entry; NULL: it is not there. */
static struct entry *find(struct once_keys *k, const char *key)
{
    size_t i;

    for (i = 0; i < KEYS; i++) {
        struct entry *e = &k->entries[i];

        if (e->key == NULL || strcmp(e->key, key) != 0)
            continue;
        if (e->until < 0 || e->until > k->now())
            return e;
        free(e->key);
        e->key = NULL;
    }
    return NULL;
}

static void put(struct once_keys *k, const char *key, const char *value, int64_t ms)
{
    struct entry *e = find(k, key);
    size_t i;

    for (i = 0; e == NULL && i < KEYS; i++)
        if (k->entries[i].key == NULL) {
            e = &k->entries[i];
            e->key = strdup(key);
        }
    if (e == NULL || e->key == NULL)
        die("too many keys");
    (void)snprintf(e->value, sizeof e->value, "%s", value);
    e->until = ms > 0 ? k->now() + ms : -1;
}

static void drop(struct entry *e)
{
    free(e->key);
    e->key = NULL;
}

static void say(char *out, size_t cap, long long number)
{
    size_t len = strlen(out);

    (void)snprintf(out + len, cap - len, ":%lld\r\n", number);
}

static void reserve(struct once_keys *k, const char *key, const char *lease, int64_t ms, int flags, char *out,
                    size_t cap)
{
    const struct entry *e = find(k, key);
    long long state = 0, age = -1, left = -1, at;

    if (e != NULL && strncmp(e->value, "lease:", 6) == 0) {
        state = strcmp(e->value, lease) != 0 || (flags & ONCE_TAKE_OURS) == 0 ? 1 : 0;
    } else if (e != NULL && (flags & ONCE_TAKE_DONE) == 0) {
        state = 2;
        if (sscanf(e->value, "done:%lld", &at) == 1)
            age = k->now() - at;
    }
    if (state > 0) {
        left = e->until < 0 ? -1 : e->until - k->now();
    } else if ((flags & ONCE_ONLY_LOOK) != 0) {
        state = 1;
        left = ms;
    } else {
        put(k, key, lease, ms);
    }
    say(out, cap, state);
    say(out, cap, age);
    say(out, cap, left);
}

static void conclude(struct once_keys *k, const char *key, const char *lease, int64_t ms, int commit,
                     char *out, size_t cap)
{
    struct entry *e = find(k, key);
    int ours = e != NULL && strcmp(e->value, lease) == 0;
    int theirs = e != NULL && !ours && strncmp(e->value, "lease:", 6) == 0;
    char done[32];

    (void)snprintf(done, sizeof done, "done:%lld", (long long)k->now());
    if (commit && (ours || e == NULL))
        put(k, key, done, ms);
    else if (!commit && ours)
        drop(e);
    say(out, cap, commit ? !theirs : ours || e == NULL);
}

static void renew(struct once_keys *k, const char *key, const char *lease, int64_t ms, char *out, size_t cap)
{
    const struct entry *e = find(k, key);
    int ours = e == NULL || strcmp(e->value, lease) == 0;

    if (ours)
        put(k, key, lease, ms);
    say(out, cap, ours);
}

static void play(void *context, const struct redisReply *words, char *out, size_t cap)
{
    struct once_keys *k = context;
    const char *script = words->element[1]->str;
    size_t n = strtoul(words->element[2]->str, NULL, 10), i;
    const char *lease = words->element[3 + n]->str;
    int64_t ms = strtoll(words->element[4 + n]->str, NULL, 10);
    int is_reserve = strcmp(script, once_script_reserve) == 0;

    pthread_mutex_lock(&k->lock);
    (void)snprintf(out, cap, "*%zu\r\n", is_reserve ? n * 3 : n);
    for (i = 0; i < n; i++) {
        const char *key = words->element[3 + i]->str;

        if (is_reserve)
            reserve(k, key, lease, ms, words->element[5 + n]->str[i] - '0', out, cap);
        else if (strcmp(script, once_script_conclude) == 0)
            conclude(k, key, lease, ms, words->element[5 + n]->str[i] == '1', out, cap);
        else if (strcmp(script, once_script_renew) == 0)
            renew(k, key, lease, ms, out, cap);
        else
            die("a script that nobody knows");
    }
    pthread_mutex_unlock(&k->lock);
}

/* --- the real one ------------------------------------------------------------------------- */

static redisReply *command(struct once_keys *k, const char *verb, const char *key, const char *value)
{
    redisReply *r = value != NULL ? redisCommand(k->real, "%s %s %s", verb, key, value)
                                  : redisCommand(k->real, "%s %s", verb, key);

    if (r == NULL || r->type == REDIS_REPLY_ERROR)
        die(r == NULL ? "the server does not answer" : r->str);
    return r;
}

static void age_one(struct once_keys *k, const char *key, int64_t ms)
{
    redisReply *r = command(k, "PTTL", key, NULL);
    long long left = r->integer;
    char text[32];

    freeReplyObject(r);
    if (left < 0)
        return;
    (void)snprintf(text, sizeof text, "%lld", left - (long long)ms);
    freeReplyObject(command(k, "PEXPIRE", key, text)); /* not above 0: it is gone at once */
}

static void each_real(struct once_keys *k, int64_t ms, int remove)
{
    char pattern[80];
    redisReply *r;
    size_t i;

    (void)snprintf(pattern, sizeof pattern, "%s*", k->prefix);
    r = command(k, "KEYS", pattern, NULL);
    for (i = 0; i < r->elements; i++) {
        if (remove)
            freeReplyObject(command(k, "DEL", r->element[i]->str, NULL));
        else
            age_one(k, r->element[i]->str, ms);
    }
    freeReplyObject(r);
}

/* --- the test ------------------------------------------------------------------------------ */

struct once_keys *once_keys_new(int64_t (*now)(void))
{
    struct once_keys *k = calloc(1, sizeof *k);
    const char *real = getenv("SLUICE_TEST_VALKEY"), *colon;
    static unsigned made;

    if (k == NULL || pthread_mutex_init(&k->lock, NULL) != 0)
        die("no memory");
    k->now = now;
    (void)snprintf(k->prefix, sizeof k->prefix, "check-once-%ld-%u:", (long)getpid(), made++);
    if (real == NULL) {
        k->server = resp_server_new();
        resp_server_eval(k->server, play, k);
        real = resp_server_address(k->server);
    } else {
        char host[128];

        colon = strrchr(real, ':');
        if (colon == NULL)
            die("SLUICE_TEST_VALKEY is not HOST:PORT");
        (void)snprintf(host, sizeof host, "%.*s", (int)(colon - real), real);
        k->real = redisConnect(host, (int)strtol(colon + 1, NULL, 10));
        if (k->real == NULL || k->real->err != 0)
            die("the server of SLUICE_TEST_VALKEY does not answer");
    }
    (void)snprintf(k->address, sizeof k->address, "%s", real);
    return k;
}

void once_keys_free(struct once_keys *k)
{
    size_t i;

    if (k->server != NULL) {
        resp_server_free(k->server);
    } else {
        each_real(k, 0, 1);
        redisFree(k->real);
    }
    for (i = 0; i < KEYS; i++)
        free(k->entries[i].key);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

const char *once_keys_address(const struct once_keys *k)
{
    return k->address;
}

const char *once_keys_prefix(const struct once_keys *k)
{
    return k->prefix;
}

struct resp_server *once_keys_server(struct once_keys *k)
{
    return k->server;
}

void once_keys_age(struct once_keys *k, int64_t ms)
{
    if (k->real != NULL)
        each_real(k, ms, 0);
}

void once_keys_put(struct once_keys *k, const char *name, const char *value)
{
    char key[256];

    (void)snprintf(key, sizeof key, "%s%s", k->prefix, name);
    if (k->real != NULL) {
        freeReplyObject(command(k, "SET", key, value));
        return;
    }
    pthread_mutex_lock(&k->lock);
    put(k, key, value, 0);
    pthread_mutex_unlock(&k->lock);
}

int once_keys_has(struct once_keys *k, const char *name)
{
    redisReply *r;
    char key[256];
    int has;

    (void)snprintf(key, sizeof key, "%s%s", k->prefix, name);
    if (k->real != NULL) {
        r = command(k, "EXISTS", key, NULL);
        has = r->integer == 1;
        freeReplyObject(r);
        return has;
    }
    pthread_mutex_lock(&k->lock);
    has = find(k, key) != NULL;
    pthread_mutex_unlock(&k->lock);
    return has;
}
