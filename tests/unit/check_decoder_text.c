/* The decoders that are built in: json and lines. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "one_suite.h"
#include "plugin_host_private.h"

static uint8_t peek(struct plugin_host *h, const char *name, struct sluice_str *value)
{
    struct sluice_str asked = sluice_str_of(name);
    uint8_t status = 0;
    struct sluice_peek question = {sizeof question, 1, h->batch.refs, &asked, 1, value, &status};
    struct sluice_error err;

    ck_assert_uint_eq(h->plugin->ops.decoder.peek(plugin_host_self(h), &question, &err), SLUICE_OK);
    return status;
}

static void add(struct plugin_host *h, const char *data, size_t len)
{
    plugin_host_clear(h);
    plugin_host_add_bytes(h, data, len);
}

START_TEST(json_makes_the_document_or_says_why_not)
{
    struct plugin_host *h = plugin_host_open("decoder", "json", "");
    const struct sluice_verdict *v;

    ck_assert_uint_eq(plugin_host_one(h, " {\"a\": [1]} ")->code, SLUICE_OK);
    ck_assert_str_eq(plugin_host_document(h, 0), "{\"a\":[1]}");
    v = plugin_host_one(h, "{\"a\": [1}");
    ck_assert_uint_eq(v->code, SLUICE_REJECT);
    ck_assert_str_eq(v->reason, "bad_json");
    ck_assert_str_eq(v->detail, "not JSON: byte 9 of 9: ',' or ']' was expected");
    ck_assert_ptr_null(plugin_host_document(h, 0));
    ck_assert_uint_eq(plugin_host_one(h, "")->code, SLUICE_REJECT);
    plugin_host_close(h);
}
END_TEST

START_TEST(json_does_not_take_the_first_bytes_of_a_longer_record_for_all)
{
    struct plugin_host *h = plugin_host_open("decoder", "json", "");
    struct sluice_str value;

    add(h, "{\"a\":1}", 7);
    h->batch.refs[0]->size = 8;
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "oversize");
    ck_assert_uint_eq(peek(h, "b", &value), SLUICE_PEEK_BROKEN);
    ck_assert_uint_eq(peek(h, "a", &value), SLUICE_PEEK_WHOLE);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_line_becomes_the_member_that_is_asked_for)
{
    struct plugin_host *h = plugin_host_open("decoder", "lines", "");
    struct sluice_str value;

    ck_assert_uint_eq(plugin_host_one(h, "a \"b\"")->code, SLUICE_OK);
    ck_assert_str_eq(plugin_host_document(h, 0), "{\"line\":\"a \\\"b\\\"\"}");
    plugin_host_close(h);
    h = plugin_host_open("decoder", "lines", "field: user_id\n");
    ck_assert_uint_eq(plugin_host_one(h, "u1")->code, SLUICE_OK);
    ck_assert_str_eq(plugin_host_document(h, 0), "{\"user_id\":\"u1\"}");
    ck_assert_uint_eq(peek(h, "user_id", &value), SLUICE_PEEK_WHOLE);
    ck_assert_uint_eq(value.len, 2);
    ck_assert_uint_eq(peek(h, "line", &value), SLUICE_PEEK_WHOLE);
    ck_assert_ptr_null(value.data);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_line_keeps_its_nul_and_may_be_empty)
{
    struct plugin_host *h = plugin_host_open("decoder", "lines", "");

    add(h, "a\0b", 3);
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_str_eq(plugin_host_document(h, 0), "{\"line\":\"a\\u0000b\"}");
    ck_assert_uint_eq(plugin_host_one(h, "")->code, SLUICE_OK);
    ck_assert_str_eq(plugin_host_document(h, 0), "{\"line\":\"\"}");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_line_that_is_not_utf8_is_rejected_with_the_byte)
{
    struct plugin_host *h = plugin_host_open("decoder", "lines", "");
    struct sluice_str value;
    const struct sluice_verdict *v = plugin_host_one(h, "ab\xff");

    ck_assert_uint_eq(v->code, SLUICE_REJECT);
    ck_assert_str_eq(v->reason, "bad_utf8");
    ck_assert_str_eq(v->detail, "byte 3 of the line is not UTF-8");
    ck_assert_uint_eq(peek(h, "line", &value), SLUICE_PEEK_BROKEN);
    plugin_host_close(h);
}
END_TEST

START_TEST(an_empty_field_name_is_refused)
{
    char *text = plugin_host_refusal("decoder", "lines", "field: ''\n");

    ck_assert_ptr_nonnull(strstr(text, "field"));
    free(text);
}
END_TEST

ONE_SUITE("decoder text", 10, json_makes_the_document_or_says_why_not,
          json_does_not_take_the_first_bytes_of_a_longer_record_for_all,
          a_line_becomes_the_member_that_is_asked_for, a_line_keeps_its_nul_and_may_be_empty,
          a_line_that_is_not_utf8_is_rejected_with_the_byte, an_empty_field_name_is_refused)
