/* flipper: a flag kept fresh, and the one version of it that decisions are made on.
 *
 * The state below `looking` belongs to whoever holds that lock: the thread, start, or a
 * reload.  Decisions touch nothing but `published`, the age, and options. */
#ifndef SLUICE_FLIPPER_H
#define SLUICE_FLIPPER_H

#include <pthread.h>
#include <sluice/flag.h>
#include <sluice/plugin.h>

#include "../common/published.h"
#include "flag.h"
#include "place.h"

#define FLIPPER_VERSION 17u /* 16 hexadecimal digits */

/* A file of ids that a segment names, or the internal users. */
struct flip_list {
    struct flip_list *next;
    char *name; /* NULL: the internal users */
    char etag[PLACE_ETAG];
    char digest[65];
    struct idset *set;
    struct id_count count;
    int wanted; /* by the version that is being made */
};

/* One segment, ready to be asked. */
struct flip_segment {
    const struct idset *ids;  /* NULL: none */
    const struct idset *list; /* NULL: none, or it could not be read */
    int list_missing;
    int internal;
    uint32_t threshold;
};

/* One version.  Never changed once published; the sets belong to the flag and the lists. */
struct flip_view {
    int enabled;
    char version[FLIPPER_VERSION];
    const struct idset *internal; /* NULL: who is internal is not known */
    int missing;                  /* lists that could not be read */
    uint32_t global;              /* verdict for subject: global: ADMIT on, DENY off, UNKNOWN */
    const char *global_reason;
    uint32_t n;
    struct flip_segment segments[];
};

struct flipper {
    const struct sluice_host *host;
    struct sluice_host http_host; /* the host as the HTTP client sees it: cancelled once we stop */
    const struct sluice_http_api *http;
    struct sluice_http_client *client;
    struct aws_chain *chain;
    char *authorization;

    /* options */
    const char *name; /* of the flag */
    struct place flag_place, lists, internal_users;
    struct fetcher fetcher;
    uint32_t interval_ms;
    int64_t max_age_ms; /* 0: for ever */
    int global, on_denies;
    uint32_t slot;
    const char *field;
    char no_field[80];
    struct hash128 key, bucket_key;

    /* one look at a time */
    pthread_mutex_t looking;
    struct flag *flag; /* of the published view */
    char flag_etag[PLACE_ETAG];
    struct flip_list *list; /* those of the published view */
    char told[300];         /* the last failure in the log; empty: all is well */

    /* decisions */
    struct published published; /* struct flip_view, or NULL: the flag was never read */
    atomic_llong good_at;       /* steady ms when the flag was last seen whole */

    /* thread */
    pthread_mutex_t lock; /* guards the two below */
    pthread_cond_t wake;
    pthread_t thread;
    int running;
    atomic_int stopping;

    uint32_t metric_ids, metric_ignored, metric_age, metric_version, metric_enabled, metric_refreshes;
};

/* flip_make.c: the life cycle's create and destroy. */
uint32_t flip_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                     struct sluice_error *err);
void flip_destroy(void *self);

/* flip_view.c */
struct flip_view *flip_view_make(const struct flipper *f, const struct flag *flag, struct flip_list *lists);
struct flip_list *flip_list_find(struct flip_list *lists, const char *name);

/* flip_decide.c */
void flip_decide(const struct flipper *f, const struct flip_view *v,
                 const struct sluice_record *const *records, uint32_t n,
                 const struct sluice_verdicts *verdicts);

/* flip_refresh.c: looks now.  OK, or err: what is published stays. */
uint32_t flip_look(struct flipper *f, struct sluice_error *err);
void flip_forget(struct flipper *f); /* after the last decision: frees what is held */

/* flip_users.c: sluice/flag.h */
const void *flip_extension(void *self, const char *id);
uint32_t flip_version(void *self, char *out, uint64_t cap);

/* flip_thread.c */
int flip_thread_start(struct flipper *f);
void flip_thread_stop(struct flipper *f);

#endif
