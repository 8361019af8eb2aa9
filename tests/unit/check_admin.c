/* What a run answers over HTTP. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "http_raw.h"

static struct admin *admin;
static int is_ready;
static const char *pipelines_json;

static void give_metrics(void *context, struct strbuf *out)
{
    strbuf_puts(out, context);
}

static int give_ready(void *context, struct strbuf *reasons)
{
    (void)context;
    if (!is_ready)
        strbuf_puts(reasons, "receipts: the sink is \"away\"\nshop <b>: dead letters cannot be kept\n");
    return is_ready;
}

static void give_pipelines(void *context, struct strbuf *json)
{
    (void)context;
    strbuf_puts(json, pipelines_json);
}

static void setup(void)
{
    static char metrics[] = "# HELP up Up.\n# TYPE up gauge\nup 1\n";
    struct admin_source source = {metrics, give_metrics, give_ready, give_pipelines, NULL, 0};
    struct sluice_error err;

    memset(&err, 0, sizeof err);
    is_ready = 1;
    pipelines_json =
        "{\"pipelines\":[{\"name\":\"receipts\",\"in\":12,\"rate\":1.5,\"held\":false,\"x\":null}]}";
    admin = admin_start("127.0.0.1:0", NULL, &source, &err);
    ck_assert_msg(admin != NULL, "%s", err.message);
}

static void teardown(void)
{
    admin_stop(admin);
}

/* The body; the header must hold words. */
static char *asked(const char *path, int status, const char *words)
{
    char request[200], *answer, *body;

    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    answer = http_raw_ask(admin_port(admin), request);
    ck_assert_int_eq(http_raw_status(answer), status);
    ck_assert_msg(strstr(answer, words) != NULL, "%s", answer);
    body = strstr(answer, "\r\n\r\n");
    ck_assert_ptr_nonnull(body);
    body = strdup(body + 4);
    free(answer);
    return body;
}

START_TEST(metrics_come_as_prometheus_text)
{
    char *body = asked("/metrics", 200, "Content-Type: text/plain; version=0.0.4");

    ck_assert_str_eq(body, "# HELP up Up.\n# TYPE up gauge\nup 1\n");
    free(body);
}
END_TEST

START_TEST(health_is_told_also_when_not_ready)
{
    char *body;

    is_ready = 0;
    body = asked("/healthz", 200, "application/json");
    ck_assert_str_eq(body, "{\"status\":\"ok\"}\n");
    free(body);
}
END_TEST

START_TEST(readiness_is_503_with_each_reason)
{
    char *body = asked("/readyz", 200, "application/json");
    json_t *root, *v;

    ck_assert_str_eq(body, "{\"status\":\"ready\"}\n");
    free(body);
    is_ready = 0;
    body = asked("/readyz", 503, "application/json");
    root = json_loads(body, 0, NULL);
    ck_assert_msg(root != NULL, "%s", body);
    v = json_object_get(root, "error");
    ck_assert_str_eq(json_string_value(json_object_get(v, "code")), "not_ready");
    v = json_object_get(v, "reasons");
    ck_assert_uint_eq(json_array_size(v), 2);
    ck_assert_str_eq(json_string_value(json_array_get(v, 0)), "receipts: the sink is \"away\"");
    json_decref(root);
    free(body);
}
END_TEST

START_TEST(pipelines_come_as_json)
{
    char *body = asked("/pipelines", 200, "application/json");

    ck_assert_str_eq(body, pipelines_json);
    free(body);
}
END_TEST

START_TEST(the_page_shows_the_pipelines_and_refreshes_itself)
{
    char *body = asked("/", 200, "text/html; charset=utf-8");

    ck_assert_ptr_nonnull(
        strstr(body, "<tr><th>name</th><td>receipts</td></tr><tr><th>in</th><td>12</td></tr>"));
    ck_assert_ptr_nonnull(strstr(body, "http-equiv=\"refresh\""));
    ck_assert_ptr_nonnull(strstr(body, "<p class=\"ok\">ready</p>"));
    ck_assert_ptr_null(strstr(body, "<script"));
    ck_assert_ptr_null(strstr(body, "http://"));
    free(body);
}
END_TEST

START_TEST(the_page_escapes_names_values_and_reasons)
{
    char *body;

    is_ready = 0;
    pipelines_json = "{\"<i>k\":[\"<script>alert('1')</script>\",{\"a&b\":\"\\\"q\\\"\"}]}";
    body = asked("/", 200, "text/html");
    ck_assert_ptr_null(strstr(body, "<script"));
    ck_assert_ptr_null(strstr(body, "<i>"));
    ck_assert_ptr_null(strstr(body, "<b>"));
    ck_assert_ptr_nonnull(strstr(body, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
    ck_assert_ptr_nonnull(strstr(body, "a&amp;b"));
    ck_assert_ptr_nonnull(strstr(body, "&quot;q&quot;"));
    ck_assert_ptr_nonnull(strstr(body, "shop &lt;b&gt;: dead letters"));
    free(body);
}
END_TEST

START_TEST(a_page_without_usable_data_says_so)
{
    char *body;

    pipelines_json = "{\"cut\":";
    body = asked("/", 200, "text/html");
    ck_assert_ptr_nonnull(strstr(body, "could not be put together"));
    free(body);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("admin");
    TCase *t = tcase_create("admin");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, metrics_come_as_prometheus_text);
    tcase_add_test(t, health_is_told_also_when_not_ready);
    tcase_add_test(t, readiness_is_503_with_each_reason);
    tcase_add_test(t, pipelines_come_as_json);
    tcase_add_test(t, the_page_shows_the_pipelines_and_refreshes_itself);
    tcase_add_test(t, the_page_escapes_names_values_and_reasons);
    tcase_add_test(t, a_page_without_usable_data_says_so);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
