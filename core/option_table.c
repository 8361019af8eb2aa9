/* option_table: is a table itself sound?  And what its defaults mean.
 *
 * Invariant: a table that passes has defaults, bounds and examples that its own
 * types accept, so a default can never be what is wrong with a config. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "option_internal.h"
#include "strbuf.h"

static const struct origin nowhere = {NULL, 0, 0};

/* Reads a list or a map of a table's text: as in a config file. */
static int read_collection(const struct option_table *table, const struct sluice_option *o, const char *text,
                           struct option_value *v, struct problems *p)
{
    const struct config_value *node;
    struct config *c = NULL;
    struct strbuf b;
    int good = 0;

    strbuf_init(&b, 65536);
    strbuf_printf(&b, "value: %s\n", text);
    if (b.failed)
        problem_add(p, nowhere, NULL, "out of memory");
    else
        c = config_parse("option table", strbuf_text(&b), b.len, p);
    node = c != NULL ? config_get(c->root, "value") : NULL;
    if (node != NULL)
        good = option_read_node(table, o, node, v, p);
    config_free(c);
    strbuf_release(&b);
    return good;
}

/* A text of the table as a value of its option. */
static int read_table_text(const struct option_table *table, const struct sluice_option *o, const char *what,
                           const char *text, struct origin at, struct option_value *v, struct problems *p)
{
    struct option_fault fault;
    int good;

    memset(v, 0, sizeof *v);
    v->option = o;
    v->origin = at;
    v->secret = (o->flags & SLUICE_SECRET) != 0;
    if (o->type == SLUICE_LIST || o->type == SLUICE_MAP) {
        good = read_collection(table, o, text, v, p);
        v->origin = at;
        return good;
    }
    good = option_read_scalar(o, text, at.file, v->secret, v, &fault);
    if (good < 0)
        problem_add(p, nowhere, NULL, "out of memory");
    if (good == 0)
        problem_add(p, at, NULL, "the %s of option '%s' of %s is wrong: %s", what, o->name, table->owner,
                    fault.message);
    return good > 0;
}

int option_read_default(const struct option_table *table, const struct sluice_option *o, struct origin at,
                        struct option_value *v, struct problems *p)
{
    return read_table_text(table, o, "default", o->default_text, at, v, p);
}

static void check_text(const struct option_table *table, const struct sluice_option *o, const char *what,
                       const char *text, struct problems *p)
{
    struct option_value v; /* a bound that does not parse bounds nothing: it is told by itself */

    if (text == NULL)
        return;
    memset(&v, 0, sizeof v);
    (void)read_table_text(table, o, what, text, nowhere, &v, p);
    option_value_release(&v);
}

static int name_good(const char *name)
{
    size_t i;

    if (name == NULL || !islower((unsigned char)name[0]) || strlen(name) > 63)
        return 0;
    for (i = 0; name[i] != '\0'; i++)
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) && name[i] != '_')
            return 0;
    return 1;
}

static void fault(const struct option_table *table, const struct sluice_option *o, const char *what,
                  struct problems *p)
{
    problem_add(p, nowhere, NULL, "option '%s' of %s %s", o->name, table->owner, what);
}

static int choices_good(const char *choices)
{
    size_t len = strlen(choices);

    return len > 0 && choices[0] != '|' && choices[len - 1] != '|' && strstr(choices, "||") == NULL;
}

static void check_bounds(const struct option_table *table, const struct sluice_option *o, struct problems *p)
{
    int numeric = o->type == SLUICE_INTEGER || o->type == SLUICE_NUMBER || o->type == SLUICE_SIZE ||
                  o->type == SLUICE_DURATION;

    if (!numeric && (o->min != NULL || o->max != NULL)) {
        fault(table, o, "has bounds, which its type does not know", p);
        return;
    }
    /* Each bound must itself parse and respect the other. */
    check_text(table, o, "lower bound", o->min, p);
    check_text(table, o, "upper bound", o->max, p);
}

static void check_option(const struct option_table *table, const struct sluice_option *o, struct problems *p)
{
    if (o->summary == NULL || o->summary[0] == '\0' || strchr(o->summary, '\n') != NULL)
        fault(table, o, "has no summary of one line", p);
    if (o->type < SLUICE_STRING || o->type > SLUICE_FIELD) {
        fault(table, o, "has a type that this host does not know", p);
        return;
    }
    if ((o->flags & SLUICE_REQUIRED) != 0 && o->default_text != NULL)
        fault(table, o, "is required and has a default", p);
    if ((o->flags & SLUICE_SECRET) != 0 && o->default_text != NULL)
        fault(table, o, "is secret and has a default", p);
    if ((o->flags & SLUICE_CREATES) != 0 && o->type != SLUICE_PATH)
        fault(table, o, "has CREATES and is no path", p);
    if (o->type == SLUICE_CHOICE && (o->choices == NULL || !choices_good(o->choices))) {
        fault(table, o, "is a choice without choices like a|b", p);
        return;
    }
    if (o->type != SLUICE_CHOICE && o->choices != NULL)
        fault(table, o, "has choices and is no choice", p);
    check_bounds(table, o, p);
    check_text(table, o, "default", o->default_text, p);
    check_text(table, o, "example", o->example, p);
}

void option_table_check(const struct option_table *table, struct problems *p)
{
    const struct sluice_option *o;
    size_t i, j;
    int found;

    for (i = 0; i < table->n; i++) {
        o = &table->options[i];
        if (!name_good(o->name)) {
            problem_add(p, nowhere, "a name is [a-z][a-z0-9_]*, at most 63 characters",
                        "option %zu of %s is named '%s'", i + 1, table->owner,
                        o->name == NULL ? "" : o->name);
            continue;
        }
        found = o->replaced_by == NULL;
        for (j = 0; j < table->n; j++) {
            if (table->options[j].name == NULL)
                continue;
            if (j < i && strcmp(table->options[j].name, o->name) == 0)
                fault(table, o, "is there twice", p);
            if (o->replaced_by != NULL && strcmp(table->options[j].name, o->replaced_by) == 0)
                found = 1;
        }
        if (!found)
            fault(table, o, "is replaced by an option that does not exist", p);
        check_option(table, o, p);
    }
}
