/* valkey_link: a connection that comes back by itself, for those who wait for their answers.
 *
 *   add(context, v)                                           puts the commands in, may be called twice
 *   code = valkey_link_run(&l, add, take, context, &err);   one round trip
 *
 * Invariants: while the server is known to be away nobody waits for it, until the next try is
 * due; each change is logged once; whatever went wrong closes the connection, so that the
 * next run starts on a fresh one (a server that has become a replica, say).
 *
 * Threads: a link belongs to one thread at a time. */
#ifndef SLUICE_PLUGINS_VALKEY_LINK_H
#define SLUICE_PLUGINS_VALKEY_LINK_H

#include "valkey.h"

struct valkey_link {
    /* Set by the owner before open. */
    const struct sluice_host *host;
    const struct valkey_settings *settings;
    const char *what; /* for the log, what is not possible without: "keys cannot be kept" */
    valkey_give_up give_up;
    void *context;
    uint32_t metric_connects, metric_trips; /* counters, the first by result; 0: none */

    struct valkey *valkey;
    int64_t retry_ms; /* not before, steady */
    int down;         /* the last thing said is why */
    char why[432];
};

/* Adds the commands of one round trip. */
typedef void (*valkey_add_all)(void *context, struct valkey *v);
/* A reply; OK, or what it means (err), the first of which is the run's answer. */
typedef uint32_t (*valkey_take)(void *context, uint32_t i, const redisReply *reply, struct sluice_error *err);

/* OK, or RETRY: no memory.  Connects to nobody. */
uint32_t valkey_link_open(struct valkey_link *l, struct sluice_error *err);
void valkey_link_close(struct valkey_link *l);
/* OK: each reply was taken as OK.  Else err: DISCONNECTED, FATAL (somebody has to act) or
 * CANCELLED; the commands may have been done.  A connection that died while nobody used
 * it is replaced, and the commands are then sent again.  retry_after_ms says when
 * the next try is due. */
uint32_t valkey_link_run(struct valkey_link *l, valkey_add_all add, valkey_take take, void *context,
                         struct sluice_error *err);
/* An error reply in words, or OK. */
uint32_t valkey_link_explain(const struct valkey_link *l, const redisReply *reply, struct sluice_error *err);

#endif
