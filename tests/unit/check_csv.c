#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/csv.h"
#include "one_suite.h"

static const struct csv_dialect rfc = {',', '"'};

/* The fields of a row joined with '|', or "why@byte". */
static const char *split(const struct csv_dialect *d, const char *text)
{
    static char out[256];
    struct csv_row row;
    struct csv_field field;
    size_t n = 0;
    int fields = 0;
    int more;

    csv_row_init(&row, d, text, strlen(text));
    while ((more = csv_next(&row, &field)) == 1) {
        if (fields++ > 0)
            out[n++] = '|';
        n += field.doubled ? csv_unquote(d, &field, out + n)
                           : (memcpy(out + n, field.data, field.len), field.len);
    }
    out[n] = '\0';
    if (more < 0)
        (void)snprintf(out, sizeof out, "%s@%d", row.why, (int)(row.at - text));
    return out;
}

START_TEST(fields_are_split_and_unquoted)
{
    ck_assert_str_eq(split(&rfc, "a,b,c"), "a|b|c");
    ck_assert_str_eq(split(&rfc, ""), "");
    ck_assert_str_eq(split(&rfc, ","), "|");
    ck_assert_str_eq(split(&rfc, "a,,"), "a||");
    ck_assert_str_eq(split(&rfc, "\"a,b\",\"x\"\"y\",\"\""), "a,b|x\"y|");
    ck_assert_str_eq(split(&rfc, "\"l1\nl2\",b\r\n"), "l1\nl2|b");
    ck_assert_str_eq(split(&rfc, "5\" pipe,x"), "5\" pipe|x");
    ck_assert_str_eq(split(&rfc, " \"a\",b"), " \"a\"|b");
}
END_TEST

START_TEST(quotes_that_do_not_fit_are_told_with_their_byte)
{
    ck_assert_str_eq(split(&rfc, "a,\"b"), "a quote that is never closed@2");
    ck_assert_str_eq(split(&rfc, "a,\"b\"c,d"), "text after a closing quote@5");
    ck_assert_str_eq(split(&rfc, "a\nb"), "a line break outside quotes@0");
}
END_TEST

START_TEST(other_dialects_are_read)
{
    struct csv_dialect tabs = {'\t', '\0'};
    struct csv_dialect semicolons = {';', '\''};

    ck_assert_str_eq(split(&tabs, "\"a\tb\""), "\"a|b\"");
    ck_assert_str_eq(split(&semicolons, "'a;b';c,d"), "a;b|c,d");
}
END_TEST

START_TEST(a_dialect_that_cannot_work_is_refused)
{
    char c = 'x';
    struct csv_dialect same = {'"', '"'};
    struct csv_dialect line = {'\n', '"'};

    ck_assert_int_eq(csv_parse_byte("tab", &c), 1);
    ck_assert_int_eq(c, '\t');
    ck_assert_int_eq(csv_parse_byte("", &c), 0);
    ck_assert_int_eq(csv_parse_byte("||", &c), 0);
    ck_assert_ptr_nonnull(csv_dialect_problem(&same));
    ck_assert_ptr_nonnull(csv_dialect_problem(&line));
    ck_assert_ptr_null(csv_dialect_problem(&rfc));
}
END_TEST

static size_t end_of(const char *text, int at_end)
{
    return csv_row_end(&rfc, text, strlen(text), at_end);
}

START_TEST(a_row_ends_at_a_line_end_outside_quotes)
{
    ck_assert_uint_eq(end_of("a,b\nc", 0), 3);
    ck_assert_uint_eq(end_of("\"a\nb\",c\nd", 0), 7);
    ck_assert_uint_eq(end_of("\"a\"\"\n\",c\r\nd", 0), 9);
    ck_assert_uint_eq(end_of("a\"b\nc\"\n", 0), 3);
    ck_assert_uint_eq(end_of("a,b", 1), 3);
    ck_assert_uint_eq(end_of("\"a\"", 1), 3);
}
END_TEST

START_TEST(an_end_that_may_still_come_is_waited_for)
{
    ck_assert_uint_eq(end_of("a,b", 0), CSV_MORE);
    ck_assert_uint_eq(end_of("\"a", 0), CSV_MORE);
    ck_assert_uint_eq(end_of("\"a\"", 0), CSV_MORE);
    ck_assert_uint_eq(end_of("\"a\"\r", 0), CSV_MORE);
    ck_assert_uint_eq(end_of("\"a\nb", 0), CSV_MORE);
}
END_TEST

START_TEST(quotes_that_do_not_fit_make_no_row)
{
    ck_assert_uint_eq(end_of("\"a\"b,c\nd", 0), CSV_NOT_A_ROW);
    ck_assert_uint_eq(end_of("\"a\nx,\"b\",c\n", 0), CSV_NOT_A_ROW);
    ck_assert_uint_eq(end_of("\"a\nb", 1), CSV_NOT_A_ROW);
    ck_assert_uint_eq(end_of("\"a\"\rb", 0), CSV_NOT_A_ROW);
}
END_TEST

ONE_SUITE("csv", 10, fields_are_split_and_unquoted, quotes_that_do_not_fit_are_told_with_their_byte,
          other_dialects_are_read, a_dialect_that_cannot_work_is_refused,
          a_row_ends_at_a_line_end_outside_quotes, an_end_that_may_still_come_is_waited_for,
          quotes_that_do_not_fit_make_no_row)
