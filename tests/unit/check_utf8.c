#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "one_suite.h"
#include "utf8.h"

/* The definition, character by character: what encoding the code point gives. */
static size_t encode(unsigned code, char out[4])
{
    if (code < 0x80)
        return out[0] = (char)code, 1;
    if (code < 0x800)
        return out[0] = (char)(0xc0 | code >> 6), out[1] = (char)(0x80 | (code & 63)), 2;
    if (code < 0x10000)
        return out[0] = (char)(0xe0 | code >> 12), out[1] = (char)(0x80 | (code >> 6 & 63)),
               out[2] = (char)(0x80 | (code & 63)), 3;
    return out[0] = (char)(0xf0 | code >> 18), out[1] = (char)(0x80 | (code >> 12 & 63)),
           out[2] = (char)(0x80 | (code >> 6 & 63)), out[3] = (char)(0x80 | (code & 63)), 4;
}

START_TEST(every_code_point_is_valid_but_surrogates)
{
    unsigned code;

    for (code = 0; code < 0x120000; code++) {
        char text[4];
        size_t n = encode(code, text);
        int good = code < 0x110000 && (code < 0xd800 || code > 0xdfff);

        ck_assert_msg(utf8_char(text, text + n) == (good ? n : 0), "U+%04X", code);
        if (n > 1) /* cut short it is never valid */
            ck_assert_uint_eq(utf8_char(text, text + n - 1), 0);
    }
}
END_TEST

START_TEST(bytes_that_encode_nothing_or_too_long_are_not_valid)
{
    static const char *const texts[] = {"\x80",
                                        "\xbf",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xe0\x9f\xbf",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf5\x80\x80\x80",
                                        "\xff",
                                        "\xc3"
                                        "a",
                                        "\xe2\x82"
                                        "a",
                                        "\xf0\x9f\x98"
                                        "a"};
    size_t i;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_uint_eq(utf8_char(texts[i], texts[i] + strlen(texts[i])), 0);
}
END_TEST

START_TEST(the_first_bad_byte_is_found_wherever_it_stands)
{
    size_t len;
    size_t at;

    for (len = 1; len < 70; len++)
        for (at = 0; at < len; at++) {
            char *text = malloc(len); /* ends where its memory ends */

            ck_assert_ptr_nonnull(text);
            memset(text, 'a', len);
            ck_assert_uint_eq(utf8_valid_prefix(text, len), len);
            text[at] = '\xff';
            ck_assert_uint_eq(utf8_valid_prefix(text, len), at);
            free(text);
        }
    ck_assert_uint_eq(utf8_valid_prefix("", 0), 0);
}
END_TEST

ONE_SUITE("utf8", 20, every_code_point_is_valid_but_surrogates,
          bytes_that_encode_nothing_or_too_long_are_not_valid, the_first_bad_byte_is_found_wherever_it_stands)
