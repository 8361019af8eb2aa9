/* plugin_text: see plugin_text.h. */
#include "plugin_text.h"

#include <string.h>

#include "option.h"

struct flag_text {
    uint32_t flag;
    const char *text;
};

static const struct flag_text plugin_flags[] = {
    {SLUICE_ANY_ORDER, "settles records one by one"},
    {SLUICE_FINITE, "has an end"},
    {SLUICE_ATOMIC, "a write applies all of a batch or nothing"},
    {SLUICE_IDEMPOTENT, "writing a record again changes nothing"},
    {SLUICE_COMMUTATIVE, "the order of records does not matter"},
    {SLUICE_TWO_PHASE, "holds what it admits until the end (two-phase)"},
};

static const struct flag_text option_flags[] = {
    {SLUICE_REQUIRED, "required"},     {SLUICE_SECRET, "secret"},      {SLUICE_DEPRECATED, "deprecated"},
    {SLUICE_RELOADABLE, "reloadable"}, {SLUICE_CREATES, "is written"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void add_flags(uint32_t flags, const struct flag_text *texts, size_t n, struct strbuf *out)
{
    size_t i;
    const char *between = "";

    for (i = 0; i < n; i++)
        if ((flags & texts[i].flag) != 0) {
            strbuf_printf(out, "%s%s", between, texts[i].text);
            between = ", ";
        }
}

const char *plugin_threads(const struct plugin *p)
{
    return (p->desc.flags & SLUICE_PARALLEL) != 0 ? "several calls at once" : "one call at a time";
}

void plugin_promises(const struct plugin *p, struct strbuf *out)
{
    add_flags(p->desc.flags, plugin_flags, COUNT(plugin_flags), out);
}

void plugin_option_bounds(const struct sluice_option *o, struct strbuf *out)
{
    if (o->choices != NULL)
        strbuf_puts(out, o->choices);
    else if (o->min != NULL && o->max != NULL)
        strbuf_printf(out, "%s to %s", o->min, o->max);
    else if (o->min != NULL)
        strbuf_printf(out, "at least %s", o->min);
    else if (o->max != NULL)
        strbuf_printf(out, "at most %s", o->max);
}

static void add_indented(const char *text, const char *indent, struct strbuf *out)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        strbuf_puts(out, indent);
        strbuf_add(out, text, n);
        strbuf_putc(out, '\n');
        text += n + (text[n] == '\n');
    }
}

void plugin_example(const struct plugin *p, const char *indent, struct strbuf *out)
{
    size_t i;

    if (p->desc.example != NULL) {
        add_indented(p->desc.example, indent, out);
        return;
    }
    strbuf_printf(out, "%splugin: %s\n", indent, p->desc.name);
    for (i = 0; i < p->desc.n_options; i++) {
        const struct sluice_option *o = &p->options[i];

        if ((o->flags & SLUICE_REQUIRED) != 0)
            strbuf_printf(out, "%s%s: %s\n", indent, o->name, o->example != NULL ? o->example : "…");
    }
}

static void text_option(const struct sluice_option *o, struct strbuf *out)
{
    struct strbuf bounds;

    strbuf_init(&bounds, 4096);
    plugin_option_bounds(o, &bounds);
    strbuf_printf(out, "  %s: %s", o->name, option_type_name(o->type));
    if (bounds.len > 0)
        strbuf_printf(out, ", %s", strbuf_text(&bounds));
    if (o->default_text != NULL)
        strbuf_printf(out, ", default %s", o->default_text[0] == '\0' ? "\"\"" : o->default_text);
    if (o->flags != 0)
        strbuf_puts(out, ", ");
    add_flags(o->flags, option_flags, COUNT(option_flags), out);
    strbuf_putc(out, '\n');
    add_indented(o->summary, "      ", out);
    if (o->details != NULL)
        add_indented(o->details, "      ", out);
    if (o->replaced_by != NULL)
        strbuf_printf(out, "      replaced by %s\n", o->replaced_by);
    if (o->example != NULL)
        strbuf_printf(out, "      example: %s\n", o->example);
    strbuf_release(&bounds);
}

void plugin_text(const struct plugin *p, struct strbuf *out)
{
    struct strbuf promises;
    size_t i;

    strbuf_init(&promises, 4096);
    plugin_promises(p, &promises);
    strbuf_printf(out, "%s/%s %s\n%s\n\n", kind_name(p->desc.kind), p->desc.name, p->desc.version,
                  p->desc.summary);
    strbuf_printf(out, "file       %s\n", p->file);
    strbuf_printf(out, "module     %s, for plugin interface %u.%u (this sluice: %u.%u)\n", p->module,
                  p->abi_major, p->abi_minor, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR);
    strbuf_printf(out, "licence    %s\n", p->desc.licence);
    strbuf_printf(out, "threads    %s\n", plugin_threads(p));
    strbuf_printf(out, "promises   %s\n", promises.len == 0 ? "none" : strbuf_text(&promises));
    strbuf_puts(out, p->desc.n_options == 0 ? "\nno options\n" : "\noptions:\n");
    for (i = 0; i < p->desc.n_options; i++)
        text_option(&p->options[i], out);
    strbuf_puts(out, "\nexample:\n");
    plugin_example(p, "  ", out);
    strbuf_release(&promises);
}

static void json_member(const char *name, const char *value, struct strbuf *out)
{
    strbuf_puts(out, ", ");
    strbuf_json(out, name, strlen(name));
    strbuf_puts(out, ": ");
    if (value == NULL)
        strbuf_puts(out, "null");
    else
        strbuf_json(out, value, strlen(value));
}

static void json_flags(uint32_t flags, const struct flag_text *texts, size_t n, struct strbuf *out)
{
    const char *between = "";
    size_t i;

    strbuf_puts(out, "[");
    for (i = 0; i < n; i++)
        if ((flags & texts[i].flag) != 0) {
            strbuf_puts(out, between);
            strbuf_json(out, texts[i].text, strlen(texts[i].text));
            between = ", ";
        }
    strbuf_puts(out, "]");
}

static void json_option(const struct sluice_option *o, struct strbuf *out)
{
    strbuf_puts(out, "    {\"name\": ");
    strbuf_json(out, o->name, strlen(o->name));
    json_member("type", option_type_name(o->type), out);
    json_member("default", o->default_text, out);
    json_member("min", o->min, out);
    json_member("max", o->max, out);
    json_member("choices", o->choices, out);
    json_member("summary", o->summary, out);
    json_member("details", o->details, out);
    json_member("example", o->example, out);
    json_member("since", o->since, out);
    json_member("replaced_by", o->replaced_by, out);
    strbuf_puts(out, ", \"flags\": ");
    json_flags(o->flags, option_flags, COUNT(option_flags), out);
    strbuf_puts(out, "}");
}

void plugin_json(const struct plugin *p, struct strbuf *out)
{
    struct strbuf example;
    size_t i;

    strbuf_init(&example, 65536);
    plugin_example(p, "", &example);
    strbuf_puts(out, "{\"kind\": ");
    strbuf_json(out, kind_name(p->desc.kind), strlen(kind_name(p->desc.kind)));
    json_member("name", p->desc.name, out);
    json_member("version", p->desc.version, out);
    json_member("summary", p->desc.summary, out);
    json_member("licence", p->desc.licence, out);
    json_member("file", p->file, out);
    json_member("module", p->module, out);
    strbuf_printf(out, ",\n  \"abi\": \"%u.%u\"", p->abi_major, p->abi_minor);
    json_member("threads", plugin_threads(p), out);
    strbuf_puts(out, ", \"promises\": ");
    json_flags(p->desc.flags, plugin_flags, COUNT(plugin_flags), out);
    strbuf_puts(out, ",\n  \"options\": [");
    for (i = 0; i < p->desc.n_options; i++) {
        strbuf_puts(out, i == 0 ? "\n" : ",\n");
        json_option(&p->options[i], out);
    }
    strbuf_puts(out, "]");
    json_member("example", strbuf_text(&example), out);
    strbuf_puts(out, "}\n");
    strbuf_release(&example);
}

/* A cell of a table: no bar, no line end. */
static void add_cell(const char *text, struct strbuf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            strbuf_puts(out, "\\|");
        else
            strbuf_putc(out, *text == '\n' ? ' ' : *text);
    }
}

static void markdown_option(const struct sluice_option *o, struct strbuf *out)
{
    struct strbuf bounds;

    strbuf_init(&bounds, 4096);
    plugin_option_bounds(o, &bounds);
    strbuf_printf(out, "| `%s` | ", o->name);
    add_cell(option_type_name(o->type), out);
    strbuf_puts(out, " | ");
    if (o->default_text != NULL) {
        strbuf_puts(out, "`");
        add_cell(o->default_text, out);
        strbuf_puts(out, "`");
    }
    strbuf_puts(out, " | ");
    add_cell(strbuf_text(&bounds), out);
    strbuf_puts(out, " | ");
    add_cell(o->summary, out);
    if (o->flags != 0) {
        strbuf_puts(out, " (");
        add_flags(o->flags, option_flags, COUNT(option_flags), out);
        strbuf_puts(out, ")");
    }
    if (o->details != NULL) {
        strbuf_puts(out, ". ");
        add_cell(o->details, out);
    }
    if (o->replaced_by != NULL)
        strbuf_printf(out, ". Replaced by `%s`", o->replaced_by);
    strbuf_puts(out, " |\n");
    strbuf_release(&bounds);
}

void plugin_options_markdown(const struct sluice_option *options, size_t n, struct strbuf *out)
{
    size_t i;

    strbuf_puts(out, n == 0 ? "None.\n"
                            : "| option | type | default | bounds | meaning |\n|---|---|---|---|---|\n");
    for (i = 0; i < n; i++)
        markdown_option(&options[i], out);
}

void plugin_markdown(const struct plugin *p, struct strbuf *out)
{
    struct strbuf promises;

    strbuf_init(&promises, 4096);
    plugin_promises(p, &promises);
    strbuf_printf(out, "# %s/%s\n\n", kind_name(p->desc.kind), p->desc.name);
    add_cell(p->desc.summary, out);
    strbuf_printf(out, "\n\n- version %s, licence %s\n- threads: %s\n- promises: %s\n\n## Options\n\n",
                  p->desc.version, p->desc.licence, plugin_threads(p),
                  promises.len == 0 ? "none" : strbuf_text(&promises));
    plugin_options_markdown(p->options, p->desc.n_options, out);
    strbuf_puts(out, "\n## Example\n\n```yaml\n");
    plugin_example(p, "", out);
    strbuf_puts(out, "```\n");
    strbuf_release(&promises);
}
