/* What a good config means: types, places, merging, substitution, limits. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "one_suite.h"
#include "option.h" /* and config.h of core, not of the build */
#include "strbuf.h"
#include "temp_dir.h"

static struct problems problems;
static struct config *config;
static char *dir;

static void start(void)
{
    problems_init(&problems);
    config = NULL;
    dir = NULL;
}

static void end(void)
{
    config_free(config);
    problems_release(&problems);
    if (dir != NULL)
        temp_dir_remove(dir);
}

static const struct config_value *parse(const char *name, const char *text)
{
    config = config_parse(name, text, strlen(text), &problems);
    if (config == NULL)
        problems_print(&problems, stderr);
    ck_assert_ptr_nonnull(config);
    return config->root;
}

static void refused(const char *name, const char *text, size_t len, const char *words)
{
    config = config_parse(name, text, len, &problems);
    ck_assert_ptr_null(config);
    ck_assert_uint_ge(problems.n, 1);
    ck_assert_msg(strstr(problems.items[0].message, words) != NULL, "%s", problems.items[0].message);
}

/* Follows keys to a scalar. */
static const char *text_at(const struct config_value *v, const char *a, const char *b)
{
    v = config_get(v, a);
    if (b != NULL)
        v = config_get(v, b);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(v->type, CONFIG_SCALAR);
    return v->text;
}

static char *write_file(const char *name, const char *text)
{
    static char path[4096];
    FILE *out;

    if (dir == NULL)
        dir = temp_dir_make();
    snprintf(path, sizeof path, "%s/%s", dir, name);
    out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
    return path;
}

static const struct config_value *load(const char *env)
{
    char path[4096];
    const char *files[1] = {path};

    snprintf(path, sizeof path, "%s/a.yaml", dir);
    config = config_load(files, 1, env, &problems);
    if (config == NULL)
        problems_print(&problems, stderr);
    ck_assert_ptr_nonnull(config);
    return config->root;
}

START_TEST(scalars_keep_their_text_and_no_is_a_string)
{
    const struct config_value *root;

    start();
    root = parse("t.yaml", "a: no\nb: 0x10\nc: 1_000\nd: 'true'\ne: ~\nf: 2026-01-01\n");
    ck_assert_str_eq(text_at(root, "a", NULL), "no");
    ck_assert_str_eq(text_at(root, "b", NULL), "0x10");
    ck_assert_str_eq(text_at(root, "c", NULL), "1_000");
    ck_assert_int_eq(config_get(root, "a")->quoted, 0);
    ck_assert_int_eq(config_get(root, "d")->quoted, 1);
    ck_assert_int_eq(config_get(root, "e")->type, CONFIG_NULL);
    ck_assert_str_eq(text_at(root, "f", NULL), "2026-01-01");
    end();
}
END_TEST

START_TEST(every_value_knows_where_it_was_written)
{
    const struct config_value *root, *v;

    start();
    root = parse("t.yaml", "a:\n  - x\n  - {b: é, c: d}\n");
    v = config_get(root, "a")->items[1];
    ck_assert_uint_eq(v->origin.line, 3);
    ck_assert_uint_eq(v->origin.column, 5);
    ck_assert_uint_eq(v->key_origins[1].column, 12);
    ck_assert_uint_eq(v->items[1]->origin.column, 15);
    ck_assert_str_eq(v->items[1]->origin.file, "t.yaml");
    end();
}
END_TEST

START_TEST(columns_are_characters_after_an_umlaut)
{
    const struct config_value *root;

    start();
    root = parse("t.yaml", "{ü: ö, a: b}");
    ck_assert_uint_eq(config_get(root, "a")->origin.column, 11);
    end();
}
END_TEST

START_TEST(an_alias_is_a_copy_that_says_where_it_was_written)
{
    const struct config_value *root;

    start();
    root = parse("t.yaml", "a: &x {k: v}\nb: *x\n");
    ck_assert_str_eq(text_at(root, "b", "k"), "v");
    ck_assert_uint_eq(config_get(config_get(root, "b"), "k")->origin.line, 1);
    ck_assert_ptr_ne(config_get(root, "a"), config_get(root, "b"));
    ck_assert_int_eq(config_get(root, "a")->anchored, 1);
    ck_assert_int_eq(config_get(root, "b")->anchored, 0);
    end();
}
END_TEST

START_TEST(what_is_written_wins_over_what_is_merged_and_the_first_of_a_list_wins)
{
    const struct config_value *root;

    start();
    root = parse("t.yaml", "a: &a {k: 1, l: 1}\nb: &b {l: 2, m: 2}\nc: {k: 0, <<: [*a, *b]}\n");
    ck_assert_str_eq(text_at(root, "c", "k"), "0");
    ck_assert_str_eq(text_at(root, "c", "l"), "1");
    ck_assert_str_eq(text_at(root, "c", "m"), "2");
    ck_assert_ptr_null(config_get(config_get(root, "c"), "<<"));
    end();
}
END_TEST

START_TEST(an_anchor_inside_what_is_merged_can_be_used_after)
{
    const struct config_value *root;

    start();
    root = parse("t.yaml", "a: {<<: &x {k: &y [v]}, l: m}\nb: *x\nc: *y\n");
    ck_assert_str_eq(text_at(root, "a", "l"), "m");
    ck_assert_uint_eq(config_get(config_get(root, "a"), "k")->n, 1);
    ck_assert_uint_eq(config_get(config_get(root, "b"), "k")->n, 1);
    ck_assert_uint_eq(config_get(root, "c")->n, 1);
    end();
}
END_TEST

START_TEST(json_reads_like_yaml_with_its_escapes)
{
    const struct config_value *root;

    start();
    root = parse("t.json", "\t{\n\t\"a\": \"\\ud83d\\ude00\\/\\u00e9\", \"b\": 1.50,\n\t\"c\": null}");
    ck_assert_str_eq(text_at(root, "a", NULL), "\xf0\x9f\x98\x80/\xc3\xa9");
    ck_assert_str_eq(text_at(root, "b", NULL), "1.50");
    ck_assert_int_eq(config_get(root, "c")->type, CONFIG_NULL);
    ck_assert_uint_eq(config_get(root, "c")->origin.line, 3);
    end();
}
END_TEST

START_TEST(variables_are_replaced_and_remembered)
{
    const struct config_value *root;

    start();
    setenv("SLUICE_TEST_A", "one", 1);
    setenv("SLUICE_TEST_EMPTY", "", 1);
    unsetenv("SLUICE_TEST_NONE");
    root = parse("t.yaml",
                 "a: \"x-${SLUICE_TEST_A}-${SLUICE_TEST_NONE:-two:-three}\"\nb: \"${SLUICE_TEST_EMPTY:-d}\"\n"
                 "c: \"$${SLUICE_TEST_A} $5 $\"\nd: \"${SLUICE_TEST_EMPTY}\"\ne: plain\n");
    ck_assert_str_eq(text_at(root, "a", NULL), "x-one-two:-three");
    ck_assert_str_eq(config_get(root, "a")->source, "x-${SLUICE_TEST_A}-${SLUICE_TEST_NONE:-two:-three}");
    ck_assert_str_eq(text_at(root, "b", NULL), "d");
    ck_assert_str_eq(text_at(root, "c", NULL), "${SLUICE_TEST_A} $5 $");
    ck_assert_str_eq(text_at(root, "d", NULL), "");
    ck_assert_ptr_null(config_get(root, "e")->source);
    end();
}
END_TEST

START_TEST(a_secret_file_is_read_beside_the_config_and_marked)
{
    const struct config_value *v;

    start();
    chmod(write_file("pw", "hunter2\r\n"), 0600);
    write_file("a.yaml", "p: \"${file:pw}\"\n");
    v = config_get(load(NULL), "p");
    ck_assert_str_eq(v->text, "hunter2");
    ck_assert_int_eq(v->secret, 1);
    ck_assert_uint_eq(problems.n, 0);
    end();
}
END_TEST

START_TEST(a_secret_file_that_others_can_read_warns_and_strict_refuses)
{
    char path[4096];
    const char *files[1] = {path};

    start();
    chmod(write_file("pw", "x"), 0640);
    write_file("a.yaml", "p: \"${file:pw}\"\n");
    load(NULL);
    ck_assert_uint_eq(problems.n, 1);
    ck_assert_int_eq(problems.items[0].warning, 1);
    config_free(config);
    write_file("a.yaml", "p: \"${file:pw}\"\nstrict_secrets: true\n");
    snprintf(path, sizeof path, "%s/a.yaml", dir);
    config = config_load(files, 1, NULL, &problems);
    ck_assert_ptr_null(config);
    ck_assert_uint_eq(problems.errors, 1);
    end();
}
END_TEST

START_TEST(a_secret_file_has_a_limit)
{
    char path[4096], text[70000];

    start();
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    chmod(write_file("pw", text), 0600);
    snprintf(path, sizeof path, "p: \"${file:%s/pw}\"\n", dir);
    refused("t.yaml", path, strlen(path), "larger than 65536 bytes");
    end();
}
END_TEST

START_TEST(an_overlay_merges_maps_by_key_and_replaces_lists)
{
    const struct config_value *root;

    start();
    write_file("a.yaml", "m: {a: 1, b: 2}\nl: [1, 2]\nu: \"${SLUICE_TEST_NONE}\"\n");
    write_file("a.prod.yaml", "m: {b: 3, c: 4}\nl: [9]\nu: set\n");
    unsetenv("SLUICE_TEST_NONE");
    root = load("prod");
    ck_assert_str_eq(text_at(root, "m", "a"), "1");
    ck_assert_str_eq(text_at(root, "m", "b"), "3");
    ck_assert_str_eq(text_at(root, "m", "c"), "4");
    ck_assert_uint_eq(config_get(root, "l")->n, 1);
    ck_assert_str_eq(text_at(root, "u", NULL), "set");
    ck_assert_ptr_nonnull(strstr(config_get(config_get(root, "m"), "b")->origin.file, "a.prod.yaml"));
    ck_assert_ptr_nonnull(strstr(config_get(config_get(root, "m"), "a")->origin.file, "a.yaml"));
    end();
}
END_TEST

static const struct config_value *pipeline(const struct config_value *root)
{
    return config_get(config_get(root, "pipelines"), "p");
}

START_TEST(an_overlay_finds_stages_by_name_and_appends_new_ones)
{
    const struct config_value *stages;

    start();
    write_file("a.yaml",
               "pipelines: {p: {stages: [{gate: {plugin: list, file: a}}, {enrich: {plugin: table, name: t, "
               "file: b}}, {gate: {any: [{plugin: x, k: 1}, {plugin: y}]}}]}}\n");
    write_file("a.prod.yaml",
               "pipelines: {p: {stages: [{enrich: {name: t, file: c}}, {gate: {plugin: list, file: d}}, "
               "{gate: {any: [{plugin: x, k: 2}]}}, {enrich: {plugin: new}}]}}\n");
    stages = config_get(pipeline(load("prod")), "stages");
    ck_assert_uint_eq(stages->n, 4);
    ck_assert_str_eq(text_at(stages->items[0], "gate", "file"), "d");
    ck_assert_str_eq(text_at(stages->items[1], "enrich", "file"), "c");
    ck_assert_str_eq(text_at(stages->items[1], "enrich", "plugin"), "table");
    ck_assert_uint_eq(config_get(config_get(stages->items[2], "gate"), "any")->n, 2);
    ck_assert_str_eq(text_at(config_get(config_get(stages->items[2], "gate"), "any")->items[0], "k", NULL),
                     "2");
    ck_assert_str_eq(text_at(stages->items[3], "enrich", "plugin"), "new");
    end();
}
END_TEST

START_TEST(an_overlay_that_changes_the_plugin_replaces_the_block)
{
    const struct config_value *root;

    start();
    write_file("a.yaml",
               "pipelines: {p: {source: {plugin: file, path: x}, sink: {plugin: sqlite, file: y, name: g}, "
               "stages: [{enrich: {plugin: table, name: fps, file: z}}]}}\n");
    write_file("a.prod.yaml", "pipelines: {p: {source: {plugin: kafka, topic: t}, sink: {file: w}, "
                              "stages: [{enrich: {plugin: fps, url: u}}]}}\n");
    root = load("prod");
    ck_assert_ptr_null(config_get(config_get(pipeline(root), "source"), "path"));
    ck_assert_str_eq(text_at(pipeline(root), "source", "topic"), "t");
    ck_assert_str_eq(text_at(pipeline(root), "sink", "plugin"), "sqlite");
    ck_assert_str_eq(text_at(pipeline(root), "sink", "file"), "w");
    ck_assert_ptr_null(
        config_get(config_get(config_get(pipeline(root), "stages")->items[0], "enrich"), "file"));
    ck_assert_uint_eq(config_get(pipeline(root), "stages")->n, 1);
    end();
}
END_TEST

START_TEST(an_overlay_finds_steps_by_name)
{
    const struct config_value *steps;

    start();
    write_file("a.yaml", "pipelines: {p: {steps: [{name: r, sink: {plugin: a}}, {name: s, sink: {plugin: a}, "
                         "stages: [{gate: {plugin: g, v: 1}}]}]}}\n");
    write_file("a.prod.yaml", "pipelines: {p: {steps: [{name: s, stages: [{gate: {plugin: g, v: 2}}]}]}}\n");
    steps = config_get(pipeline(load("prod")), "steps");
    ck_assert_uint_eq(steps->n, 2);
    ck_assert_str_eq(text_at(config_get(steps->items[1], "stages")->items[0], "gate", "v"), "2");
    ck_assert_str_eq(text_at(steps->items[1], "sink", "plugin"), "a");
    end();
}
END_TEST

/* The text of `once` is short for its key. */
START_TEST(an_overlay_may_add_to_the_once_of_a_step)
{
    const struct config_value *steps;

    start();
    write_file("a.yaml", "pipelines: {p: {steps: [{name: a, once: 'a-{id}'}, {name: b, once: {key: 'b-{id}', "
                         "ttl: 1d}}, {name: c, once: 'c-{id}'}, {name: d, once: {key: d, lease: 1m}}]}}\n");
    write_file("a.prod.yaml", "pipelines: {p: {steps: [{name: a, once: {address: v}}, {name: b, once: "
                              "'x-{id}'}, {name: c, once: 'y-{id}'}, {name: d, once: {lease: 2m}}]}}\n");
    steps = config_get(pipeline(load("prod")), "steps");
    ck_assert_str_eq(text_at(steps->items[0], "once", "key"), "a-{id}");
    ck_assert_str_eq(text_at(steps->items[0], "once", "address"), "v");
    ck_assert_str_eq(text_at(steps->items[1], "once", "key"), "x-{id}");
    ck_assert_str_eq(text_at(steps->items[1], "once", "ttl"), "1d");
    ck_assert_str_eq(text_at(steps->items[2], "once", NULL), "y-{id}");
    ck_assert_str_eq(text_at(steps->items[3], "once", "key"), "d");
    ck_assert_str_eq(text_at(steps->items[3], "once", "lease"), "2m");
    end();
}
END_TEST

START_TEST(an_overlay_of_an_anchor_warns_that_its_aliases_do_not_follow)
{
    start();
    write_file("a.yaml", "n: &n {a: 1}\nm: *n\n");
    write_file("a.prod.yaml", "n: {a: 2}\n");
    ck_assert_str_eq(text_at(load("prod"), "m", "a"), "1");
    ck_assert_uint_eq(problems.n, 1);
    ck_assert_ptr_nonnull(strstr(problems.items[0].message, "holds an anchor"));
    end();
}
END_TEST

START_TEST(several_files_merge_from_left_to_right)
{
    char a[4096], b[4096];
    const char *files[2] = {a, b};

    start();
    snprintf(a, sizeof a, "%s", write_file("a.yaml", "x: 1\ny: 1\n"));
    snprintf(b, sizeof b, "%s", write_file("b.json", "{\"y\": 2}"));
    config = config_load(files, 2, NULL, &problems);
    ck_assert_ptr_nonnull(config);
    ck_assert_str_eq(text_at(config->root, "x", NULL), "1");
    ck_assert_str_eq(text_at(config->root, "y", NULL), "2");
    ck_assert_uint_eq(config->n_files, 2);
    end();
}
END_TEST

/* config_load of one name must fail with the words. */
static void cannot_load(const char *path, const char *env, const char *words)
{
    const char *files[1] = {path};

    config = config_load(files, 1, env, &problems);
    ck_assert_ptr_null(config);
    ck_assert_uint_eq(problems.errors, 1);
    ck_assert_msg(strstr(problems.items[0].message, words) != NULL, "%s", problems.items[0].message);
}

START_TEST(an_environment_without_any_overlay_is_refused)
{
    start();
    cannot_load(write_file("a.yaml", "x: 1\n"), "prod", "there is no overlay for the environment 'prod'");
    end();
}
END_TEST

START_TEST(an_environment_is_no_path)
{
    start();
    cannot_load(write_file("a.yaml", "x: 1\n"), "../prod", "the name of an environment");
    end();
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told)
{
    start();
    cannot_load("/nonexistent/a.yaml", NULL, "No such file");
    end();
}
END_TEST

START_TEST(a_directory_is_no_config)
{
    start();
    cannot_load("/", NULL, "it is a directory");
    end();
}
END_TEST

START_TEST(a_fifo_is_refused_and_not_waited_for)
{
    char path[4096];

    start();
    dir = temp_dir_make();
    snprintf(path, sizeof path, "%s/fifo", dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    cannot_load(path, NULL, "it is a FIFO");
    end();
}
END_TEST

START_TEST(a_file_larger_than_4_mib_is_refused)
{
    char *path;

    start();
    path = write_file("a.yaml", "x: 1\n");
    ck_assert_int_eq(truncate(path, (4 << 20) + 1), 0);
    cannot_load(path, NULL, "it is larger than 4194304 bytes");
    end();
}
END_TEST

START_TEST(sixty_four_levels_are_read_and_one_more_is_not)
{
    char text[200];

    start();
    snprintf(text, sizeof text, "a: %.63s%.63s",
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    parse("t.yaml", text);
    config_free(config);
    snprintf(text, sizeof text, "a: [%.63s%.63s]",
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    refused("t.yaml", text, strlen(text), "nested deeper than 64");
    end();
}
END_TEST

START_TEST(aliases_cannot_nest_deeper_than_what_is_written)
{
    struct strbuf b;
    int i, j;

    start();
    strbuf_init(&b, 1 << 20);
    strbuf_puts(&b, "a0: &a0 [x]\n");
    for (i = 1; i < 10; i++) {
        strbuf_printf(&b, "a%d: &a%d ", i, i);
        for (j = 0; j < 10; j++)
            strbuf_putc(&b, '[');
        strbuf_printf(&b, "*a%d", i - 1);
        for (j = 0; j < 10; j++)
            strbuf_putc(&b, ']');
        strbuf_putc(&b, '\n');
    }
    refused("t.yaml", strbuf_text(&b), b.len, "nested deeper than 64");
    ck_assert_uint_eq(problems.items[0].origin.line, 8);
    strbuf_release(&b);
    end();
}
END_TEST

START_TEST(a_billion_laughs_are_stopped)
{
    struct strbuf b;
    int i, j;

    start();
    strbuf_init(&b, 1 << 20);
    strbuf_puts(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (i = 1; i < 10; i++) {
        strbuf_printf(&b, "a%d: &a%d [", i, i);
        for (j = 0; j < 10; j++)
            strbuf_printf(&b, "%s*a%d", j > 0 ? ", " : "", i - 1);
        strbuf_puts(&b, "]\n");
    }
    refused("t.yaml", strbuf_text(&b), b.len, "aliases make this config larger than 100000 values");
    strbuf_release(&b);
    end();
}
END_TEST

START_TEST(a_large_text_and_many_aliases_are_stopped)
{
    struct strbuf b;
    int i;

    start();
    strbuf_init(&b, 4 << 20);
    strbuf_puts(&b, "a: &a '");
    for (i = 0; i < 100000; i++)
        strbuf_puts(&b, "xxxxxxxxxx");
    strbuf_puts(&b, "'\nb: [");
    for (i = 0; i < 100; i++)
        strbuf_puts(&b, "*a, ");
    strbuf_puts(&b, "]\n");
    refused("t.yaml", strbuf_text(&b), b.len, "or 16777216 bytes");
    strbuf_release(&b);
    end();
}
END_TEST

START_TEST(more_values_than_any_config_has_are_stopped)
{
    struct strbuf b;
    int i;

    start();
    strbuf_init(&b, 4 << 20);
    strbuf_puts(&b, "a: [");
    for (i = 0; i < 200001; i++)
        strbuf_puts(&b, "x,\n");
    strbuf_puts(&b, "]\n");
    refused("t.yaml", strbuf_text(&b), b.len, "the config has more than 200000 values");
    strbuf_release(&b);
    end();
}
END_TEST

START_TEST(substitution_cannot_make_the_config_huge)
{
    static char big[100000];
    struct strbuf b;
    int i;

    start();
    memset(big, 'x', sizeof big - 1);
    setenv("SLUICE_TEST_BIG", big, 1);
    strbuf_init(&b, 1 << 20);
    for (i = 0; i < 500; i++)
        strbuf_printf(&b, "k%d: \"${SLUICE_TEST_BIG}\"\n", i);
    refused("t.yaml", strbuf_text(&b), b.len, "add up to more than 16777216 bytes");
    unsetenv("SLUICE_TEST_BIG");
    strbuf_release(&b);
    end();
}
END_TEST

START_TEST(a_file_cut_anywhere_is_read_or_refused_and_nothing_else)
{
    static const char text[] =
        "a: &x {b: \"c\\u00e9\", d: [1, 'two', {<<: {e: f}}]}\ng: |\n  h\n  i\nj: *x # end\n";
    size_t i;

    start();
    for (i = 0; i < sizeof text; i++) {
        config = config_parse("t.yaml", text, i, &problems);
        ck_assert_int_eq(config == NULL, problems_failed(&problems));
        config_free(config);
        problems_release(&problems);
    }
    config = NULL;
    end();
}
END_TEST

ONE_SUITE("config", 60, scalars_keep_their_text_and_no_is_a_string, every_value_knows_where_it_was_written,
          columns_are_characters_after_an_umlaut, an_alias_is_a_copy_that_says_where_it_was_written,
          what_is_written_wins_over_what_is_merged_and_the_first_of_a_list_wins,
          an_anchor_inside_what_is_merged_can_be_used_after, json_reads_like_yaml_with_its_escapes,
          variables_are_replaced_and_remembered, a_secret_file_is_read_beside_the_config_and_marked,
          a_secret_file_that_others_can_read_warns_and_strict_refuses, a_secret_file_has_a_limit,
          an_overlay_merges_maps_by_key_and_replaces_lists,
          an_overlay_finds_stages_by_name_and_appends_new_ones,
          an_overlay_that_changes_the_plugin_replaces_the_block, an_overlay_finds_steps_by_name,
          an_overlay_may_add_to_the_once_of_a_step,
          an_overlay_of_an_anchor_warns_that_its_aliases_do_not_follow,
          several_files_merge_from_left_to_right, an_environment_without_any_overlay_is_refused,
          an_environment_is_no_path, a_file_that_is_not_there_is_told, a_directory_is_no_config,
          a_fifo_is_refused_and_not_waited_for, a_file_larger_than_4_mib_is_refused,
          sixty_four_levels_are_read_and_one_more_is_not, aliases_cannot_nest_deeper_than_what_is_written,
          a_billion_laughs_are_stopped, a_large_text_and_many_aliases_are_stopped,
          more_values_than_any_config_has_are_stopped, substitution_cannot_make_the_config_huge,
          a_file_cut_anywhere_is_read_or_refused_and_nothing_else)
