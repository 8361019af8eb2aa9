#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

static char *printed(const struct problems *p)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    problems_print(p, out);
    fclose(out);
    return text;
}

START_TEST(findings_are_printed_in_order_of_place)
{
    struct problems p;
    char *text;

    problems_init(&p);
    problem_add(&p, (struct origin){"b.yaml", 1, 1}, NULL, "fourth");
    problem_add(&p, (struct origin){"a.yaml", 10, 2}, "do this", "third");
    problem_warn(&p, (struct origin){"a.yaml", 2, 7}, NULL, "second");
    problem_add(&p, (struct origin){NULL, 0, 0}, NULL, "first");
    text = printed(&p);
    ck_assert_str_eq(text,
                     "error: first\na.yaml:2:7: warning: second\na.yaml:10:2: error: third\n    do this\n"
                     "b.yaml:1:1: error: fourth\n");
    free(text);
    problems_release(&p);
}
END_TEST

START_TEST(warnings_do_not_fail)
{
    struct problems p;

    problems_init(&p);
    problem_warn(&p, (struct origin){NULL, 0, 0}, NULL, "careful");
    ck_assert_int_eq(problems_failed(&p), 0);
    problem_add(&p, (struct origin){NULL, 0, 0}, NULL, "broken");
    ck_assert_int_eq(problems_failed(&p), 1);
    problems_release(&p);
}
END_TEST

START_TEST(more_findings_than_are_kept_still_fail)
{
    struct problems p;
    char *text;
    int i;

    problems_init(&p);
    for (i = 0; i < 2000; i++)
        problem_warn(&p, (struct origin){NULL, 0, 0}, NULL, "number %d", i);
    ck_assert_int_eq(p.lost, 1);
    ck_assert_int_eq(problems_failed(&p), 1);
    text = printed(&p);
    ck_assert_ptr_nonnull(strstr(text, "more to say"));
    free(text);
    problems_release(&p);
}
END_TEST

START_TEST(a_finding_outlives_the_name_it_was_given)
{
    char file[] = "gone.yaml";
    struct problems p;
    char *text;

    problems_init(&p);
    problem_add(&p, (struct origin){file, 1, 2}, NULL, "x");
    memset(file, '#', sizeof file - 1);
    text = printed(&p);
    ck_assert_str_eq(text, "gone.yaml:1:2: error: x\n");
    free(text);
    problems_release(&p);
}
END_TEST

START_TEST(the_nearest_name_is_found_or_none_is_offered)
{
    static const char *const names[] = {"pipelines", "state_dir", "http", "log"};

    ck_assert_str_eq(nearest_name("pipeline", names, 4), "pipelines");
    ck_assert_str_eq(nearest_name("stat_dir", names, 4), "state_dir");
    ck_assert_str_eq(nearest_name("htpt", names, 4), "http");
    ck_assert_str_eq(nearest_name("lgo", names, 4), "log");
    ck_assert_ptr_null(nearest_name("banana", names, 4));
    ck_assert_ptr_null(nearest_name("", names, 4));
    ck_assert_ptr_null(nearest_name("x", names, 4));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("problem");
    TCase *t = tcase_create("problem");
    SRunner *r;
    int failed;

    tcase_add_test(t, findings_are_printed_in_order_of_place);
    tcase_add_test(t, warnings_do_not_fail);
    tcase_add_test(t, more_findings_than_are_kept_still_fail);
    tcase_add_test(t, a_finding_outlives_the_name_it_was_given);
    tcase_add_test(t, the_nearest_name_is_found_or_none_is_offered);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
