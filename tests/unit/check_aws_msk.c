/* check_aws_msk: the token of an IAM login is what AWS's own signer makes of the same keys at the
 * same time (botocore 1.43, SigV4QueryAuth). */
#include <stdlib.h>

#include "one_suite.h"

#include "../../plugins/common/aws_msk.h"

#define NOW INT64_C(1440938160000) /* 2015-08-30T12:36:00Z */
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SESSION                                                                                              \
    "AQoDYXdzEPT//////////wEXAMPLE+tc764/bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYR"  \
    "qTflfKD8YUuwthAx7mSEI=="

static struct sluice_error err = {.struct_size = sizeof err};

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    ck_assert_msg(at != NULL, "'%c' is no digit of base64url", c);
    return (int)(at - digits);
}

/* Takes the base64 off. */
static char *decoded(const struct strbuf *token)
{
    char *out = malloc(token->len + 1);
    size_t i, n = 0;
    unsigned bits = 0, held = 0;

    ck_assert_ptr_nonnull(out);
    for (i = 0; i < token->len; i++) {
        held = (held << 6 | (unsigned)digit(token->data[i])) & 0xffffu;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(held >> bits);
        }
    }
    ck_assert_uint_eq(held & ((1u << bits) - 1), 0);
    out[n] = '\0';
    return out;
}

static char *token_url(const struct aws_keys *keys, const char *region)
{
    struct strbuf token;
    char *url;

    strbuf_init(&token, 65536);
    ck_assert_msg(aws_msk_token(keys, region, "sluice/1 (x)", NOW, &token, &err) == 0, "%s", err.message);
    url = decoded(&token);
    strbuf_release(&token);
    return url;
}

START_TEST(the_token_of_lasting_keys)
{
    const struct aws_keys keys = {"AKIDEXAMPLE", SECRET, NULL};
    char *url = token_url(&keys, "us-west-2");

    ck_assert_str_eq(url,
                     "https://kafka.us-west-2.amazonaws.com/?Action=kafka-cluster%3AConnect"
                     "&X-Amz-Algorithm=AWS4-HMAC-SHA256"
                     "&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-west-2%2Fkafka-cluster%2Faws4_request"
                     "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
                     "&X-Amz-Signature=2c973e9d100edda2e1a67fdf713430733a1cf411f2d934b92e799a208550d79f"
                     "&User-Agent=sluice%2F1%20%28x%29");
    free(url);
}
END_TEST

START_TEST(the_token_of_a_session)
{
    const struct aws_keys keys = {"AKIDEXAMPLE", SECRET, SESSION};
    char *url = token_url(&keys, "us-west-2");

    ck_assert_ptr_nonnull(
        strstr(url, "&X-Amz-Security-Token=AQoDYXdzEPT%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEXAMPLE%2B"));
    ck_assert_ptr_nonnull(strstr(
        url,
        "&X-Amz-Signature=404d035b9ccefce3fc55dd656e925fc9e158e460df1f41254b2354191808e2b8&User-Agent="));
    free(url);
}
END_TEST

/* Each length of what is left over at the end: the agent's grows by one. */
START_TEST(every_length_is_encoded_without_padding)
{
    static const char *const agents[] = {"a", "ab", "abc", "abcd"};
    const struct aws_keys keys = {"AKIDEXAMPLE", SECRET, NULL};
    size_t i;

    for (i = 0; i < sizeof agents / sizeof agents[0]; i++) {
        struct strbuf token;
        char *url;

        strbuf_init(&token, 65536);
        ck_assert_int_eq(aws_msk_token(&keys, "eu-west-1", agents[i], NOW, &token, &err), 0);
        url = decoded(&token);
        ck_assert_ptr_nonnull(strstr(url, "&User-Agent="));
        ck_assert_str_eq(strstr(url, "&User-Agent=") + 12, agents[i]);
        free(url);
        strbuf_release(&token);
    }
}
END_TEST

START_TEST(a_token_ends_with_its_time_or_with_its_keys)
{
    ck_assert_int_eq(aws_msk_expiry(NOW, 0), NOW + 900000);
    ck_assert_int_eq(aws_msk_expiry(NOW, NOW + 3600000), NOW + 900000);
    ck_assert_int_eq(aws_msk_expiry(NOW, NOW + 5000), NOW + 5000);
}
END_TEST

START_TEST(a_region_that_cannot_be_one_is_refused)
{
    const struct aws_keys keys = {"AKIDEXAMPLE", SECRET, NULL};
    char region[200];
    struct strbuf token;

    memset(region, 'r', sizeof region - 1);
    region[sizeof region - 1] = '\0';
    strbuf_init(&token, 65536);
    ck_assert_int_eq(aws_msk_token(&keys, region, "a", NOW, &token, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "region's name is too long"));
    ck_assert_uint_eq(token.len, 0);
    strbuf_release(&token);
}
END_TEST

ONE_SUITE("aws-msk", 20, the_token_of_lasting_keys, the_token_of_a_session,
          every_length_is_encoded_without_padding, a_token_ends_with_its_time_or_with_its_keys,
          a_region_that_cannot_be_one_is_refused)
