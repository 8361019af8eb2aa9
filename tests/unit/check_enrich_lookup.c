/* check_enrich_lookup: enrich/fps and enrich/category against a server that answers as
 * the contract says, and as it should not. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_script.h"
#include "one_suite.h"
#include "plugin_host.h"

#define P1 "{\"id\":\"p1\",\"name\":\"Milk\",\"brand\":\"Acme\",\"category\":\"Dairy\",\"categoryId\":\"c1\"}"
#define P2 "{\"id\":\"p2\",\"name\":\"Bread\",\"description\":\"dark\",\"brand\":\"\",\"category\":null}"
#define BOTH "{\"products\":[" P1 "," P2 "]}"
#define ONE "{\"products\":[" P1 "]}"
#define C1 "{\"categories\":[{\"id\":\"c1\",\"name\":\"Dairy\",\"hierarchy\":[\"c0\",\"c1\"]}]}"

static struct http_script *server;
static struct http_script_reply script[8];
static uint32_t n_script;
static char last_body[8192], last_path[200], last_authorization[200];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_request(void *context, const struct http_script_request *request,
                       struct http_script_reply *reply)
{
    (void)context;
    pthread_mutex_lock(&lock);
    *reply = script[request->n <= n_script ? request->n - 1 : n_script - 1];
    reply->body = strdup(reply->body);
    (void)snprintf(last_body, sizeof last_body, "%s", request->body);
    (void)snprintf(last_path, sizeof last_path, "%s %s", request->method, request->path);
    (void)snprintf(last_authorization, sizeof last_authorization, "%s", request->authorization);
    pthread_mutex_unlock(&lock);
}

static void setup(void)
{
    n_script = 0;
    server = http_script_start(on_request, NULL);
}

static void teardown(void)
{
    if (server != NULL)
        http_script_stop(server);
    server = NULL;
}

static struct http_script_reply *answers(uint32_t status, const char *body)
{
    struct http_script_reply *r = &script[n_script++];

    *r = (struct http_script_reply){.status = status, .body = (char *)(uintptr_t)body};
    return r;
}

static struct plugin_host *start(const char *name, const char *more)
{
    struct plugin_host *h;
    char yaml[1000];

    (void)snprintf(yaml, sizeof yaml, "url: %s/\n%s%s", http_script_url(server),
                   strstr(more, "attempts") == NULL ? "attempts: 1\n" : "", more);
    h = plugin_host_open("enrich", name, yaml);
    plugin_host_start(h);
    return h;
}

static void check_made(struct plugin_host *h, const char *before, const char *after)
{
    const struct sluice_verdict *v = plugin_host_one(h, before);

    ck_assert_msg(v->code == SLUICE_OK, "%s: %s", v->reason, v->detail);
    ck_assert_str_eq(plugin_host_document(h, 0), after);
}

#define WANTS(id) "{\"purchases\":[{\"product_id\":\"" id "\"}]}"

/* The call over records that want p1, p2 and nothing. */
static uint32_t call_three(struct plugin_host *h, struct sluice_error *err)
{
    memset(err, 0, sizeof *err);
    err->struct_size = sizeof *err;
    plugin_host_clear(h);
    plugin_host_add(h, WANTS("p1"));
    plugin_host_add(h, WANTS("p2"));
    plugin_host_add(h, "{\"purchases\":[]}");
    return plugin_host_call(h, err);
}

/* --- what is set -------------------------------------------------------------------- */

START_TEST(products_are_set_beside_their_ids)
{
    struct plugin_host *h;

    answers(200, BOTH);
    h = start("fps", "");
    check_made(
        h,
        "{\"purchases\":[{\"product_id\":\"p1\",\"brand\":\"old\"},{\"product_id\":\"p2\",\"brand\":"
        "\"own\"},{\"product_id\":\"p3\",\"description\":\"x\"},{\"product_id\":\"p1\"},{}]}",
        "{\"purchases\":[{\"product_id\":\"p1\",\"brand\":\"Acme\",\"name\":\"Milk\",\"category\":"
        "\"Dairy\",\"category_id\":\"c1\"},{\"product_id\":\"p2\",\"brand\":\"own\",\"name\":\"Bread\"},"
        "{\"product_id\":\"p3\",\"description\":\"x\"},{\"product_id\":\"p1\",\"name\":\"Milk\","
        "\"brand\":\"Acme\",\"category\":\"Dairy\",\"category_id\":\"c1\"},{}]}");
    ck_assert_str_eq(last_path, "POST /products:batchGet");
    ck_assert_str_eq(last_body, "{\"ids\":[\"p1\",\"p2\",\"p3\"]}");
    ck_assert_str_eq(last_authorization, "");
    ck_assert_double_eq(plugin_host_metric(h, "lookups_total", "miss"), 3);
    ck_assert_double_eq(plugin_host_metric(h, "answers_total", "found"), 2);
    ck_assert_double_eq(plugin_host_metric(h, "answers_total", "unknown"), 1);
    ck_assert_double_eq(plugin_host_metric(h, "batches_total", NULL), 1);
    ck_assert_double_eq(plugin_host_metric(h, "without_id_total", NULL), 1);
    ck_assert_double_eq(plugin_host_metric(h, "http_requests_total", "2xx"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_second_batch_asks_only_for_what_is_new)
{
    struct sluice_error err;
    struct plugin_host *h;

    answers(200, ONE);
    answers(200, "{\"products\":[" P2 "]}");
    h = start("fps", "");
    check_made(h, WANTS("p1"),
               "{\"purchases\":[{\"product_id\":\"p1\",\"name\":\"Milk\",\"brand\":\"Acme\",\"category\":"
               "\"Dairy\",\"category_id\":\"c1\"}]}");
    ck_assert_uint_eq(call_three(h, &err), SLUICE_OK);
    ck_assert_str_eq(last_body, "{\"ids\":[\"p2\"]}");
    ck_assert_uint_eq(call_three(h, &err), SLUICE_OK);
    ck_assert_uint_eq(http_script_count(server), 2);
    ck_assert_double_eq(plugin_host_metric(h, "lookups_total", "hit"), 3);
    plugin_host_close(h);
}
END_TEST

START_TEST(categories_get_their_hierarchy_and_a_name_only_where_there_is_none)
{
    struct plugin_host *h;

    answers(200, C1);
    h = start("category", "");
    check_made(h,
               "{\"purchases\":[{\"category_id\":\"c1\",\"category\":\"Own\"},{\"category_id\":\"c1\"},"
               "{\"category_id\":\"c9\"}]}",
               "{\"purchases\":[{\"category_id\":\"c1\",\"category\":\"Own\",\"category_hierarchy\":[\"c0\","
               "\"c1\"]},{\"category_id\":\"c1\",\"category_hierarchy\":[\"c0\",\"c1\"],\"category\":"
               "\"Dairy\"},{\"category_id\":\"c9\"}]}");
    ck_assert_str_eq(last_path, "POST /categories:batchGet");
    plugin_host_close(h);
}
END_TEST

START_TEST(names_of_members_path_and_token_are_options)
{
    struct plugin_host *h;

    answers(200, "{\"rows\":[{\"key\":\"7\",\"t\":[\"a\"]}]}");
    h = start("fps", "path: v2/get\nmethod: PUT\ntoken: s3cret\nfrom: shop\nids: keys\nlist: rows\nid: key\n"
                     "set: { tags: t }\n");
    check_made(h, "{\"shop\":7}", "{\"shop\":7,\"tags\":[\"a\"]}");
    ck_assert_str_eq(last_path, "PUT /v2/get");
    ck_assert_str_eq(last_body, "{\"keys\":[\"7\"]}");
    ck_assert_str_eq(last_authorization, "Bearer s3cret");
    plugin_host_close(h);
}
END_TEST

START_TEST(odd_ids_travel_as_they_are)
{
    struct plugin_host *h;

    answers(200, "{\"products\":[{\"id\":\"a\\\"b\\\\\\u00e4\\n\",\"name\":\"odd\"}]}");
    h = start("fps", "");
    check_made(h, "{\"purchases\":[{\"product_id\":\"a\\\"b\\\\\\u00e4\\n\"}]}",
               "{\"purchases\":[{\"product_id\":\"a\\\"b\\\\\xc3\xa4\\n\",\"name\":\"odd\"}]}");
    plugin_host_close(h);
}
END_TEST

/* --- what fails --------------------------------------------------------------------- */

static void check_retried(const char *more, const char *words)
{
    struct sluice_error err;
    struct plugin_host *h = start("fps", more);
    const struct sluice_verdict *v;

    ck_assert_uint_eq(call_three(h, &err), SLUICE_OK);
    v = plugin_host_verdict(h, 1);
    ck_assert_uint_eq(v->code, SLUICE_RETRY);
    ck_assert_str_eq(v->reason, "lookup_failed");
    ck_assert_msg(strstr(v->detail, words) != NULL, "%s", v->detail);
    ck_assert_str_eq(plugin_host_document(h, 1), WANTS("p2"));
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_OK);
    plugin_host_close(h);
}

START_TEST(a_failed_look_up_is_tried_again_and_changes_nothing)
{
    answers(500, "oops");
    check_retried("", "answered 500");
}
END_TEST

START_TEST(a_cut_answer_is_no_answer)
{
    answers(200, BOTH)->cut = 1;
    check_retried("", "/products:batchGet");
}
END_TEST

START_TEST(wrong_json_is_no_answer)
{
    answers(200, "{\"products\":[" P1);
    check_retried("", "not JSON");
}
END_TEST

START_TEST(a_page_of_html_is_no_answer)
{
    answers(200, "<html><body>login</body></html>");
    check_retried("", "not JSON");
}
END_TEST

START_TEST(a_slow_drip_ends_at_the_deadline)
{
    answers(200, BOTH)->drip_ms = 1000;
    check_retried("timeout: 100ms\n", "deadline");
}
END_TEST

START_TEST(an_answer_to_another_question_is_no_answer)
{
    answers(200, "{\"products\":[{\"id\":\"P1\"},{\"id\":\"P2\"}]}");
    check_retried("", "not asked");
}
END_TEST

START_TEST(records_that_could_be_told_go_on)
{
    struct sluice_error err;
    struct plugin_host *h;

    answers(200, "{\"products\":[" P1 ",{\"id\":\"p2\",\"name\":7}]}");
    h = start("fps", "");
    ck_assert_uint_eq(call_three(h, &err), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_RETRY);
    ck_assert_ptr_nonnull(strstr(plugin_host_verdict(h, 1)->detail, "wrong type"));
    plugin_host_close(h);
}
END_TEST

/* The call answers DISCONNECTED; the record that needs nothing goes on. */
static void check_away(const char *name, const char *words, uint32_t retry_after_ms)
{
    struct sluice_error err;
    struct plugin_host *h = start(name, "");

    ck_assert_uint_eq(call_three(h, &err), SLUICE_DISCONNECTED);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
    ck_assert_uint_eq(err.retry_after_ms, retry_after_ms);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_NONE);
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_OK);
    plugin_host_close(h);
}

START_TEST(too_many_requests_pause_the_stage_for_as_long_as_asked)
{
    struct http_script_reply *r = answers(429, "slow down");

    r->header = "Retry-After";
    r->value = "9";
    check_away("fps", "answered 429", 9000);
}
END_TEST

START_TEST(a_service_that_is_down_pauses_the_stage)
{
    answers(503, "down");
    check_away("fps", "answered 503", 0);
}
END_TEST

START_TEST(a_wrong_token_pauses_the_stage)
{
    answers(401, "who are you");
    check_away("fps", "look at token", 0);
}
END_TEST

START_TEST(nobody_listening_pauses_the_stage)
{
    struct sluice_error err;
    struct plugin_host *h;

    answers(200, BOTH);
    h = start("fps", "");
    http_script_stop(server);
    server = NULL;
    ck_assert_uint_eq(call_three(h, &err), SLUICE_DISCONNECTED);
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_OK);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_busy_service_is_asked_again_within_the_call)
{
    struct sluice_error err;
    struct plugin_host *h;

    answers(503, "busy");
    answers(200, BOTH)->cut = 1;
    answers(200, BOTH);
    h = start("fps", "attempts: 5\n");
    ck_assert_uint_eq(call_three(h, &err), SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_OK);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_OK);
    ck_assert_double_eq(plugin_host_metric(h, "http_retries_total", NULL), 2);
    plugin_host_close(h);
}
END_TEST

/* --- options ------------------------------------------------------------------------ */

START_TEST(what_cannot_work_is_refused_by_name)
{
    static const char *const bad[][2] = {
        {"from: purchases[]\n", "from"}, {"set: { name: [ a, b ] }\n", "set"}, {"set: {}\nfill: {}\n", "set"},
        {"batch: 1001\n", "batch"},      {"set: { name: \"\" }\n", "set"},
    };
    char yaml[200], *said;
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(yaml, sizeof yaml, "url: http://127.0.0.1:9\n%s", bad[i][0]);
        said = plugin_host_refusal("enrich", "fps", yaml);
        ck_assert_msg(strstr(said, bad[i][1]) != NULL, "%s", said);
        free(said);
    }
}
END_TEST

ONE_SUITE_WITH("enrich_lookup", 60, setup, teardown, products_are_set_beside_their_ids,
               a_second_batch_asks_only_for_what_is_new,
               categories_get_their_hierarchy_and_a_name_only_where_there_is_none,
               names_of_members_path_and_token_are_options, odd_ids_travel_as_they_are,
               a_failed_look_up_is_tried_again_and_changes_nothing, a_cut_answer_is_no_answer,
               wrong_json_is_no_answer, a_page_of_html_is_no_answer, a_slow_drip_ends_at_the_deadline,
               an_answer_to_another_question_is_no_answer, records_that_could_be_told_go_on,
               too_many_requests_pause_the_stage_for_as_long_as_asked,
               a_service_that_is_down_pauses_the_stage, a_wrong_token_pauses_the_stage,
               nobody_listening_pauses_the_stage, a_busy_service_is_asked_again_within_the_call,
               what_cannot_work_is_refused_by_name)
