/* module_missing: why a plugin that a config names is not there. */
#include <stdlib.h>
#include <string.h>

#include "module_load.h"
#include "strbuf.h"

static void add_dirs(const struct registry *r, struct strbuf *out)
{
    size_t i;

    if (r->n_dirs == 0)
        strbuf_puts(out, "no plugin directory could be searched");
    for (i = 0; i < r->n_dirs; i++)
        strbuf_printf(out, "%s%s", i == 0 ? "searched " : ", ", r->dirs[i]);
}

/* A refused file whose name holds the plugin's name is probably the one meant. */
static const struct refusal *likely_refusal(const struct registry *r, const char *name)
{
    size_t i;

    for (i = 0; i < r->n_refusals; i++) {
        const char *base = strrchr(r->refusals[i].file, '/');

        if (strstr(base == NULL ? r->refusals[i].file : base, name) != NULL ||
            strstr(r->refusals[i].reason, name) != NULL)
            return &r->refusals[i];
    }
    return NULL;
}

/* The nearest name of the kind, or the same name under another kind. */
static void add_suggestion(const struct registry *r, uint32_t kind, const char *name, struct strbuf *out)
{
    const char **names = calloc(r->n_plugins + 1, sizeof *names), *near;
    size_t i, n = 0;
    uint32_t other = 0;

    for (i = 0; i < r->n_plugins; i++) {
        if (strcmp(r->plugins[i]->desc.name, name) == 0)
            other = r->plugins[i]->desc.kind;
        if (names != NULL && r->plugins[i]->desc.kind == kind)
            names[n++] = r->plugins[i]->desc.name;
    }
    near = n == 0 ? NULL : nearest_name(name, names, n);
    if (near != NULL)
        strbuf_printf(out, "did you mean '%s'? ", near);
    else if (other != 0)
        strbuf_printf(out, "there is a %s/%s, but that is another kind; ", kind_name(other), name);
    free(names);
}

void registry_missing(const struct registry *r, uint32_t kind, const char *name, struct origin at,
                      struct problems *p)
{
    const struct refusal *refused = likely_refusal(r, name);
    struct strbuf hint;

    strbuf_init(&hint, 16384);
    add_suggestion(r, kind, name, &hint);
    if (refused != NULL)
        strbuf_printf(&hint, "%s was refused: it %s (remedy: %s); ", refused->file, refused->reason,
                      refused->remedy);
    add_dirs(r, &hint);
    strbuf_puts(&hint, "; `sluice plugin list` shows what there is");
    problem_add(p, at, strbuf_text(&hint), "there is no plugin %s/%s", kind_name(kind), name);
    strbuf_release(&hint);
}
