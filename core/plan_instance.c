/* plan_instance: one block to an instance_spec.
 *
 * Invariant: every instance belongs to its pipeline's list from the moment it
 * is made, and its name is unique there. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "plan_internal.h"

#define MAX_HOST_MEMBERS 16u
#define MAX_INSTANCES 1000u

const char **plan_unknown_of(struct planner *b, const struct option_table *t,
                             const struct config_value *block)
{
    const char **names = calloc(block->n + 1, sizeof *names);
    size_t i, j, n = 0;

    if (names == NULL) {
        plan_no_memory(b);
        return NULL;
    }
    for (i = 0; i < block->n; i++) {
        for (j = 0; j < t->n && strcmp(t->options[j].name, block->keys[i]) != 0; j++)
            ;
        if (j == t->n)
            names[n++] = block->keys[i];
    }
    return names;
}

int plan_name_good(struct planner *b, const char *what, const char *name, struct origin at)
{
    size_t i = 0;

    if (isalnum((unsigned char)name[0]))
        for (i = 1; isalnum((unsigned char)name[i]) || (name[i] != '\0' && strchr("_.-", name[i]) != NULL);
             i++)
            ;
    if (i > 0 && i < 64 && name[i] == '\0')
        return 1;
    problem_add(b->problems, at,
                "letters, digits, '_', '.' and '-', at most 63, starting with a letter or digit",
                "'%.80s' cannot be the name of %s", name, what);
    return 0;
}

static const struct instance_spec *find_name(const struct pipeline_spec *pipe, const char *name)
{
    size_t i;

    for (i = 0; i < pipe->n_instances; i++)
        if (strcmp(pipe->instances[i]->name, name) == 0)
            return pipe->instances[i];
    return NULL;
}

/* The name if none is given: the plugin's, with its step's before it; where another kind has
 * that already (a file source and a file sink), with its own kind before it. */
static char *default_name(struct planner *b, const struct plugin *plugin)
{
    char name[192];

    (void)snprintf(name, sizeof name, "%s%s%s", b->step != NULL ? b->step : "", b->step != NULL ? "." : "",
                   plugin->desc.name);
    if (find_name(b->pipe, name) != NULL && find_name(b->pipe, name)->plugin->desc.kind != plugin->desc.kind)
        (void)snprintf(name, sizeof name, "%s%s%s-%s", b->step != NULL ? b->step : "",
                       b->step != NULL ? "." : "", kind_name(plugin->desc.kind), plugin->desc.name);
    return strdup(name);
}

/* Gives the instance its name; 1, or 0 told. */
static int name_instance(struct planner *b, struct instance_spec *spec, const char *given, struct origin at)
{
    const struct instance_spec *other;

    if (given != NULL && !plan_name_good(b, "an instance", given, at))
        return 0;
    spec->name = given != NULL ? strdup(given) : default_name(b, spec->plugin);
    if (spec->name == NULL) {
        plan_no_memory(b);
        return 0;
    }
    other = find_name(b->pipe, spec->name);
    if (other == NULL)
        return 1;
    problem_add(b->problems, at, "give one of them a `name`",
                "two instances of the pipeline '%s' are named '%s': the other stands in line %u",
                b->pipe->name, spec->name, other->origin.line);
    return 0;
}

static void instance_spec_free(struct instance_spec *spec)
{
    if (spec == NULL)
        return;
    option_free(spec->config);
    free(spec->name);
    free(spec);
}

static struct instance_spec *keep_instance(struct planner *b, struct instance_spec *spec)
{
    struct instance_spec **grown;

    if (b->pipe->n_instances >= MAX_INSTANCES) {
        problem_add(b->problems, spec->origin, NULL, "a pipeline has more than %u instances", MAX_INSTANCES);
        instance_spec_free(spec);
        return NULL;
    }
    grown = realloc(b->pipe->instances, (b->pipe->n_instances + 1) * sizeof(struct instance_spec *));
    if (grown == NULL) {
        plan_no_memory(b);
        instance_spec_free(spec);
        return NULL;
    }
    b->pipe->instances = grown;
    grown[b->pipe->n_instances++] = spec;
    return spec;
}

/* The plugin that the block names; NULL: told. */
static const struct plugin *find_plugin(struct planner *b, uint32_t kind, const struct config_value *block)
{
    const struct config_value *v = block->type == CONFIG_MAP ? config_get(block, "plugin") : block;
    const struct plugin *plugin;

    if (block->type != CONFIG_MAP && (kind != SLUICE_DECODER || block->type != CONFIG_SCALAR)) {
        problem_add(b->problems, block->origin, "write { plugin: NAME, ... }", "a %s needs a map, not %s",
                    kind_name(kind), config_type_name(block));
        return NULL;
    }
    if (v == NULL) {
        problem_add(b->problems, block->origin, "`sluice plugin list` shows which there are",
                    "this %s does not say its `plugin`", kind_name(kind));
        return NULL;
    }
    /* `plugin: null` means the plugin of that name. */
    if ((v->type != CONFIG_SCALAR && v->type != CONFIG_NULL) || v->text == NULL || v->secret ||
        v->text[0] == '\0' || strspn(v->text, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(v->text)) {
        problem_add(b->problems, v->origin, "a plugin is named by [a-z0-9-]+, never by a file",
                    "`plugin` must be the name of a %s", kind_name(kind));
        return NULL;
    }
    plugin = registry_find(b->registry, kind, v->text);
    if (plugin == NULL)
        registry_missing(b->registry, kind, v->text, v->origin, b->problems);
    return plugin;
}

/* Members that every block of the kind may have, and what the caller reads. */
static void host_members(uint32_t kind, const char *const *more, const char **out)
{
    const struct option_table *t;
    size_t i, n;

    t = &plan_tables(&n)[kind == SLUICE_SINK ? TABLE_SINK : TABLE_INSTANCE];
    n = 0;
    for (i = 0; i < t->n && n < MAX_HOST_MEMBERS; i++)
        out[n++] = t->options[i].name;
    for (i = 0; more != NULL && more[i] != NULL && n < MAX_HOST_MEMBERS; i++)
        out[n++] = more[i];
    out[n] = NULL;
}

/* The plugin's own options. */
static struct sluice_config *plugin_options(struct planner *b, const struct plugin *plugin,
                                            const struct config_value *block, const char *const *host)
{
    struct config_value nothing = {.type = CONFIG_MAP, .origin = block->origin};
    const char *skip[MAX_HOST_MEMBERS + 1];
    struct option_table table;
    char owner[128];

    (void)snprintf(owner, sizeof owner, "%s/%s", kind_name(plugin->desc.kind), plugin->desc.name);
    table.owner = owner;
    table.options = plugin->options;
    table.n = plugin->desc.n_options;
    host_members(plugin->desc.kind, host, skip);
    return option_parse(&table, block->type == CONFIG_MAP ? block : &nothing, skip, b->problems);
}

/* What the host itself takes from the block. */
static int read_host_members(struct planner *b, struct instance_spec *spec, const struct config_value *block)
{
    int is_sink = spec->plugin->desc.kind == SLUICE_SINK, good = 0;
    struct option_table t;
    struct sluice_config *c;
    const char **skip;
    size_t n;

    t = plan_tables(&n)[is_sink ? TABLE_SINK : TABLE_INSTANCE];
    t.options++; /* `plugin`, which find_plugin has read */
    t.n--;
    skip = plan_unknown_of(b, &t, block);
    c = skip == NULL ? NULL : plan_options_of(b, &t, block, skip);
    free(skip);
    spec->writers = 1;
    if (c != NULL) {
        spec->rate_limit = option_number(c, "rate_limit");
        if (spec->rate_limit > 0 && spec->plugin->desc.kind == SLUICE_GATE) {
            problem_add(b->problems, option_origin(c, "rate_limit"), "set `rate_limit` at the pipeline",
                        "a gate has no rate of its own: it sees whatever the source delivers");
            spec->rate_limit = 0;
        }
        if (is_sink)
            spec->writers = (uint32_t)option_integer(c, "writers");
        if (spec->writers > 1 && (spec->plugin->desc.flags & SLUICE_PARALLEL) == 0)
            problem_add(b->problems, option_origin(c, "writers"), "leave `writers` out",
                        "sink/%s can write from one thread only, not from %u", spec->plugin->desc.name,
                        spec->writers);
        good = name_instance(b, spec, option_string(c, "name"),
                             option_given(c, "name") ? option_origin(c, "name") : spec->origin);
    }
    option_free(c);
    return good;
}

struct instance_spec *plan_instance(struct planner *b, uint32_t kind, const struct config_value *block,
                                    const char *const *host)
{
    const struct plugin *plugin = find_plugin(b, kind, block);
    struct config_value nothing = {.type = CONFIG_MAP, .origin = block->origin};
    struct instance_spec *spec;
    int named;

    if (plugin == NULL)
        return NULL;
    spec = calloc(1, sizeof *spec);
    if (spec == NULL) {
        plan_no_memory(b);
        return NULL;
    }
    spec->plugin = plugin;
    spec->origin = block->origin;
    named = read_host_members(b, spec, block->type == CONFIG_MAP ? block : &nothing);
    spec->config = plugin_options(b, plugin, block, host);
    if (spec->config != NULL && !b->flags.no_files)
        option_check_files(spec->config, b->problems);
    if (named)
        return keep_instance(b, spec);
    instance_spec_free(spec);
    return NULL;
}
