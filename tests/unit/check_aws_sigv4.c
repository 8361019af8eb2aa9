/* check_aws_sigv4: signatures are those that AWS publishes for its examples. */
#include "one_suite.h"

#include "../../plugins/common/aws_sigv4.h"

#define SUITE_TIME INT64_C(1440938160000) /* 2015-08-30T12:36:00Z, of AWS's test suite */
#define S3_TIME INT64_C(1369353600000)    /* 2013-05-24T00:00:00Z, of the S3 documentation */

static const struct aws_keys suite_keys = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL};
static const struct aws_keys s3_keys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                        NULL};

static struct sluice_error err = {.struct_size = sizeof err};

#define TEXT(text)                                                                                           \
    {                                                                                                        \
        (text), sizeof(text) - 1                                                                             \
    }
#define PAIR(name, value)                                                                                    \
    {                                                                                                        \
        TEXT(name), TEXT(value)                                                                              \
    }

static struct aws_request suite_request(const char *path)
{
    struct aws_request r = {.method = "GET",
                            .scheme = "https",
                            .host = "example.amazonaws.com",
                            .region = "us-east-1",
                            .service = "service",
                            .encode_twice = 1};

    r.path = sluice_str_of(path);
    return r;
}

static struct aws_request s3_request(const char *method, const char *path)
{
    struct aws_request r = {.method = method,
                            .scheme = "https",
                            .host = "examplebucket.s3.amazonaws.com",
                            .region = "us-east-1",
                            .service = "s3"};

    r.path = sluice_str_of(path);
    return r;
}

static void check_signature(const struct aws_request *r, const struct aws_keys *keys, int64_t now,
                            int sign_content, const char *names, const char *signature)
{
    struct aws_signed s;
    const char *at;

    ck_assert_msg(aws_sign(r, keys, now, sign_content, &s, &err) == 0, "%s", err.message);
    at = strstr(s.authorization.data, "SignedHeaders=");
    ck_assert_ptr_nonnull(at);
    ck_assert_msg(strncmp(at + 14, names, strlen(names)) == 0 && at[14 + strlen(names)] == ',', "%s", at);
    at = strstr(s.authorization.data, "Signature=");
    ck_assert_ptr_nonnull(at);
    ck_assert_str_eq(at + 10, signature);
    aws_signed_release(&s);
}

static void check_suite(const struct aws_request *r, const char *signature)
{
    check_signature(r, &suite_keys, SUITE_TIME, 0, "host;x-amz-date", signature);
}

START_TEST(get_vanilla)
{
    struct aws_request r = suite_request("/");
    struct aws_signed s;

    ck_assert_int_eq(aws_sign(&r, &suite_keys, SUITE_TIME, 0, &s, &err), 0);
    ck_assert_str_eq(s.authorization.data,
                     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                     "SignedHeaders=host;x-amz-date, "
                     "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    ck_assert_str_eq(s.date, "20150830T123600Z");
    ck_assert_str_eq(s.url.data, "https://example.amazonaws.com/");
    aws_signed_release(&s);
}
END_TEST

START_TEST(get_vanilla_with_session_token)
{
    struct aws_keys keys = suite_keys;
    struct aws_request r = suite_request("/");

    keys.token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    check_signature(&r, &keys, SUITE_TIME, 0, "host;x-amz-date;x-amz-security-token",
                    "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
}
END_TEST

START_TEST(get_vanilla_query_order_key_case)
{
    static const struct aws_pair params[] = {PAIR("Param2", "value2"), PAIR("Param1", "value1")};
    struct aws_request r = suite_request("/");

    r.params = params;
    r.n_params = 2;
    check_suite(&r, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}
END_TEST

START_TEST(get_vanilla_query_unreserved)
{
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    static const struct aws_pair params[] = {PAIR(UNRESERVED, UNRESERVED)};
    struct aws_request r = suite_request("/");

    r.params = params;
    r.n_params = 1;
    check_suite(&r, "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
}
END_TEST

START_TEST(get_vanilla_utf8_query)
{
    static const struct aws_pair params[] = {PAIR("\xe1\x88\xb4", "bar")};
    struct aws_request r = suite_request("/");

    r.params = params;
    r.n_params = 1;
    check_suite(&r, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
}
END_TEST

START_TEST(get_utf8_once_encoded)
{
    struct aws_request r = suite_request("/\xe1\x88\xb4");

    r.encode_twice = 0;
    check_suite(&r, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
}
END_TEST

START_TEST(get_space_once_encoded)
{
    struct aws_request r = suite_request("/example space/");

    r.encode_twice = 0;
    check_suite(&r, "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741");
}
END_TEST

START_TEST(get_slashes_unnormalized)
{
    struct aws_request r = suite_request("//example//");

    check_suite(&r, "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5");
}
END_TEST

START_TEST(get_header_value_trim)
{
    static const struct aws_pair headers[] = {PAIR("My-Header1", " value1"),
                                              PAIR("My-Header2", " \"a   b   c\"")};
    struct aws_request r = suite_request("/");

    r.headers = headers;
    r.n_headers = 2;
    check_signature(&r, &suite_keys, SUITE_TIME, 0, "host;my-header1;my-header2;x-amz-date",
                    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}
END_TEST

START_TEST(get_header_key_duplicate)
{
    static const struct aws_pair headers[] = {PAIR("My-Header1", "value2"), PAIR("My-Header1", "value2"),
                                              PAIR("My-Header1", "value1")};
    struct aws_request r = suite_request("/");

    r.headers = headers;
    r.n_headers = 3;
    check_signature(&r, &suite_keys, SUITE_TIME, 0, "host;my-header1;x-amz-date",
                    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
}
END_TEST

START_TEST(post_x_www_form_urlencoded)
{
    static const struct aws_pair headers[] = {PAIR("Content-Type", "application/x-www-form-urlencoded"),
                                              PAIR("Content-Length", "13")};
    struct aws_request r = suite_request("/");

    r.method = "POST";
    r.headers = headers;
    r.n_headers = 2;
    r.body = sluice_str_of("Param1=value1");
    check_signature(&r, &suite_keys, SUITE_TIME, 1,
                    "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
                    "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b");
}
END_TEST

START_TEST(s3_get_object_with_range)
{
    static const struct aws_pair headers[] = {PAIR("Range", "bytes=0-9")};
    struct aws_request r = s3_request("GET", "/test.txt");

    r.headers = headers;
    r.n_headers = 1;
    check_signature(&r, &s3_keys, S3_TIME, 1, "host;range;x-amz-content-sha256;x-amz-date",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}
END_TEST

START_TEST(s3_put_object)
{
    static const struct aws_pair headers[] = {PAIR("Date", "Fri, 24 May 2013 00:00:00 GMT"),
                                              PAIR("x-amz-storage-class", "REDUCED_REDUNDANCY")};
    struct aws_request r = s3_request("PUT", "/test$file.text");

    r.headers = headers;
    r.n_headers = 2;
    r.body = sluice_str_of("Welcome to Amazon S3.");
    check_signature(&r, &s3_keys, S3_TIME, 1, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}
END_TEST

START_TEST(s3_get_bucket_lifecycle)
{
    static const struct aws_pair params[] = {PAIR("lifecycle", "")};
    struct aws_request r = s3_request("GET", "/");

    r.params = params;
    r.n_params = 1;
    check_signature(&r, &s3_keys, S3_TIME, 1, "host;x-amz-content-sha256;x-amz-date",
                    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}
END_TEST

START_TEST(s3_list_objects)
{
    static const struct aws_pair params[] = {PAIR("prefix", "J"), PAIR("max-keys", "2")};
    struct aws_request r = s3_request("GET", "/");

    r.params = params;
    r.n_params = 2;
    check_signature(&r, &s3_keys, S3_TIME, 1, "host;x-amz-content-sha256;x-amz-date",
                    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}
END_TEST

START_TEST(s3_presigned_get_object)
{
    struct aws_request r = s3_request("GET", "/test.txt");
    struct aws_signed s;

    ck_assert_int_eq(aws_presign(&r, &s3_keys, S3_TIME, 86400, "UNSIGNED-PAYLOAD", &s, &err), 0);
    ck_assert_str_eq(s.url.data,
                     "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
                     "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                     "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                     "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    aws_signed_release(&s);
}
END_TEST

START_TEST(suite_presigned_with_and_without_a_token)
{
    struct aws_keys keys = suite_keys;
    struct aws_request r = suite_request("/");
    struct aws_signed s;

    ck_assert_int_eq(aws_presign(&r, &keys, SUITE_TIME, 3600, NULL, &s, &err), 0);
    ck_assert_ptr_nonnull(
        strstr(s.url.data, "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"));
    aws_signed_release(&s);
    keys.token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    ck_assert_int_eq(aws_presign(&r, &keys, SUITE_TIME, 3600, NULL, &s, &err), 0);
    ck_assert_ptr_nonnull(
        strstr(s.url.data, "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"));
    ck_assert_ptr_nonnull(strstr(s.url.data, "&X-Amz-Security-Token=6e86"));
    aws_signed_release(&s);
}
END_TEST

START_TEST(the_url_is_sent_encoded_once)
{
    static const struct aws_pair params[] = {PAIR("b", "1 &="), PAIR("a-", "x"), PAIR("a", "y")};
    struct aws_request r = suite_request("/a b/%/\xc3\xa4");
    struct aws_signed s;

    r.params = params;
    r.n_params = 3;
    ck_assert_int_eq(aws_sign(&r, &suite_keys, SUITE_TIME, 0, &s, &err), 0);
    ck_assert_str_eq(s.url.data, "https://example.amazonaws.com/a%20b/%25/%C3%A4?a=y&a-=x&b=1%20%26%3D");
    aws_signed_release(&s);
}
END_TEST

START_TEST(what_cannot_be_signed_is_refused)
{
    struct aws_request r = suite_request("/");
    struct aws_signed s;

    ck_assert_int_eq(aws_sign(&r, &suite_keys, -1, 0, &s, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "clock"));
    r.n_params = AWS_PARAMS + 1;
    ck_assert_int_eq(aws_sign(&r, &suite_keys, SUITE_TIME, 0, &s, &err), -1);
    ck_assert_uint_eq(err.code, SLUICE_FATAL);
}
END_TEST

ONE_SUITE("aws_sigv4", 30, get_vanilla, get_vanilla_with_session_token, get_vanilla_query_order_key_case,
          get_vanilla_query_unreserved, get_vanilla_utf8_query, get_utf8_once_encoded, get_space_once_encoded,
          get_slashes_unnormalized, get_header_value_trim, get_header_key_duplicate,
          post_x_www_form_urlencoded, s3_get_object_with_range, s3_put_object, s3_get_bucket_lifecycle,
          s3_list_objects, s3_presigned_get_object, suite_presigned_with_and_without_a_token,
          the_url_is_sent_encoded_once, what_cannot_be_signed_is_refused)
