/* lag_source: finding sources with a lag, and reading them. */
#include "lag_source.h"

#include <stdlib.h>
#include <string.h>

int lag_sources_find(struct lag_sources *s, const struct plan *plan, const char *pipeline, struct problems *p)
{
    const struct origin nowhere = {NULL, 0, 0};
    size_t i, found = 0;

    memset(s, 0, sizeof *s);
    s->items = calloc(plan->n_pipelines + 1, sizeof *s->items);
    if (s->items == NULL) {
        problem_add(p, nowhere, NULL, "no memory");
        return -1;
    }
    for (i = 0; i < plan->n_pipelines; i++) {
        const struct pipeline_spec *pipe = &plan->pipelines[i];

        if (pipeline != NULL && strcmp(pipeline, pipe->name) != 0)
            continue;
        found++;
        if (pipe->source->plugin->lifecycle.extension == NULL)
            continue;
        s->items[s->n].pipeline = pipe;
        s->items[s->n].spec = pipe->source;
        if (lag_source_open(&s->items[s->n], p) > 0)
            s->n++;
    }
    if (found == 0)
        problem_add(p, nowhere, NULL, "the config has no pipeline '%s'", pipeline == NULL ? "" : pipeline);
    return found > 0 && !problems_failed(p) ? 0 : -1;
}

static void lag_close(struct lag_source *s)
{
    uint32_t i;

    if (s->reader != NULL)
        s->lag->close(s->reader);
    if (s->instance != NULL)
        instance_free(s->instance);
    for (i = 0; i < s->env.n_fields; i++)
        free(s->env.fields[i]);
    memset(&s->env, 0, sizeof s->env);
    s->reader = NULL;
    s->instance = NULL;
}

void lag_sources_release(struct lag_sources *s)
{
    size_t i, j;

    for (i = 0; i < s->n; i++) {
        struct lag_source *at = &s->items[i];

        lag_close(at);
        for (j = 0; j < at->n_parts; j++)
            free(at->parts[j].topic);
        free(at->parts);
        free(at->group);
    }
    free(s->items);
    memset(s, 0, sizeof *s);
}

int lag_source_open(struct lag_source *s, struct problems *p)
{
    struct sluice_error err;

    s->env.pipeline_name = s->pipeline->name;
    s->instance = instance_new(s->spec, &s->env, p);
    if (s->instance == NULL) {
        lag_close(s);
        return -1;
    }
    s->lag = s->spec->plugin->lifecycle.extension(instance_self(s->instance), SLUICE_LAG_ID);
    if (s->lag == NULL) {
        lag_close(s);
        return 0;
    }
    error_clear(&err);
    if (s->lag->open(instance_self(s->instance), &s->reader, &err) == SLUICE_OK)
        return 1;
    problem_add(p, s->spec->origin, NULL, "source '%s' of pipeline '%s': %s", s->spec->name,
                s->pipeline->name, err.message);
    s->reader = NULL;
    lag_close(s);
    return -1;
}

static void lag_take_group(void *context, const struct sluice_lag_group *group)
{
    struct lag_source *s = context;

    free(s->group);
    s->group = strndup(group->name.data == NULL ? "" : group->name.data, group->name.len);
    s->failed |= s->group == NULL;
    s->state = group->state;
    s->members = group->members;
}

static struct lag_part *lag_find_part(const struct lag_source *s, const struct sluice_lag_partition *p)
{
    size_t i;

    for (i = 0; i < s->n_parts; i++)
        if (s->parts[i].partition == p->partition &&
            sluice_str_equal(sluice_str_of(s->parts[i].topic), p->topic))
            return &s->parts[i];
    return NULL;
}

static struct lag_part *lag_new_part(struct lag_source *s, const struct sluice_lag_partition *p)
{
    size_t cap = s->cap_parts == 0 ? 16 : s->cap_parts * 2;
    struct lag_part *grown;

    if (s->n_parts == s->cap_parts) {
        grown = realloc(s->parts, cap * sizeof *grown);
        if (grown == NULL)
            return NULL;
        s->parts = grown;
        s->cap_parts = cap;
    }
    grown = &s->parts[s->n_parts];
    memset(grown, 0, sizeof *grown);
    grown->goal = -1;
    grown->partition = p->partition;
    grown->topic = strndup(p->topic.data, p->topic.len);
    if (grown->topic == NULL)
        return NULL;
    s->n_parts++;
    return grown;
}

static void lag_take_part(void *context, const struct sluice_lag_partition *p)
{
    struct lag_source *s = context;
    struct lag_part *at = lag_find_part(s, p);

    if (at == NULL && (at = lag_new_part(s, p)) == NULL) {
        s->failed = 1;
        return;
    }
    at->committed = p->committed;
    at->begin = p->begin;
    at->end = p->end;
}

int lag_source_read(struct lag_source *s, uint32_t timeout_ms, struct problems *p)
{
    const struct sluice_lag_visitor visitor = {sizeof visitor, 0, s, lag_take_group, lag_take_part};
    struct sluice_error err;

    error_clear(&err);
    s->failed = 0;
    if (s->lag->read(s->reader, &visitor, timeout_ms, &err) != SLUICE_OK) {
        problem_add(p, s->spec->origin, NULL, "source '%s' of pipeline '%s': %s%s%s", s->spec->name,
                    s->pipeline->name, err.option, err.option[0] == '\0' ? "" : ": ", err.message);
        return -1;
    }
    if (!s->failed)
        return 0;
    problem_add(p, (struct origin){NULL, 0, 0}, NULL, "no memory");
    return -1;
}

int64_t lag_part_behind(const struct lag_part *part)
{
    int64_t from = part->committed < 0 ? part->begin : part->committed;

    return part->end > from ? part->end - from : 0;
}

int64_t lag_source_total(const struct lag_source *s)
{
    int64_t sum = 0;
    size_t i;

    for (i = 0; i < s->n_parts; i++)
        sum += lag_part_behind(&s->parts[i]);
    return sum;
}

int lag_source_active(const struct lag_source *s)
{
    size_t i;

    if (s->state != SLUICE_GROUP_UNKNOWN)
        return s->state == SLUICE_GROUP_ACTIVE || s->state == SLUICE_GROUP_MOVING;
    for (i = 0; i < s->n_parts; i++) /* nobody ever committed: certainly not */
        if (s->parts[i].committed >= 0)
            return 1;
    return 0;
}

void lag_sources_set_goals(struct lag_sources *s)
{
    size_t i, j;

    for (i = 0; i < s->n; i++)
        for (j = 0; j < s->items[i].n_parts; j++)
            s->items[i].parts[j].goal = s->items[i].parts[j].end;
}

int64_t lag_source_left(const struct lag_source *s)
{
    int64_t sum = 0;
    size_t j;

    for (j = 0; j < s->n_parts; j++) {
        const struct lag_part *at = &s->parts[j];
        int64_t from = at->committed < 0 ? at->begin : at->committed;

        if (at->goal > from)
            sum += at->goal - from;
    }
    return sum;
}

int64_t lag_sources_left(const struct lag_sources *s)
{
    int64_t sum = 0;
    size_t i;

    for (i = 0; i < s->n; i++)
        sum += lag_source_left(&s->items[i]);
    return sum;
}
