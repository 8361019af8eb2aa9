/* cmd_plugin_inspect: what one plugin, or each plugin of one file, is. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_plugin.h"
#include "command.h"
#include "guard.h"
#include "plugin_text.h"

#define MOST_DIRS 64

static const char usage[] =
    "usage: sluice plugin inspect [--json|--markdown] [--plugin-dir DIR]... KIND/NAME|FILE.so\n";

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
    fprintf(stderr,
            "sluice plugin inspect: '%s' is neither KIND/NAME (kinds: source, decoder, gate, enrich, sink) "
            "nor a file ending in .so\n",
            what);
    return -1;
}

int cmd_plugin_inspect(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"markdown", no_argument, NULL, 'm'},
        {"plugin-dir", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *dirs[MOST_DIRS];
    struct guard_request request = {NULL, dirs, 0};
    struct inspection in = {0, NULL, plugin_text};
    char kind[16];
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'j') {
            in.write = plugin_json;
        } else if (c == 'm') {
            in.write = plugin_markdown;
        } else if (c == 'd' && request.n_dirs < MOST_DIRS) {
            dirs[request.n_dirs++] = optarg;
        } else {
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? EXIT_OK : EXIT_USAGE;
        }
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (parse_what(argv[optind], kind, sizeof kind, &in, &request) != 0)
        return EXIT_USAGE;
    return guard_run(&request, inspect_show, &in);
}
