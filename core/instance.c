/* instance: see instance.h.  The life cycle; the services it hands to the plugin
 * are in instance_host.c. */
#include "instance.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/promise.h>

#include "instance_private.h"

void error_clear(struct sluice_error *err)
{
    memset(err, 0, sizeof *err);
    err->struct_size = sizeof *err;
}

/* The lock's condition must follow the steady clock, or a clock jump would
 * stretch host->wait. */
static int init_sync(struct instance *i)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed =
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_cond_init(&i->wake, &attr) != 0;
    pthread_condattr_destroy(&attr);
    if (failed)
        return -1;
    if (pthread_mutex_init(&i->work, NULL) != 0) {
        pthread_cond_destroy(&i->wake);
        return -1;
    }
    if (pthread_mutex_init(&i->lock, NULL) != 0) {
        pthread_mutex_destroy(&i->work);
        pthread_cond_destroy(&i->wake);
        return -1;
    }
    if (pthread_mutex_init(&i->stats, NULL) != 0) {
        pthread_mutex_destroy(&i->lock);
        pthread_mutex_destroy(&i->work);
        pthread_cond_destroy(&i->wake);
        return -1;
    }
    return 0;
}

static void free_shell(struct instance *i)
{
    instance_host_release(i);
    pthread_cond_destroy(&i->wake);
    pthread_mutex_destroy(&i->work);
    pthread_mutex_destroy(&i->lock);
    pthread_mutex_destroy(&i->stats);
    free(i);
}

/* The place that a failed create is told at: the option, if it named one. */
static struct origin create_origin(const struct instance_spec *spec, const struct sluice_error *err)
{
    return err->option[0] != '\0' ? option_origin(spec->config, err->option) : spec->origin;
}

static void tell_failed_create(const struct instance_spec *spec, const struct sluice_error *err,
                               uint32_t code, struct problems *p)
{
    const char *kind = kind_name(spec->plugin->desc.kind);
    const char *name = spec->plugin->desc.name;

    if (code == SLUICE_OK)
        problem_add(p, spec->origin, "report this to the author of the plugin",
                    "%s/%s (instance '%s'): create said OK but made nothing", kind, name, spec->name);
    else if (err->option[0] != '\0')
        problem_add(p, create_origin(spec, err), NULL, "%s/%s (instance '%s'): option '%s': %s", kind, name,
                    spec->name, err->option, err->message);
    else
        problem_add(p, spec->origin, NULL, "%s/%s (instance '%s'): %s", kind, name, spec->name,
                    err->message[0] != '\0' ? err->message : "could not be made, and did not say why");
}

struct instance *instance_new(const struct instance_spec *spec, struct instance_env *env, struct problems *p)
{
    struct instance *i = calloc(1, sizeof *i);
    struct sluice_error err;
    uint32_t code;

    if (i == NULL || init_sync(i) != 0) {
        free(i);
        problem_add(p, spec->origin, NULL, "no memory for instance '%s'", spec->name);
        return NULL;
    }
    i->spec = spec;
    i->env = env;
    if (instance_host_init(i) != 0) {
        problem_add(p, spec->origin, NULL, "no memory for instance '%s'", spec->name);
        free_shell(i);
        return NULL;
    }
    error_clear(&err);
    i->creating = 1;
    code = spec->plugin->lifecycle.create(&i->host, spec->config, &i->self, &err);
    i->creating = 0;
    if (code != SLUICE_OK || i->self == NULL) {
        tell_failed_create(spec, &err, code, p);
        free_shell(i);
        return NULL;
    }
    return i;
}

void instance_free(struct instance *i)
{
    if (i == NULL)
        return;
    i->spec->plugin->lifecycle.destroy(i->self);
    free_shell(i);
}

uint32_t instance_start(struct instance *i, struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;

    error_clear(err);
    if (i->spec->plugin->lifecycle.start != NULL)
        code = i->spec->plugin->lifecycle.start(i->self, err);
    if (code == SLUICE_OK)
        atomic_store(&i->started, 1);
    return code;
}

uint32_t instance_stop(struct instance *i, uint32_t deadline_ms, struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;
    int started;

    error_clear(err);
    pthread_mutex_lock(&i->stats);
    started = atomic_exchange(&i->started, 0);
    pthread_mutex_unlock(&i->stats);
    if (started && i->spec->plugin->lifecycle.stop != NULL)
        code = i->spec->plugin->lifecycle.stop(i->self, deadline_ms, err);
    instance_resume(i);
    return code;
}

uint32_t instance_probe(struct instance *i, struct sluice_error *err)
{
    error_clear(err);
    if (i->spec->plugin->lifecycle.probe == NULL)
        return SLUICE_OK;
    return i->spec->plugin->lifecycle.probe(i->self, err);
}

void instance_resume(struct instance *i)
{
    atomic_store(&i->cancelled, 0);
}

void instance_cancel(struct instance *i)
{
    atomic_store(&i->cancelled, 1);
    pthread_mutex_lock(&i->lock);
    pthread_cond_broadcast(&i->wake);
    pthread_mutex_unlock(&i->lock);
    if (i->spec->plugin->lifecycle.cancel != NULL)
        i->spec->plugin->lifecycle.cancel(i->self);
}

void instance_stats(struct instance *i)
{
    pthread_mutex_lock(&i->stats);
    if (atomic_load(&i->started) && i->spec->plugin->lifecycle.stats != NULL)
        i->spec->plugin->lifecycle.stats(i->self);
    pthread_mutex_unlock(&i->stats);
}

const struct plugin *instance_plugin(const struct instance *i)
{
    return i->spec->plugin;
}

const char *instance_name(const struct instance *i)
{
    return i->spec->name;
}

const struct sluice_host *instance_host(const struct instance *i)
{
    return &i->host;
}

void *instance_self(struct instance *i)
{
    return i->self;
}

/* What a sink may promise of one instance and not of another. */
static const uint32_t may_withdraw = SLUICE_ATOMIC | SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE;

uint32_t instance_flags(const struct instance *i)
{
    const struct plugin *plugin = i->spec->plugin;
    const struct sluice_promise *promise =
        plugin->lifecycle.extension == NULL ? NULL : plugin->lifecycle.extension(i->self, SLUICE_PROMISE_ID);

    return promise == NULL ? plugin->desc.flags
                           : plugin->desc.flags & (promise->flags(i->self) | ~may_withdraw);
}

static int is_serial(const struct instance *i)
{
    return (i->spec->plugin->desc.flags & SLUICE_PARALLEL) == 0;
}

void instance_enter(struct instance *i)
{
    if (is_serial(i))
        pthread_mutex_lock(&i->work);
}

void instance_leave(struct instance *i)
{
    if (is_serial(i))
        pthread_mutex_unlock(&i->work);
}
