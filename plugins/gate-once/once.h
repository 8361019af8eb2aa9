/* once: what the parts of gate/once share.
 *
 *   gate-once.c     the options, the life, the thread that keeps leases
 *   once_decide.c   records to keys, answers to verdicts
 *   once_sqlite.c   the store in the state_dir, on once_db.c (one table)
 *   once_valkey.c   the store in Valkey, with once_script.c and once_held.c
 *
 * A key is absent, leased (by an owner, until a time), or done.  Owners are starts of an
 * instance.  Invariant: a key is done only after its work is; whoever cannot tell whether
 * it is must not let the record through, nor drop it. */
#ifndef SLUICE_PLUGINS_ONCE_H
#define SLUICE_PLUGINS_ONCE_H

#include <sluice/plugin.h>

#include "../common/key_template.h"

#define ONCE_MAX_RETRY 2000u /* ms between two looks at a key that somebody else holds */
#define ONCE_PREFIX_MAX 256u /* bytes */
#define ONCE_KEY_MAX (KEY_MAX + ONCE_PREFIX_MAX)

enum once_answer {
    ONCE_RESERVED = 0, /* it is ours until concluded */
    ONCE_LEASED = 1,   /* somebody is at work on it */
    ONCE_DONE = 2
};

/* One key of a batch. */
struct once_key {
    const char *text; /* borrowed during the call */
    size_t len;
    int force;  /* reserve: takes one that is done, too */
    int commit; /* conclude: it is done; else it is free again */
    enum once_answer answer;
    int64_t age_ms;  /* DONE: how long ago; -1: not known */
    int64_t left_ms; /* DONE, LEASED: for how long that counts; -1: for ever */
};

struct once_setup {
    const struct sluice_host *host;
    int64_t lease_ms;
    int64_t ttl_ms; /* 0: for ever */
    uint32_t metric_keys;
    const struct valkey_settings *valkey; /* of a Valkey store; outlives it */
};

struct once_store;

/* One call at a time.  OK, or err: then nothing is known of any key of the call. */
struct once_store_ops {
    const char *away; /* reason of a record whose key cannot be looked up */
    uint32_t (*open)(struct once_store *s, struct sluice_error *err);
    /* Gives up the leases that were not concluded. */
    void (*close)(struct once_store *s);
    /* All keys of a batch at once; of two that are the same the first may be reserved. */
    uint32_t (*reserve)(struct once_store *s, struct once_key *keys, uint32_t n, struct sluice_error *err);
    /* May be repeated after a failure. */
    uint32_t (*conclude)(struct once_store *s, const struct once_key *keys, uint32_t n,
                         struct sluice_error *err);
    /* Renews the leases of work that lasts, forgets what was done long ago. */
    uint32_t (*keep_up)(struct once_store *s, struct sluice_error *err);
    /* Looks at a key and leaves no trace. */
    uint32_t (*probe)(struct once_store *s, const struct once_key *key, struct sluice_error *err);
    void (*free)(struct once_store *s);
};

struct once_store {
    const struct once_store_ops *ops;
    const struct once_setup *setup;
};

/* In create: no I/O.  NULL: no memory.  setup must outlive it. */
struct once_store *once_sqlite_new(const struct once_setup *setup);
struct once_store *once_valkey_new(const struct once_setup *setup);

/* --- the gate ------------------------------------------------------------------------- */
#include <pthread.h>

#include "../common/valkey.h"

struct once_gate {
    const struct sluice_host *host;
    struct key_template key;
    const char *prefix;
    struct once_setup setup;
    struct valkey_settings valkey;
    int force;
    const char *force_member; /* or NULL */
    uint32_t force_slot, user_slot;
    int has_user; /* user_slot is one */
    struct once_store *store;
    pthread_mutex_t lock; /* guards store, and what the log is to say */
    int64_t say_ms;       /* not before, steady */
    uint64_t unsaid;
    pthread_mutex_t wait_lock;
    pthread_cond_t wake;
    pthread_t thread;
    int stopping;
};

uint32_t once_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                     const struct sluice_verdicts *verdicts, struct sluice_error *err);
uint32_t once_conclude(void *self, const struct sluice_record *const *records, uint32_t n,
                       const struct sluice_outcome *outcomes, uint64_t stride, struct sluice_error *err);

#endif
