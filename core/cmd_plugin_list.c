/* cmd_plugin_list: what is installed, then what was refused and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd_plugin.h"
#include "command.h"
#include "guard.h"

static int by_kind_and_name(const void *a, const void *b)
{
    const struct plugin *p = *(const struct plugin *const *)a, *q = *(const struct plugin *const *)b;

    if (p->desc.kind != q->desc.kind)
        return p->desc.kind < q->desc.kind ? -1 : 1;
    return strcmp(p->desc.name, q->desc.name);
}

static void add_member(struct strbuf *out, const char *name, const char *value, const char *end)
{
    strbuf_json(out, name, strlen(name));
    strbuf_puts(out, ": ");
    strbuf_json(out, value, strlen(value));
    strbuf_puts(out, end);
}

static void list_json(const struct registry *r, struct strbuf *out)
{
    size_t i;

    strbuf_puts(out, "{\"plugins\": [");
    for (i = 0; i < r->n_plugins; i++) {
        const struct plugin *p = r->plugins[i];

        strbuf_puts(out, i == 0 ? "\n  {" : ",\n  {");
        add_member(out, "kind", kind_name(p->desc.kind), ", ");
        add_member(out, "name", p->desc.name, ", ");
        add_member(out, "version", p->desc.version, ", ");
        add_member(out, "summary", p->desc.summary, ", ");
        add_member(out, "file", p->file, "}");
    }
    strbuf_puts(out, "],\n \"refused\": [");
    for (i = 0; i < r->n_refusals; i++) {
        strbuf_puts(out, i == 0 ? "\n  {" : ",\n  {");
        add_member(out, "file", r->refusals[i].file, ", ");
        add_member(out, "reason", r->refusals[i].reason, ", ");
        add_member(out, "remedy", r->refusals[i].remedy, "}");
    }
    strbuf_puts(out, "]}\n");
}

static void list_text(const struct registry *r, struct strbuf *out)
{
    size_t i;

    for (i = 0; i < r->n_plugins; i++) {
        const struct plugin *p = r->plugins[i];
        char name[96];

        (void)snprintf(name, sizeof name, "%s/%s", kind_name(p->desc.kind), p->desc.name);
        strbuf_printf(out, "%-20s %-8s %s\n%-20s %-8s %s\n", name, p->desc.version, p->desc.summary, "", "",
                      p->file);
    }
    if (r->n_refusals > 0)
        strbuf_puts(out, "\nrefused:\n");
    for (i = 0; i < r->n_refusals; i++)
        strbuf_printf(out, "%s\n    %s\n    remedy: %s\n", r->refusals[i].file, r->refusals[i].reason,
                      r->refusals[i].remedy);
}

static int list_show(struct registry *r, void *context, struct strbuf *out)
{
    const int *json = context;

    if (r->n_plugins > 0)
        qsort(r->plugins, r->n_plugins, sizeof(struct plugin *), by_kind_and_name);
    if (*json)
        list_json(r, out);
    else
        list_text(r, out);
    return r->n_refusals == 0 ? EXIT_OK : EXIT_FINDINGS;
}

int cmd_plugin_list(int argc, char **argv)
{
    struct cli_list dirs = {{NULL}, 0};
    int json = 0, code;
    const struct cli_option options[] = {
        CLI_JSON(&json),
        {.name = "--plugin-dir",
         .metavar = "DIR",
         .list = &dirs,
         .help = "look here in place of the usual folders"},
    };
    const struct cli_command command = {
        .name = "plugin list",
        .summary = "what is installed, and what was refused and why",
        .options = options,
        .n = sizeof options / sizeof options[0],
        .more = "Exit code 3 if something was refused.",
    };
    struct guard_request request;

    code = cli_parse(&command, argc, argv, NULL);
    if (code != CLI_GO_ON)
        return code;
    request = (struct guard_request){NULL, dirs.items, dirs.n};
    return guard_run(&request, list_show, &json);
}
