/* valkey_resolve: the addresses of a host's name, within a deadline.
 *
 * getaddrinfo knows no deadline, so it runs on a thread of its own.  One that is late is left
 * to itself and frees what it holds when it comes back; until then the next connect waits for
 * the same one, so that a resolver which hangs costs one thread and not one a try. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "valkey_private.h"

#define LOOK_MS 2 /* between two looks at give_up */

struct valkey_resolving {
    pthread_mutex_t lock; /* guards what follows it */
    int done, abandoned;
    int code;
    struct addrinfo *list;
    char host[VALKEY_HOST_MAX], port[8];
};

static const struct addrinfo hints = {
    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};

static void resolving_free(struct valkey_resolving *r)
{
    if (r->list != NULL)
        freeaddrinfo(r->list);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void *resolve(void *context)
{
    struct valkey_resolving *r = context;
    struct addrinfo *list = NULL;
    int code = getaddrinfo(r->host, r->port, &hints, &list), abandoned;

    pthread_mutex_lock(&r->lock);
    r->code = code;
    r->list = code == 0 ? list : NULL;
    r->done = 1;
    abandoned = r->abandoned;
    pthread_mutex_unlock(&r->lock);
    if (abandoned)
        resolving_free(r);
    return NULL;
}

/* NULL: no memory or no thread. */
static struct valkey_resolving *resolving_new(const struct valkey_settings *s)
{
    struct valkey_resolving *r = calloc(1, sizeof *r);
    pthread_attr_t attr;
    pthread_t thread;
    int failed;

    if (r == NULL || pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return NULL;
    }
    memcpy(r->host, s->host, sizeof r->host);
    memcpy(r->port, s->port, sizeof r->port);
    failed = pthread_attr_init(&attr);
    if (failed == 0) {
        (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        failed = pthread_create(&thread, &attr, resolve, r);
        pthread_attr_destroy(&attr);
    }
    if (failed != 0) {
        resolving_free(r);
        return NULL;
    }
    return r;
}

static int is_done(struct valkey_resolving *r)
{
    int done;

    pthread_mutex_lock(&r->lock);
    done = r->done;
    pthread_mutex_unlock(&r->lock);
    return done;
}

void valkey_resolve_abandon(struct valkey *v)
{
    struct valkey_resolving *r = v->resolving;
    int done;

    v->resolving = NULL;
    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    done = r->done;
    r->abandoned = 1;
    pthread_mutex_unlock(&r->lock);
    if (done)
        resolving_free(r);
}

/* 1 done, 0 the deadline has passed, -1 given up. */
static int await(const struct valkey *v, int64_t deadline_ms)
{
    while (!is_done(v->resolving)) {
        if (v->give_up != NULL && v->give_up(v->context))
            return -1;
        if (valkey_clock_ms() >= deadline_ms)
            return 0;
        (void)valkey_nap(LOOK_MS);
    }
    return 1;
}

static uint32_t not_known(const struct valkey *v, int code, struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_DISCONNECTED, "address", "the host of %s is not known: %s", v->name,
                       gai_strerror(code));
}

uint32_t valkey_resolve(struct valkey *v, int64_t deadline_ms, struct addrinfo **list,
                        struct sluice_error *err)
{
    struct addrinfo numeric = hints;
    int code, ready;

    numeric.ai_flags |= AI_NUMERICHOST;
    if (getaddrinfo(v->settings->host, v->settings->port, &numeric, list) == 0)
        return SLUICE_OK; /* an address: nobody is asked */
    if (v->resolving == NULL)
        v->resolving = resolving_new(v->settings);
    if (v->resolving == NULL)
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "no memory or no thread to find the host of %s",
                           v->name);
    ready = await(v, deadline_ms);
    if (ready < 0)
        return sluice_fail(err, SLUICE_CANCELLED, NULL, "given up while looking for the host of %s", v->name);
    if (ready == 0)
        return sluice_fail(err, SLUICE_DISCONNECTED, "address",
                           "the host of %s was not found within connect_timeout (%u ms); the name service "
                           "does not answer",
                           v->name, v->settings->connect_ms);
    code = v->resolving->code;
    *list = v->resolving->list;
    v->resolving->list = NULL;
    resolving_free(v->resolving);
    v->resolving = NULL;
    return code == 0 ? SLUICE_OK : not_known(v, code, err);
}
