/* check_fido: which product a FIDO names.  The base64 texts were made with coreutils'
 * basenc, so that they do not come from the code under test. */
#include <string.h>

#include "one_suite.h"
#include "../../plugins/common/fido.h"

#define PRODUCT "00112233-4455-6677-8899-aabbccddeeff"

static void check_taken(const char *text, const char *product)
{
    char out[FIDO_LEN + 1];
    const char *reason = NULL;

    ck_assert_msg(fido_parse(text, strlen(text), out, &reason) == 1, "%s: %s", text, reason);
    ck_assert_str_eq(out, product);
}

static void check_refused(const char *text, const char *why)
{
    char out[FIDO_LEN + 1];
    const char *reason = NULL;

    ck_assert_msg(fido_parse(text, strlen(text), out, &reason) == 0, "%s was taken", text);
    ck_assert_str_eq(reason, why);
}

START_TEST(uuid_text_is_taken_in_lower_case)
{
    check_taken(PRODUCT, PRODUCT);
    check_taken("00112233-4455-6677-8899-AABBCCDDEEFF", PRODUCT);
    check_taken("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000");
}
END_TEST

START_TEST(base64_of_16_bytes_is_taken_padded_or_not)
{
    check_taken("ABEiM0RVZneImaq7zN3u/w==", PRODUCT);
    check_taken("ABEiM0RVZneImaq7zN3u/w", PRODUCT);
}
END_TEST

START_TEST(both_alphabets_are_taken)
{
    check_taken("ABEiM0RVZneImaq7zN3u_w==", PRODUCT);
    check_taken("ABEiM0RVZneImaq7zN3u_w", PRODUCT);
    check_taken("+/v7+/v7+/v7+/v7+/v7+w==", "fbfbfbfb-fbfb-fbfb-fbfb-fbfbfbfbfbfb");
    check_taken("-_v7-_v7-_v7-_v7-_v7-w", "fbfbfbfb-fbfb-fbfb-fbfb-fbfbfbfbfbfb");
}
END_TEST

START_TEST(base64_of_uuid_text_is_taken_in_lower_case)
{
    check_taken("MDAxMTIyMzMtNDQ1NS02Njc3LTg4OTktYWFiYmNjZGRlZWZm", PRODUCT);
    check_taken("MDAxMTIyMzMtNDQ1NS02Njc3LTg4OTktQUFCQkNDRERFRUZG", PRODUCT);
}
END_TEST

START_TEST(a_mix_of_alphabets_is_not_base64)
{
    check_refused("+_v7+/v7+/v7+/v7+/v7+w==", "not_base64");
}
END_TEST

START_TEST(wrong_padding_is_not_base64)
{
    check_refused("ABEiM0RVZneImaq7zN3u/w=", "not_base64");
    check_refused("ABEiM0RVZneImaq7zN3u/w===", "not_base64");
    check_refused("ABEiM0RVZneImaq7zN3u/===", "not_base64");
    check_refused("====", "not_base64");
    check_refused("=", "not_base64");
}
END_TEST

START_TEST(other_lengths_are_bad_items)
{
    check_refused("", "empty");
    check_refused("ABEi", "wrong_length");
    check_refused("00112233445566778899aabbccddeeff", "wrong_length");
    check_refused("ABEiM0RVZneImaq7zN3u/wA", "wrong_length");
}
END_TEST

START_TEST(what_is_neither_is_a_bad_item)
{
    check_refused("{00112233-4455-6677-8899-aabbccddeeff}", "not_base64");
    check_refused("00112233-4455-6677-8899-aabbccddeefg", "wrong_length");
    check_refused("ABEiM0RVZneImaq7zN3u w", "not_base64");
    check_refused("ABEiM0RVZneImaq7zN3\xc3\xa9w", "not_base64");
    check_refused("MDAxMTIyMzMtNDQ1NS02Njc3LTg4OTktYWFiYmNjZGRlZWZn", "not_uuid");
}
END_TEST

START_TEST(a_text_of_any_length_and_byte_is_read_within_its_bounds)
{
    char out[FIDO_LEN + 1];
    const char *reason;
    size_t len;
    int byte;

    for (byte = 0; byte < 256; byte++) {
        for (len = 0; len < 100; len++) {
            char *text = malloc(len + 1);
            int taken;

            memset(text, byte, len);
            taken = fido_parse(text, len, out, &reason);
            /* 22 equal digits are 16 bytes; nothing else here names a product. */
            ck_assert_msg(!taken || len == 22, "byte %d, length %zu", byte, len);
            free(text);
        }
    }
}
END_TEST

ONE_SUITE("fido", 10, uuid_text_is_taken_in_lower_case, base64_of_16_bytes_is_taken_padded_or_not,
          both_alphabets_are_taken, base64_of_uuid_text_is_taken_in_lower_case,
          a_mix_of_alphabets_is_not_base64, wrong_padding_is_not_base64, other_lengths_are_bad_items,
          what_is_neither_is_a_bad_item, a_text_of_any_length_and_byte_is_read_within_its_bounds)
