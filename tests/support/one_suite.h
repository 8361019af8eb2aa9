/* one_suite: main() of a Check binary that has one suite of one case.
 *
 * The list of tests is an array, so that adding one is one line. */
#ifndef SLUICE_TESTS_ONE_SUITE_H
#define SLUICE_TESTS_ONE_SUITE_H

#include <check.h>
#include <stdlib.h>

static inline int one_suite_run(const char *name, const TTest *const *tests, size_t n, double timeout)
{
    Suite *s = suite_create(name);
    TCase *t = tcase_create(name);
    SRunner *r;
    size_t i;
    int failed;

    tcase_set_timeout(t, timeout);
    for (i = 0; i < n; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define ONE_SUITE(name, timeout, ...)                                                                        \
    int main(void)                                                                                           \
    {                                                                                                        \
        const TTest *const tests[] = {__VA_ARGS__};                                                          \
        return one_suite_run(name, tests, sizeof tests / sizeof tests[0], timeout);                          \
    }

#endif
