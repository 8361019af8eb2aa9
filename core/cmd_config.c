/* cmd_config: `sluice config show` and `config diff`.
 *
 * Invariant: a secret is never printed: neither a value from a ${file:...}, nor
 * that of an option which its plugin calls secret.  The tree that is printed is
 * marked by config_secret before anything else looks at it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "cli.h"
#include "command.h"
#include "config_show.h"
#include "plugin_text.h"

static const struct origin nowhere = {NULL, 0, 0};

/* The config with its secrets marked; NULL with problems. */
static struct config *load_marked(const struct cli_list *files, const char *env, struct problems *p)
{
    struct config *config = config_load(files->items, files->n, env, p);
    struct registry *r;

    if (config == NULL)
        return NULL;
    r = app_registry(config, p);
    if (r == NULL) {
        config_free(config);
        return NULL;
    }
    config_mark_secrets(config->root, r);
    registry_free(r);
    return config;
}

/* Writes out what was rendered; the exit code. */
static int finish(struct strbuf *out, struct problems *p, int code)
{
    if (out->failed)
        problem_add(p, nowhere, NULL, "the config is too large to show");
    problems_print(p, stderr);
    if (problems_failed(p))
        code = EXIT_FAILED;
    else if (out->len > 0 && (fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout) != 0))
        code = EXIT_FAILED;
    strbuf_release(out);
    problems_release(p);
    return code;
}

static int config_show(int argc, char **argv)
{
    struct cli_list files = {.n = 0};
    const char *env = NULL;
    int json = 0, code;
    const struct cli_option options[] = {CLI_CONFIG(&files), CLI_ENV(&env), CLI_JSON(&json)};
    const struct cli_command command = {
        .name = "config show",
        .summary = "Prints the merged config, each value with the place it comes from, secrets as ***.",
        .options = options,
        .n = sizeof options / sizeof *options,
    };
    struct problems p;
    struct config *config;
    struct strbuf out;

    code = cli_parse(&command, argc, argv, NULL);
    if (code != CLI_GO_ON)
        return code;
    if (files.n == 0)
        return cli_misuse(&command, "no config is given; name it with -c FILE");
    problems_init(&p);
    strbuf_init(&out, CONFIG_SHOW_MAX);
    config = load_marked(&files, env, &p);
    if (config != NULL && json)
        config_show_json(config->root, &out);
    else if (config != NULL)
        config_show_yaml(config->root, &out);
    config_free(config);
    return finish(&out, &p, EXIT_OK);
}

static int config_diff(int argc, char **argv)
{
    struct cli_list files = {.n = 0}, envs = {.n = 0};
    int json = 0, code;
    size_t differences = 0;
    const struct cli_option options[] = {
        CLI_CONFIG(&files),
        {.name = "--env",
         .letter = 'e',
         .metavar = "NAME",
         .list = &envs,
         .help = "give it twice: the two overlays to compare; `base` is no overlay"},
        CLI_JSON(&json),
    };
    const struct cli_command command = {
        .name = "config diff",
        .summary = "Prints the values in which two environments differ.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .more = "exit codes: 0 the same, 3 different, 1 a config is wrong, 2 misuse",
    };
    struct config *sides[2] = {NULL, NULL};
    struct problems p;
    struct strbuf out;
    size_t i;

    code = cli_parse(&command, argc, argv, NULL);
    if (code != CLI_GO_ON)
        return code;
    if (files.n == 0 || envs.n != 2)
        return cli_misuse(&command, "it needs -c FILE and --env NAME twice");
    problems_init(&p);
    strbuf_init(&out, CONFIG_SHOW_MAX);
    for (i = 0; i < 2; i++)
        sides[i] = load_marked(&files, strcmp(envs.items[i], "base") == 0 ? NULL : envs.items[i], &p);
    if (sides[0] != NULL && sides[1] != NULL)
        differences =
            config_show_diff(sides[0]->root, sides[1]->root, envs.items[0], envs.items[1], json, &out);
    config_free(sides[0]);
    config_free(sides[1]);
    return finish(&out, &p, differences > 0 ? EXIT_FINDINGS : EXIT_OK);
}

/* The host's own options, as the reference page has them; plugins tell theirs by `plugin inspect`. */
static int config_options(void)
{
    struct strbuf out;
    const struct option_table *tables;
    size_t n, i;
    int failed;

    strbuf_init(&out, 1u << 20);
    tables = plan_tables(&n);
    for (i = 0; i < n; i++) {
        strbuf_printf(&out, "%s## %s\n\n", i > 0 ? "\n" : "", tables[i].owner);
        plugin_options_markdown(tables[i].options, tables[i].n, &out);
    }
    failed = out.failed || fputs(strbuf_text(&out), stdout) == EOF || fflush(stdout) != 0;
    strbuf_release(&out);
    return failed ? EXIT_FAILED : EXIT_OK;
}

int cmd_config(int argc, char **argv)
{
    static const char usage[] = "usage: sluice config show|diff -c FILE... [OPTION...]\n"
                                "       sluice config options\n\n"
                                "  show     the merged config, each value with its place\n"
                                "  diff     what differs between two environments\n"
                                "  options  the options of the host's own blocks, as Markdown\n\n"
                                "`sluice config show --help` tells more.\n";

    if (argc >= 2 && strcmp(argv[1], "show") == 0)
        return config_show(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "diff") == 0)
        return config_diff(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "options") == 0)
        return config_options();
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    fputs(usage, stderr);
    return EXIT_USAGE;
}
