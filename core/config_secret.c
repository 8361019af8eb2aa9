/* config_secret: which values of a config must not be shown.
 *
 * Invariant: in doubt a value is secret.  A block of a known plugin follows its
 * table; what is named like a secret is one everywhere, since blocks that only
 * hold anchors, and misspelt options, have no table. */
#include <stdlib.h>
#include <string.h>

#include "config_show.h"

static void mark_all(struct config_value *v)
{
    size_t i;

    v->secret = 1;
    for (i = 0; i < v->n; i++)
        mark_all(v->items[i]);
}

static int ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), e = strlen(end);

    return n >= e && strcmp(name + n - e, end) == 0;
}

/* A name that says secret, and not where one is kept. */
static int sounds_secret(const char *name)
{
    static const char *const words[] = {"password",   "passwd",  "passphrase", "secret",     "token",
                                        "credential", "api_key", "apikey",     "private_key"};
    size_t i;

    if (ends_with(name, "_file") || ends_with(name, "_path") || ends_with(name, "_dir") ||
        ends_with(name, "_url") || strcmp(name, "strict_secrets") == 0)
        return 0;
    for (i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(name, words[i]) != NULL)
            return 1;
    return 0;
}

/* Is the name, or one that it may be a misspelling of, a secret option of the plugin? */
static int option_secret(const struct plugin *plugin, const char *name)
{
    const struct sluice_option *o;
    size_t i;

    for (i = 0; i < plugin->desc.n_options; i++)
        if (strcmp(plugin->options[i].name, name) == 0)
            return (plugin->options[i].flags & SLUICE_SECRET) != 0;
    for (i = 0; i < plugin->desc.n_options; i++) {
        o = &plugin->options[i];
        if ((o->flags & SLUICE_SECRET) != 0 && nearest_name(name, &o->name, 1) != NULL)
            return 1;
    }
    return 0;
}

/* By the plugins of that name, or by all of them where the block names none. */
static int table_secret(const struct registry *r, const char *plugin, const char *name)
{
    size_t i;

    for (i = 0; i < r->n_plugins; i++)
        if ((plugin == NULL || strcmp(r->plugins[i]->desc.name, plugin) == 0) &&
            option_secret(r->plugins[i], name))
            return 1;
    return 0;
}

static int known_plugin(const struct registry *r, const char *name)
{
    size_t i;

    for (i = 0; i < r->n_plugins; i++)
        if (strcmp(r->plugins[i]->desc.name, name) == 0)
            return 1;
    return 0;
}

/* A map without plugin that is structure and not options: only its members' members matter. */
static int is_structure(const struct config_value *map)
{
    static const char *const members[] = {"source", "sink",   "stages", "steps", "pipelines",
                                          "gate",   "enrich", "any",    "all",   "not"};
    size_t i;

    for (i = 0; i < sizeof members / sizeof *members; i++)
        if (config_get(map, members[i]) != NULL)
            return 1;
    return 0;
}

void config_mark_secrets(struct config_value *root, const struct registry *r)
{
    const struct config_value *plugin = config_get(root, "plugin");
    const char *name = plugin != NULL ? plugin->text : NULL;
    int structure = plugin == NULL && is_structure(root);
    size_t i;

    if (name != NULL && !known_plugin(r, name))
        name = NULL;
    for (i = 0; i < root->n; i++) {
        if (root->type == CONFIG_MAP && root->items[i] != plugin &&
            (sounds_secret(root->keys[i]) || (!structure && table_secret(r, name, root->keys[i]))))
            mark_all(root->items[i]);
        else
            config_mark_secrets(root->items[i], r);
    }
}
