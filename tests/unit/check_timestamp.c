/* check_timestamp: the one reading of RFC 3339 that every purchase goes through. */
#include <string.h>

#include "one_suite.h"
#include "../../plugins/common/timestamp.h"

static int64_t parsed(const char *text)
{
    const char *why = NULL;
    int64_t ms = 0;

    ck_assert_msg(timestamp_parse(text, strlen(text), &ms, &why) == 1, "%s %s", text, why);
    return ms;
}

static const char *refused(const char *text)
{
    const char *why = NULL;
    int64_t ms = 4711;

    ck_assert_msg(timestamp_parse(text, strlen(text), &ms, &why) == 0, "%s was taken", text);
    ck_assert_int_eq(ms, 4711);
    ck_assert_ptr_nonnull(why);
    return why;
}

START_TEST(utc_is_read_to_the_millisecond)
{
    ck_assert_int_eq(parsed("1970-01-01T00:00:00Z"), 0);
    ck_assert_int_eq(parsed("2017-01-06T12:47:01Z"), 1483706821000);
    ck_assert_int_eq(parsed("2017-01-06t12:47:01.5z"), 1483706821500);
    ck_assert_int_eq(parsed("2017-01-06 12:47:01.123456789Z"), 1483706821123);
}
END_TEST

START_TEST(times_before_1970_are_negative_and_fractions_go_forward)
{
    ck_assert_int_eq(parsed("1969-12-31T23:59:59.999Z"), -1);
    ck_assert_int_eq(parsed("1969-12-31T23:59:59.9999Z"), -1);
    ck_assert_int_eq(parsed("1900-03-01T00:00:00Z"), -2203891200000);
}
END_TEST

START_TEST(the_offset_is_taken_off)
{
    ck_assert_int_eq(parsed("2026-07-01T02:00:00+02:00"), parsed("2026-07-01T00:00:00Z"));
    ck_assert_int_eq(parsed("2026-06-30T18:30:00-05:30"), parsed("2026-07-01T00:00:00Z"));
    ck_assert_int_eq(parsed("2026-07-01T00:00:00-00:00"), parsed("2026-07-01T00:00:00Z"));
}
END_TEST

START_TEST(leap_years_follow_the_gregorian_rule)
{
    ck_assert_int_eq(parsed("2000-03-01T00:00:00Z") - parsed("2000-02-29T00:00:00Z"), 86400000);
    ck_assert_int_eq(parsed("2024-02-29T00:00:00Z"), 1709164800000);
    refused("1900-02-29T00:00:00Z");
    refused("2023-02-29T00:00:00Z");
}
END_TEST

START_TEST(a_leap_second_is_the_next_day_and_only_at_midnight_utc)
{
    ck_assert_int_eq(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z"));
    ck_assert_int_eq(parsed("2016-12-31T23:59:60.9Z"), parsed("2017-01-01T00:00:00Z"));
    ck_assert_int_eq(parsed("2017-01-01T00:59:60+01:00"), parsed("2017-01-01T00:00:00Z"));
    refused("2016-12-31T12:30:60Z");
    refused("2016-12-31T23:59:61Z");
}
END_TEST

START_TEST(the_first_and_the_last_year_are_0001_and_9999)
{
    ck_assert_int_eq(parsed("0001-01-01T00:00:00Z"), TIMESTAMP_MIN);
    ck_assert_int_eq(parsed("9999-12-31T23:59:59.999Z"), TIMESTAMP_MAX);
    refused("0000-12-31T23:59:59Z");
    refused("0001-01-01T00:00:00+00:01");
    refused("9999-12-31T23:59:59-00:01");
    refused("10000-01-01T00:00:00Z");
}
END_TEST

START_TEST(a_local_time_is_refused_with_the_remedy)
{
    ck_assert_ptr_nonnull(strstr(refused("2026-01-31T12:00:00"), "offset"));
    ck_assert_ptr_nonnull(strstr(refused("2026-01-31T12:00:00.5"), "offset"));
}
END_TEST

START_TEST(anything_else_is_refused_whole)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "0",
                                      "1483706821",
                                      "now",
                                      "2026",
                                      "2026-01-31",
                                      "2026-01-31T",
                                      "2026-01-31Z",
                                      "2026-1-31T12:00:00Z",
                                      "26-01-31T12:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-01-31T24:00:00Z",
                                      "2026-01-31T12:60:00Z",
                                      "2026-01-31T12:00Z",
                                      "2026-01-31T12:00:00.Z",
                                      "2026-01-31T12:00:00,5Z",
                                      "2026-01-31T12:00:00Zz",
                                      "2026-01-31T12:00:00 Z",
                                      " 2026-01-31T12:00:00Z",
                                      "2026-01-31T12:00:00Z ",
                                      "2026-01-31T12:00:00+2:00",
                                      "2026-01-31T12:00:00+0200",
                                      "2026-01-31T12:00:00+02",
                                      "2026-01-31T12:00:00+24:00",
                                      "2026-01-31T12:00:00+02:60",
                                      "2026-01-31T12:00:00+02:00Z",
                                      "-026-01-31T12:00:00Z",
                                      "+2026-01-31T12:00:00Z",
                                      "2026/01/31T12:00:00Z",
                                      "2026-01-31X12:00:00Z",
                                      "20260131T120000Z",
                                      "2026-W05-6T12:00:00Z",
                                      "2026-01-31T12:00:00*02:00"};
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(bad[i]);
}
END_TEST

START_TEST(no_byte_after_len_is_read)
{
    const char text[] = "2026-01-31T12:00:00Z";
    const char *why;
    int64_t ms;
    size_t len;

    for (len = 0; len < sizeof text - 1; len++) {
        char *cut = malloc(len + 1);

        memcpy(cut, text, len);
        ck_assert_int_eq(timestamp_parse(cut, len, &ms, &why), 0);
        free(cut);
    }
}
END_TEST

ONE_SUITE("timestamp", 10, utc_is_read_to_the_millisecond,
          times_before_1970_are_negative_and_fractions_go_forward, the_offset_is_taken_off,
          leap_years_follow_the_gregorian_rule, a_leap_second_is_the_next_day_and_only_at_midnight_utc,
          the_first_and_the_last_year_are_0001_and_9999, a_local_time_is_refused_with_the_remedy,
          anything_else_is_refused_whole, no_byte_after_len_is_read)
