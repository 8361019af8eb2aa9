/* queue_source: finding sources and sinks with a queue, and looking at it. */
#include "queue_source.h"

#include <stdlib.h>
#include <string.h>

static const struct origin nowhere = {NULL, 0, 0};

static void queue_close(struct queue_source *s)
{
    uint32_t i;

    if (s->instance != NULL)
        instance_free(s->instance);
    for (i = 0; i < s->env.n_fields; i++)
        free(s->env.fields[i]);
    memset(&s->env, 0, sizeof s->env);
    s->instance = NULL;
}

static void queue_forget(struct queue_source *s)
{
    free(s->name);
    free(s->url);
    free(s->dead_name);
    free(s->dead_why);
    s->name = s->url = s->dead_name = s->dead_why = NULL;
}

void queue_sources_release(struct queue_sources *s)
{
    size_t i;

    for (i = 0; i < s->n; i++) {
        queue_close(&s->items[i]);
        queue_forget(&s->items[i]);
    }
    free(s->items);
    memset(s, 0, sizeof *s);
}

static const char *queue_kind(const struct queue_source *s)
{
    return s->spec->plugin->desc.kind == SLUICE_SOURCE ? "source" : "sink";
}

/* Makes the instance.  1; 0: it has no queue; -1 with a problem. */
static int queue_open(struct queue_source *s, struct problems *p)
{
    s->env.pipeline_name = s->pipeline->name;
    s->instance = instance_new(s->spec, &s->env, p);
    if (s->instance == NULL) {
        queue_close(s);
        return -1;
    }
    s->queue = s->spec->plugin->lifecycle.extension(instance_self(s->instance), SLUICE_QUEUE_ID);
    if (s->queue != NULL)
        return 1;
    queue_close(s);
    return 0;
}

static int has_queue(const struct instance_spec *spec)
{
    uint32_t kind = spec->plugin->desc.kind;

    return (kind == SLUICE_SOURCE || kind == SLUICE_SINK) && spec->plugin->lifecycle.extension != NULL;
}

static int queue_add(struct queue_sources *s, const struct pipeline_spec *pipe,
                     const struct instance_spec *spec, struct problems *p)
{
    struct queue_source *grown = realloc(s->items, (s->n + 1) * sizeof *grown);
    int opened;

    if (grown == NULL) {
        problem_add(p, nowhere, NULL, "no memory");
        return -1;
    }
    s->items = grown;
    memset(&grown[s->n], 0, sizeof *grown);
    grown[s->n].pipeline = pipe;
    grown[s->n].spec = spec;
    opened = queue_open(&grown[s->n], p);
    s->n += opened > 0;
    return opened < 0 ? -1 : 0;
}

int queue_sources_find(struct queue_sources *s, const struct plan *plan, const char *pipeline,
                       struct problems *p)
{
    size_t i, k, found = 0;

    memset(s, 0, sizeof *s);
    for (i = 0; i < plan->n_pipelines; i++) {
        const struct pipeline_spec *pipe = &plan->pipelines[i];

        if (pipeline != NULL && strcmp(pipeline, pipe->name) != 0)
            continue;
        found++;
        for (k = 0; k < pipe->n_instances; k++)
            if (has_queue(pipe->instances[k]) && queue_add(s, pipe, pipe->instances[k], p) != 0)
                return -1;
    }
    if (found == 0)
        problem_add(p, nowhere, NULL, "the config has no pipeline '%s'", pipeline == NULL ? "" : pipeline);
    return found > 0 && !problems_failed(p) ? 0 : -1;
}

static char *copy_text(struct queue_source *s, struct sluice_str text)
{
    char *copy = text.data == NULL ? NULL : strndup(text.data, text.len);

    s->failed |= text.data != NULL && copy == NULL;
    return copy;
}

static void queue_take(void *context, const struct sluice_queue_depth *d)
{
    struct queue_source *s = context;

    queue_forget(s);
    s->name = copy_text(s, d->name);
    s->url = copy_text(s, d->url);
    s->dead_name = copy_text(s, d->dead_name);
    s->dead_why = copy_text(s, d->dead_why);
    s->waiting = d->waiting;
    s->in_work = d->in_work;
    s->delayed = d->delayed;
    s->dead_waiting = d->dead_waiting;
    s->dead_in_work = d->dead_in_work;
}

static int queue_read(struct queue_source *s, uint32_t timeout_ms, struct problems *p)
{
    const struct sluice_queue_visitor visitor = {sizeof visitor, 0, s, queue_take};
    struct sluice_error err;

    error_clear(&err);
    s->failed = 0;
    if (s->queue->read(instance_self(s->instance), &visitor, timeout_ms, &err) != SLUICE_OK) {
        problem_add(p, s->spec->origin, NULL, "%s '%s' of pipeline '%s': %s%s%s", queue_kind(s),
                    s->spec->name, s->pipeline->name, err.option, err.option[0] == '\0' ? "" : ": ",
                    err.message);
        return -1;
    }
    if (!s->failed && s->name != NULL)
        return 0;
    problem_add(p, nowhere, NULL, "no memory");
    return -1;
}

int queue_sources_read(struct queue_sources *s, uint32_t timeout_ms, struct problems *p)
{
    size_t i;
    int failed = 0;

    for (i = 0; i < s->n; i++)
        failed |= queue_read(&s->items[i], timeout_ms, p) != 0;
    return failed ? -1 : 0;
}

/* What is not told is not known to be nothing, but for delayed ones, which not every queue has. */
int queue_source_is_empty(const struct queue_source *s)
{
    return s->waiting == 0 && s->in_work == 0 && s->delayed <= 0;
}

int queue_sources_are_empty(const struct queue_sources *s)
{
    size_t i;

    for (i = 0; i < s->n; i++)
        if (!queue_source_is_empty(&s->items[i]))
            return 0;
    return 1;
}
