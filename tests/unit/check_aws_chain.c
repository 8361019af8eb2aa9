/* check_aws_chain: where AWS keys are found, when they are asked for again, and what is said
 * when there are none. */
#include <stdio.h>
#include <string.h>

#include "../../plugins/common/aws_error.h"
#include "../../plugins/common/aws_identity.h"
#include "../../plugins/common/aws_s3.h"
#include "extension.h"
#include "http_double.h"
#include "one_suite.h"
#include "temp_dir.h"
#include "test_file.h"

#define NOW INT64_C(1440938160000)   /* 2015-08-30T12:36:00Z */
#define FRESH "2015-08-30T13:36:00Z" /* an hour later */

static char *dir, *credentials, *config, *token_file;
static struct http_double *server;
static const struct sluice_http_api *http;
static struct sluice_http_client *client;
static struct aws_chain *chain;
static struct aws_options options;
static struct sluice_error err;
static int64_t now_ms, steady_now;
static char base[100];

/* --- a host and an environment ---------------------------------------------------------- */

static int64_t host_now(const struct sluice_host *host)
{
    (void)host;
    return now_ms;
}

static int64_t host_steady(const struct sluice_host *host)
{
    (void)host;
    return steady_now;
}

static void host_log(const struct sluice_host *host, uint32_t level, const char *text)
{
    (void)host;
    (void)level;
    ck_assert_msg(strstr(text, "canary") == NULL, "%s", text);
}

static uint32_t host_cancelled(const struct sluice_host *host)
{
    (void)host;
    return 0;
}

static const struct sluice_host host = {.struct_size = sizeof host,
                                        .now_ms = host_now,
                                        .steady_ms = host_steady,
                                        .log = host_log,
                                        .cancelled = host_cancelled};

static struct {
    const char *name, *value;
} environment[24];
static unsigned n_environment;

static const char *test_env(const char *name)
{
    unsigned i;

    for (i = n_environment; i > 0; i--)
        if (strcmp(environment[i - 1].name, name) == 0)
            return environment[i - 1].value;
    return NULL;
}

static void set(const char *name, const char *value)
{
    ck_assert_uint_lt(n_environment, sizeof environment / sizeof environment[0]);
    environment[n_environment].name = name;
    environment[n_environment++].value = value;
}

static void begin(void)
{
    dir = temp_dir_make();
    credentials = test_file_path(dir, "credentials");
    config = test_file_path(dir, "config");
    token_file = test_file_path(dir, "token");
    server = http_double_start();
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u", http_double_port(server));
    n_environment = 0;
    set("AWS_SHARED_CREDENTIALS_FILE", credentials);
    set("AWS_CONFIG_FILE", config);
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", base);
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    http = extension_find(SLUICE_HTTP_ID);
    ck_assert_ptr_nonnull(http);
    client = http->client(&host, NULL, &err);
    ck_assert_ptr_nonnull(client);
    now_ms = NOW;
    steady_now = 1000000;
    memset(&options, 0, sizeof options);
    options.host = &host;
    options.http = http;
    options.client = client;
    options.env = test_env;
    chain = NULL;
}

static void end(void)
{
    aws_chain_free(chain);
    http->free(client);
    http_double_stop(server);
    free(credentials);
    free(config);
    free(token_file);
    temp_dir_remove(dir);
}

static void make_chain(void)
{
    aws_chain_free(chain);
    chain = aws_chain_new(&options);
    ck_assert_ptr_nonnull(chain);
}

static void expect_keys(const char *id, const char *token)
{
    struct aws_held held;

    ck_assert_msg(aws_chain_keys(chain, &held, &err) == 0, "%s", err.message);
    ck_assert_str_eq(held.keys.access_key_id, id);
    ck_assert_str_eq(held.keys.secret, "canary-secret");
    if (token == NULL)
        ck_assert_ptr_null(held.keys.token);
    else
        ck_assert_str_eq(held.keys.token, token);
    aws_held_release(&held);
}

static void expect_none(const char *words)
{
    struct aws_held held;

    ck_assert_int_eq(aws_chain_keys(chain, &held, &err), -1);
    ck_assert_msg(strstr(err.message, words) != NULL, "\"%s\" does not say \"%s\"", err.message, words);
    ck_assert_ptr_null(strstr(err.message, "canary"));
}

static char *keys_json(const char *id, const char *expires)
{
    static char text[300];

    (void)snprintf(text, sizeof text,
                   "{\"Code\":\"Success\",\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"canary-secret\","
                   "\"Token\":\"canary-token\",\"Expiration\":\"%s\"}",
                   id, expires);
    return text;
}

/* --- without a network -------------------------------------------------------------------- */

START_TEST(the_environment_comes_first)
{
    test_file_text(credentials, "[default]\naws_access_key_id=FILE\naws_secret_access_key=canary-secret\n");
    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "canary-secret");
    make_chain();
    expect_keys("ENV", NULL);
    set("AWS_SESSION_TOKEN", "canary-token");
    make_chain();
    expect_keys("ENV", "canary-token");
}
END_TEST

START_TEST(half_of_a_pair_is_refused_by_name)
{
    set("AWS_ACCESS_KEY_ID", "ENV");
    make_chain();
    expect_none("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
}
END_TEST

START_TEST(profiles_are_read_from_both_files)
{
    test_file_text(
        credentials,
        "# comment\r\n[default]\r\naws_access_key_id = D\r\naws_secret_access_key = canary-secret\r\n"
        "[stage]\naws_access_key_id=S\naws_secret_access_key=canary-secret\naws_session_token = "
        "canary-token\n");
    test_file_text(
        config, "[default]\nregion = eu-west-1\n[profile stage]\nregion=us-west-2\ns3 =\n  region = nested\n"
                "[profile prod]\naws_access_key_id=P\naws_secret_access_key=canary-secret\n"
                "[other]\naws_access_key_id=O\naws_secret_access_key=canary-secret\n");
    make_chain();
    expect_keys("D", NULL);
    set("AWS_PROFILE", "stage");
    make_chain();
    expect_keys("S", "canary-token");
    set("AWS_PROFILE", "prod");
    make_chain();
    expect_keys("P", NULL);
    set("AWS_PROFILE", "other"); /* the config file calls it "profile other" */
    make_chain();
    expect_none("there is no profile other");
}
END_TEST

START_TEST(a_profile_of_the_config_wins_over_the_environment)
{
    test_file_text(credentials, "[stage]\naws_access_key_id=S\naws_secret_access_key=canary-secret\n");
    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "canary-secret");
    options.profile = "stage";
    make_chain();
    expect_keys("S", NULL);
}
END_TEST

START_TEST(a_profile_in_a_way_that_is_not_read_says_what_to_do)
{
    test_file_text(config, "[profile sso]\nsso_start_url = https://x\nregion = us-east-1\n");
    set("AWS_PROFILE", "sso");
    make_chain();
    expect_none("profile sso uses sso_start_url");
    ck_assert_ptr_nonnull(strstr(err.message, "aws configure export-credentials --profile sso"));
}
END_TEST

START_TEST(the_region_is_looked_for_in_the_same_places)
{
    char region[64];

    test_file_text(config, "[default]\nregion = eu-west-1\n");
    make_chain();
    ck_assert_int_eq(aws_chain_region(chain, region, sizeof region, &err), 0);
    ck_assert_str_eq(region, "eu-west-1");
    set("AWS_DEFAULT_REGION", "eu-west-2");
    ck_assert_int_eq(aws_chain_region(chain, region, sizeof region, &err), 0);
    ck_assert_str_eq(region, "eu-west-2");
    set("AWS_REGION", "eu-west-3");
    ck_assert_int_eq(aws_chain_region(chain, region, sizeof region, &err), 0);
    ck_assert_str_eq(region, "eu-west-3");
    options.region = "us-east-1";
    make_chain();
    ck_assert_int_eq(aws_chain_region(chain, region, sizeof region, &err), 0);
    ck_assert_str_eq(region, "us-east-1");
}
END_TEST

START_TEST(no_region_and_no_keys_are_told_with_every_place)
{
    char region[64];

    set("AWS_EC2_METADATA_DISABLED", "true");
    make_chain();
    ck_assert_int_eq(aws_chain_region(chain, region, sizeof region, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "AWS_REGION"));
    expect_none("no AWS credentials");
    ck_assert_uint_eq(http_double_asked(server, "PUT /latest/api/token"), 0);
}
END_TEST

/* --- web identity ------------------------------------------------------------------------- */

#define STS "POST /"

static void serve_sts(const char *id, const char *expires)
{
    char xml[600];

    (void)snprintf(xml, sizeof xml,
                   "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
                   "<SessionToken>canary-token</SessionToken><SecretAccessKey>canary-secret</SecretAccessKey>"
                   "<Expiration>%s</Expiration><AccessKeyId>%s</AccessKeyId></Credentials>"
                   "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
                   expires, id);
    http_double_set(server, STS, 200, NULL, NULL, xml);
}

static void set_web_identity(void)
{
    test_file_text(token_file, "canary+jwt\n");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", token_file);
    set("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
    set("AWS_ENDPOINT_URL_STS", base);
}

START_TEST(a_web_identity_is_turned_into_keys_by_sts)
{
    const char *asked;

    set_web_identity();
    serve_sts("STSKEY", FRESH);
    make_chain();
    expect_keys("STSKEY", "canary-token");
    asked = http_double_last(server, STS);
    ck_assert_ptr_nonnull(strstr(asked, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                                        "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=sluice"
                                        "&WebIdentityToken=canary%2Bjwt"));
    ck_assert_ptr_null(strstr(asked, "Authorization"));
}
END_TEST

START_TEST(a_refusal_of_sts_is_told_in_words)
{
    set_web_identity();
    http_double_set(server, STS, 403, NULL, NULL,
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized "
                    "canary</Message></Error></ErrorResponse>");
    make_chain();
    expect_none("policy does not allow it (403 AccessDenied)");
    serve_sts("STSKEY", "tomorrow");
    expect_none("something that is not credentials");
}
END_TEST

/* --- container ---------------------------------------------------------------------------- */

START_TEST(a_container_asks_its_endpoint_with_its_token)
{
    char url[200];

    (void)snprintf(url, sizeof url, "%s/v2/creds?id=1", base);
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-auth");
    http_double_set(server, "GET /v2/creds?id=1", 200, NULL, NULL, keys_json("ECSKEY", FRESH));
    make_chain();
    expect_keys("ECSKEY", "canary-token");
    ck_assert_ptr_nonnull(
        strstr(http_double_last(server, "GET /v2/creds?id=1"), "Authorization: canary-auth\r\n"));
}
END_TEST

START_TEST(a_container_endpoint_elsewhere_must_be_https)
{
    static const char *const bad[] = {"http://169.254.170.2.evil.example/x", "http://10.0.0.1/x",
                                      "ftp://127.0.0.1/x", "http://127.0.0.1@evil.example/x"};
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        set("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i]);
        make_chain();
        expect_none("must be https, loopback");
    }
}
END_TEST

/* --- instance ----------------------------------------------------------------------------- */

#define IMDS_PATH "/latest/meta-data/iam/security-credentials/"

static void serve_instance(const char *id, const char *expires)
{
    http_double_set(server, "PUT /latest/api/token", 200, NULL, NULL, "canary-imds");
    http_double_set(server, "GET " IMDS_PATH, 200, NULL, NULL, "worker-role\n");
    http_double_set(server, "GET " IMDS_PATH "worker-role", 200, NULL, NULL, keys_json(id, expires));
}

START_TEST(an_instance_asks_its_metadata_with_a_token)
{
    serve_instance("IMDSKEY", FRESH);
    make_chain();
    expect_keys("IMDSKEY", "canary-token");
    ck_assert_ptr_nonnull(strstr(http_double_last(server, "PUT /latest/api/token"),
                                 "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
    ck_assert_ptr_nonnull(strstr(http_double_last(server, "GET " IMDS_PATH "worker-role"),
                                 "x-aws-ec2-metadata-token: canary-imds\r\n"));
}
END_TEST

START_TEST(keys_are_asked_for_again_five_minutes_before_they_end)
{
    serve_instance("ONE", FRESH);
    make_chain();
    expect_keys("ONE", "canary-token");
    serve_instance("TWO", "2015-08-30T14:36:00Z");
    now_ms = NOW + (60 - 5) * 60000 - 1;
    expect_keys("ONE", "canary-token");
    ck_assert_uint_eq(http_double_asked(server, "PUT /latest/api/token"), 1);
    now_ms += 1;
    expect_keys("TWO", "canary-token");
    expect_keys("TWO", "canary-token");
    ck_assert_uint_eq(http_double_asked(server, "PUT /latest/api/token"), 2);
}
END_TEST

START_TEST(old_keys_serve_to_their_end_if_new_ones_cannot_be_had)
{
    serve_instance("ONE", FRESH);
    make_chain();
    expect_keys("ONE", "canary-token");
    http_double_set(server, "GET " IMDS_PATH "worker-role", 500, NULL, NULL, "");
    now_ms = NOW + 58 * 60000;
    expect_keys("ONE", "canary-token");
    expect_keys("ONE", "canary-token"); /* asks no more than every 30 seconds */
    ck_assert_uint_eq(http_double_asked(server, "PUT /latest/api/token"), 2);
    steady_now += 30000;
    expect_keys("ONE", "canary-token");
    ck_assert_uint_eq(http_double_asked(server, "PUT /latest/api/token"), 3);
    now_ms = NOW + 60 * 60000;
    expect_none("the instance's role");
}
END_TEST

START_TEST(keys_that_aws_called_expired_are_asked_for_again)
{
    serve_instance("ONE", FRESH);
    make_chain();
    expect_keys("ONE", "canary-token");
    serve_instance("TWO", FRESH);
    aws_chain_forget(chain);
    expect_keys("TWO", "canary-token");
}
END_TEST

START_TEST(keys_that_have_ended_when_they_come_point_at_the_clock)
{
    serve_instance("ONE", "2015-08-30T12:36:00Z");
    make_chain();
    expect_none("have expired already, or this machine's clock is ahead");
}
END_TEST

/* --- errors ------------------------------------------------------------------------------- */

static const struct {
    uint32_t status;
    const char *headers, *body;
    enum aws_trouble trouble;
    const char *code;
} refusals[] = {
    {403, "", "<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>",
     AWS_CLOCK, "RequestTimeTooSkewed"},
    {403, "",
     "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\",\"message\":\"Signature expired: x "
     "is now earlier than y\"}",
     AWS_CLOCK, "InvalidSignatureException"},
    {403, "",
     "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\",\"message\":\"The request signature "
     "we calculated\"}",
     AWS_BAD_KEYS, "InvalidSignatureException"},
    {403, "", "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\",\"Message\":\"m\"}",
     AWS_EXPIRED, "ExpiredTokenException"},
    {400, "", "<Error><Code>ExpiredToken</Code></Error>", AWS_EXPIRED, "ExpiredToken"},
    {403, "", "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", AWS_DENIED,
     "AccessDenied"},
    {403, "", "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", AWS_CLOCK,
     "AccessDenied"},
    {400, "", "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\",\"message\":\"m\"}", AWS_NOT_FOUND,
     "QueueDoesNotExist"},
    {400, "X-Amzn-ErrorType: ThrottlingException:http://x\r\n", "", AWS_THROTTLED, "ThrottlingException"},
    {301, "x-amz-bucket-region: eu-west-1\r\n", "", AWS_ELSEWHERE, ""},
    {403, "", "", AWS_DENIED, ""},
    {404, "", "<html>", AWS_NOT_FOUND, ""},
    {503, "", "<Error><Code>SlowDown</Code></Error>", AWS_THROTTLED, "SlowDown"},
    {500, "", "nonsense", AWS_BROKEN, ""},
    {418, "", "{}", AWS_OTHER, ""},
};

START_TEST(refusals_are_told_apart_in_xml_and_json)
{
    struct sluice_http_response answer;
    struct aws_error e;
    size_t i;

    for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        memset(&answer, 0, sizeof answer);
        answer.struct_size = sizeof answer;
        answer.status = refusals[i].status;
        answer.body = sluice_str_of(refusals[i].body);
        answer.headers = sluice_str_of(refusals[i].headers);
        aws_error_read(&answer, &e);
        ck_assert_msg(e.trouble == refusals[i].trouble, "%s%s: %d", refusals[i].headers, refusals[i].body,
                      (int)e.trouble);
        ck_assert_str_eq(e.code, refusals[i].code);
    }
}
END_TEST

START_TEST(a_bucket_elsewhere_names_its_region)
{
    struct sluice_http_response answer;
    struct aws_s3 s3 = {.endpoint = base};

    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "canary-secret");
    set("AWS_REGION", "us-east-1");
    make_chain();
    s3.chain = chain;
    http_double_set(server, "GET /flag-bucket/a%20b/c", 301, NULL, "x-amz-bucket-region: eu-west-1\r\n", "");
    ck_assert_uint_eq(aws_s3_get(&s3, "flag-bucket", "a b/c", NULL, 5000, &answer, &err), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(
        err.message, "s3://flag-bucket/a b/c: it is in another region than the one configured: eu-west-1"));
}
END_TEST

/* --- whose keys they are -------------------------------------------------------------------- */

static void keep_account(void *context, struct sluice_str value)
{
    (void)snprintf(context, 32, "%.*s", (int)value.len, value.data);
}

static uint32_t ask_account(char account[32])
{
    const struct sluice_identity_visitor visitor = {sizeof visitor, 0, account, keep_account};

    account[0] = '\0';
    return aws_identity_tell(chain, 5000, &visitor, &err);
}

START_TEST(the_account_of_the_keys_is_told_by_sts)
{
    const char *request;
    char account[32];

    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "canary-secret");
    set("AWS_SESSION_TOKEN", "canary-token");
    set("AWS_REGION", "eu-west-1");
    set("AWS_ENDPOINT_URL_STS", base);
    http_double_set(
        server, "POST /", 200, NULL, NULL,
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x"
        "</Arn><UserId>A</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
        "</GetCallerIdentityResponse>");
    make_chain();
    ck_assert_msg(ask_account(account) == SLUICE_OK, "%s", err.message);
    ck_assert_str_eq(account, "123456789012");
    request = http_double_last(server, "POST /");
    ck_assert_ptr_nonnull(strstr(request, "Action=GetCallerIdentity&Version=2011-06-15"));
    ck_assert_ptr_nonnull(strstr(request, "Credential=ENV/20150830/eu-west-1/sts/aws4_request, "
                                          "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"));
}
END_TEST

START_TEST(an_account_that_is_not_told_is_said)
{
    char account[32];

    set("AWS_ENDPOINT_URL_STS", base);
    make_chain();
    ck_assert_uint_ne(ask_account(account), SLUICE_OK); /* no keys */
    ck_assert_ptr_nonnull(strstr(err.message, "no AWS credentials"));
    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "canary-secret");
    http_double_set(server, "POST /", 403, NULL, NULL,
                    "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no</Message></Error>"
                    "</ErrorResponse>");
    make_chain();
    ck_assert_uint_eq(ask_account(account), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot ask STS for the account"));
    http_double_set(server, "POST /", 200, NULL, NULL, "<html>hello</html>");
    ck_assert_uint_eq(ask_account(account), SLUICE_FATAL);
    ck_assert_ptr_nonnull(strstr(err.message, "names no account"));
    set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    ck_assert_uint_eq(ask_account(account), SLUICE_DISCONNECTED);
    ck_assert_str_eq(account, "");
}
END_TEST

ONE_SUITE_WITH("aws_chain", 60, begin, end, the_environment_comes_first, half_of_a_pair_is_refused_by_name,
               profiles_are_read_from_both_files, a_profile_of_the_config_wins_over_the_environment,
               a_profile_in_a_way_that_is_not_read_says_what_to_do,
               the_region_is_looked_for_in_the_same_places, no_region_and_no_keys_are_told_with_every_place,
               a_web_identity_is_turned_into_keys_by_sts, a_refusal_of_sts_is_told_in_words,
               a_container_asks_its_endpoint_with_its_token, a_container_endpoint_elsewhere_must_be_https,
               an_instance_asks_its_metadata_with_a_token,
               keys_are_asked_for_again_five_minutes_before_they_end,
               old_keys_serve_to_their_end_if_new_ones_cannot_be_had,
               keys_that_aws_called_expired_are_asked_for_again,
               keys_that_have_ended_when_they_come_point_at_the_clock,
               refusals_are_told_apart_in_xml_and_json, a_bucket_elsewhere_names_its_region,
               the_account_of_the_keys_is_told_by_sts, an_account_that_is_not_told_is_said)
