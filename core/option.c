/* option: a block against its table.
 *
 * Invariant: a block that passes holds, for every option of the table, a value
 * of the option's type within its bounds, its default, or nothing; so that the
 * getters cannot fail.  All that is wrong is told, not only the first. */
#include "option.h"

#include <stdlib.h>
#include <string.h>

#include "option_internal.h"
#include "strbuf.h"

static const struct origin nowhere = {NULL, 0, 0};

static void no_memory(struct problems *p)
{
    problem_add(p, nowhere, NULL, "out of memory");
}

/* A list of one option's node: a list, or a single scalar.  NULL: no list. */
static const struct config_value *const *list_of(const struct config_value *const *node, size_t *n)
{
    if ((*node)->type == CONFIG_SCALAR) {
        *n = 1;
        return node;
    }
    *n = (*node)->n;
    return (*node)->type == CONFIG_LIST ? (const struct config_value *const *)(*node)->items : NULL;
}

/* Copies the scalars of a list.  1; 0: told. */
static int read_texts(const struct sluice_option *o, const struct config_value *node, int *secret,
                      char ***out, size_t *n, struct problems *p)
{
    const struct config_value *const *items = list_of(&node, n);
    size_t i, count = *n;

    *n = 0;
    if (items == NULL) {
        problem_add(p, node->origin, NULL, "'%s' needs text or a list of texts, not %s", o->name,
                    config_type_name(node));
        return 0;
    }
    *out = calloc(count + 1, sizeof **out);
    if (*out == NULL) {
        no_memory(p);
        return 0;
    }
    for (i = 0; i < count; i++) {
        if (items[i]->type != CONFIG_SCALAR) {
            problem_add(p, items[i]->origin, NULL, "an item of '%s' must be text, not %s", o->name,
                        config_type_name(items[i]));
            return 0;
        }
        *secret |= items[i]->secret;
        (*out)[i] = strdup(items[i]->text);
        if ((*out)[i] == NULL) {
            no_memory(p);
            return 0;
        }
        *n = i + 1;
    }
    return 1;
}

static int read_map(const struct sluice_option *o, const struct config_value *node, struct option_value *v,
                    struct problems *p)
{
    size_t i;

    if (node->type != CONFIG_MAP) {
        problem_add(p, node->origin, o->example, "'%s' needs a map, not %s", o->name, config_type_name(node));
        return 0;
    }
    v->entries = calloc(node->n + 1, sizeof *v->entries);
    if (v->entries == NULL) {
        no_memory(p);
        return 0;
    }
    for (i = 0; i < node->n; i++) {
        v->n = i + 1;
        v->entries[i].key = strdup(node->keys[i]);
        if (v->entries[i].key == NULL) {
            no_memory(p);
            return 0;
        }
        if (!read_texts(o, node->items[i], &v->secret, &v->entries[i].values, &v->entries[i].n, p))
            return 0;
    }
    return 1;
}

static int read_scalar(const struct option_table *table, const struct sluice_option *o,
                       const struct config_value *node, struct option_value *v, struct problems *p)
{
    struct option_fault fault;
    int got;

    if (node->type != CONFIG_SCALAR) {
        problem_add(p, node->origin, o->example, "'%s' of %s needs a %s, not %s", o->name, table->owner,
                    option_type_name(o->type), config_type_name(node));
        return 0;
    }
    v->secret |= node->secret;
    got = option_read_scalar(o, node->text, node->origin.file, v->secret, v, &fault);
    if (got < 0)
        no_memory(p);
    if (got == 0)
        problem_add(p, node->origin, fault.hint[0] != '\0' ? fault.hint : NULL, "'%s' of %s: %s", o->name,
                    table->owner, fault.message);
    return got > 0;
}

int option_read_node(const struct option_table *table, const struct sluice_option *o,
                     const struct config_value *node, struct option_value *v, struct problems *p)
{
    v->origin = node->origin;
    v->secret = (o->flags & SLUICE_SECRET) != 0;
    if (node->type == CONFIG_NULL) {
        problem_add(p, node->origin, "give it one, or leave the line out", "'%s' of %s has no value", o->name,
                    table->owner);
        return 0;
    }
    if (o->type == SLUICE_LIST)
        return read_texts(o, node, &v->secret, &v->items, &v->n, p);
    if (o->type == SLUICE_MAP)
        return read_map(o, node, v, p);
    return read_scalar(table, o, node, v, p);
}

static int named(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return 1;
    return 0;
}

static const struct sluice_option *find_option(const struct option_table *table, const char *name,
                                               size_t *index)
{
    size_t i;

    for (i = 0; i < table->n; i++) {
        if (strcmp(table->options[i].name, name) != 0)
            continue;
        *index = i;
        return &table->options[i];
    }
    return NULL;
}

static int is_among(const char *const *names, size_t n, const char *name)
{
    while (n > 0)
        if (strcmp(names[--n], name) == 0)
            return 1;
    return 0;
}

static void unknown_member(const struct option_table *table, const char *name, struct origin at,
                           const char *const *skip, struct problems *p)
{
    const char *names[256], *nearest;
    struct strbuf hint;
    size_t n = 0, i;

    for (i = 0; i < table->n && n < 256; i++)
        if ((table->options[i].flags & SLUICE_DEPRECATED) == 0)
            names[n++] = table->options[i].name;
    for (i = 0; skip != NULL && skip[i] != NULL && n < 256; i++)
        if (!is_among(names, n, skip[i]))
            names[n++] = skip[i];
    nearest = nearest_name(name, names, n);
    strbuf_init(&hint, 2048);
    if (nearest != NULL)
        strbuf_printf(&hint, "did you mean '%s'?", nearest);
    else
        strbuf_puts(&hint, n == 0 ? "it has no options" : "it knows: ");
    for (i = 0; nearest == NULL && i < n; i++)
        strbuf_printf(&hint, "%s%s", i > 0 ? ", " : "", names[i]);
    problem_add(p, at, strbuf_text(&hint), "%s has no option '%s'", table->owner, name);
    strbuf_release(&hint);
}

static void warn_deprecated(const struct option_table *table, const struct sluice_option *o, struct origin at,
                            struct problems *p)
{
    char hint[128];

    if ((o->flags & SLUICE_DEPRECATED) == 0)
        return;
    (void)snprintf(hint, sizeof hint, "use '%s'", o->replaced_by != NULL ? o->replaced_by : "");
    problem_warn(p, at, o->replaced_by != NULL ? hint : NULL, "'%s' of %s is deprecated", o->name,
                 table->owner);
}

/* Members of the block into values. */
static void read_members(const struct option_table *table, const struct config_value *block,
                         const char *const *skip, struct sluice_config *c, struct problems *p)
{
    const struct sluice_option *o;
    size_t i, at = 0;

    for (i = 0; i < block->n; i++) {
        if (named(skip, block->keys[i]))
            continue;
        o = find_option(table, block->keys[i], &at);
        if (o == NULL) {
            unknown_member(table, block->keys[i], block->key_origins[i], skip, p);
            continue;
        }
        warn_deprecated(table, o, block->key_origins[i], p);
        c->values[at].given = 1;
        (void)option_read_node(table, o, block->items[i], &c->values[at], p);
    }
}

static void missing_option(const struct option_table *table, const struct sluice_option *o, struct origin at,
                           struct problems *p)
{
    struct strbuf hint;

    strbuf_init(&hint, 1024);
    strbuf_printf(&hint, "%s: %s", o->name, o->summary);
    if (o->example != NULL && (o->flags & SLUICE_SECRET) == 0)
        strbuf_printf(&hint, "; for example %s: %s", o->name, o->example);
    problem_add(p, at, strbuf_text(&hint), "%s needs '%s'", table->owner, o->name);
    strbuf_release(&hint);
}

/* What the block does not say. */
static void fill_defaults(const struct option_table *table, struct sluice_config *c, struct problems *p)
{
    const struct sluice_option *o;
    size_t i;

    for (i = 0; i < table->n; i++) {
        o = &table->options[i];
        c->values[i].option = o;
        if (c->values[i].given)
            continue;
        c->values[i].origin = c->origin;
        if ((o->flags & SLUICE_REQUIRED) != 0)
            missing_option(table, o, c->origin, p);
        else if (o->default_text != NULL)
            (void)option_read_default(table, o, c->origin, &c->values[i], p);
    }
}

struct sluice_config *option_parse(const struct option_table *table, const struct config_value *block,
                                   const char *const *skip, struct problems *p)
{
    size_t errors = p->errors;
    struct sluice_config *c;

    if (block->type != CONFIG_MAP) {
        problem_add(p, block->origin, NULL, "%s needs a map of options, not %s", table->owner,
                    config_type_name(block));
        return NULL;
    }
    c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->origin = block->origin;
        c->owner = strdup(table->owner);
        c->values = calloc(table->n + 1, sizeof *c->values);
        c->n = c->values == NULL ? 0 : table->n;
    }
    if (c == NULL || c->owner == NULL || c->values == NULL) {
        no_memory(p);
        option_free(c);
        return NULL;
    }
    read_members(table, block, skip, c, p);
    fill_defaults(table, c, p);
    if (p->errors > errors || p->lost) {
        option_free(c);
        return NULL;
    }
    return c;
}
