/* cmd_plugin_test: the conformance suite from the command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_plugin.h"
#include "command.h"
#include "conformance.h"

#define MOST_WORDS 64

static const char usage[] =
    "usage: sluice plugin test [--only CASE]... [--list] [--config FILE] [--set KEY=VALUE]...\n"
    "                          [--records FILE] [--seed N] [--json] FILE.so\n"
    "\n"
    "Each case runs in a process of its own.  The plugin is tested with its example block; ${tmp} in it\n"
    "is a scratch folder that holds sample.jsonl, sample.csv and ids.txt.  A PATH option that names\n"
    "another file there gets one with samples.\n"
    "\n"
    "  --list           the cases with one line each\n"
    "  --only CASE      only this one\n"
    "  --config FILE    a YAML file with the block to use in place of the example\n"
    "  --set KEY=VALUE  an option, over the block; VALUE as it would stand in a config\n"
    "  --records FILE   lines to use as sample records\n"
    "  --seed N         another sequence of random choices\n";

static int parse_seed(const char *text, uint64_t *seed)
{
    char *end;

    *seed = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0')
        return 0;
    fprintf(stderr, "sluice plugin test: --seed takes a number, not '%s'\n", text);
    return -1;
}

static int add_word(const char **words, size_t *n, const char *word, const char *option)
{
    if (*n < MOST_WORDS) {
        words[(*n)++] = word;
        return 0;
    }
    fprintf(stderr, "sluice plugin test: %s may be given %d times\n", option, MOST_WORDS);
    return -1;
}

static int add_set(const char **words, size_t *n, const char *word)
{
    if (strchr(word, '=') != NULL)
        return add_word(words, n, word, "--set");
    fprintf(stderr, "sluice plugin test: --set takes KEY=VALUE, not '%s'\n", word);
    return -1;
}

int cmd_plugin_test(int argc, char **argv)
{
    static const struct option options[] = {
        {"only", required_argument, NULL, 'o'},
        {"list", no_argument, NULL, 'l'},
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"records", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *only[MOST_WORDS], *sets[MOST_WORDS];
    struct conformance_request q = {.only = only, .sets = sets, .seed = 1};
    int c, list = 0, bad = 0;

    optind = 0;
    while (!bad && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'o')
            bad = add_word(only, &q.n_only, optarg, "--only");
        else if (c == 's')
            bad = add_set(sets, &q.n_sets, optarg);
        else if (c == 'n')
            bad = parse_seed(optarg, &q.seed);
        else if (c == 'l')
            list = 1;
        else if (c == 'c')
            q.config = optarg;
        else if (c == 'r')
            q.records = optarg;
        else if (c == 'j')
            q.json = 1;
        else {
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? EXIT_OK : EXIT_USAGE;
        }
    }
    if (bad)
        return EXIT_USAGE;
    if (list) {
        conformance_list(q.json);
        return EXIT_OK;
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    q.file = argv[optind];
    return conformance_run(&q);
}
