#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

static const struct sluice_option options[] = {
    {.name = "file",
     .type = SLUICE_PATH,
     .flags = SLUICE_REQUIRED,
     .summary = "a file",
     .example = "ids.txt"},
    {.name = "count",
     .type = SLUICE_INTEGER,
     .default_text = "8",
     .min = "1",
     .max = "100",
     .summary = "how many"},
    {.name = "ratio",
     .type = SLUICE_NUMBER,
     .default_text = "0.5",
     .min = "0",
     .max = "1",
     .summary = "a share"},
    {.name = "follow", .type = SLUICE_BOOLEAN, .default_text = "false", .summary = "go on"},
    {.name = "buffer", .type = SLUICE_SIZE, .default_text = "64KiB", .summary = "memory"},
    {.name = "wait", .type = SLUICE_DURATION, .default_text = "5s", .max = "1h", .summary = "how long"},
    {.name = "format",
     .type = SLUICE_CHOICE,
     .default_text = "json",
     .choices = "csv|json|lines",
     .summary = "form"},
    {.name = "url", .type = SLUICE_URL, .summary = "where"},
    {.name = "password", .type = SLUICE_STRING, .flags = SLUICE_SECRET, .summary = "secret"},
    {.name = "pin", .type = SLUICE_INTEGER, .flags = SLUICE_SECRET, .summary = "secret number"},
    {.name = "users", .type = SLUICE_LIST, .default_text = "[a, b]", .summary = "who"},
    {.name = "map", .type = SLUICE_MAP, .summary = "which is which"},
    {.name = "field", .type = SLUICE_FIELD, .default_text = "user_id", .summary = "where in a document"},
    {.name = "old",
     .type = SLUICE_STRING,
     .flags = SLUICE_DEPRECATED,
     .summary = "old",
     .replaced_by = "format"},
};
static const struct option_table table = {"gate/test", options, sizeof options / sizeof *options};

static struct problems problems;
static struct config *config;

static void setup(void)
{
    problems_init(&problems);
    config = NULL;
}

static void teardown(void)
{
    config_free(config);
    problems_release(&problems);
}

static struct sluice_config *parse(const char *text)
{
    config = config_parse("/etc/sluice/test.yaml", text, strlen(text), &problems);
    ck_assert_ptr_nonnull(config);
    return option_parse(&table, config->root, NULL, &problems);
}

/* The only finding must be at line:column and hold the words. */
static void refused(const char *text, unsigned line, unsigned column, const char *words)
{
    struct sluice_config *c = parse(text);

    ck_assert_ptr_null(c);
    ck_assert_uint_eq(problems.n, 1);
    ck_assert_msg(strstr(problems.items[0].message, words) != NULL, "%s", problems.items[0].message);
    ck_assert_uint_eq(problems.items[0].origin.line, line);
    ck_assert_uint_eq(problems.items[0].origin.column, column);
}

START_TEST(a_value_of_each_type_is_read)
{
    struct sluice_config *c = parse("file: ids.txt\ncount: 100\nratio: 1e-1\nfollow: true\nbuffer: 2MiB\n"
                                    "wait: 250ms\nformat: lines\nurl: https://h:1/p?q=1\npassword: s3\n"
                                    "users: one\nmap: {a: x, b: [y, z]}\nfield: data.fidos[].id\n");

    ck_assert_ptr_nonnull(c);
    ck_assert_str_eq(option_string(c, "file"), "/etc/sluice/ids.txt");
    ck_assert_int_eq(option_integer(c, "count"), 100);
    ck_assert_double_eq(option_number(c, "ratio"), 0.1);
    ck_assert_int_eq(option_integer(c, "follow"), 1);
    ck_assert_int_eq(option_integer(c, "buffer"), 2 * 1024 * 1024);
    ck_assert_int_eq(option_integer(c, "wait"), 250);
    ck_assert_str_eq(option_string(c, "format"), "lines");
    ck_assert_int_eq(option_integer(c, "format"), 2);
    ck_assert_str_eq(option_string(c, "url"), "https://h:1/p?q=1");
    ck_assert_str_eq(option_string(c, "password"), "s3");
    ck_assert_uint_eq(option_count(c, "users"), 1);
    ck_assert_str_eq(option_item(c, "users", 0), "one");
    ck_assert_uint_eq(option_count(c, "map"), 2);
    ck_assert_str_eq(option_item(c, "map", 1), "b");
    ck_assert_uint_eq(option_values(c, "map", 1), 2);
    ck_assert_str_eq(option_value(c, "map", 1, 1), "z");
    ck_assert_ptr_null(option_value(c, "map", 1, 2));
    ck_assert_str_eq(option_string(c, "field"), "data.fidos[].id");
    ck_assert_uint_eq(option_origin(c, "wait").line, 6);
    option_free(c);
}
END_TEST

START_TEST(what_is_not_said_has_its_default_and_is_not_given)
{
    struct sluice_config *c = parse("file: /x");

    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(option_integer(c, "count"), 8);
    ck_assert_int_eq(option_integer(c, "wait"), 5000);
    ck_assert_int_eq(option_integer(c, "format"), 1);
    ck_assert_uint_eq(option_count(c, "users"), 2);
    ck_assert_str_eq(option_item(c, "users", 1), "b");
    ck_assert_uint_eq(option_given(c, "count"), 0);
    ck_assert_uint_eq(option_given(c, "file"), 1);
    ck_assert_ptr_null(option_string(c, "url"));
    ck_assert_uint_eq(option_count(c, "map"), 0);
    ck_assert_ptr_null(option_string(c, "nonsense"));
    option_free(c);
}
END_TEST

START_TEST(a_missing_option_is_told_at_the_block)
{
    refused("\n\n  count: 3", 3, 3, "gate/test needs 'file'");
}
END_TEST

START_TEST(an_unknown_option_comes_with_the_nearest_name)
{
    refused("file: x\nfolow: true", 2, 1, "gate/test has no option 'folow'");
    ck_assert_str_eq(problems.items[0].hint, "did you mean 'follow'?");
}
END_TEST

START_TEST(all_that_is_wrong_is_told_at_once)
{
    ck_assert_ptr_null(parse("count: x\nratio: y\nwat: z\n"));
    ck_assert_uint_eq(problems.n, 4);
}
END_TEST

static const struct {
    const char *line; /* the second of a block */
    unsigned column;
    const char *words;
} bad[] = {
    {"count: 0", 8, "'0' is less than 1"},
    {"count: 101", 8, "'101' is more than 100"},
    {"count: 5.0", 8, "is not a whole number"},
    {"count: 007", 8, "is not a whole number"},
    {"count: 0x10", 8, "is not a whole number"},
    {"count: 99999999999999999999", 8, "is not a whole number"},
    {"count: ", 7, "has no value"},
    {"count: []", 8, "needs a whole number"},
    {"ratio: nan", 8, "is not a number"},
    {"ratio: 1e999", 8, "is not a number"},
    {"ratio: 1.5", 8, "is more than 1"},
    {"ratio: -0.1", 8, "is less than 0"},
    {"follow: yes", 9, "is neither true nor false"},
    {"follow: 1", 9, "is neither true nor false"},
    {"buffer: 64KB", 9, "is not a size"},
    {"buffer: 1.5MiB", 9, "is not a size"},
    {"buffer: 99999999999TiB", 9, "is not a size"},
    {"wait: 5", 7, "is not a duration"},
    {"wait: 2h", 7, "is more than 1h"},
    {"wait: -1s", 7, "is not a duration"},
    {"format: jsn", 9, "'jsn' is not one of csv|json|lines"},
    {"url: ftp://x", 6, "is not a URL"},
    {"url: 'https://'", 6, "without a host"},
    {"url: https://u:hunter2@h/", 6, "has a user or password"},
    {"url: 'https://h/a b'", 6, "must be percent-encoded"},
    {"field: a..b", 8, "is not a field"},
    {"field: 'a[0]'", 8, "is not a field"},
    {"users: {a: b}", 8, "needs text or a list of texts, not a map"},
    {"users: [a, [b]]", 12, "an item of 'users' must be text, not a list"},
    {"map: [a]", 6, "needs a map, not a list"},
    {"map: {a: {b: c}}", 10, "needs text or a list of texts, not a map"},
    {"pin: hunter2", 6, "the value is not a whole number"},
};

START_TEST(a_wrong_value_is_refused_at_its_place)
{
    char text[200];

    snprintf(text, sizeof text, "file: x\n%s\n", bad[_i].line);
    refused(text, 2, bad[_i].column, bad[_i].words);
    ck_assert_ptr_null(strstr(problems.items[0].message, "hunter2"));
    if (problems.items[0].hint != NULL)
        ck_assert_ptr_null(strstr(problems.items[0].hint, "hunter2"));
}
END_TEST

START_TEST(a_deprecated_option_warns_with_its_successor)
{
    struct sluice_config *c = parse("file: x\nold: y");

    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(problems.n, 1);
    ck_assert_int_eq(problems.items[0].warning, 1);
    ck_assert_str_eq(problems.items[0].hint, "use 'format'");
    option_free(c);
}
END_TEST

START_TEST(members_of_the_host_are_skipped)
{
    static const char *const skip[] = {"plugin", "name", NULL};
    struct sluice_config *c;

    config = config_parse("x.yaml", "{plugin: test, name: a, file: x}", 32, &problems);
    ck_assert_ptr_nonnull(config);
    c = option_parse(&table, config->root, skip, &problems);
    ck_assert_ptr_nonnull(c);
    option_free(c);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told_before_run)
{
    struct sluice_config *c = parse("count: 2\nfile: /nonexistent/ids");

    ck_assert_ptr_nonnull(c);
    option_check_files(c, &problems);
    ck_assert_uint_eq(problems.errors, 1);
    ck_assert_uint_eq(problems.items[0].origin.line, 2);
    option_free(c);
}
END_TEST

START_TEST(a_directory_is_no_file)
{
    struct sluice_config *c = parse("file: /");

    ck_assert_ptr_nonnull(c);
    option_check_files(c, &problems);
    ck_assert_uint_eq(problems.errors, 1);
    ck_assert_ptr_nonnull(strstr(problems.items[0].message, "is a directory"));
    option_free(c);
}
END_TEST

START_TEST(this_table_is_sound)
{
    option_table_check(&table, &problems);
    ck_assert_uint_eq(problems.n, 0);
}
END_TEST

static const struct sluice_option unsound[] = {
    {.name = "Upper", .type = SLUICE_STRING, .summary = "x"},
    {.name = "a", .type = SLUICE_STRING},
    {.name = "a", .type = 99, .summary = "x"},
    {.name = "a", .type = SLUICE_CHOICE, .summary = "x"},
    {.name = "a", .type = SLUICE_CHOICE, .summary = "x", .choices = "a||b"},
    {.name = "a", .type = SLUICE_STRING, .summary = "x", .choices = "a|b"},
    {.name = "a", .type = SLUICE_STRING, .summary = "x", .min = "1"},
    {.name = "a", .type = SLUICE_INTEGER, .summary = "x", .min = "one"},
    {.name = "a", .type = SLUICE_INTEGER, .summary = "x", .min = "5", .max = "4"},
    {.name = "a", .type = SLUICE_INTEGER, .summary = "x", .max = "5", .default_text = "6"},
    {.name = "a", .type = SLUICE_DURATION, .summary = "x", .default_text = "6"},
    {.name = "a", .type = SLUICE_STRING, .summary = "x", .flags = SLUICE_REQUIRED, .default_text = "d"},
    {.name = "a", .type = SLUICE_STRING, .summary = "x", .flags = SLUICE_SECRET, .default_text = "d"},
    {.name = "a", .type = SLUICE_STRING, .summary = "x", .flags = SLUICE_CREATES},
    {.name = "a", .type = SLUICE_STRING, .summary = "x", .replaced_by = "b"},
    {.name = "a", .type = SLUICE_LIST, .summary = "x", .default_text = "[a, "},
    {.name = "a", .type = SLUICE_URL, .summary = "x", .example = "nowhere"},
};

START_TEST(an_unsound_option_is_found)
{
    struct option_table one = {"test", &unsound[_i], 1};

    option_table_check(&one, &problems);
    ck_assert_uint_ge(problems.errors, 1);
}
END_TEST

START_TEST(an_option_that_is_there_twice_is_found)
{
    static const struct sluice_option twice[] = {{.name = "a", .type = SLUICE_STRING, .summary = "x"},
                                                 {.name = "a", .type = SLUICE_STRING, .summary = "x"}};
    struct option_table two = {"test", twice, 2};

    option_table_check(&two, &problems);
    ck_assert_uint_eq(problems.errors, 1);
    ck_assert_ptr_nonnull(strstr(problems.items[0].message, "twice"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("option");
    TCase *t = tcase_create("option");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_value_of_each_type_is_read);
    tcase_add_test(t, what_is_not_said_has_its_default_and_is_not_given);
    tcase_add_test(t, a_missing_option_is_told_at_the_block);
    tcase_add_test(t, an_unknown_option_comes_with_the_nearest_name);
    tcase_add_test(t, all_that_is_wrong_is_told_at_once);
    tcase_add_loop_test(t, a_wrong_value_is_refused_at_its_place, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(t, a_deprecated_option_warns_with_its_successor);
    tcase_add_test(t, members_of_the_host_are_skipped);
    tcase_add_test(t, a_file_that_is_not_there_is_told_before_run);
    tcase_add_test(t, a_directory_is_no_file);
    tcase_add_test(t, this_table_is_sound);
    tcase_add_loop_test(t, an_unsound_option_is_found, 0, (int)(sizeof unsound / sizeof *unsound));
    tcase_add_test(t, an_option_that_is_there_twice_is_found);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
