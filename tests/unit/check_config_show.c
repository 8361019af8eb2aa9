/* Showing and comparing configs; and the canary: a secret shows nowhere. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "config_module.h"
#include "config_show.h"
#include "one_suite.h"

#define CANARY "hunter2canary"

static struct registry *registry;

static void start(void)
{
    registry = registry_new();
    ck_assert_ptr_nonnull(registry);
    ck_assert_int_eq(registry_add(registry, &config_module, "built in"), 0);
}

static struct config *parse(const char *text, struct problems *p)
{
    struct config *config = config_parse("t.yaml", text, strlen(text), p);

    if (config != NULL)
        config_mark_secrets(config->root, registry);
    return config;
}

/* The YAML of a good config. */
static char *shown(const char *text)
{
    struct problems p;
    struct strbuf out;
    struct config *config;

    problems_init(&p);
    strbuf_init(&out, CONFIG_SHOW_MAX);
    config = parse(text, &p);
    ck_assert_ptr_nonnull(config);
    config_show_yaml(config->root, &out);
    config_free(config);
    problems_release(&p);
    return strbuf_take(&out);
}

START_TEST(a_config_is_shown_with_the_place_of_each_value)
{
    char *text;

    start();
    setenv("SLUICE_TEST_A", "x y", 1);
    text = shown("a: 1\nb:\n  - {c: \"${SLUICE_TEST_A}\", d: []}\n  - [e, ~]\nf: \"$${g}\"\n");
    ck_assert_str_eq(
        text,
        "a: 1  # t.yaml:1\nb:\n  - c: \"x y\"  # t.yaml:3 from ${SLUICE_TEST_A}\n    d: []  # t.yaml:3\n"
        "  - - e  # t.yaml:4\n    - null  # t.yaml:4\nf: \"$${g}\"  # t.yaml:5\n");
    free(text);
    registry_free(registry);
}
END_TEST

START_TEST(what_is_shown_reads_back_the_same)
{
    static const char text[] =
        "a: \"\\x7f \\u2028 \\\"q\\\" \\\\ ${SLUICE_TEST_NONE:-d}\"\n'k: y': |\n  two\n  lines\n"
        "\"null\": 'null'\nn: null\ne: ''\nt: '- x'\nl: [[], {}, [a]]\n";
    struct problems p;
    struct config *first, *second;
    struct strbuf out;
    char *again;

    start();
    problems_init(&p);
    strbuf_init(&out, 4096);
    again = shown(text);
    first = parse(text, &p);
    second = parse(again, &p);
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_eq(config_show_diff(first->root, second->root, "a", "b", 0, &out), 0);
    free(again);
    config_free(first);
    config_free(second);
    strbuf_release(&out);
    problems_release(&p);
    registry_free(registry);
}
END_TEST

START_TEST(json_keeps_numbers_and_truth_and_tells_origins)
{
    struct problems p;
    struct strbuf out;
    struct config *config;

    start();
    problems_init(&p);
    strbuf_init(&out, 4096);
    config = parse("a: -1.5e3\nb: '1'\nc: true\nd: 007\ne: [x]\n", &p);
    config_show_json(config->root, &out);
    ck_assert_ptr_nonnull(
        strstr(strbuf_text(&out), "{\"a\":-1.5e3,\"b\":\"1\",\"c\":true,\"d\":\"007\",\"e\":[\"x\"]}"));
    ck_assert_ptr_nonnull(
        strstr(strbuf_text(&out), "\"e[0]\":{\"file\":\"t.yaml\",\"line\":5,\"column\":5}"));
    config_free(config);
    strbuf_release(&out);
    problems_release(&p);
    registry_free(registry);
}
END_TEST

START_TEST(a_difference_has_its_path_and_both_sides)
{
    struct problems p;
    struct strbuf out;
    struct config *a, *b;

    start();
    problems_init(&p);
    strbuf_init(&out, 4096);
    a = parse("x: {y: 1, z: 2}\nl: [a]\n", &p);
    b = parse("x: {y: 3, z: 2}\nl: [a, b]\n", &p);
    ck_assert_uint_eq(config_show_diff(a->root, b->root, "stage", "prod", 0, &out), 2);
    ck_assert_str_eq(strbuf_text(&out), "x.y\n  stage: 1  # t.yaml:1\n  prod: 3  # t.yaml:1\n"
                                        "l[1]\n  stage: (absent)\n  prod: \"b\"  # t.yaml:2\n");
    config_free(a);
    config_free(b);
    strbuf_release(&out);
    problems_release(&p);
    registry_free(registry);
}
END_TEST

/* Configs with the canary where a secret may stand, also wrongly; %s is ${file:…} or the canary. */
static const char *const nests[] = {
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, url: x, password: \"%s\"}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, url: x, pasword: \"%s\"}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, url: x, password: [\"%s\"]}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, url: x, password: {a: \"%s\"}}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: unknown, password: \"%s\"}}}\n",
    ("g: &g {url: x, password: \"%s\"}\n"
     "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, <<: *g}}}\n"),
    "x-db: {api_token: \"%s\"}\npipelines: {}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, password: \"%s\", password: \"%s\"}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, password: \"%s\" \"%s\"}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, password: @%s}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, password: \"%s\n",
};

/* Places that are no secret by themselves: only ${file:} is kept out there. */
static const char *const file_nests[] = {
    "pipelines: {p: {source: {plugin: mem, count: \"%s\"}, sink: {plugin: 'null'}}}\n",
    "pipelines: {p: {source: {plugin: \"%s\"}, sink: {plugin: 'null'}}}\n",
    "pipelines: {p: {source: {plugin: mem, name: \"%s\"}, sink: {plugin: 'null', rate_limit: \"%s\"}}}\n",
    "pipelines: {p: {source: {plugin: mem}, sink: {plugin: graph, url: \"%s\", mode: \"%s\"}}}\n",
    "pipelines: {p: {source: {plugin: mem}, order_key: \"%s\", sink: \"%s\", stages: [\"%s\"], batch: "
    "\"%s\"}}\n",
    "pipelines: {p: {source: {plugin: mem}, stages: [{enrich: {plugin: table, url: \"%s\", wait: "
    "\"%s\"}}]}}\n",
    "pipelines: {p: {source: {plugin: mem}, steps: [{name: \"%s\", once: \"%s\", sink: {plugin: "
    "'null'}}]}}\n",
    "log: {level: \"%s\"}\nhttp: {listen: \"%s\"}\nstate_dir: \"%s\"\nplugin_dirs: [\"%s\"]\ndrain: "
    "\"%s\"\npipelines: {}\n",
    "x-a: \"pre%spost\"\nb: \"%s\"\npipelines: \"%s\"\nstrict_secrets: \"%s\"\n",
};

static void no_canary(const char *where, const char *text)
{
    ck_assert_msg(strstr(text, CANARY) == NULL, "the secret is in %s: %s", where, text);
}

static void search_problems(const struct problems *p)
{
    struct strbuf out;
    size_t i;

    for (i = 0; i < p->n; i++) {
        no_canary("a message", p->items[i].message);
        no_canary("a hint", p->items[i].hint != NULL ? p->items[i].hint : "");
    }
    strbuf_init(&out, 1 << 20);
    app_problems_json(p, &out);
    no_canary("the JSON of problems", strbuf_text(&out));
    strbuf_release(&out);
}

static void search_shown(const struct config *config)
{
    struct strbuf out;
    struct config *other;
    struct problems p;

    problems_init(&p);
    strbuf_init(&out, CONFIG_SHOW_MAX);
    other = config_parse("o.yaml", "pipelines: {p: {sink: {password: 1}}}", 37, &p);
    config_show_yaml(config->root, &out);
    config_show_json(config->root, &out);
    config_show_diff(config->root, other->root, "a", "b", 0, &out);
    config_show_diff(other->root, config->root, "a", "b", 1, &out);
    ck_assert_ptr_nonnull(strstr(strbuf_text(&out), "***"));
    no_canary("what is shown", strbuf_text(&out));
    strbuf_release(&out);
    config_free(other);
    problems_release(&p);
}

/* The text with value at every %s. */
static void search(const char *nest, const char *value)
{
    struct plan_flags flags = {.no_files = 1};
    struct problems p;
    struct config *config;
    struct strbuf text;
    const char *s;
    char **dirs;
    size_t i;

    problems_init(&p);
    strbuf_init(&text, 8192);
    for (s = nest; *s != '\0'; s++) {
        if (s[0] == '%' && s[1] == 's') {
            strbuf_puts(&text, value);
            s++;
        } else {
            strbuf_putc(&text, *s);
        }
    }
    config = parse(strbuf_text(&text), &p);
    if (config != NULL) {
        dirs = plan_plugin_dirs(config, &p);
        for (i = 0; dirs != NULL && dirs[i] != NULL; i++)
            free(dirs[i]);
        free(dirs);
        plan_free(plan_build(config, registry, flags, &p));
        search_shown(config);
    }
    config_free(config);
    search_problems(&p);
    config = config_parse("t.json", strbuf_text(&text), text.len, &p);
    ck_assert_ptr_null(config);
    search_problems(&p);
    problems_release(&p);
    strbuf_release(&text);
}

START_TEST(a_secret_shows_in_no_message_and_nothing_that_is_shown)
{
    char path[] = "/tmp/sluice-canary-XXXXXX", value[64];
    int fd = mkstemp(path);
    size_t i;

    start();
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, CANARY "\n", sizeof CANARY), (int)sizeof CANARY);
    close(fd);
    snprintf(value, sizeof value, "${file:%s}", path);
    for (i = 0; i < sizeof nests / sizeof *nests; i++) {
        search(nests[i], CANARY);
        search(nests[i], value);
    }
    for (i = 0; i < sizeof file_nests / sizeof *file_nests; i++)
        search(file_nests[i], value);
    unlink(path);
    registry_free(registry);
}
END_TEST

START_TEST(the_default_of_a_variable_is_not_shown_as_its_source)
{
    char *text;

    start();
    unsetenv("SLUICE_TEST_NONE");
    text = shown("pipelines: {p: {sink: {plugin: graph, password: \"${SLUICE_TEST_NONE:-" CANARY "}\"}}}\n");
    no_canary("what is shown", text);
    ck_assert_ptr_nonnull(strstr(text, "\"***\"  # t.yaml:1 from ${SLUICE_TEST_NONE}"));
    free(text);
    registry_free(registry);
}
END_TEST

ONE_SUITE("config_show", 30, a_config_is_shown_with_the_place_of_each_value,
          what_is_shown_reads_back_the_same, json_keeps_numbers_and_truth_and_tells_origins,
          a_difference_has_its_path_and_both_sides, a_secret_shows_in_no_message_and_nothing_that_is_shown,
          the_default_of_a_variable_is_not_shown_as_its_source)
