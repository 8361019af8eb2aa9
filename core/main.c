/* main: finds the command. */
#include <stdio.h>
#include <string.h>

#include "command.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"run", cmd_run, "run the pipelines of a config"},
    {"check", cmd_check, "check a config, and with --online the services it names"},
    {"config", cmd_config, "show the merged config, or how two environments differ"},
    {"plugin", cmd_plugin, "list, inspect, make and test plugins"},
    {"audit", cmd_audit, "count and check the graph, compare it with a baseline"},
    {"lag", cmd_lag, "show how far the consumers are behind, or wait until they are not"},
    {"queue", cmd_queue, "show how many messages the queues have, or watch them run empty"},
    {"explain", cmd_explain, "show one user: graph, gates, dead letters"},
    {"flag", cmd_flag, "list the users behind a feature flag, upload a file of users for one"},
    {"job", cmd_job, "jobs: list, show, users, retry, cancel"},
    {"dlq", cmd_dlq, "dead letters: list, show"},
    {"backfill", cmd_backfill, "send users to the queue of the workers"},
    {NULL, NULL, NULL},
};

static void print_usage(FILE *out)
{
    const struct command *c;

    fputs("usage: sluice COMMAND [OPTION...]\n\ncommands:\n", out);
    for (c = commands; c->name != NULL; c++)
        fprintf(out, "  %-10s %s\n", c->name, c->summary);
    fputs("\n`sluice COMMAND --help` tells more.\n", out);
}

/* The program goes by the name of a command, too: `backfill` is `sluice backfill`. */
static int is_backfill(const char *name)
{
    const char *slash = name == NULL ? NULL : strrchr(name, '/');

    return name != NULL && strcmp(slash == NULL ? name : slash + 1, "backfill") == 0;
}

int main(int argc, char **argv)
{
    const struct command *c;

    if (is_backfill(argv[0]))
        return cmd_backfill(argc, argv);
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("sluice " SLUICE_VERSION);
        return EXIT_OK;
    }
    for (c = commands; c->name != NULL; c++)
        if (strcmp(argv[1], c->name) == 0)
            return c->run(argc - 1, argv + 1);
    fprintf(stderr, "sluice: there is no command '%s'; `sluice --help` lists them\n", argv[1]);
    return EXIT_USAGE;
}
