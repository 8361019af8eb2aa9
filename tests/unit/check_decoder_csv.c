#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "one_suite.h"
#include "plugin_host_private.h"

static struct plugin_host *open_csv(const char *yaml)
{
    struct plugin_host *h = plugin_host_open("decoder", "csv", yaml);

    plugin_host_start(h);
    return h;
}

static void expect_document(struct plugin_host *h, const char *row, const char *want)
{
    const struct sluice_verdict *v = plugin_host_one(h, row);

    ck_assert_msg(v->code == SLUICE_OK, "%s: %s", row, v->detail);
    ck_assert_str_eq(plugin_host_document(h, 0), want);
}

static void expect_rejected(struct plugin_host *h, const char *row, const char *reason, const char *detail)
{
    const struct sluice_verdict *v = plugin_host_one(h, row);

    ck_assert_uint_eq(v->code, SLUICE_REJECT);
    ck_assert_str_eq(v->reason, reason);
    ck_assert_msg(strstr(v->detail, detail) != NULL, "'%s' does not say '%s'", v->detail, detail);
    ck_assert_ptr_null(plugin_host_document(h, 0));
}

START_TEST(every_value_becomes_text_under_its_column)
{
    struct plugin_host *h = open_csv("columns: [id, name, n]\n");

    expect_document(h, "u1,\"a,\"\"b\"\"\nc\",17",
                    "{\"id\":\"u1\",\"name\":\"a,\\\"b\\\"\\nc\",\"n\":\"17\"}");
    expect_document(h, "u1,\xc3\xa9,1\r\n", "{\"id\":\"u1\",\"name\":\"\xc3\xa9\",\"n\":\"1\"}");
    plugin_host_close(h);
}
END_TEST

START_TEST(an_empty_field_makes_no_member_unless_told)
{
    struct plugin_host *h = open_csv("columns: [a, b, c]\n");

    expect_document(h, ",x,\"\"", "{\"b\":\"x\"}");
    plugin_host_close(h);
    h = open_csv("columns: [a, b, c]\nempty: text\n");
    expect_document(h, ",x,\"\"", "{\"a\":\"\",\"b\":\"x\",\"c\":\"\"}");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_row_with_another_number_of_fields_is_rejected_with_both_counts)
{
    struct plugin_host *h = open_csv("columns: [a, b, c]\n");

    expect_rejected(h, "1,2", "bad_csv", "the row has 2 fields, the header has 3 columns");
    expect_rejected(h, "1,2,3,4,5", "bad_csv", "the row has 5 fields, the header has 3 columns");
    expect_rejected(h, "", "bad_csv", "the row is empty");
    plugin_host_close(h);
}
END_TEST

START_TEST(bad_quotes_and_bad_text_are_rejected_with_the_byte)
{
    struct plugin_host *h = open_csv("columns: [a, b]\n");

    expect_rejected(h, "1,\"2", "bad_csv", "byte 3 of the row: a quote that is never closed");
    expect_rejected(h, "\"1\"x,2", "bad_csv", "byte 4 of the row: text after a closing quote");
    expect_rejected(h, "1\n2,3", "bad_csv", "a line break outside quotes");
    expect_rejected(h, "1,\xff", "bad_utf8", "byte 3 of the row is not UTF-8");
    plugin_host_close(h);
}
END_TEST

START_TEST(other_separators_and_no_quotes_are_read)
{
    struct plugin_host *h = open_csv("columns: [a, b]\nseparator: tab\nquote: none\n");

    expect_document(h, "\"1\t2\"", "{\"a\":\"\\\"1\",\"b\":\"2\\\"\"}");
    plugin_host_close(h);
}
END_TEST

START_TEST(options_that_cannot_work_are_refused_by_name)
{
    static const char *const blocks[][2] = {{"separator: ab\n", "separator"},
                                            {"quote: ','\n", "separator"},
                                            {"columns: []\n", "columns"},
                                            {"columns: [a, b, a]\n", "columns"},
                                            {"quote: ''\n", "quote"}};
    size_t i;

    for (i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        char *text = plugin_host_refusal("decoder", "csv", blocks[i][0]);

        ck_assert_msg(strstr(text, blocks[i][1]) != NULL, "%s", text);
        free(text);
    }
}
END_TEST

/* Gives the records of the batch a header, as a source would. */
static void set_header(struct plugin_host *h, struct lane_info *lane, char *attributes[2], const char *header)
{
    uint64_t i;

    attributes[0] = (char *)(uintptr_t) "csv.header";
    attributes[1] = (char *)(uintptr_t)header;
    lane->name = (char *)(uintptr_t) "lane";
    lane->attributes = attributes;
    lane->n_attributes = 1;
    for (i = 0; i < h->batch.n; i++)
        h->batch.refs[i]->lane = lane;
}

START_TEST(the_header_of_the_lane_names_the_columns)
{
    struct plugin_host *h = open_csv("");
    struct lane_info lane;
    char *attributes[2];

    expect_rejected(h, "1,2", "no_header", "set the option columns");
    plugin_host_clear(h);
    plugin_host_add_bytes(h, "1,2", 3);
    set_header(h, &lane, attributes, "a,\"b\"\"c\"");
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_str_eq(plugin_host_document(h, 0), "{\"a\":\"1\",\"b\\\"c\":\"2\"}");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_header_with_two_equal_names_rejects_its_rows_and_says_why)
{
    struct plugin_host *h = open_csv("");
    struct lane_info lane;
    char *attributes[2];

    plugin_host_clear(h);
    plugin_host_add_bytes(h, "1,2", 3);
    set_header(h, &lane, attributes, "a,a");
    ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
    ck_assert_str_eq(plugin_host_verdict(h, 0)->reason, "bad_header");
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 0)->detail, "two columns have the same name"));
    plugin_host_close(h);
}
END_TEST

START_TEST(more_headers_than_are_kept_still_work)
{
    struct plugin_host *h = open_csv("");
    struct lane_info lane;
    char *attributes[2];
    char header[32], want[64];
    int i;

    for (i = 0; i < 200; i++) {
        plugin_host_clear(h);
        plugin_host_add_bytes(h, "1", 1);
        (void)snprintf(header, sizeof header, "c%d", i);
        (void)snprintf(want, sizeof want, "{\"c%d\":\"1\"}", i);
        set_header(h, &lane, attributes, header);
        ck_assert_uint_eq(plugin_host_call(h, NULL), SLUICE_OK);
        ck_assert_str_eq(plugin_host_document(h, 0), want);
    }
    plugin_host_close(h);
}
END_TEST

START_TEST(peek_says_what_the_document_says)
{
    static const char *const rows[] = {"u1,,x",   "\"u\"\"1\",2,3", ",2,3",       "1,2",
                                       "\"1,2,3", "1,\xff,3",       "\"a\"b,2,3", "\xc3\xa9,2,3"};
    static const char *const names[] = {"id", "n", "absent"};
    struct plugin_host *h = open_csv("columns: [id, n, rest]\n");
    struct sluice_str asked[3], values[3];
    uint8_t status;
    struct sluice_error err;
    size_t i;
    int j;

    for (j = 0; j < 3; j++)
        asked[j] = sluice_str_of(names[j]);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int decoded = plugin_host_one(h, rows[i])->code == SLUICE_OK;
        struct sluice_peek peek = {sizeof peek, 1, h->batch.refs, asked, 3, values, &status};

        ck_assert_uint_eq(h->plugin->ops.decoder.peek(plugin_host_self(h), &peek, &err), SLUICE_OK);
        if (decoded)
            ck_assert_uint_eq(status, SLUICE_PEEK_WHOLE);
        for (j = 0; j < 3 && decoded; j++)
            ck_assert_msg(sluice_str_equal(values[j], record_document_field(h->batch.refs[0], names[j])),
                          "%s of %s", names[j], rows[i]);
    }
    plugin_host_close(h);
}
END_TEST

ONE_SUITE("decoder csv", 20, every_value_becomes_text_under_its_column,
          an_empty_field_makes_no_member_unless_told,
          a_row_with_another_number_of_fields_is_rejected_with_both_counts,
          bad_quotes_and_bad_text_are_rejected_with_the_byte, other_separators_and_no_quotes_are_read,
          options_that_cannot_work_are_refused_by_name, the_header_of_the_lane_names_the_columns,
          a_header_with_two_equal_names_rejects_its_rows_and_says_why, more_headers_than_are_kept_still_work,
          peek_says_what_the_document_says)
