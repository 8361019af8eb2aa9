/* kept: something made from a file, kept as fresh as the file.
 *
 * A thread of its own looks at the file every interval (device, inode, size, times);
 * if it changed, the thing is made anew and replaces the old one between two uses.
 * A new file that cannot be read or makes no sense leaves the old thing in place and
 * is told in the log once per version of the file. */
#ifndef SLUICE_PLUGINS_KEPT_H
#define SLUICE_PLUGINS_KEPT_H

#include <pthread.h>
#include <sys/types.h>

#include <sluice/plugin.h>

#include "published.h"

struct kept_mark {
    dev_t dev;
    ino_t ino;
    off_t size;
    int64_t changed_ns, written_ns;
};

struct kept {
    /* Set by the owner before kept_start. */
    const struct sluice_host *host;
    const char *path; /* NULL: nothing to watch, make is called once */
    uint32_t interval_ms;
    void *context;
    /* Makes the thing.  NULL with err: RETRY if reading failed, FATAL if what was read
     * makes no sense.  Called by start, by the thread, and by kept_look. */
    void *(*make)(void *context, struct sluice_error *err);
    void (*drop)(void *thing);

    /* kept's own. */
    struct published published;
    pthread_mutex_t looking; /* one look at a time; guards the marks */
    struct kept_mark mark;   /* of the file that the thing came from */
    struct kept_mark tried;  /* of the file that made no sense */
    int has_tried;
    atomic_int failing;   /* 1: the file in place is not the one the thing came from */
    atomic_llong good_at; /* steady ms when file and thing last agreed */
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t wake;
    pthread_t thread;
    int has_thread, stopping;
};

/* Makes the thing and starts the thread.  OK, or what make said, nothing left behind. */
uint32_t kept_start(struct kept *k, struct sluice_error *err);
void kept_stop(struct kept *k); /* drops the thing; no reader may be inside */
/* Looks at the file now.  OK, or why the old thing stays. [any] */
uint32_t kept_look(struct kept *k, struct sluice_error *err);

static inline const void *kept_enter(struct kept *k, unsigned *ticket)
{
    return published_enter(&k->published, ticket);
}
static inline void kept_leave(struct kept *k, unsigned ticket)
{
    published_leave(&k->published, ticket);
}
/* Milliseconds for which the thing may be out of date; 0: it is not, as far as known. */
int64_t kept_age_ms(struct kept *k);

#endif
