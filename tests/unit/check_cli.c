#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "command.h"
#include "one_suite.h"

static struct cli_list files, words;
static const char *env;
static int json;

static int parse_up_to(size_t max_words, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_CONFIG(&files), CLI_ENV(&env), CLI_JSON(&json)};
    const struct cli_command command = {.name = "test",
                                        .summary = "tests",
                                        .options = options,
                                        .n = 3,
                                        .max_words = max_words,
                                        .min_words = max_words > 1};

    files.n = 0;
    env = NULL;
    json = 0;
    return cli_parse(&command, argc, argv, &words);
}

#define PARSE(max, ...)                                                                                      \
    parse_up_to(max, (int)(sizeof((char *[]){"test", __VA_ARGS__}) / sizeof(char *)),                        \
                (char *[]){"test", __VA_ARGS__, NULL})

START_TEST(each_way_to_write_an_option_means_the_same)
{
    ck_assert_int_eq(PARSE(0, "-c", "a", "-cb", "--config", "c", "--config=d", "--json", "-e", "prod"),
                     CLI_GO_ON);
    ck_assert_uint_eq(files.n, 4);
    ck_assert_str_eq(files.items[1], "b");
    ck_assert_str_eq(files.items[3], "d");
    ck_assert_ptr_null(files.items[4]);
    ck_assert_str_eq(env, "prod");
    ck_assert_int_eq(json, 1);
}
END_TEST

START_TEST(words_go_to_the_words_also_after_two_dashes)
{
    ck_assert_int_eq(PARSE(3, "x", "-", "--", "--json"), CLI_GO_ON);
    ck_assert_uint_eq(words.n, 3);
    ck_assert_str_eq(words.items[2], "--json");
    ck_assert_int_eq(json, 0);
}
END_TEST

START_TEST(misuse_is_exit_code_2)
{
    ck_assert_int_eq(PARSE(0, "--jsn"), EXIT_USAGE);
    ck_assert_int_eq(PARSE(0, "-x"), EXIT_USAGE);
    ck_assert_int_eq(PARSE(0, "word"), EXIT_USAGE);
    ck_assert_int_eq(PARSE(0, "--config"), EXIT_USAGE);
    ck_assert_int_eq(PARSE(0, "--config="), EXIT_USAGE);
    ck_assert_int_eq(PARSE(0, "--json=yes"), EXIT_USAGE);
    ck_assert_int_eq(PARSE(0, "--env", "a", "--env", "b"), EXIT_USAGE);
    ck_assert_int_eq(PARSE(2, "--json"), EXIT_USAGE);
}
END_TEST

START_TEST(a_list_that_is_full_is_misuse_and_not_cut)
{
    static char test[] = "test", option[] = "-c", file[] = "f";
    char *argv[2 * CLI_MAX_LIST + 4] = {test};
    size_t i;

    for (i = 1; i <= 2 * CLI_MAX_LIST + 2; i += 2) {
        argv[i] = option;
        argv[i + 1] = file;
    }
    ck_assert_int_eq(parse_up_to(0, 2 * (int)CLI_MAX_LIST + 1, argv), CLI_GO_ON);
    ck_assert_int_eq(parse_up_to(0, 2 * (int)CLI_MAX_LIST + 3, argv), EXIT_USAGE);
}
END_TEST

START_TEST(help_is_no_misuse)
{
    ck_assert_int_eq(PARSE(0, "--help"), EXIT_OK);
    ck_assert_int_eq(PARSE(0, "-h"), EXIT_OK);
}
END_TEST

ONE_SUITE("cli", 10, each_way_to_write_an_option_means_the_same, words_go_to_the_words_also_after_two_dashes,
          misuse_is_exit_code_2, a_list_that_is_full_is_misuse_and_not_cut, help_is_no_misuse)
