/* cli: the words behind a subcommand, read the same way by all of them.
 *
 * A command lists its options with a place for each value; --help is made from
 * that list.  An unknown option is told with the nearest name. */
#ifndef SLUICE_CORE_CLI_H
#define SLUICE_CORE_CLI_H

#include <stddef.h>

#define CLI_MAX_LIST 64u
#define CLI_GO_ON (-1) /* cli_parse: run the command */

struct cli_list {
    const char *items[CLI_MAX_LIST + 1]; /* NULL-terminated */
    size_t n;
};

/* Exactly one of flag, value, list is set. */
struct cli_option {
    const char *name;    /* "--config" */
    char letter;         /* 'c', or 0 */
    const char *metavar; /* "FILE"; NULL for a flag */
    const char *help;
    int *flag;             /* set to 1 */
    const char **value;    /* once at most */
    struct cli_list *list; /* any number */
};

struct cli_command {
    const char *name;  /* "check" */
    const char *words; /* for the usage line: "KIND/NAME", or NULL */
    const char *summary;
    const struct cli_option *options;
    size_t n;
    size_t min_words, max_words;
    const char *more; /* end of --help, or NULL */
};

/* argv[0] is the command's name and skipped.  CLI_GO_ON, or the exit code: 0 after --help,
 * 2 for misuse, which is told.  words may be NULL if max_words is 0. */
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_list *words);
/* "sluice check: TEXT", with the line that names --help; returns EXIT_USAGE. */
int cli_misuse(const struct cli_command *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The options that every command with a config has. */
#define CLI_CONFIG(place)                                                                                    \
    {                                                                                                        \
        .name = "--config", .letter = 'c', .metavar = "FILE", .list = (place),                               \
        .help = "config file; several are merged from left to right"                                         \
    }
#define CLI_ENV(place)                                                                                       \
    {                                                                                                        \
        .name = "--env", .letter = 'e', .metavar = "NAME", .value = (place),                                 \
        .help = "lay BASE.NAME.yaml over each BASE.yaml"                                                     \
    }
#define CLI_JSON(place)                                                                                      \
    {                                                                                                        \
        .name = "--json", .flag = (place), .help = "report as JSON on stdout"                                \
    }

#endif
