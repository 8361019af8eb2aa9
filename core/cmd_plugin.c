/* cmd_plugin: `sluice plugin list | inspect | new | test`. */
#include <stdio.h>
#include <string.h>

#include "cmd_plugin.h"
#include "command.h"

static const char usage[] =
    "usage: sluice plugin list [--json] [--plugin-dir DIR]...\n"
    "       sluice plugin inspect [--json|--markdown] [--plugin-dir DIR]... KIND/NAME|FILE.so\n"
    "       sluice plugin new [--dir DIR] KIND NAME\n"
    "       sluice plugin test [--only CASE]... [--list] [--config FILE] [--set KEY=VALUE]...\n"
    "                          [--records FILE] [--seed N] [--json] FILE.so\n"
    "\n"
    "list     what is installed, and what was refused and why\n"
    "inspect  what one plugin is, with its options and an example to paste\n"
    "new      a skeleton that builds against the installed sluice (KIND: source, decoder, gate,\n"
    "         enrich, sink)\n"
    "test     the conformance suite: each case in a process of its own\n";

int cmd_plugin(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "list") == 0)
        return cmd_plugin_list(argc - 1, argv + 1);
    if (strcmp(argv[1], "inspect") == 0)
        return cmd_plugin_inspect(argc - 1, argv + 1);
    if (strcmp(argv[1], "new") == 0)
        return cmd_plugin_new(argc - 1, argv + 1);
    if (strcmp(argv[1], "test") == 0)
        return cmd_plugin_test(argc - 1, argv + 1);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    fprintf(stderr, "sluice plugin: there is no '%s'; `sluice plugin --help` lists what there is\n", argv[1]);
    return EXIT_USAGE;
}
