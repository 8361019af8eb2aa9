/* conformance_option: the descriptor's texts and the option table, and that what
 * the table forbids is refused by name. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance_private.h"

#define MOST_LINE 120u

static const struct sluice_option *option_at(struct conf *c, uint32_t i)
{
    return &c->plugin->options[i];
}

static void check_line(struct conf *c, const char *what, const char *text)
{
    size_t n = strlen(text);

    CONF_REQUIRE(c, n > 0 && n <= MOST_LINE, "%s has %zu characters; 1 to %u are fit", what, n, MOST_LINE);
    CONF_REQUIRE(c, strpbrk(text, "\n\t") == NULL, "%s is no single line", what);
    CONF_REQUIRE(c, text[n - 1] != '.', "%s ends with a full stop; leave it out", what);
}

static void texts_are_fit(struct conf *c)
{
    const struct sluice_plugin *d = &c->plugin->desc;

    check_line(c, "the summary", d->summary);
    CONF_REQUIRE(c, isdigit((unsigned char)d->version[0]), "the version '%s' does not start with a digit",
                 d->version);
    CONF_REQUIRE(c,
                 strchr(d->licence, ' ') == NULL || strstr(d->licence, " OR ") != NULL ||
                     strstr(d->licence, " AND ") != NULL || strstr(d->licence, " WITH ") != NULL,
                 "the licence '%s' is no SPDX expression", d->licence);
}

static void add_text(struct strbuf *out, const char *text)
{
    strbuf_puts(out, text == NULL ? "(none)" : text);
    strbuf_putc(out, '\n');
}

static void describe(struct conf *c, struct strbuf *out)
{
    const struct sluice_plugin *d = &c->plugin->desc;
    uint32_t i;

    add_text(out, d->name);
    add_text(out, d->version);
    add_text(out, d->summary);
    add_text(out, d->example);
    for (i = 0; i < d->n_options; i++) {
        add_text(out, option_at(c, i)->name);
        add_text(out, option_at(c, i)->default_text);
        add_text(out, option_at(c, i)->summary);
        add_text(out, option_at(c, i)->details);
    }
}

static void texts_are_stable(struct conf *c)
{
    struct conf_case const *life = conf_life_cases;
    struct strbuf before, after;

    strbuf_init(&before, (size_t)1 << 20);
    strbuf_init(&after, (size_t)1 << 20);
    describe(c, &before);
    life[0].run(c); /* create and destroy */
    describe(c, &after);
    CONF_REQUIRE(c, strcmp(strbuf_text(&before), strbuf_text(&after)) == 0,
                 "a text of the descriptor changed while an instance lived");
}

static void options_are_sound(struct conf *c)
{
    struct option_table table = {c->plugin->desc.name, c->plugin->options, c->plugin->desc.n_options};
    struct problems p;

    problems_init(&p);
    option_table_check(&table, &p);
    CONF_REQUIRE(c, !problems_failed(&p), "%s", p.n > 0 ? p.items[0].message : "out of memory");
    problems_release(&p);
}

static void options_are_documented(struct conf *c)
{
    char what[128];
    uint32_t i;

    for (i = 0; i < c->plugin->desc.n_options; i++) {
        const struct sluice_option *o = option_at(c, i);

        (void)snprintf(what, sizeof what, "the summary of option %s", o->name);
        CONF_REQUIRE(c, o->summary != NULL, "option %s has no summary", o->name);
        check_line(c, what, o->summary);
    }
}

static void option_names_are_unique(struct conf *c)
{
    uint32_t i, j;

    for (i = 0; i < c->plugin->desc.n_options; i++)
        for (j = 0; j < i; j++)
            CONF_REQUIRE(c, strcmp(option_at(c, i)->name, option_at(c, j)->name) != 0,
                         "option %s stands twice", option_at(c, i)->name);
}

static void required_has_no_default(struct conf *c)
{
    uint32_t i;

    for (i = 0; i < c->plugin->desc.n_options; i++)
        CONF_REQUIRE(c,
                     (option_at(c, i)->flags & SLUICE_REQUIRED) == 0 || option_at(c, i)->default_text == NULL,
                     "option %s is required and has a default", option_at(c, i)->name);
}

static void secret_has_no_default(struct conf *c)
{
    uint32_t i;

    for (i = 0; i < c->plugin->desc.n_options; i++) {
        const struct sluice_option *o = option_at(c, i);

        CONF_REQUIRE(c, (o->flags & SLUICE_SECRET) == 0 || o->default_text == NULL,
                     "option %s is a secret and has a default", o->name);
        CONF_REQUIRE(c,
                     (o->flags & SLUICE_SECRET) != 0 ||
                         (strstr(o->name, "password") == NULL && strstr(o->name, "secret") == NULL),
                     "option %s is named like a secret and is not marked as one", o->name);
    }
}

static void deprecated_names_its_heir(struct conf *c)
{
    uint32_t i, j;

    for (i = 0; i < c->plugin->desc.n_options; i++) {
        const struct sluice_option *o = option_at(c, i);

        if ((o->flags & SLUICE_DEPRECATED) == 0)
            continue;
        CONF_REQUIRE(c, o->replaced_by != NULL,
                     "option %s is deprecated and does not say by what it is replaced", o->name);
        for (j = 0; j < c->plugin->desc.n_options; j++)
            if (strcmp(option_at(c, j)->name, o->replaced_by) == 0)
                break;
        CONF_REQUIRE(c, j < c->plugin->desc.n_options, "option %s is replaced by %s, which does not exist",
                     o->name, o->replaced_by);
    }
}

static void example_is_accepted(struct conf *c)
{
    if (c->plugin->desc.example == NULL && c->request->config == NULL)
        conf_skip(c, "it has no example");
    option_free(conf_config(c));
}

/* The overrides must be refused, and the refusal must name the option. */
static void must_refuse(struct conf *c, const char *overrides, const char *without, const char *name)
{
    struct problems p;
    size_t i;

    problems_init(&p);
    if (conf_config_try(c, overrides, without, &p) != NULL)
        conf_fail(c, "'%s' is accepted", overrides != NULL ? overrides : name);
    for (i = 0; i < p.n; i++)
        if (strstr(p.items[i].message, name) != NULL)
            break;
    CONF_REQUIRE(c, i<p.n, "the refusal does not name %s: %s", name, p.n> 0 ? p.items[0].message : "");
    problems_release(&p);
}

static void unknown_is_refused(struct conf *c)
{
    option_free(conf_config(c));
    must_refuse(c, "no_such_option: 1\n", NULL, "no_such_option");
}

static void missing_is_refused(struct conf *c)
{
    uint32_t i, n = 0;

    option_free(conf_config(c));
    for (i = 0; i < c->plugin->desc.n_options; i++)
        if ((option_at(c, i)->flags & SLUICE_REQUIRED) != 0) {
            must_refuse(c, NULL, option_at(c, i)->name, option_at(c, i)->name);
            n++;
        }
    if (n == 0)
        conf_skip(c, "no option is required");
}

static void wrong_type_is_refused(struct conf *c)
{
    char text[160];
    uint32_t i, n = 0;

    option_free(conf_config(c));
    for (i = 0; i < c->plugin->desc.n_options; i++) {
        const struct sluice_option *o = option_at(c, i);

        if (o->type == SLUICE_STRING || o->type == SLUICE_PATH || o->type == SLUICE_LIST ||
            o->type == SLUICE_FIELD)
            (void)snprintf(text, sizeof text, "%s: { a: { b: c } }\n", o->name);
        else
            (void)snprintf(text, sizeof text, "%s: soon-or-later!\n", o->name);
        must_refuse(c, text, NULL, o->name);
        n++;
    }
    if (n == 0)
        conf_skip(c, "it has no options");
}

static void out_of_range_is_refused(struct conf *c)
{
    static const char *const suffixes[] = {"ms", "s", "m", "h", "d", "KiB", "MiB", "GiB", ""};
    char text[256];
    uint32_t i, n = 0;

    option_free(conf_config(c));
    for (i = 0; i < c->plugin->desc.n_options; i++) {
        const struct sluice_option *o = option_at(c, i);
        size_t s;
        char *end;

        if (o->max == NULL)
            continue;
        for (s = 0; s < sizeof suffixes / sizeof suffixes[0] - 1; s++)
            if (strlen(o->max) > strlen(suffixes[s]) &&
                strcmp(o->max + strlen(o->max) - strlen(suffixes[s]), suffixes[s]) == 0)
                break;
        (void)snprintf(text, sizeof text, "%s: %lld%s\n", o->name, strtoll(o->max, &end, 10) + 1,
                       suffixes[s]);
        must_refuse(c, text, NULL, o->name);
        n++;
    }
    if (n == 0)
        conf_skip(c, "no option has a maximum");
}

static void bad_choice_is_refused(struct conf *c)
{
    char text[128];
    uint32_t i, n = 0;

    option_free(conf_config(c));
    for (i = 0; i < c->plugin->desc.n_options; i++)
        if (option_at(c, i)->type == SLUICE_CHOICE) {
            (void)snprintf(text, sizeof text, "%s: none-of-these\n", option_at(c, i)->name);
            must_refuse(c, text, NULL, option_at(c, i)->name);
            n++;
        }
    if (n == 0)
        conf_skip(c, "no option is a choice");
}

const struct conf_case conf_option_cases[] = {
    {"texts-are-fit", "has a version, a summary of one line and a licence", CONF_ALL, 0, texts_are_fit},
    {"texts-are-stable", "keeps its descriptor as it is", CONF_ALL, 0, texts_are_stable},
    {"options-are-sound", "has an option table without a contradiction, defaults parse", CONF_ALL, 0,
     options_are_sound},
    {"options-are-documented", "says in one line what each option is", CONF_ALL, 0, options_are_documented},
    {"option-names-are-unique", "has each option once", CONF_ALL, 0, option_names_are_unique},
    {"required-without-default", "gives no default to a required option", CONF_ALL, 0,
     required_has_no_default},
    {"secret-without-default", "gives no default to a secret, and marks secrets", CONF_ALL, 0,
     secret_has_no_default},
    {"deprecated-names-heir", "says what replaces a deprecated option", CONF_ALL, 0,
     deprecated_names_its_heir},
    {"example-is-accepted", "has an example that can be pasted", CONF_ALL, 0, example_is_accepted},
    {"unknown-option-refused", "an option it does not have is refused by name", CONF_ALL, 0,
     unknown_is_refused},
    {"missing-option-refused", "a required option that is missing is refused by name", CONF_ALL, 0,
     missing_is_refused},
    {"wrong-type-refused", "a value of another type is refused by name", CONF_ALL, 0, wrong_type_is_refused},
    {"out-of-range-refused", "a value beyond its maximum is refused by name", CONF_ALL, 0,
     out_of_range_is_refused},
    {"bad-choice-refused", "a value that is no choice is refused by name", CONF_ALL, 0,
     bad_choice_is_refused},
    {NULL, NULL, 0, 0, NULL},
};
