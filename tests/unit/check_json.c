#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "json.h"
#include "json_scan.h"
#include "record.h"
#include "strbuf.h"

static struct arena arena;
static struct sluice_error err;

static void set_up(void)
{
    arena_init(&arena, 1 << 20);
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
}

static void tear_down(void)
{
    arena_release(&arena);
}

static struct sluice_node *parse(const char *text)
{
    return json_parse_text(&arena, sluice_str_of(text), &err);
}

static void expect_refused(struct sluice_str text, const char *part)
{
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    ck_assert_ptr_null(json_parse_text(&arena, text, &err));
    ck_assert_uint_eq(err.code, SLUICE_REJECT);
    ck_assert_msg(strstr(err.message, part) != NULL, "'%s' does not say '%s'", err.message, part);
}

static void expect_written(const char *text, const char *want)
{
    char out[512];
    struct sluice_node *node = parse(text);
    uint64_t n;

    ck_assert_msg(node != NULL, "%s: %s", text, err.message);
    n = json_write(node, out, sizeof out - 1);
    ck_assert_uint_lt(n, sizeof out);
    out[n] = '\0';
    ck_assert_str_eq(out, want);
}

START_TEST(what_is_read_is_written_compactly)
{
    expect_written(" { \"a\" : [ 1 , -2.50 , true , null , \"x\\u0001\\n\\u00e9\" ] , \"b\" : { } } ",
                   "{\"a\":[1,-2.5,true,null,\"x\\u0001\\n\xc3\xa9\"],\"b\":{}}");
    expect_written("[]", "[]");
    expect_written("[[],{},[[1]]]", "[[],{},[[1]]]");
    expect_written("\"\\ud83d\\ude00\\u0000\"", "\"\xf0\x9f\x98\x80\\u0000\"");
}
END_TEST

START_TEST(reals_stay_reals_and_keep_their_value)
{
    expect_written("[1.0,0.1,1e22,5e-324,1.7976931348623157e308,-0.0]",
                   "[1.0,0.1,1e+22,5e-324,1.7976931348623157e+308,-0.0]");
    expect_written("[9223372036854775807,-9223372036854775808,18446744073709551615]",
                   "[9223372036854775807,-9223372036854775808,18446744073709551615]");
}
END_TEST

START_TEST(a_buffer_that_is_too_small_stays_untouched)
{
    char out[8] = "zzzzzzz";
    struct sluice_node *node = parse("{\"a\":[1,2]}");

    ck_assert_uint_eq(json_write(node, out, 7), 11);
    ck_assert_str_eq(out, "zzzzzzz");
    ck_assert_uint_eq(json_write(NULL, out, sizeof out), 4);
}
END_TEST

START_TEST(bad_text_of_a_plugin_is_still_written_as_json)
{
    struct sluice_node node = {.type = SLUICE_TEXT, .as.text = {"a\xff\xc3", 3}};
    char out[32];
    uint64_t n = json_write(&node, out, sizeof out);

    ck_assert_uint_eq(n, 9);
    ck_assert_mem_eq(out, "\"a\xef\xbf\xbd\xef\xbf\xbd\"", 9);
}
END_TEST

START_TEST(a_refusal_says_what_is_wrong_at_which_byte)
{
    expect_refused(sluice_str_of(""), "the text is empty");
    expect_refused(sluice_str_of("  \n"), "there is no value");
    expect_refused(sluice_str_of("{\"a\":1,}"), "byte 8 of 8: a name in quotes was expected");
    expect_refused(sluice_str_of("{\"a\" 1}"), "byte 6 of 7: ':' was expected");
    expect_refused(sluice_str_of("[1 2]"), "byte 4 of 5: ',' or ']' was expected");
    expect_refused(sluice_str_of("[1,2"), "byte 5 of 4: the text ends inside an array");
    expect_refused(sluice_str_of("{} {}"), "byte 4 of 5: more text after the end");
    expect_refused(sluice_str_of("[tru]"), "byte 2 of 5: a value was expected");
    expect_refused(sluice_str_of("[01]"), "byte 2 of 4: a number with a leading zero");
    expect_refused(sluice_str_of("[1.]"), "byte 4 of 4: a digit was expected");
    expect_refused(sluice_str_of("[NaN]"), "byte 2 of 5: a value was expected");
    expect_refused(sluice_str_of("[\"a\tb\"]"), "byte 4 of 7: a control character");
    expect_refused(sluice_str_of("[\"\\x\"]"), "byte 3 of 6: an unknown escape");
    expect_refused(sluice_str_of("[\"\\ud800x\"]"), "half of a surrogate pair");
    expect_refused(sluice_str_of("[\"\\udc00\"]"), "half of a surrogate pair");
    expect_refused(sluice_str_of("[\"\xff\"]"), "byte 3 of 5: bytes that are not UTF-8");
    expect_refused(sluice_str_of("[\"\xed\xa0\x80\"]"), "not UTF-8");
    expect_refused(sluice_str_of("\xef\xbb\xbf{}"), "byte 1 of 5");
    expect_refused(sluice_str_of("[12345678901234567890123]"),
                   "byte 2 of 25: an integer that does not fit 64 bits");
    expect_refused(sluice_str_of("[-9223372036854775809]"), "an integer that does not fit 64 bits");
    expect_refused(sluice_str_of("[1e999]"), "a number out of range");
    expect_refused((struct sluice_str){"[1\0]", 4}, "byte 3 of 4");
    expect_refused((struct sluice_str){NULL, 0}, "the text is empty");
}
END_TEST

static void nest(struct strbuf *b, int depth, const char *inner)
{
    int i;

    strbuf_clear(b);
    for (i = 0; i < depth; i++)
        strbuf_putc(b, '[');
    strbuf_puts(b, inner);
    for (i = 0; i < depth; i++)
        strbuf_putc(b, ']');
}

START_TEST(depth_64_is_read_and_65_refused_full_or_empty)
{
    struct strbuf b;

    strbuf_init(&b, 1000000);
    nest(&b, 64, "1");
    ck_assert_ptr_nonnull(parse(b.data));
    nest(&b, 64, "");
    ck_assert_ptr_nonnull(parse(b.data));
    nest(&b, 65, "1");
    expect_refused(sluice_str_of(b.data), "byte 65 of 131: nested deeper than 64 levels");
    nest(&b, 65, "");
    expect_refused(sluice_str_of(b.data), "byte 65 of 130: nested deeper than 64 levels");
    nest(&b, 200000, "");
    expect_refused(sluice_str_of(b.data), "nested deeper than 64 levels");
    strbuf_release(&b);
}
END_TEST

START_TEST(the_first_of_two_equal_names_wins)
{
    struct sluice_node *o = parse("{\"a\":1,\"a\":2}");
    struct sluice_str name = sluice_str_of("a");
    struct sluice_str value;
    int64_t i = 0;

    ck_assert_uint_eq(document_api.integer(document_api.get(o, "a", 1), &i), 1);
    ck_assert_int_eq(i, 1);
    ck_assert_uint_eq(json_peek(sluice_str_of("{\"a\":1,\"a\":2}"), &name, 1, &value, &arena),
                      SLUICE_PEEK_WHOLE);
    ck_assert_mem_eq(value.data, "1", 1);
}
END_TEST

START_TEST(a_parser_serves_texts_of_any_size_again)
{
    struct json_parser *p = json_parser_new();
    struct strbuf b;
    int i;

    ck_assert_ptr_nonnull(p);
    strbuf_init(&b, 4 << 20);
    strbuf_putc(&b, '[');
    for (i = 0; i < 300000; i++)
        strbuf_puts(&b, "1234,");
    strbuf_puts(&b, "5]");
    for (i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(json_parse(p, &arena, sluice_str_of("{\"a\":1}"), &err));
        ck_assert_uint_eq(document_api.count(json_parse(p, &arena, sluice_str_of(b.data), &err)), 300001);
        ck_assert_ptr_null(json_parse(p, &arena, sluice_str_of("{"), &err));
    }
    strbuf_release(&b);
    json_parser_free(p);
}
END_TEST

/* peek: one name */
static uint8_t peek(const char *text, const char *name, struct sluice_str *value)
{
    struct sluice_str n = sluice_str_of(name);

    return json_peek(sluice_str_of(text), &n, 1, value, &arena);
}

static void expect_peek(const char *text, const char *name, const char *want)
{
    struct sluice_str value;

    ck_assert_msg(peek(text, name, &value) == SLUICE_PEEK_WHOLE, "%s is broken", text);
    if (want == NULL) {
        ck_assert_ptr_null(value.data);
        return;
    }
    ck_assert_msg(value.data != NULL, "%s: absent", text);
    ck_assert_uint_eq(value.len, strlen(want));
    ck_assert_mem_eq(value.data, want, value.len);
}

START_TEST(peek_finds_scalars_as_the_document_has_them)
{
    expect_peek("{\"x\":{\"id\":\"no\"},\"id\":\"u1\"}", "id", "u1");
    expect_peek("{\"id\":\"\"}", "id", "");
    expect_peek("{\"id\":\"a\\u00e9\\n\\\"\"}", "id", "a\xc3\xa9\n\"");
    expect_peek("{\"\\u0069d\":\"u1\"}", "id", "u1");
    expect_peek("{\"id\":17}", "id", "17");
    expect_peek("{\"id\":1e2}", "id", "100.0");
    expect_peek("{\"id\":-0}", "id", "0");
    expect_peek("{\"id\":true}", "id", "true");
    expect_peek("{\"id\":null}", "id", NULL);
    expect_peek("{\"id\":{\"a\":1}}", "id", NULL);
    expect_peek("{\"id\":[\"u1\"]}", "id", NULL);
    expect_peek("{\"ide\":\"u1\",\"i\":2}", "id", NULL);
    expect_peek("{}", "id", NULL);
    expect_peek("[\"id\",\"u1\"]", "id", NULL);
}
END_TEST

START_TEST(peek_answers_for_a_text_that_breaks_later)
{
    expect_peek("{\"id\":\"u1\",\"rest\":[1,2", "id", "u1");
    expect_peek("{\"id\":\"u1\",", "id", "u1");
    expect_peek("{\"id\":\"u1\",\"x\":\xff", "id", "u1");
}
END_TEST

START_TEST(peek_says_broken_when_the_text_breaks_first)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "{\"id",
                                        "{\"id\"",
                                        "{\"id\":",
                                        "{\"id\":\"u",
                                        "{\"id\":\"u1\"",
                                        "{\"id\":17",
                                        "{\"id\":\"u1\" x}",
                                        "{\"a\":[1,,2],\"id\":\"u1\"}",
                                        "{\"a\":tru,\"id\":1}",
                                        "{\"a\":\"\xff\",\"id\":1}",
                                        "{\"a\":[1,\"id\":2}",
                                        "{\"id\":\"\xff\"}",
                                        "{\"id\":01}",
                                        "{\"a\":1}}",
                                        "{\"a\":1} x",
                                        "{\"a\":1",
                                        "{,\"id\":1}",
                                        "{\"a\":1,,\"id\":1}",
                                        "{id:1}",
                                        "{\"a\":1 \"id\":2}",
                                        "{\"id\":\"\\ud800\"}"};
    struct sluice_str value;
    size_t i;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(peek(texts[i], "id", &value) == SLUICE_PEEK_BROKEN, "%s is taken", texts[i]);
        ck_assert_ptr_null(value.data);
    }
}
END_TEST

START_TEST(peek_of_a_name_asked_for_twice_answers_twice)
{
    struct sluice_str names[2] = {sluice_str_of("id"), sluice_str_of("id")};
    struct sluice_str values[2];

    ck_assert_uint_eq(json_peek(sluice_str_of("{\"id\":1,"), names, 2, values, &arena), SLUICE_PEEK_WHOLE);
    ck_assert_ptr_nonnull(values[0].data);
    ck_assert_ptr_nonnull(values[1].data);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_is_read_is_written_compactly);
    tcase_add_test(t, reals_stay_reals_and_keep_their_value);
    tcase_add_test(t, a_buffer_that_is_too_small_stays_untouched);
    tcase_add_test(t, bad_text_of_a_plugin_is_still_written_as_json);
    tcase_add_test(t, a_refusal_says_what_is_wrong_at_which_byte);
    tcase_add_test(t, depth_64_is_read_and_65_refused_full_or_empty);
    tcase_add_test(t, the_first_of_two_equal_names_wins);
    tcase_add_test(t, a_parser_serves_texts_of_any_size_again);
    tcase_add_test(t, peek_finds_scalars_as_the_document_has_them);
    tcase_add_test(t, peek_answers_for_a_text_that_breaks_later);
    tcase_add_test(t, peek_says_broken_when_the_text_breaks_first);
    tcase_add_test(t, peek_of_a_name_asked_for_twice_answers_twice);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
