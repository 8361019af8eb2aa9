#include <check.h>
#include <stdlib.h>

#include "strbuf.h"

START_TEST(an_append_past_the_maximum_fails_and_changes_nothing)
{
    struct strbuf b;

    strbuf_init(&b, 4);
    strbuf_puts(&b, "abc");
    strbuf_puts(&b, "de");
    ck_assert_int_eq(b.failed, 1);
    ck_assert_str_eq(strbuf_text(&b), "abc");
    strbuf_release(&b);
}
END_TEST

START_TEST(json_text_is_escaped_and_invalid_bytes_are_replaced)
{
    struct strbuf b;

    strbuf_init(&b, 100);
    strbuf_json(&b, "a\"\n\xff\xc3\xa9\x01", 7);
    ck_assert_str_eq(strbuf_text(&b), "\"a\\\"\\n\xef\xbf\xbd\xc3\xa9\\u0001\"");
    strbuf_release(&b);
}
END_TEST

START_TEST(take_hands_over_the_text_and_leaves_the_buffer_empty)
{
    struct strbuf b;
    char *text;

    strbuf_init(&b, 100);
    strbuf_printf(&b, "%d-%s", 7, "x");
    text = strbuf_take(&b);
    ck_assert_str_eq(text, "7-x");
    ck_assert_uint_eq(b.len, 0);
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("strbuf");
    TCase *t = tcase_create("strbuf");
    SRunner *r;
    int failed;

    tcase_add_test(t, an_append_past_the_maximum_fails_and_changes_nothing);
    tcase_add_test(t, json_text_is_escaped_and_invalid_bytes_are_replaced);
    tcase_add_test(t, take_hands_over_the_text_and_leaves_the_buffer_empty);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
