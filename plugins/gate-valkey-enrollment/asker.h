/* asker: the thread that keeps the connection and asks, a batch of keys in one round trip.
 *
 * Invariants: what it answers is what the server said since the question; while the
 * server is known to be away nobody waits for it; questions that are not answered
 * yet take bounded memory, since nobody may add one while one is late.
 *
 * asker_start, asker_stop [instance]; asker_ask, asker_is_up [any] in between. */
#ifndef SLUICE_PLUGINS_ASKER_H
#define SLUICE_PLUGINS_ASKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "../common/valkey.h"
#include "ask.h"

enum asker_state {
    ASKER_TRYING, /* the first connect since start is under way */
    ASKER_UP,
    ASKER_DOWN /* it failed; tried again behind everybody's back */
};

enum asked {
    ASKED_ANSWERED,
    ASKED_LATE, /* no answer in time; it is remembered when it comes */
    ASKED_AWAY  /* no connection */
};

struct asker {
    /* Set by the owner before start. */
    const struct sluice_host *host;
    const struct valkey_settings *settings;
    struct answers *answers;
    int64_t yes_ms, no_ms; /* how long answers count */
    uint32_t metric_trips, metric_connects;

    struct valkey *valkey; /* the thread's */
    pthread_t thread;
    atomic_int stopping;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;  /* the thread: a question, stop */
    pthread_cond_t done;  /* those who wait */
    struct ask *queue, **tail;
    uint32_t n_late;
    enum asker_state state;
    char why[432]; /* DOWN */
};

/* In create: no I/O.  -1: no memory. */
int asker_init(struct asker *a);
void asker_release(struct asker *a);
/* OK, or RETRY: no thread or memory. */
uint32_t asker_start(struct asker *a, struct sluice_error *err);
void asker_stop(struct asker *a);
/* Asks and waits for up to wait_ms.  ANSWERED: each key of q has its answer and q is the
 * caller's again; else q is gone. */
enum asked asker_ask(struct asker *a, struct ask *q, uint32_t wait_ms);
int asker_is_up(struct asker *a);
/* A key's round trip on a connection of its own. */
uint32_t asker_probe(struct asker *a, const char *key, struct sluice_error *err);

#endif
