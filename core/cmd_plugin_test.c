/* cmd_plugin_test: the conformance suite from the command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd_plugin.h"
#include "command.h"
#include "conformance.h"

static const char more[] =
    "Each case runs in a process of its own.  The plugin is tested with its example block; ${tmp} in it\n"
    "is a scratch folder that holds sample.jsonl, sample.csv and ids.txt.  A PATH option that names\n"
    "another file there gets one with samples.  Exit code 1 if a case failed.\n";

static int parse_seed(const char *text, uint64_t *seed)
{
    char *end;

    *seed = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' ? 0 : -1;
}

int cmd_plugin_test(int argc, char **argv)
{
    struct cli_list only = {{NULL}, 0}, sets = {{NULL}, 0}, words = {{NULL}, 0};
    struct conformance_request q = {.seed = 1};
    const char *seed = NULL;
    int list = 0, code;
    size_t i;
    const struct cli_option options[] = {
        {.name = "--list", .flag = &list, .help = "the cases with one line each"},
        {.name = "--only", .metavar = "CASE", .list = &only, .help = "run this case only"},
        {.name = "--config",
         .metavar = "FILE",
         .value = &q.config,
         .help = "YAML with the block to test with"},
        {.name = "--set",
         .metavar = "KEY=VALUE",
         .list = &sets,
         .help = "an option over the block, written as in a config"},
        {.name = "--records",
         .metavar = "FILE",
         .value = &q.records,
         .help = "lines to use as sample records"},
        {.name = "--seed", .metavar = "N", .value = &seed, .help = "another sequence of random choices"},
        CLI_JSON(&q.json),
    };
    const struct cli_command command = {
        .name = "plugin test",
        .words = "FILE.so",
        .summary = "does the plugin keep the promises of sluice/plugin.h?",
        .options = options,
        .n = sizeof options / sizeof options[0],
        .max_words = 1,
        .more = more,
    };

    code = cli_parse(&command, argc, argv, &words);
    if (code != CLI_GO_ON)
        return code;
    if (seed != NULL && parse_seed(seed, &q.seed) != 0)
        return cli_misuse(&command, "--seed takes a number, not '%s'", seed);
    for (i = 0; i < sets.n; i++)
        if (strchr(sets.items[i], '=') == NULL)
            return cli_misuse(&command, "--set takes KEY=VALUE, not '%s'", sets.items[i]);
    if (list) {
        conformance_list(q.json);
        return EXIT_OK;
    }
    if (words.n != 1)
        return cli_misuse(&command, "name the .so file to test");
    q.file = words.items[0];
    q.only = only.items;
    q.n_only = only.n;
    q.sets = sets.items;
    q.n_sets = sets.n;
    return conformance_run(&q);
}
