/* check_online: see check_online.h. */
#include "check_online.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

#define STOP_MS 3000u
#define GRACE_MS 3000u /* for calls to come back after their cancel */

/* One instance, and what came of it. */
struct asked {
    struct online *online;
    const char *pipeline;
    const struct instance_spec *spec;
    struct instance *instance;
    pthread_t thread;
    int threaded;
    const char *doing; /* "start", "answer", "stop": what it does, or failed to do */
    int done;
    int failed;
    int overdue; /* the deadline came first */
    int stuck;   /* and it did not give up: err is still its thread's */
    const char *told;
    int64_t took_ms;
    struct sluice_error err;
};

struct online {
    pthread_mutex_t lock; /* guards doing, done, overdue of all */
    pthread_cond_t one_done;
    struct asked *asked;
    size_t n, cap;
    uint32_t deadline_ms;
};

struct online *online_new(size_t cap)
{
    struct online *o = calloc(1, sizeof *o);
    pthread_condattr_t attr;

    if (o == NULL)
        return NULL;
    o->asked = calloc(cap + 1, sizeof *o->asked);
    o->cap = cap;
    if (o->asked == NULL || pthread_condattr_init(&attr) != 0) {
        free(o->asked);
        free(o);
        return NULL;
    }
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&o->one_done, &attr);
    (void)pthread_mutex_init(&o->lock, NULL);
    pthread_condattr_destroy(&attr);
    return o;
}

void online_free(struct online *o)
{
    if (o == NULL)
        return;
    pthread_cond_destroy(&o->one_done);
    pthread_mutex_destroy(&o->lock);
    free(o->asked);
    free(o);
}

void online_add(struct online *o, const char *pipeline, const struct instance_spec *spec,
                struct instance *instance)
{
    if (o->n == o->cap)
        return;
    o->asked[o->n] = (struct asked){.online = o, .pipeline = pipeline, .spec = spec, .instance = instance};
    error_clear(&o->asked[o->n].err);
    o->n++;
}

/* --- asking ------------------------------------------------------------------------------ */

static void set_doing(struct asked *a, const char *doing)
{
    pthread_mutex_lock(&a->online->lock);
    a->doing = doing;
    pthread_mutex_unlock(&a->online->lock);
}

/* The first thing that went wrong is what counts. */
static void note(struct asked *a, const char *doing, uint32_t code, const struct sluice_error *err)
{
    if (code == SLUICE_OK || a->failed)
        return;
    a->failed = 1;
    a->err = *err;
    a->err.code = code;
    set_doing(a, doing);
}

static void *ask(void *context)
{
    struct asked *a = context;
    struct sluice_error err;
    int64_t began = clock_steady_ms();
    uint32_t code;

    set_doing(a, "start");
    code = instance_start(a->instance, &err);
    note(a, "start", code, &err);
    if (code == SLUICE_OK) {
        set_doing(a, "answer");
        code = instance_probe(a->instance, &err);
        note(a, "answer", code, &err);
        a->took_ms = clock_steady_ms() - began;
        if (!a->failed)
            set_doing(a, "stop");
        code = instance_stop(a->instance, STOP_MS, &err);
        note(a, "stop", code, &err);
    }
    pthread_mutex_lock(&a->online->lock);
    a->done = 1;
    pthread_cond_broadcast(&a->online->one_done);
    pthread_mutex_unlock(&a->online->lock);
    return NULL;
}

/* Until all are done or ms have passed; how many are not.  Lock held. */
static size_t wait_for_all(struct online *o, uint32_t ms)
{
    struct timespec until;
    size_t i, left;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    for (;;) {
        for (i = 0, left = 0; i < o->n; i++)
            left += o->asked[i].done ? 0 : 1;
        if (left == 0 || pthread_cond_timedwait(&o->one_done, &o->lock, &until) != 0)
            return left;
    }
}

/* The deadline is over: whoever still waits is told to give up. */
static void cancel_rest(struct online *o)
{
    size_t i;

    for (i = 0; i < o->n; i++) {
        int overdue;

        pthread_mutex_lock(&o->lock);
        overdue = o->asked[i].overdue = !o->asked[i].done;
        pthread_mutex_unlock(&o->lock);
        if (overdue)
            instance_cancel(o->asked[i].instance);
    }
}

/* What is told of it stands from here on. */
static void settle(struct asked *a)
{
    pthread_mutex_lock(&a->online->lock);
    a->stuck = !a->done;
    a->told = a->doing != NULL ? a->doing : "start";
    pthread_mutex_unlock(&a->online->lock);
    if (a->threaded && !a->stuck)
        (void)pthread_join(a->thread, NULL);
}

int online_run(struct online *o, uint32_t deadline_ms)
{
    size_t i, left;

    o->deadline_ms = deadline_ms;
    for (i = 0; i < o->n; i++) {
        o->asked[i].threaded = pthread_create(&o->asked[i].thread, NULL, ask, &o->asked[i]) == 0;
        if (!o->asked[i].threaded)
            (void)ask(&o->asked[i]);
    }
    pthread_mutex_lock(&o->lock);
    left = wait_for_all(o, deadline_ms);
    pthread_mutex_unlock(&o->lock);
    if (left > 0) {
        cancel_rest(o);
        pthread_mutex_lock(&o->lock);
        left = wait_for_all(o, GRACE_MS);
        pthread_mutex_unlock(&o->lock);
    }
    for (i = 0; i < o->n; i++)
        settle(&o->asked[i]);
    return left > 0 ? -1 : 0;
}

/* --- telling ------------------------------------------------------------------------------ */

static int is_well(const struct asked *a)
{
    return !a->stuck && !a->failed;
}

/* How much an option looks like the place of the other side: 0 not at all. */
static int points(const struct sluice_option *o)
{
    static const char *const names[] = {"brokers", "address", "url", "queue_url", "bucket"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(o->name, names[i]) == 0)
            return 3;
    return o->type == SLUICE_URL ? 2 : o->type == SLUICE_PATH ? 1 : 0;
}

/* The option that says where the other side is, or NULL. */
static const struct sluice_option *address_of(const struct instance_spec *spec)
{
    const struct sluice_option *best = NULL, *o;
    size_t i;

    for (i = 0; i < spec->plugin->desc.n_options; i++) {
        o = &spec->plugin->options[i];
        if (points(o) > 0 && option_given(spec->config, o->name) &&
            (best == NULL || points(o) > points(best)))
            best = o;
    }
    return best;
}

/* The option to look at, and where it stands. */
static const char *option_of(const struct asked *a, struct origin *at)
{
    const struct sluice_option *address = address_of(a->spec);
    const char *named = a->stuck ? "" : a->err.option;
    const char *option = named[0] != '\0' ? named : address != NULL ? address->name : NULL;

    *at = option != NULL ? option_origin(a->spec->config, option) : a->spec->origin;
    return option;
}

static const char *message_of(const struct asked *a, char *text, size_t cap)
{
    if (a->stuck || (a->overdue && (a->err.message[0] == '\0' || a->err.code == SLUICE_CANCELLED)))
        (void)snprintf(text, cap, "it took longer than %u s%s", a->online->deadline_ms / 1000,
                       a->stuck ? " and does not give up" : "");
    else
        (void)snprintf(text, cap, "%s", a->err.message[0] != '\0' ? a->err.message : "it did not say why");
    return text;
}

size_t online_tell(const struct online *o, struct problems *p)
{
    size_t i, n = 0;

    for (i = 0; i < o->n; i++) {
        const struct asked *a = &o->asked[i];
        const struct sluice_option *address = address_of(a->spec);
        char text[sizeof a->err.message + 64], hint[160] = "";
        const char *option;
        struct origin at;

        if (is_well(a))
            continue;
        n++;
        option = option_of(a, &at);
        if (address != NULL && option != NULL && strcmp(address->name, option) != 0)
            (void)snprintf(hint, sizeof hint, "where it is says `%s` in line %u", address->name,
                           option_origin(a->spec->config, address->name).line);
        problem_add(p, at, hint[0] != '\0' ? hint : NULL,
                    "%s/%s (instance '%s' of pipeline '%s') does not %s: %s%s%s%s",
                    kind_name(a->spec->plugin->desc.kind), a->spec->plugin->desc.name, a->spec->name,
                    a->pipeline, a->told, option != NULL ? "option '" : "", option != NULL ? option : "",
                    option != NULL ? "': " : "", message_of(a, text, sizeof text));
    }
    return n;
}

static int has_somebody(const struct asked *a)
{
    return a->spec->plugin->lifecycle.probe != NULL || !is_well(a);
}

void online_print(const struct online *o, FILE *out)
{
    size_t i;

    for (i = 0; i < o->n; i++) {
        const struct asked *a = &o->asked[i];

        if (!has_somebody(a))
            continue;
        if (is_well(a))
            fprintf(out, "ok      %s/%s  %s/%s  %lld ms\n", a->pipeline, a->spec->name,
                    kind_name(a->spec->plugin->desc.kind), a->spec->plugin->desc.name, (long long)a->took_ms);
        else
            fprintf(out, "FAILED  %s/%s  %s/%s  does not %s\n", a->pipeline, a->spec->name,
                    kind_name(a->spec->plugin->desc.kind), a->spec->plugin->desc.name, a->told);
    }
}

static void json_member(struct strbuf *out, const char *name, const char *text)
{
    strbuf_printf(out, "\"%s\":", name);
    if (text == NULL)
        strbuf_puts(out, "null");
    else
        strbuf_json(out, text, strlen(text));
}

static void json_one(const struct asked *a, struct strbuf *out)
{
    char text[sizeof a->err.message + 64], plugin[160];
    struct origin at;
    const char *option = option_of(a, &at);
    int well = is_well(a);

    (void)snprintf(plugin, sizeof plugin, "%s/%s", kind_name(a->spec->plugin->desc.kind),
                   a->spec->plugin->desc.name);
    strbuf_printf(out, "{\"ok\":%s,", well ? "true" : "false");
    json_member(out, "pipeline", a->pipeline);
    strbuf_puts(out, ",");
    json_member(out, "instance", a->spec->name);
    strbuf_puts(out, ",");
    json_member(out, "plugin", plugin);
    strbuf_puts(out, ",");
    json_member(out, "option", option);
    strbuf_puts(out, ",");
    json_member(out, "file", at.file);
    strbuf_printf(out, ",\"line\":%u,\"column\":%u,\"took_ms\":%lld,", at.line, at.column,
                  (long long)a->took_ms);
    json_member(out, "failed_to", well ? NULL : a->told);
    strbuf_puts(out, ",");
    json_member(out, "message", well ? NULL : message_of(a, text, sizeof text));
    strbuf_puts(out, "}");
}

void online_json(const struct online *o, struct strbuf *out)
{
    size_t i, n = 0;

    for (i = 0; i < o->n; i++)
        if (has_somebody(&o->asked[i])) {
            if (n++ > 0)
                strbuf_puts(out, ",");
            json_one(&o->asked[i], out);
        }
}
