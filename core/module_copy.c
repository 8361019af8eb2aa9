/* module_copy: a plugin's descriptor checked and copied into structs of the host's
 * own size.
 *
 * Invariant: nothing of theirs is read past the size they state, and what they do
 * not have is zero in the copy. */
#include <stdlib.h>
#include <string.h>

#include "module_load.h"
#include "option.h"

#define MOST_OPTIONS 1000u
#define MOST_STRUCT 4096u /* bytes; a stated size beyond this is garbage */
#define MOST_NAME 64u

typedef void (*any_call)(void);

struct required_call {
    uint32_t kind;
    size_t offset;
    const char *name;
};

/* The calls a plugin cannot do without, once for all kinds. */
static const struct required_call required_calls[] = {
    {SLUICE_SOURCE, offsetof(struct sluice_source_ops, poll), "poll"},
    {SLUICE_SOURCE, offsetof(struct sluice_source_ops, settle), "settle"},
    {SLUICE_DECODER, offsetof(struct sluice_decoder_ops, decode), "decode"},
    {SLUICE_GATE, offsetof(struct sluice_gate_ops, decide), "decide"},
    {SLUICE_ENRICHER, offsetof(struct sluice_enricher_ops, enrich), "enrich"},
    {SLUICE_SINK, offsetof(struct sluice_sink_ops, write), "write"},
};

/* The flags that mean something for a kind, by kind. */
static const uint32_t kind_flags[] = {
    0,
    SLUICE_ANY_ORDER | SLUICE_FINITE,
    SLUICE_PARALLEL,
    SLUICE_PARALLEL | SLUICE_TWO_PHASE,
    SLUICE_PARALLEL,
    SLUICE_PARALLEL | SLUICE_ATOMIC | SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE,
};

static const size_t ops_sizes[] = {
    0,
    sizeof(struct sluice_source_ops),
    sizeof(struct sluice_decoder_ops),
    sizeof(struct sluice_gate_ops),
    sizeof(struct sluice_enricher_ops),
    sizeof(struct sluice_sink_ops),
};

#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int is_plugin_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return n > 0 && n <= MOST_NAME && name[n] == '\0';
}

static int check_text(struct registry *r, const char *file, const struct sluice_plugin *d)
{
    if (d->name == NULL || !is_plugin_name(d->name))
        return registry_refuse(r, file, "name it with [a-z0-9-], at most 64 of them",
                               "holds a %s named '%.80s', which is no name for a plugin", kind_name(d->kind),
                               d->name == NULL ? "" : d->name);
    if (d->version == NULL || d->version[0] == '\0')
        return registry_refuse(r, file, "set .version, as \"1.2.0\"", "holds %s/%s without a version",
                               kind_name(d->kind), d->name);
    if (d->summary == NULL || d->summary[0] == '\0' || strchr(d->summary, '\n') != NULL)
        return registry_refuse(r, file, "set .summary to one line of text",
                               "holds %s/%s without a summary of one line", kind_name(d->kind), d->name);
    if (d->licence == NULL || d->licence[0] == '\0')
        return registry_refuse(r, file, "set .licence to an SPDX expression", "holds %s/%s without a licence",
                               kind_name(d->kind), d->name);
    return 0;
}

static int check_flags(struct registry *r, const char *file, const struct sluice_module *m,
                       struct sluice_plugin *d)
{
    const uint32_t known = SLUICE_PARALLEL | SLUICE_ANY_ORDER | SLUICE_FINITE | SLUICE_ATOMIC |
                           SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE | SLUICE_TWO_PHASE;

    /* A newer plugin that cannot live without a new flag says so in min_host_minor. */
    if (m->abi_minor > SLUICE_ABI_MINOR)
        d->flags &= known;
    if ((d->flags & ~known) != 0)
        return registry_refuse(r, file, "remove the flag", "holds %s/%s with the unknown flag 0x%x",
                               kind_name(d->kind), d->name, d->flags & ~known);
    if ((d->flags & ~kind_flags[d->kind]) != 0)
        return registry_refuse(r, file, "remove the flag",
                               "holds %s/%s with the flag 0x%x, which a %s cannot have", kind_name(d->kind),
                               d->name, d->flags & ~kind_flags[d->kind], kind_name(d->kind));
    return 0;
}

/* The descriptor alone, already in our copy. */
static int check_descriptor(struct registry *r, const char *file, const struct sluice_module *m,
                            struct sluice_plugin *d)
{
    if (d->kind < SLUICE_SOURCE || d->kind > SLUICE_SINK)
        return registry_refuse(r, file, "use a newer sluice, or build the plugin for this one",
                               "holds a plugin of kind %u, which this sluice does not know", d->kind);
    if (check_text(r, file, d) != 0)
        return -1;
    if (d->min_host_minor > SLUICE_ABI_MINOR)
        return registry_refuse(r, file, "use a newer sluice, or an older version of the plugin",
                               "holds %s/%s, which needs plugin interface %u.%u, and this sluice has %u.%u",
                               kind_name(d->kind), d->name, SLUICE_ABI_MAJOR, d->min_host_minor,
                               SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR);
    return check_flags(r, file, m, d);
}

static int copy_calls(struct registry *r, const char *file, struct plugin *p)
{
    const struct sluice_lifecycle *life = p->desc.lifecycle;
    const void *ops = p->desc.ops;
    const char *kind = kind_name(p->desc.kind), *name = p->desc.name;
    uint32_t size;

    if (life == NULL || life->struct_size < END_OF(struct sluice_lifecycle, destroy) ||
        life->struct_size > MOST_STRUCT)
        return registry_refuse(r, file, "set .lifecycle to a table that starts with .struct_size = sizeof …",
                               "holds %s/%s without a life cycle", kind, name);
    memcpy(&p->lifecycle, life, smaller(life->struct_size, sizeof p->lifecycle));
    p->lifecycle.struct_size = sizeof p->lifecycle;
    size = 0;
    if (ops != NULL)
        memcpy(&size, ops, sizeof size);
    if (size < sizeof size || size > MOST_STRUCT)
        return registry_refuse(r, file, "set .ops to a table that starts with .struct_size = sizeof …",
                               "holds %s/%s without the calls of a %s", kind, name, kind);
    memcpy(&p->ops, ops, smaller(size, ops_sizes[p->desc.kind]));
    size = (uint32_t)ops_sizes[p->desc.kind];
    memcpy(&p->ops, &size, sizeof size);
    return 0;
}

static int missing_call(struct registry *r, const char *file, const struct plugin *p, const char *call)
{
    return registry_refuse(r, file, "define it and put it into the table of calls",
                           "holds %s/%s without the required call %s", kind_name(p->desc.kind), p->desc.name,
                           call);
}

/* All missing calls are told, not only the first. */
static int check_calls(struct registry *r, const char *file, const struct plugin *p)
{
    any_call call;
    size_t i;
    int result = 0;

    if (p->lifecycle.create == NULL)
        result = missing_call(r, file, p, "create");
    if (p->lifecycle.destroy == NULL)
        result = missing_call(r, file, p, "destroy");
    for (i = 0; i < sizeof required_calls / sizeof required_calls[0]; i++) {
        if (required_calls[i].kind != p->desc.kind)
            continue;
        memcpy(&call, (const char *)&p->ops + required_calls[i].offset, sizeof call);
        if (call == NULL)
            result = missing_call(r, file, p, required_calls[i].name);
    }
    if (p->desc.kind == SLUICE_GATE) {
        if ((p->desc.flags & SLUICE_TWO_PHASE) != 0 && p->ops.gate.conclude == NULL)
            result = registry_refuse(
                r, file, "define conclude, or remove SLUICE_TWO_PHASE",
                "holds gate/%s with the flag SLUICE_TWO_PHASE but without the call conclude", p->desc.name);
        if ((p->desc.flags & SLUICE_TWO_PHASE) == 0 && p->ops.gate.conclude != NULL)
            result = registry_refuse(
                r, file, "set SLUICE_TWO_PHASE, or remove conclude",
                "holds gate/%s with the call conclude but without the flag SLUICE_TWO_PHASE", p->desc.name);
    }
    return result;
}

static int check_options(struct registry *r, const char *file, const struct plugin *p)
{
    struct option_table table = {NULL, p->options, p->desc.n_options};
    struct problems found;
    char owner[MOST_NAME + 16];
    size_t i;

    for (i = 0; i < p->desc.n_options; i++)
        if (p->options[i].name == NULL)
            return registry_refuse(r, file, "name it, or correct .n_options",
                                   "holds %s/%s with an option without a name", kind_name(p->desc.kind),
                                   p->desc.name);
    (void)snprintf(owner, sizeof owner, "%s/%s", kind_name(p->desc.kind), p->desc.name);
    table.owner = owner;
    problems_init(&found);
    option_table_check(&table, &found);
    for (i = 0; i < found.n; i++)
        if (!found.items[i].warning)
            (void)registry_refuse(
                r, file, found.items[i].hint != NULL ? found.items[i].hint : "correct the option table",
                "holds %s with a bad option table: %s", owner, found.items[i].message);
    i = problems_failed(&found) ? 1 : 0;
    if (found.lost)
        r->lost = 1;
    problems_release(&found);
    return i != 0 ? -1 : 0;
}

static int copy_options(struct registry *r, const char *file, struct plugin *p)
{
    size_t i, n = p->desc.n_options, stride = p->desc.option_size;
    const char *theirs = (const char *)p->desc.options;

    p->desc.options = NULL;
    if (n == 0)
        return 0;
    if (theirs == NULL || n > MOST_OPTIONS || stride > MOST_STRUCT || stride % sizeof(void *) != 0 ||
        stride < END_OF(struct sluice_option, summary))
        return registry_refuse(r, file, "fill the descriptor with SLUICE_OPTIONS(table)",
                               "holds %s/%s with an option table that cannot be: %zu options of %zu bytes",
                               kind_name(p->desc.kind), p->desc.name, n, stride);
    p->options = calloc(n, sizeof *p->options);
    if (p->options == NULL) {
        r->lost = 1;
        return registry_refuse(r, file, "free some memory", "does not fit into memory");
    }
    for (i = 0; i < n; i++)
        memcpy(&p->options[i], theirs + i * stride, smaller(stride, sizeof *p->options));
    p->desc.options = p->options;
    p->desc.option_size = sizeof *p->options;
    return check_options(r, file, p);
}

struct plugin *module_copy_plugin(struct registry *r, const char *file, const struct sluice_module *module,
                                  const struct sluice_plugin *theirs)
{
    struct plugin *p;

    if (theirs->struct_size < END_OF(struct sluice_plugin, ops) || theirs->struct_size > MOST_STRUCT) {
        (void)registry_refuse(r, file, "set .struct_size = sizeof(struct sluice_plugin)",
                              "holds a plugin descriptor of %u bytes, which no interface had",
                              theirs->struct_size);
        return NULL;
    }
    p = calloc(1, sizeof *p);
    if (p == NULL) {
        (void)registry_refuse(r, file, "free some memory", "does not fit into memory");
        return NULL;
    }
    memcpy(&p->desc, theirs, smaller(theirs->struct_size, sizeof p->desc));
    p->desc.struct_size = sizeof p->desc;
    p->file = file;
    p->module = module->name;
    p->abi_major = module->abi_major;
    p->abi_minor = module->abi_minor;
    if (check_descriptor(r, file, module, &p->desc) != 0 || copy_calls(r, file, p) != 0 ||
        check_calls(r, file, p) != 0 || copy_options(r, file, p) != 0) {
        module_free_plugin(p);
        return NULL;
    }
    return p;
}

void module_free_plugin(struct plugin *p)
{
    if (p == NULL)
        return;
    free(p->options);
    free(p);
}
