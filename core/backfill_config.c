/* backfill_config: trees made by hand, since a path or an id may hold what a config text
 * would take for a ${substitution}. */
#include "backfill_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

#define ONE_WRITER_RATE 500 /* users a second that one writer of sink/sqs surely sends */

/* A tree in the making; the first thing that there is no memory for ends it. */
struct maker {
    struct loader loader;
    struct origin at;
    int failed;
};

static struct config_value *keep(struct maker *m, struct config_value *parent, const char *key,
                                 struct config_value *v)
{
    if (v != NULL && parent != NULL && value_add(parent, key, m->at, v) == 0)
        return v;
    value_free(v);
    m->failed = 1;
    return NULL;
}

static struct config_value *add(struct maker *m, struct config_value *parent, const char *key,
                                enum config_type type)
{
    return keep(m, parent, key, value_new(type, m->at));
}

static void set(struct maker *m, struct config_value *map, const char *key, const char *text)
{
    struct config_value *v = value_new(CONFIG_SCALAR, m->at);
    size_t i;

    if (v == NULL || value_set_text(v, text, strlen(text)) != 0) {
        value_free(v);
        m->failed = 1;
        return;
    }
    v->quoted = 1;
    i = map == NULL ? 0 : value_find(map, key);
    if (map != NULL && i < map->n)
        value_free(value_take(map, i));
    (void)keep(m, map, key, v);
}

static void set_number(struct maker *m, struct config_value *map, const char *key, double number)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.6f", number);
    set(m, map, key, text);
    if (map != NULL && value_find(map, key) < map->n)
        map->items[value_find(map, key)]->quoted = 0;
}

static void set_plain(struct maker *m, struct config_value *map, const char *key, const char *text)
{
    set(m, map, key, text);
    if (map != NULL && value_find(map, key) < map->n)
        map->items[value_find(map, key)]->quoted = 0;
}

/* value_copy is for aliases, before ${file:…} is read; here the copy must stay as secret as it was. */
static void keep_secrets(struct config_value *to, const struct config_value *from)
{
    size_t i;

    to->secret = from->secret;
    for (i = 0; i < from->n; i++)
        keep_secrets(to->items[i], from->items[i]);
}

/* A member of the operator's block, if it is there. */
static struct config_value *copy(struct maker *m, const struct config_value *block, const char *name,
                                 struct config_value *parent, const char *key)
{
    const struct config_value *v = config_get(block, name);
    struct config_value *made;

    if (v == NULL)
        return NULL;
    made = value_copy(&m->loader, v, v->origin);
    if (made != NULL)
        keep_secrets(made, v);
    return keep(m, parent, key, made);
}

/* `pipelines: { backfill: … }` with everything but source and sink. */
static struct config_value *begin(struct maker *m, const struct backfill_job *job, const char *state_dir)
{
    struct config_value *root = m->loader.config->root, *pipe, *stages, *stage, *load, *decoder;
    char days[32];

    set(m, root, "state_dir", state_dir);
    pipe = add(m, add(m, root, "pipelines", CONFIG_MAP), "backfill", CONFIG_MAP);
    decoder = add(m, pipe, "decoder", CONFIG_MAP);
    set(m, decoder, "plugin", "lines");
    set(m, decoder, "field", "user_id");
    stages = add(m, pipe, "stages", CONFIG_LIST);
    stage = add(m, stages, NULL, CONFIG_MAP);
    load = add(m, stage, "enrich", CONFIG_MAP);
    set(m, load, "plugin", "user-load");
    set(m, load, "job_id", job->id);
    set(m, load, "reason", job->reason);
    (void)snprintf(days, sizeof days, "%" PRId64, job->lookback_days);
    set_plain(m, load, "lookback_days", days);
    set_plain(m, load, "force", job->force ? "true" : "false");
    return pipe;
}

static struct config *make_begin(struct maker *m, const struct config_value *block, struct problems *p)
{
    memset(m, 0, sizeof *m);
    if (block != NULL)
        m->at = block->origin;
    m->loader.problems = p;
    m->loader.config = calloc(1, sizeof *m->loader.config);
    if (m->loader.config != NULL)
        m->loader.config->root = value_new(CONFIG_MAP, m->at);
    if (m->loader.config == NULL || m->loader.config->root == NULL)
        m->failed = 1;
    return m->failed ? NULL : m->loader.config;
}

static struct config *make_end(struct maker *m, struct problems *p)
{
    if (!m->failed)
        return m->loader.config;
    if (!problems_failed(p))
        problem_add(p, m->at, NULL, "out of memory");
    config_free(m->loader.config);
    return NULL;
}

static void add_file_source(struct maker *m, struct config_value *pipe, const char *path)
{
    struct config_value *source = add(m, pipe, "source", CONFIG_MAP);

    set(m, source, "plugin", "file");
    set(m, source, "path", path);
    set(m, source, "format", "lines");
}

/* A source that the block may configure: its `s3` or `neo4j` member, or the plugin with its defaults. */
static void add_source(struct maker *m, const struct config_value *block, const char *name,
                       struct config_value *pipe, const char *plugin, const char *option, const char *value)
{
    struct config_value *source = copy(m, block, name, pipe, "source");

    if (source == NULL)
        source = add(m, pipe, "source", CONFIG_MAP);
    if (source != NULL && source->type == CONFIG_MAP && config_get(source, "plugin") == NULL)
        set(m, source, "plugin", plugin);
    if (source != NULL && source->type == CONFIG_MAP && option != NULL)
        set(m, source, option, value);
}

struct config *backfill_config_collect(const struct config_value *block, const struct backfill_job *job,
                                       enum backfill_from from, const char *where, const char *state_dir,
                                       const char *spool, struct problems *p)
{
    struct config_value *pipe, *sink, *batch;
    struct maker m;

    if (make_begin(&m, block, p) == NULL)
        return make_end(&m, p);
    pipe = begin(&m, job, state_dir);
    if (from == BACKFILL_FILE)
        add_file_source(&m, pipe, where);
    else if (from == BACKFILL_S3)
        add_source(&m, block, "s3", pipe, "s3-file", "url", where);
    else
        add_source(&m, block, "neo4j", pipe, "neo4j-users", NULL, NULL);
    batch = add(&m, pipe, "batch", CONFIG_MAP);
    set_plain(&m, batch, "records", "5000");
    sink = add(&m, pipe, "sink", CONFIG_MAP);
    set(&m, sink, "plugin", "file");
    set(&m, sink, "name", "list");
    set(&m, sink, "path", spool);
    set(&m, sink, "write", "payload");
    return make_end(&m, p);
}

struct config *backfill_config_send(const struct config_value *block, const struct backfill_job *job,
                                    const char *state_dir, const char *spool, struct problems *p)
{
    static const char *const kept[] = {"batch", "retry", "breaker"};
    struct config_value *pipe, *sink;
    struct maker m;
    size_t i;

    if (make_begin(&m, block, p) == NULL)
        return make_end(&m, p);
    pipe = begin(&m, job, state_dir);
    add_file_source(&m, pipe, spool);
    set_number(&m, pipe, "rate_limit", job->rate);
    for (i = 0; i < sizeof kept / sizeof *kept; i++)
        (void)copy(&m, block, kept[i], pipe, kept[i]);
    sink = copy(&m, block, "queue", pipe, "sink");
    if (sink == NULL && !m.failed) {
        sink = add(&m, pipe, "sink", CONFIG_MAP);
        set(&m, sink, "plugin", "sqs");
        if (job->rate <= 0 || job->rate > ONE_WRITER_RATE)
            set_plain(&m, sink, "writers", "4");
    }
    if (job->queue_url != NULL && sink != NULL && sink->type == CONFIG_MAP)
        set(&m, sink, "queue_url", job->queue_url);
    return make_end(&m, p);
}
