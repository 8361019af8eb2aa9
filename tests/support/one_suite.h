/* one_suite: main() of a Check binary that has one suite of one case.
 *
 * The list of tests is an array, so that adding one is one line. */
#ifndef SLUICE_TESTS_ONE_SUITE_H
#define SLUICE_TESTS_ONE_SUITE_H

#include <check.h>
#include <stdlib.h>

/* before and after run around each test, in its process; they may be NULL. */
static inline int one_suite_run_with(const char *name, const TTest *const *tests, size_t n, double timeout,
                                     void (*before)(void), void (*after)(void))
{
    Suite *s = suite_create(name);
    TCase *t = tcase_create(name);
    SRunner *r;
    size_t i;
    int failed;

    tcase_set_timeout(t, timeout);
    if (before != NULL || after != NULL)
        tcase_add_checked_fixture(t, before, after);
    for (i = 0; i < n; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define ONE_SUITE_WITH(name, timeout, before, after, ...)                                                    \
    int main(void)                                                                                           \
    {                                                                                                        \
        const TTest *const tests[] = {__VA_ARGS__};                                                          \
        return one_suite_run_with(name, tests, sizeof tests / sizeof tests[0], timeout, before, after);      \
    }

#define ONE_SUITE(name, timeout, ...) ONE_SUITE_WITH(name, timeout, NULL, NULL, __VA_ARGS__)

#endif
