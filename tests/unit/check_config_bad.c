/* Every config of data/config_bad.txt is refused with exactly the errors that are
 * written there, each at its line and column. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config_module.h"
#include "plan.h"
#include "strbuf.h"

#define MAX_EXPECTED 8
#define MAX_CASES 512

struct bad {
    char title[160];
    char kind[8];
    struct {
        unsigned line, column;
        char words[160];
    } expected[MAX_EXPECTED];
    size_t n;
    struct strbuf text;
};

static struct bad cases[MAX_CASES];
static int n_cases;

static const char good_pipeline[] = "pipelines: {p: {source: {plugin: mem}, sink: {plugin: 'null'}}}\n";
static const char open_pipeline[] =
    "pipelines:\n  p:\n    source: {plugin: mem}\n    sink: {plugin: 'null'}\n";

/* For reading the table, where no test runs yet. */
static void must(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "config_bad.txt: %s\n", what);
    exit(EXIT_FAILURE);
}

/* \t, \0 and \xHH; in JSON and before other letters a backslash is one. */
static void add_line(struct bad *b, const char *line)
{
    char hex[3] = "";
    const char *s;

    for (s = line; *s != '\0'; s++) {
        if (s[0] == '\\' && s[1] == 't') {
            strbuf_putc(&b->text, '\t');
            s++;
        } else if (s[0] == '\\' && s[1] == '0' && strchr(line, '"') == NULL) {
            strbuf_add(&b->text, "", 1);
            s++;
        } else if (s[0] == '\\' && s[1] == 'x') {
            memcpy(hex, s + 2, 2);
            strbuf_putc(&b->text, (char)strtol(hex, NULL, 16));
            s += 3;
        } else {
            strbuf_putc(&b->text, *s);
        }
    }
}

static void start_case(const char *line)
{
    struct bad *b = &cases[n_cases++];

    must(n_cases < MAX_CASES, "too many cases");
    must(sscanf(line, "=== [%7[a-z]] %159[^\n]", b->kind, b->title) == 2, line);
    strbuf_init(&b->text, 65536);
    if (strcmp(b->kind, "pipe") == 0)
        strbuf_puts(&b->text, open_pipeline);
}

static void read_cases(void)
{
    char path[4096], line[1024];
    struct bad *b = NULL;
    FILE *in;

    snprintf(path, sizeof path, "%s/tests/unit/data/config_bad.txt",
             getenv("top_srcdir") ? getenv("top_srcdir") : ".");
    in = fopen(path, "r");
    must(in != NULL, path);
    while (fgets(line, sizeof line, in) != NULL) {
        if (strncmp(line, "===", 3) == 0) {
            start_case(line);
            b = &cases[n_cases - 1];
        } else if (b != NULL && line[0] == '@') {
            must(sscanf(line, "@ %u:%u %159[^\n]", &b->expected[b->n].line, &b->expected[b->n].column,
                        b->expected[b->n].words) == 3,
                 line);
            must(++b->n < MAX_EXPECTED, line);
        } else if (b != NULL && strcmp(line, "\n") != 0) {
            add_line(b, line);
        }
    }
    fclose(in);
}

static int found(const struct problems *p, unsigned line, unsigned column, const char *words)
{
    size_t i;

    for (i = 0; i < p->n; i++)
        if (!p->items[i].warning && p->items[i].origin.line == line && p->items[i].origin.column == column &&
            strstr(p->items[i].message, words) != NULL)
            return 1;
    return 0;
}

/* Errors in all, but for the state_dir that most cases leave out and only one is about. */
static size_t count_errors(const struct problems *p, const struct bad *b)
{
    size_t n = p->errors, i;

    for (i = 0; i < p->n; i++)
        if (!p->items[i].warning && strncmp(p->items[i].message, "no `state_dir`", 14) == 0 &&
            strncmp(b->expected[0].words, "no `state_dir`", 14) != 0)
            n--;
    return n;
}

START_TEST(a_bad_config_is_refused_at_its_place)
{
    struct bad *b = &cases[_i];
    struct registry *registry = registry_new();
    struct plan_flags flags = {0};
    struct problems p;
    struct config *config;
    struct plan *plan = NULL;
    char *told = NULL;
    size_t told_len = 0, i;
    FILE *out;

    ck_assert_int_eq(registry_add(registry, &config_module, "built in"), 0);
    if (strcmp(b->kind, "top") == 0)
        strbuf_puts(&b->text, good_pipeline);
    ck_assert_int_eq(b->text.failed, 0);
    problems_init(&p);
    config = config_parse(strcmp(b->kind, "json") == 0 ? "t.json" : "t.yaml", strbuf_text(&b->text),
                          b->text.len, &p);
    if (config != NULL)
        plan = plan_build(config, registry, flags, &p);
    out = open_memstream(&told, &told_len);
    problems_print(&p, out);
    fclose(out);
    ck_assert_msg(plan == NULL, "accepted: %s", b->title);
    for (i = 0; i < b->n; i++)
        ck_assert_msg(found(&p, b->expected[i].line, b->expected[i].column, b->expected[i].words),
                      "%s: expected %u:%u %s, but was told:\n%s", b->title, b->expected[i].line,
                      b->expected[i].column, b->expected[i].words, told);
    ck_assert_msg(count_errors(&p, b) == b->n && b->n > 0, "%s: %zu errors expected, but was told:\n%s",
                  b->title, b->n, told);
    free(told);
    config_free(config);
    registry_free(registry);
    problems_release(&p);
}
END_TEST

START_TEST(the_table_is_long_enough_to_mean_something)
{
    ck_assert_int_ge(n_cases, 150);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config_bad");
    TCase *t = tcase_create("config_bad");
    SRunner *r;
    int failed, i;

    unsetenv("SLUICE_TEST_UNSET");
    unsetenv("SLUICE_TEST_GONE");
    setenv("HOME", "/root", 1);
    setenv("CK_DEFAULT_TIMEOUT", "60", 0);
    read_cases();
    tcase_add_loop_test(t, a_bad_config_is_refused_at_its_place, 0, n_cases);
    tcase_add_test(t, the_table_is_long_enough_to_mean_something);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    for (i = 0; i < n_cases; i++)
        strbuf_release(&cases[i].text);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
