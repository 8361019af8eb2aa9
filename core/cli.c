/* cli: options of a subcommand.
 *
 * Invariant: after CLI_GO_ON every word has gone to exactly one place; nothing
 * is ignored and nothing overwrites what was given before. */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "problem.h"

#define CLI_MAX_OPTIONS 64u

static void print_help(const struct cli_command *command)
{
    const struct cli_option *o;
    char left[64];
    size_t i;

    printf("usage: sluice %s%s%s%s\n\n%s\n", command->name, command->n > 0 ? " [OPTION...]" : "",
           command->words != NULL ? " " : "", command->words != NULL ? command->words : "", command->summary);
    if (command->n > 0)
        puts("\noptions:");
    for (i = 0; i < command->n; i++) {
        o = &command->options[i];
        (void)snprintf(left, sizeof left, "%s%s%s", o->name, o->metavar != NULL ? " " : "",
                       o->metavar != NULL ? o->metavar : "");
        if (o->letter != 0)
            printf("  -%c, %-24s %s\n", o->letter, left, o->help);
        else
            printf("      %-24s %s\n", left, o->help);
    }
    if (command->more != NULL)
        printf("\n%s\n", command->more);
}

int cli_misuse(const struct cli_command *command, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "sluice %s: ", command->name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\n`sluice %s --help` tells more\n", command->name);
    return EXIT_USAGE;
}

static int unknown_option(const struct cli_command *command, const char *word, size_t len)
{
    const char *names[CLI_MAX_OPTIONS], *nearest;
    char name[64];
    size_t i;

    (void)snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), word);
    for (i = 0; i < command->n && i < CLI_MAX_OPTIONS; i++)
        names[i] = command->options[i].name;
    nearest = nearest_name(name, names, i);
    if (nearest != NULL)
        return cli_misuse(command, "there is no option '%s'; did you mean '%s'?", name, nearest);
    return cli_misuse(command, "there is no option '%s'", name);
}

/* The option that a word names; *value is what is glued to it, or NULL. */
static const struct cli_option *find_option(const struct cli_command *command, const char *word,
                                            const char **value, size_t *len)
{
    const char *equals = strchr(word, '=');
    const struct cli_option *o;
    size_t i;

    *value = NULL;
    *len = equals == NULL ? strlen(word) : (size_t)(equals - word);
    for (i = 0; i < command->n; i++) {
        o = &command->options[i];
        if (strlen(o->name) == *len && memcmp(o->name, word, *len) == 0) {
            *value = equals == NULL ? NULL : equals + 1;
            return o;
        }
        if (o->letter != 0 && word[1] == o->letter) {
            *value = word[2] == '\0' ? NULL : word + 2;
            return o;
        }
    }
    return NULL;
}

static int add_to(struct cli_list *list, const char *word)
{
    if (list->n >= CLI_MAX_LIST)
        return 0;
    list->items[list->n++] = word;
    list->items[list->n] = NULL;
    return 1;
}

/* One option, with the next word if it takes it; CLI_GO_ON or an exit code. */
static int take_option(const struct cli_command *command, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *value;
    size_t len;
    const struct cli_option *o = find_option(command, word, &value, &len);

    if (o == NULL)
        return unknown_option(command, word, len);
    if (o->flag != NULL) {
        if (value != NULL)
            return cli_misuse(command, "%s takes no value", o->name);
        *o->flag = 1;
        return CLI_GO_ON;
    }
    if (value == NULL && *i + 1 < argc)
        value = argv[++*i];
    if (value == NULL || value[0] == '\0')
        return cli_misuse(command, "%s needs a value: %s %s", o->name, o->name, o->metavar);
    if (o->list != NULL)
        return add_to(o->list, value)
                   ? CLI_GO_ON
                   : cli_misuse(command, "%s is given more than %u times", o->name, CLI_MAX_LIST);
    if (*o->value != NULL)
        return cli_misuse(command, "%s is given twice", o->name);
    *o->value = value;
    return CLI_GO_ON;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_list *words)
{
    struct cli_list none = {.n = 0};
    int i, code, plain = 0;

    if (words == NULL)
        words = &none;
    words->n = 0;
    words->items[0] = NULL;
    for (i = 1; i < argc; i++) {
        if (!plain && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_help(command);
            return EXIT_OK;
        }
        if (!plain && strcmp(argv[i], "--") == 0) {
            plain = 1;
        } else if (!plain && argv[i][0] == '-' && argv[i][1] != '\0') {
            code = take_option(command, argc, argv, &i);
            if (code != CLI_GO_ON)
                return code;
        } else if (words->n >= command->max_words || !add_to(words, argv[i])) {
            return cli_misuse(command, "'%s' is one word too many", argv[i]);
        }
    }
    if (words->n < command->min_words)
        return cli_misuse(command, "%s is missing", command->words != NULL ? command->words : "a word");
    return CLI_GO_ON;
}
