/* module: the registry of plugins.
 *
 * Invariant: a module is initialised at most once, only after everything about it
 * was checked, and is never unloaded, not even when it is refused: its constructors
 * ran, and nobody knows what they left behind. */
#include "module.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "module_load.h"
#include "strbuf.h"

struct registry_module {
    const struct sluice_module *theirs;
    void (*fini)(void);
};

static const char *const kind_names[] = {"unknown", "source", "decoder", "gate", "enrich", "sink"};

const char *kind_name(uint32_t kind)
{
    return kind < sizeof kind_names / sizeof kind_names[0] ? kind_names[kind] : kind_names[0];
}

uint32_t kind_parse(const char *name)
{
    uint32_t kind;

    if (strcmp(name, "enricher") == 0)
        return SLUICE_ENRICHER;
    for (kind = SLUICE_SOURCE; kind <= SLUICE_SINK; kind++)
        if (strcmp(name, kind_names[kind]) == 0)
            return kind;
    return 0;
}

/* Room for one more element; 0, or -1 and the registry says that something is lost. */
static int grow(struct registry *r, void **array, size_t n, size_t size)
{
    void *more = reallocarray(*array, n + 1, size);

    if (more == NULL) {
        r->lost = 1;
        return -1;
    }
    *array = more;
    return 0;
}

int registry_refuse(struct registry *r, const char *file, const char *remedy, const char *fmt, ...)
{
    struct refusal refusal;
    struct strbuf reason;
    va_list args;

    strbuf_init(&reason, 4096);
    va_start(args, fmt);
    strbuf_vprintf(&reason, fmt, args);
    va_end(args);
    refusal.file = strdup(file);
    refusal.reason = strbuf_take(&reason);
    refusal.remedy = strdup(remedy);
    if (refusal.file != NULL && refusal.reason != NULL && refusal.remedy != NULL &&
        grow(r, (void **)&r->refusals, r->n_refusals, sizeof refusal) == 0) {
        r->refusals[r->n_refusals++] = refusal;
        return -1;
    }
    r->lost = 1;
    free(refusal.file);
    free(refusal.reason);
    free(refusal.remedy);
    return -1;
}

struct registry *registry_new(void)
{
    struct registry *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    if (registry_add(r, &json_module, "built in") != 0 || registry_add(r, &lines_module, "built in") != 0) {
        registry_free(r);
        return NULL;
    }
    return r;
}

void registry_free(struct registry *r)
{
    size_t i;

    if (r == NULL)
        return;
    for (i = r->n_modules; i > 0; i--)
        if (r->modules[i - 1].fini != NULL)
            r->modules[i - 1].fini();
    for (i = 0; i < r->n_plugins; i++)
        module_free_plugin(r->plugins[i]);
    for (i = 0; i < r->n_refusals; i++) {
        free(r->refusals[i].file);
        free(r->refusals[i].reason);
        free(r->refusals[i].remedy);
    }
    for (i = 0; i < r->n_dirs; i++)
        free(r->dirs[i]);
    free(r->plugins);
    free(r->refusals);
    for (i = 0; i < r->n_files; i++)
        free(r->files[i]);
    free(r->files);
    free(r->dirs);
    free(r->modules);
    free(r);
}

const struct plugin *registry_find(const struct registry *r, uint32_t kind, const char *name)
{
    size_t i;

    for (i = 0; i < r->n_plugins; i++)
        if (r->plugins[i]->desc.kind == kind && strcmp(r->plugins[i]->desc.name, name) == 0)
            return r->plugins[i];
    return NULL;
}

/* What the module says of itself, before any of its plugins is looked at. */
static int check_module(struct registry *r, const struct sluice_module *m, const char *file)
{
    static const char rebuild[] = "build the plugin again against the headers of this sluice";
    static const uint32_t oldest = MODULE_OLDEST_MINOR;
    size_t least = offsetof(struct sluice_module, plugins) + sizeof m->plugins;

    if (m == NULL)
        return registry_refuse(r, file, "let sluice_plugin_entry_v1 be defined by SLUICE_MODULE(…)",
                               "has an entry that returns no module");
    /* abi_major stands before everything that a major may move. */
    if (m->abi_major != SLUICE_ABI_MAJOR)
        return registry_refuse(r, file, rebuild,
                               "is built for plugin interface %u.%u, and this sluice has %u.%u", m->abi_major,
                               m->abi_minor, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR);
    if (m->abi_minor < oldest)
        return registry_refuse(r, file, rebuild,
                               "is built for plugin interface %u.%u, and this sluice takes %u.%u and later",
                               m->abi_major, m->abi_minor, SLUICE_ABI_MAJOR, oldest);
    if (m->struct_size < least || m->struct_size > 4096)
        return registry_refuse(r, file, rebuild, "has a module table of %u bytes, which no interface had",
                               m->struct_size);
    if (m->name == NULL || m->name[0] == '\0')
        return registry_refuse(r, file, "give SLUICE_MODULE(…) a name", "has a module without a name");
    if (m->plugins == NULL || m->plugins[0] == NULL)
        return registry_refuse(r, file, "list the plugins in SLUICE_MODULE(…)",
                               "has a module without plugins");
    return 0;
}

/* kind/name is the identity, so a second one is a mistake that nobody can guess about. */
static int check_duplicate(struct registry *r, const struct plugin *p, const char *file)
{
    const struct plugin *old = registry_find(r, p->desc.kind, p->desc.name);
    char remedy[600];

    if (old == NULL)
        return 0;
    if (strcmp(old->file, file) == 0)
        return registry_refuse(r, file, "give each plugin of the module a name of its own",
                               "holds %s/%s twice", kind_name(p->desc.kind), p->desc.name);
    (void)snprintf(remedy, sizeof remedy, "remove one of %s and %s", file, old->file);
    return registry_refuse(r, file, remedy, "holds %s/%s, which %s holds already", kind_name(p->desc.kind),
                           p->desc.name, old->file);
}

/* Takes back the plugins from index n on. */
static void drop_plugins(struct registry *r, size_t n)
{
    while (r->n_plugins > n)
        module_free_plugin(r->plugins[--r->n_plugins]);
}

static int add_plugins(struct registry *r, const struct sluice_module *m, const char *file)
{
    const struct sluice_plugin *const *theirs;
    struct plugin *p;

    for (theirs = m->plugins; *theirs != NULL; theirs++) {
        p = module_copy_plugin(r, file, m, *theirs);
        if (p == NULL)
            return -1;
        if (check_duplicate(r, p, file) != 0 ||
            grow(r, (void **)&r->plugins, r->n_plugins, sizeof(struct plugin *)) != 0) {
            module_free_plugin(p);
            return -1;
        }
        r->plugins[r->n_plugins++] = p;
    }
    return 0;
}

static int run_init(struct registry *r, const struct sluice_module *m, const char *file)
{
    struct sluice_error err;
    uint32_t code;

    if (m->init == NULL)
        return 0;
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    code = m->init(&err);
    err.message[sizeof err.message - 1] = '\0';
    if (code == SLUICE_OK)
        return 0;
    return registry_refuse(r, file, "see what the message asks for, or remove the file",
                           "could not be initialised: %s",
                           err.message[0] == '\0' ? "its init gave no reason" : err.message);
}

int registry_add(struct registry *r, const struct sluice_module *m, const char *file)
{
    size_t before = r->n_plugins, i;
    struct registry_module mine;

    if (check_module(r, m, file) != 0)
        return -1;
    for (i = 0; i < r->n_modules; i++)
        if (r->modules[i].theirs == m)
            return 0; /* the same file by another name: it has been initialised */
    if (grow(r, (void **)&r->modules, r->n_modules, sizeof mine) != 0 || add_plugins(r, m, file) != 0 ||
        run_init(r, m, file) != 0) {
        drop_plugins(r, before);
        return -1;
    }
    mine.theirs = m;
    mine.fini = m->fini;
    r->modules[r->n_modules++] = mine;
    return 0;
}
