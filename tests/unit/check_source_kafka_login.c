/* The login of source/kafka that is made of AWS credentials: when a token is made, and what is
 * said when none can be.  That brokers take it is shown by tests/integration/kafka-iam.sh. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sluice/lag.h>

#include "clock.h"
#include "http_double.h"
#include "one_suite.h"
#include "plugin_host_private.h"

#define BLOCK "brokers: [127.0.0.1:1]\ntopic: t\ngroup: g\n"
#define IAM BLOCK "tls: true\nmechanism: aws-msk-iam\n"

static struct plugin_host *h;
static struct http_double *server;

static void begin(void)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    h = NULL;
    server = NULL;
}

static void end(void)
{
    if (h != NULL)
        plugin_host_close(h);
    if (server != NULL)
        http_double_stop(server);
}

static void give_keys(void)
{
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "canary-secret", 1);
}

static void refused(const char *yaml, const char *part)
{
    char *said = plugin_host_refusal("source", "kafka", yaml);

    ck_assert_msg(strstr(said, part) != NULL, "'%s' does not say '%s'", said, part);
    free(said);
}

START_TEST(options_that_do_not_go_with_the_login_are_refused_by_name)
{
    refused(BLOCK "mechanism: aws-msk-iam\n", "aws-msk-iam needs tls: true");
    refused(IAM "username: u\n", "aws-msk-iam logs in with AWS credentials");
    refused(IAM "password: p\n", "aws-msk-iam logs in with AWS credentials");
    refused(BLOCK "aws_region: us-east-1\n", "this needs mechanism: aws-msk-iam");
    refused(BLOCK "mechanism: plain\nusername: u\npassword: p\naws_profile: x\n",
            "this needs mechanism: aws-msk-iam");
    refused(IAM "properties: { sasl.oauthbearer.config: x }\n", "logins are those of the option mechanism");
}
END_TEST

START_TEST(a_token_is_made_before_the_first_broker_is_reached)
{
    give_keys();
    h = plugin_host_open("source", "kafka", IAM "aws_region: us-east-1\n");
    plugin_host_start(h);
    ck_assert(plugin_host_logged(h, "a new token for the login, good for 900 s"));
    ck_assert(plugin_host_logged(h, "AWS credentials come from the environment"));
}
END_TEST

/* Polls until it fails. */
static struct sluice_error trouble(void)
{
    int64_t until = clock_steady_ms() + 20000;
    struct sluice_error err;
    uint32_t code;

    do {
        plugin_host_clear(h);
        error_clear(&err);
        code = h->plugin->ops.source.poll(plugin_host_self(h), &h->batch, 10, 50, &err);
    } while (code == SLUICE_OK && clock_steady_ms() < until);
    ck_assert_uint_eq(code, SLUICE_DISCONNECTED);
    return err;
}

START_TEST(without_credentials_the_places_are_named)
{
    struct sluice_error err;

    h = plugin_host_open("source", "kafka", IAM "aws_region: us-east-1\n");
    plugin_host_start(h);
    err = trouble();
    ck_assert_str_eq(err.option, "aws_profile");
    ck_assert_msg(strstr(err.message, "no token for the login: no AWS credentials: neither") != NULL, "%s",
                  err.message);
    error_clear(&err);
    ck_assert_uint_eq(instance_probe(h->instance, &err), SLUICE_DISCONNECTED);
    ck_assert_str_eq(err.option, "aws_profile");
}
END_TEST

START_TEST(without_a_region_the_option_is_named)
{
    struct sluice_error err;

    give_keys();
    h = plugin_host_open("source", "kafka", IAM);
    plugin_host_start(h);
    err = trouble();
    ck_assert_str_eq(err.option, "aws_region");
    ck_assert_msg(strstr(err.message, "no token for the login: no AWS region") != NULL, "%s", err.message);
}
END_TEST

/* Keys of a container that end in so many seconds. */
static void give_passing_keys(int64_t seconds)
{
    char url[100], body[300], date[32];
    time_t at = time(NULL) + seconds;
    struct tm tm;

    if (server == NULL)
        server = http_double_start();
    ck_assert_ptr_nonnull(gmtime_r(&at, &tm));
    ck_assert_uint_gt(strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm), 0);
    (void)snprintf(
        body, sizeof body,
        "{\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"canary-secret\",\"Token\":\"canary-token\","
        "\"Expiration\":\"%s\"}",
        date);
    http_double_set(server, "GET /keys", 200, NULL, NULL, body);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/keys", http_double_port(server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
}

START_TEST(a_token_is_made_anew_before_its_keys_end)
{
    int64_t until = clock_steady_ms() + 20000;

    give_passing_keys(4);
    h = plugin_host_open("source", "kafka", IAM "aws_region: us-east-1\n");
    plugin_host_start(h);
    while (http_double_asked(server, "GET /keys") == 0 && clock_steady_ms() < until)
        (void)clock_steady_ms();
    give_passing_keys(3600);
    while (http_double_asked(server, "GET /keys") < 2 && clock_steady_ms() < until)
        (void)clock_steady_ms();
    ck_assert_uint_eq(http_double_asked(server, "GET /keys"), 2);
    ck_assert(plugin_host_logged(h, "a new token for the login, good for 900 s"));
}
END_TEST

START_TEST(credentials_that_are_over_are_called_so)
{
    struct sluice_error err;

    give_passing_keys(-60);
    h = plugin_host_open("source", "kafka", IAM "aws_region: us-east-1\n");
    plugin_host_start(h);
    err = trouble();
    ck_assert_msg(strstr(err.message, "no token for the login: the AWS credentials of the container's "
                                      "credentials endpoint have expired already") != NULL,
                  "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "canary"));
}
END_TEST

static void see_group(void *context, const struct sluice_lag_group *group)
{
    (void)context;
    (void)group;
}

static void see_partition(void *context, const struct sluice_lag_partition *p)
{
    (void)context;
    (void)p;
}

START_TEST(the_lag_has_a_token_of_its_own)
{
    const struct sluice_lag_visitor visitor = {sizeof visitor, 0, NULL, see_group, see_partition};
    const struct sluice_lag *lag;
    struct sluice_error err;
    void *reader;

    h = plugin_host_open("source", "kafka", IAM "aws_region: us-east-1\n");
    lag = h->plugin->lifecycle.extension(plugin_host_self(h), SLUICE_LAG_ID);
    error_clear(&err);
    ck_assert_uint_eq(lag->open(plugin_host_self(h), &reader, &err), SLUICE_OK);
    ck_assert_uint_eq(lag->read(reader, &visitor, 10000, &err), SLUICE_DISCONNECTED);
    lag->close(reader);
    ck_assert_msg(strstr(err.message, "no token for the login: no AWS credentials") != NULL, "%s",
                  err.message);
}
END_TEST

ONE_SUITE_WITH("source-kafka-login", 60, begin, end,
               options_that_do_not_go_with_the_login_are_refused_by_name,
               a_token_is_made_before_the_first_broker_is_reached, without_credentials_the_places_are_named,
               without_a_region_the_option_is_named, a_token_is_made_anew_before_its_keys_end,
               credentials_that_are_over_are_called_so, the_lag_has_a_token_of_its_own)
