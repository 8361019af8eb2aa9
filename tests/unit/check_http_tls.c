/* check_http_tls: whom the HTTP service trusts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/http.h>

#include "extension.h"
#include "http_script.h"
#include "one_suite.h"
#include "temp_dir.h"
#include "test_ca.h"
#include "test_file.h"

static const struct sluice_http_api *http;
static char *dir, *ca_file, *certificate, *key;
static struct http_script *server;
static struct test_ca *ca;

static uint32_t is_cancelled(const struct sluice_host *host)
{
    (void)host;
    return 0;
}

static struct sluice_host host = {.struct_size = sizeof host, .cancelled = is_cancelled};

static void on_request(void *context, const struct http_script_request *request,
                       struct http_script_reply *reply)
{
    (void)context;
    (void)request;
    reply->body = strdup("secret");
}

static void setup(void)
{
    char *pem;

    http = extension_find(SLUICE_HTTP_ID);
    ck_assert_ptr_nonnull(http);
    dir = temp_dir_make();
    ca_file = test_file_path(dir, "ca.pem");
    ca = test_ca_make();
    pem = test_ca_pem(ca);
    test_file_text(ca_file, pem);
    free(pem);
    server = NULL;
}

static void teardown(void)
{
    if (server != NULL)
        http_script_stop(server);
    free(certificate);
    free(key);
    certificate = key = NULL;
    test_ca_free(ca);
    free(ca_file);
    temp_dir_remove(dir);
}

static void serve(const char *name, long seconds)
{
    test_ca_issue(ca, name, seconds, &certificate, &key);
    server = http_script_start_tls(on_request, NULL, certificate, key);
}

/* Asks once, trusting the file (NULL: what the system trusts). */
static void expect(const char *trusted, uint32_t code, const char *words)
{
    struct sluice_http_options o = {.struct_size = sizeof o, .ca_file = trusted};
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_http_client *client = http->client(&host, &o, &err);
    struct sluice_http_response answer = {.struct_size = sizeof answer};
    struct sluice_http_request r = {.struct_size = sizeof r, .method = "GET", .url = http_script_url(server)};

    ck_assert_ptr_nonnull(client);
    ck_assert_uint_eq(http->perform(client, &r, 1, sizeof r, &answer, sizeof answer, 10000, &err), SLUICE_OK);
    ck_assert_msg(answer.code == code, "%u: %s", answer.code, answer.message);
    if (code == SLUICE_OK)
        ck_assert_str_eq(answer.body.data, words);
    else
        ck_assert_msg(strstr(answer.message, words) != NULL, "%s", answer.message);
    ck_assert_uint_eq(http_script_count(server), code == SLUICE_OK ? 1 : 0);
    http->release(&answer, 1, sizeof answer);
    http->free(client);
}

START_TEST(a_certificate_by_the_given_authority_is_trusted)
{
    serve("IP:127.0.0.1", 3600);
    expect(ca_file, SLUICE_OK, "secret");
}
END_TEST

START_TEST(without_the_authority_it_is_refused)
{
    serve("IP:127.0.0.1", 3600);
    expect(NULL, SLUICE_DISCONNECTED, "certificate");
}
END_TEST

START_TEST(a_certificate_for_another_name_is_refused)
{
    serve("DNS:elsewhere.example", 3600);
    expect(ca_file, SLUICE_DISCONNECTED, "127.0.0.1");
}
END_TEST

START_TEST(an_expired_certificate_is_refused)
{
    serve("IP:127.0.0.1", -60);
    expect(ca_file, SLUICE_DISCONNECTED, "expired");
}
END_TEST

START_TEST(a_file_without_certificates_is_told)
{
    test_file_text(ca_file, "nothing of use");
    serve("IP:127.0.0.1", 3600);
    expect(ca_file, SLUICE_DISCONNECTED, "ca.pem");
}
END_TEST

ONE_SUITE_WITH("http_tls", 60, setup, teardown, a_certificate_by_the_given_authority_is_trusted,
               without_the_authority_it_is_refused, a_certificate_for_another_name_is_refused,
               an_expired_certificate_is_refused, a_file_without_certificates_is_told)
