/* Metrics: numbers are exact, text is what Prometheus accepts. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/host.h>

#include "metric.h"

static const char *const one_label[] = {"reason"};

static char *rendered(struct metrics *m)
{
    struct strbuf out;
    char *text;

    strbuf_init(&out, 1u << 20);
    metrics_render(m, &out);
    text = strbuf_take(&out);
    ck_assert_ptr_nonnull(text);
    return text;
}

START_TEST(a_counter_shows_help_type_and_its_exact_number)
{
    struct metrics *m = metrics_new();
    struct metric_series *s =
        metric_series(metric_family(m, SLUICE_COUNTER, "sluice_rows_total", "Rows.", NULL, 0), NULL);
    char *text;

    metric_add(s, 9007199254740993u);
    text = rendered(m);
    ck_assert_str_eq(text, "# HELP sluice_rows_total Rows.\n# TYPE sluice_rows_total counter\n"
                           "sluice_rows_total 9007199254740993\n");
    free(text);
    metrics_free(m);
}
END_TEST

START_TEST(a_counter_without_total_in_its_name_gets_it)
{
    struct metrics *m = metrics_new();
    struct metric_family *a = metric_family(m, SLUICE_COUNTER, "sluice_rows", "Rows.", NULL, 0);

    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_eq(a, metric_family(m, SLUICE_COUNTER, "sluice_rows_total", "Rows.", NULL, 0));
    metrics_free(m);
}
END_TEST

START_TEST(the_same_labels_give_the_same_series)
{
    struct metrics *m = metrics_new();
    struct metric_family *f = metric_family(m, SLUICE_COUNTER, "x", "X.", one_label, 1);
    const char *a[] = {"a"}, *b[] = {"b"};

    ck_assert_ptr_eq(metric_series(f, a), metric_series(f, a));
    ck_assert_ptr_ne(metric_series(f, a), metric_series(f, b));
    metrics_free(m);
}
END_TEST

START_TEST(another_kind_or_other_labels_under_a_name_are_refused)
{
    struct metrics *m = metrics_new();

    ck_assert_ptr_nonnull(metric_family(m, SLUICE_GAUGE, "sluice_lag", "Lag.", one_label, 1));
    ck_assert_ptr_null(metric_family(m, SLUICE_GAUGE, "sluice_lag", "Lag.", NULL, 0));
    ck_assert_ptr_nonnull(metric_family(m, SLUICE_COUNTER, "sluice_a_total", "A.", NULL, 0));
    ck_assert_ptr_null(metric_family(m, SLUICE_GAUGE, "sluice_a_total", "A.", NULL, 0));
    metrics_free(m);
}
END_TEST

START_TEST(a_bad_name_is_refused)
{
    static const char *const bad[] = {"",
                                      "9x",
                                      "a-b",
                                      "A",
                                      "a b",
                                      "wait_ms",
                                      "size_kb",
                                      "wait_seconds_total",
                                      "some_count",
                                      "_x",
                                      "a:b",
                                      "x_gauge",
                                      "r\xc3\xa9sum\xc3\xa9"};
    static const char *const le[] = {"le"}, *const twice[] = {"a", "a"};
    struct metrics *m = metrics_new();
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(metric_family(m, SLUICE_GAUGE, bad[i], "H.", NULL, 0) == NULL, "%s", bad[i]);
    ck_assert_ptr_null(metric_family(m, SLUICE_GAUGE, "good", "H.", le, 1));
    ck_assert_ptr_null(metric_family(m, SLUICE_GAUGE, "good", "H.", twice, 2));
    ck_assert_ptr_null(metric_family(m, SLUICE_GAUGE, "good", "", NULL, 0));
    ck_assert_ptr_null(metric_family(m, 7, "good", "H.", NULL, 0));
    metrics_free(m);
}
END_TEST

START_TEST(label_values_and_help_are_escaped)
{
    struct metrics *m = metrics_new();
    const char *values[] = {"a\"b\\c\nd\xff"};
    char *text;

    metric_set(metric_series(metric_family(m, SLUICE_GAUGE, "g", "a\\b\n\"c\"", one_label, 1), values), 1.5);
    text = rendered(m);
    ck_assert_str_eq(text, "# HELP g a\\\\b\\n\"c\"\n# TYPE g gauge\n"
                           "g{reason=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 1.5\n");
    free(text);
    metrics_free(m);
}
END_TEST

START_TEST(series_beyond_the_maximum_are_folded_into_other_and_counted_there)
{
    struct metrics *m = metrics_new();
    struct metric_family *f = metric_family(m, SLUICE_COUNTER, "x", "X.", one_label, 1);
    const char *other[] = {"other"};
    char name[16];
    const char *values[] = {name};
    uint32_t i;

    for (i = 0; i < METRIC_MAX_SERIES + 50; i++) {
        (void)snprintf(name, sizeof name, "v%u", i);
        metric_add(metric_series(f, values), 1);
    }
    ck_assert_double_eq(metric_value(metric_series(f, other)), 50);
    metrics_free(m);
}
END_TEST

START_TEST(doubles_read_back_as_the_same_number)
{
    static const double numbers[] = {0, 0.1, 1e300, -2.5, 1.0 / 3, 123456789.125};
    struct metrics *m = metrics_new();
    struct metric_series *s = metric_series(metric_family(m, SLUICE_GAUGE, "g", "G.", NULL, 0), NULL);
    char *text;
    size_t i;

    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        metric_set(s, numbers[i]);
        text = rendered(m);
        ck_assert_double_eq(strtod(strrchr(text, ' ') + 1, NULL), numbers[i]);
        free(text);
    }
    metric_set(s, -INFINITY);
    text = rendered(m);
    ck_assert_ptr_nonnull(strstr(text, "g -Inf\n"));
    free(text);
    metrics_free(m);
}
END_TEST

static void *add_many(void *series)
{
    struct metric_series **s = series;
    int i;

    for (i = 0; i < 100000; i++) {
        metric_add(s[0], 1);
        metric_add(s[1], 1);
    }
    return NULL;
}

START_TEST(adding_from_many_threads_loses_nothing)
{
    struct metrics *m = metrics_new();
    struct metric_series *s[2];
    pthread_t threads[4];
    int i;

    s[0] = metric_series(metric_family(m, SLUICE_COUNTER, "c", "C.", NULL, 0), NULL);
    s[1] = metric_series(metric_family(m, SLUICE_GAUGE, "g", "G.", NULL, 0), NULL);
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, s), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_double_eq(metric_value(s[0]), 400000);
    ck_assert_double_eq(metric_value(s[1]), 400000);
    metrics_free(m);
}
END_TEST

static void collect_one(void *context)
{
    metric_set(context, metric_value(context) + 1);
}

START_TEST(a_collector_runs_before_each_rendering_until_it_is_removed)
{
    struct metrics *m = metrics_new();
    struct metric_series *s = metric_series(metric_family(m, SLUICE_GAUGE, "g", "G.", NULL, 0), NULL);
    char *text;

    ck_assert_int_eq(metrics_on_collect(m, collect_one, s), 0);
    text = rendered(m);
    ck_assert_ptr_nonnull(strstr(text, "\ng 1\n"));
    free(text);
    metrics_remove_collect(m, s);
    text = rendered(m);
    ck_assert_ptr_nonnull(strstr(text, "\ng 1\n"));
    free(text);
    metrics_free(m);
}
END_TEST

START_TEST(adding_to_what_could_not_be_made_is_harmless)
{
    metric_add(metric_series(NULL, NULL), 1);
    metric_set(NULL, 1);
    ck_assert_double_eq(metric_value(NULL), 0);
}
END_TEST

START_TEST(promtool_finds_nothing_to_say)
{
    static const char *const labels[] = {"pipeline", "class"};
    const char *values[] = {"re\"ce\\ipts\n", "written"};
    struct metrics *m = metrics_new();
    char *text;
    FILE *f;
    int out[2], status;
    pid_t child;

    metric_add(
        metric_series(metric_family(m, SLUICE_COUNTER, "sluice_records", "Records by class.", labels, 2),
                      values),
        3);
    metric_set(
        metric_series(metric_family(m, SLUICE_GAUGE, "sluice_wait_seconds", "Wait\nin \\ seconds.", NULL, 0),
                      NULL),
        0.25);
    metric_set(
        metric_series(metric_family(m, SLUICE_GAUGE, "sluice_buffer_bytes", "Buffer.", labels, 1), values),
        NAN);
    text = rendered(m);
    ck_assert_int_eq(pipe(out), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(out[0], 0);
        close(out[0]);
        close(out[1]);
        execl("/usr/bin/promtool", "promtool", "check", "metrics", (char *)NULL);
        _exit(99);
    }
    close(out[0]);
    f = fdopen(out[1], "w");
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "promtool refused:\n%s", text);
    free(text);
    metrics_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("metric");
    TCase *t = tcase_create("metric");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_counter_shows_help_type_and_its_exact_number);
    tcase_add_test(t, a_counter_without_total_in_its_name_gets_it);
    tcase_add_test(t, the_same_labels_give_the_same_series);
    tcase_add_test(t, another_kind_or_other_labels_under_a_name_are_refused);
    tcase_add_test(t, a_bad_name_is_refused);
    tcase_add_test(t, label_values_and_help_are_escaped);
    tcase_add_test(t, series_beyond_the_maximum_are_folded_into_other_and_counted_there);
    tcase_add_test(t, doubles_read_back_as_the_same_number);
    tcase_add_test(t, adding_from_many_threads_loses_nothing);
    tcase_add_test(t, a_collector_runs_before_each_rendering_until_it_is_removed);
    tcase_add_test(t, adding_to_what_could_not_be_made_is_harmless);
    if (access("/usr/bin/promtool", X_OK) == 0)
        tcase_add_test(t, promtool_finds_nothing_to_say);
    else
        fputs("skipped: promtool_finds_nothing_to_say (promtool is not installed)\n", stderr);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
