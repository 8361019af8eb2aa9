/* cmd_plugin_inspect: what one plugin, or each plugin of one file, is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd_plugin.h"
#include "command.h"
#include "guard.h"
#include "plugin_text.h"

struct inspection {
    uint32_t kind;
    const char *name; /* NULL: all of the file */
    void (*write)(const struct plugin *p, struct strbuf *out);
};

static int is_built_in(const struct plugin *p)
{
    return strcmp(p->file, "built in") == 0;
}

static int show_file(const struct registry *r, const struct inspection *in, struct strbuf *out)
{
    size_t i, n = 0;

    for (i = 0; i < r->n_refusals; i++)
        fprintf(stderr, "sluice: %s %s (remedy: %s)\n", r->refusals[i].file, r->refusals[i].reason,
                r->refusals[i].remedy);
    for (i = 0; i < r->n_plugins; i++) {
        if (is_built_in(r->plugins[i]))
            continue;
        if (n++ > 0)
            strbuf_putc(out, '\n');
        in->write(r->plugins[i], out);
    }
    return r->n_refusals == 0 ? EXIT_OK : EXIT_FAILED;
}

static int inspect_show(struct registry *r, void *context, struct strbuf *out)
{
    const struct inspection *in = context;
    const struct plugin *p;
    struct origin nowhere = {NULL, 0, 0};
    struct problems problems;

    if (in->name == NULL)
        return show_file(r, in, out);
    p = registry_find(r, in->kind, in->name);
    if (p != NULL) {
        in->write(p, out);
        return EXIT_OK;
    }
    problems_init(&problems);
    registry_missing(r, in->kind, in->name, nowhere, &problems);
    problems_print(&problems, stderr);
    problems_release(&problems);
    return EXIT_FAILED;
}

/* "gate/list" or a file: a file ends in .so or is no kind/name. */
static int parse_what(const char *what, char *kind, size_t cap, struct inspection *in,
                      struct guard_request *request)
{
    size_t n = strlen(what), kind_len = strcspn(what, "/");

    if (n > 3 && strcmp(what + n - 3, ".so") == 0) {
        request->file = what;
        return 0;
    }
    if (what[kind_len] == '/' && kind_len < cap) {
        memcpy(kind, what, kind_len);
        kind[kind_len] = '\0';
        in->kind = kind_parse(kind);
        in->name = what + kind_len + 1;
        if (in->kind != 0)
            return 0;
    }
    return -1;
}

int cmd_plugin_inspect(int argc, char **argv)
{
    struct cli_list dirs = {{NULL}, 0}, words = {{NULL}, 0};
    int json = 0, markdown = 0, code;
    const char *file = NULL;
    const struct cli_option options[] = {
        CLI_JSON(&json),
        {.name = "--markdown", .flag = &markdown, .help = "report as a page of the reference"},
        {.name = "--file", .metavar = "FILE", .value = &file, .help = "look in this .so file only"},
        {.name = "--plugin-dir",
         .metavar = "DIR",
         .list = &dirs,
         .help = "look here in place of the usual folders"},
    };
    const struct cli_command command = {
        .name = "plugin inspect",
        .words = "KIND/NAME|FILE.so",
        .summary = "what a plugin is, with its options and an example to paste",
        .options = options,
        .n = sizeof options / sizeof options[0],
        .min_words = 1,
        .max_words = 1,
    };
    struct inspection in = {0, NULL, plugin_text};
    struct guard_request request;
    char kind[16];

    code = cli_parse(&command, argc, argv, &words);
    if (code != CLI_GO_ON)
        return code;
    request = (struct guard_request){file, dirs.items, dirs.n};
    in.write = json ? plugin_json : markdown ? plugin_markdown : plugin_text;
    if (parse_what(words.items[0], kind, sizeof kind, &in, &request) != 0)
        return cli_misuse(&command,
                          "'%s' is neither KIND/NAME (kinds: source, decoder, gate, enrich, sink) nor a file "
                          "ending in .so",
                          words.items[0]);
    return guard_run(&request, inspect_show, &in);
}
