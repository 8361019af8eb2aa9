/* kept: see kept.h.  The file is marked before it is read and again afterwards, so a
 * file that is being written is never taken for a whole one. */
#include "kept.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t mark_take(const struct kept *k, struct kept_mark *mark, struct sluice_error *err)
{
    struct stat st;

    memset(mark, 0, sizeof *mark);
    if (k->path == NULL)
        return SLUICE_OK;
    if (stat(k->path, &st) != 0)
        return sluice_fail(err, SLUICE_RETRY, "path", "%s: %s", k->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return sluice_fail(err, SLUICE_FATAL, "path",
                           "%s is not a regular file; it could not be read again when it changes", k->path);
    mark->dev = st.st_dev;
    mark->ino = st.st_ino;
    mark->size = st.st_size;
    mark->changed_ns = nanoseconds(st.st_ctim);
    mark->written_ns = nanoseconds(st.st_mtim);
    return SLUICE_OK;
}

static int mark_same(const struct kept_mark *a, const struct kept_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed_ns == b->changed_ns &&
           a->written_ns == b->written_ns;
}

/* The thing of the file as it stands, with its mark.  NULL with err. */
static void *make_marked(struct kept *k, const struct kept_mark *before, struct sluice_error *err)
{
    struct kept_mark after;
    void *thing = k->make(k->context, err);

    if (thing == NULL)
        return NULL;
    if (mark_take(k, &after, err) == SLUICE_OK) {
        if (mark_same(before, &after))
            return thing;
        (void)sluice_fail(err, SLUICE_RETRY, "path", "%s changed while it was read", k->path);
    }
    k->drop(thing);
    return NULL;
}

static void looked_well(struct kept *k)
{
    atomic_store(&k->good_at, k->host->steady_ms(k->host));
    atomic_store(&k->failing, 0);
}

/* Under k->looking. */
static uint32_t look(struct kept *k, struct sluice_error *err)
{
    struct kept_mark now;
    void *thing;
    uint32_t code = mark_take(k, &now, err);

    if (code != SLUICE_OK)
        return code;
    if (mark_same(&now, &k->mark)) {
        looked_well(k);
        return SLUICE_OK;
    }
    if (k->has_tried && mark_same(&now, &k->tried))
        return sluice_fail(err, SLUICE_FATAL, "path", "%s is as unusable as when it was last read", k->path);
    thing = make_marked(k, &now, err);
    if (thing == NULL) {
        k->has_tried = err->code == SLUICE_FATAL;
        k->tried = now;
        return err->code;
    }
    k->mark = now;
    k->has_tried = 0;
    k->drop(published_swap(&k->published, thing));
    looked_well(k);
    sluice_log(k->host, SLUICE_INFO, "%s was read again", k->path);
    return SLUICE_OK;
}

uint32_t kept_look(struct kept *k, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    uint32_t code;
    int was_tried;

    if (k->path == NULL)
        return SLUICE_OK;
    pthread_mutex_lock(&k->looking);
    was_tried = k->has_tried;
    code = look(k, &own);
    if (code != SLUICE_OK && (!atomic_exchange(&k->failing, 1) || (k->has_tried && !was_tried)))
        sluice_log(k->host, SLUICE_WARN, "%s; what was read before stays in use", own.message);
    pthread_mutex_unlock(&k->looking);
    if (code != SLUICE_OK)
        return sluice_fail(err, code, own.option, "%s", own.message);
    return SLUICE_OK;
}

static void *kept_run(void *context)
{
    struct kept *k = context;
    struct timespec until;

    pthread_mutex_lock(&k->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    while (!k->stopping) {
        until.tv_sec += (time_t)(k->interval_ms / 1000);
        until.tv_nsec += (long)(k->interval_ms % 1000) * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        while (!k->stopping && pthread_cond_timedwait(&k->wake, &k->lock, &until) == 0)
            ;
        if (k->stopping)
            break;
        pthread_mutex_unlock(&k->lock);
        (void)kept_look(k, NULL);
        pthread_mutex_lock(&k->lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

static int thread_start(struct kept *k)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed =
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&k->wake, &attr) != 0;
    pthread_condattr_destroy(&attr);
    if (failed)
        return -1;
    k->stopping = 0;
    if (pthread_create(&k->thread, NULL, kept_run, k) != 0) {
        pthread_cond_destroy(&k->wake);
        return -1;
    }
    k->has_thread = 1;
    return 0;
}

uint32_t kept_start(struct kept *k, struct sluice_error *err)
{
    uint32_t code = mark_take(k, &k->mark, err);
    void *thing;

    if (code != SLUICE_OK)
        return code;
    thing = make_marked(k, &k->mark, err);
    if (thing == NULL)
        return err == NULL ? SLUICE_FATAL : err->code;
    published_init(&k->published, thing);
    pthread_mutex_init(&k->looking, NULL);
    pthread_mutex_init(&k->lock, NULL);
    k->has_tried = 0;
    k->has_thread = 0;
    looked_well(k);
    if (k->path != NULL && thread_start(k) != 0) {
        kept_stop(k);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no thread to watch %s", k->path);
    }
    return SLUICE_OK;
}

void kept_stop(struct kept *k)
{
    if (k->has_thread) {
        pthread_mutex_lock(&k->lock);
        k->stopping = 1;
        pthread_cond_signal(&k->wake);
        pthread_mutex_unlock(&k->lock);
        (void)pthread_join(k->thread, NULL);
        pthread_cond_destroy(&k->wake);
        k->has_thread = 0;
    }
    k->drop(published_swap(&k->published, NULL));
    pthread_mutex_destroy(&k->looking);
    pthread_mutex_destroy(&k->lock);
}

int64_t kept_age_ms(struct kept *k)
{
    int64_t age;

    if (!atomic_load(&k->failing))
        return 0;
    age = k->host->steady_ms(k->host) - atomic_load(&k->good_at);
    return age < 1 ? 1 : age;
}
