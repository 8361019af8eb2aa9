/* check_enrich_history: histories page by page, and that part of one is never all of it. */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_script.h"
#include "one_suite.h"
#include "plugin_host.h"
#include "resp_server.h"

#define FIDO "11111111-2222-4333-8444-555555555555"
#define RECEIPT(id)                                                                                          \
    "{\"receipt_id\":\"" id "\",\"status\":\"FINISHED\",\"purchased_at\":\"2025-01-02T03:04:05Z\","          \
    "\"store_name\":\"Shop\",\"items\":[{\"fido\":\"" FIDO "\",\"quantity\":2}]}"
#define LINE(id)                                                                                             \
    "{\"receipt_id\":\"" id "\",\"time\":1735787045000,\"product_id\":\"" FIDO "\",\"retailer\":\"Shop\","   \
    "\"quantity\":2}"
#define PAGE(entries, next) "{\"receipts\":[" entries "],\"next_cursor\":" next "}"
#define USER "{\"user_id\":\"u 1/..\",\"lookback_days\":30,\"request_id\":\"r\"}"
#define MADE(lines) "{\"user_id\":\"u 1/..\",\"purchases\":[" lines "]}"

static struct http_script *server;
static struct http_script_reply script[8];
static uint32_t n_script;
static char asked[8][300];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_request(void *context, const struct http_script_request *request,
                       struct http_script_reply *reply)
{
    (void)context;
    pthread_mutex_lock(&lock);
    *reply = script[request->n <= n_script ? request->n - 1 : n_script - 1];
    reply->body = strdup(reply->body);
    if (request->n <= 8)
        (void)snprintf(asked[request->n - 1], sizeof asked[0], "%s %s?%s", request->method, request->path,
                       request->query);
    pthread_mutex_unlock(&lock);
}

static void setup(void)
{
    n_script = 0;
    memset(asked, 0, sizeof asked);
    server = http_script_start(on_request, NULL);
}

static void teardown(void)
{
    http_script_stop(server);
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

    (void)snprintf(yaml, sizeof yaml, "url: %s/api/\nattempts: 1\n%s", http_script_url(server), more);
    h = plugin_host_open("enrich", name, yaml);
    plugin_host_start(h);
    return h;
}

static void check_made(struct plugin_host *h, const char *after)
{
    const struct sluice_verdict *v = plugin_host_one(h, USER);

    ck_assert_msg(v->code == SLUICE_OK, "%s: %s", v->reason, v->detail);
    ck_assert_str_eq(plugin_host_document(h, 0), after);
}

/* The record keeps the document it came with. */
static void check_kept(const char *more, uint32_t code, const char *reason, const char *words)
{
    struct plugin_host *h = start("purchase-history", more);
    const struct sluice_verdict *v = plugin_host_one(h, USER);

    ck_assert_msg(v->code == code, "%u %s: %s", v->code, v->reason, v->detail);
    ck_assert_str_eq(v->reason, reason);
    ck_assert_msg(strstr(v->detail, words) != NULL, "%s", v->detail);
    ck_assert_str_eq(plugin_host_document(h, 0), USER);
    plugin_host_close(h);
}

/* --- whole histories ---------------------------------------------------------------- */

START_TEST(all_pages_make_one_document)
{
    struct plugin_host *h;

    answers(200, PAGE(RECEIPT("r1"), "\"a&b=c\""));
    answers(200, PAGE(RECEIPT("r2") "," RECEIPT("r3"), "17"));
    answers(200, PAGE(RECEIPT("r4"), "null"));
    h = start("purchase-history", "");
    check_made(h, MADE(LINE("r1") "," LINE("r2") "," LINE("r3") "," LINE("r4")));
    ck_assert_str_eq(asked[0], "GET /api/users/u 1/../purchases?lookback_days=30");
    ck_assert_str_eq(asked[1], "GET /api/users/u 1/../purchases?lookback_days=30&cursor=a&b=c");
    ck_assert_str_eq(asked[2], "GET /api/users/u 1/../purchases?lookback_days=30&cursor=17");
    ck_assert_double_eq(plugin_host_metric(h, "pages_total", NULL), 3);
    ck_assert_double_eq(plugin_host_metric(h, "entries_total", NULL), 4);
    plugin_host_close(h);
}
END_TEST

START_TEST(a_user_without_receipts_is_a_user)
{
    struct plugin_host *h;

    answers(200, PAGE("", "\"\""));
    h = start("purchase-history", "");
    check_made(h, MADE(""));
    plugin_host_close(h);
}
END_TEST

START_TEST(keep_rules_leave_receipts_out)
{
    struct plugin_host *h;

    answers(200, PAGE("{\"receipt_id\":\"x\",\"status\":\"OPEN\"}," RECEIPT("r1"), "null"));
    h = start("purchase-history", "");
    check_made(h, MADE(LINE("r1")));
    ck_assert_double_eq(plugin_host_metric(h, "entries_left_out_total", "not_finished"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(shop_orders_carry_their_id_as_receipt_id)
{
    struct plugin_host *h;

    answers(200, "{\"orders\":[{\"buttonOrderId\":\"r1\",\"orderedAt\":\"2025-01-02T03:04:05Z\",\"retailer\":"
                 "\"Shop\",\"items\":[{\"fido\":\"" FIDO "\",\"quantity\":2}]},{\"buttonOrderId\":\"r2\","
                 "\"items\":[]}],\"next_cursor\":null}");
    h = start("shop-orders", "");
    check_made(h, MADE(LINE("r1")));
    ck_assert_str_eq(asked[0], "GET /api/users/u 1/../orders?lookback_days=30");
    ck_assert_double_eq(plugin_host_metric(h, "entries_left_out_total", "no_fido"), 1);
    plugin_host_close(h);
}
END_TEST

/* --- parts of histories ------------------------------------------------------------- */

START_TEST(a_page_that_is_cut_fails_all_of_it)
{
    answers(200, PAGE(RECEIPT("r1"), "\"2\""));
    answers(200, PAGE(RECEIPT("r2"), "null"))->cut = 1;
    check_kept("", SLUICE_RETRY, "history_failed", "/purchases");
}
END_TEST

START_TEST(a_page_that_is_no_page_fails_all_of_it)
{
    static const char *const bad[][2] = {
        {"{\"receipts\":[", "cannot be read"},
        {"[]", "no list"},
        {"{\"next_cursor\":null}", "no list"},
        {"{\"receipts\":[]}", "whether there is another"},
        {"{\"receipts\":[],\"next_cursor\":{}}", "neither a text nor null"},
        {"{\"receipts\":[],\"next_cursor\":\"2\"}", "never end"},
        {"{\"receipts\":[{\"user_id\":\"u2\"}],\"next_cursor\":null}", "another user"},
    };
    const size_t i = (size_t)_i;

    answers(200, PAGE(RECEIPT("r1"), "\"2\""));
    answers(200, bad[i][0]);
    check_kept("", SLUICE_RETRY, "history_failed", bad[i][1]);
}
END_TEST

START_TEST(a_bad_receipt_rejects_the_record_or_is_left_out_whole)
{
    const char *page = PAGE(RECEIPT("r1") ",{\"receipt_id\":\"r2\",\"status\":\"FINISHED\",\"purchased_at\":"
                                          "\"2025-01-02T03:04:05Z\",\"items\":[{\"fido\":\"" FIDO
                                          "\"},{\"fido\":\"" FIDO "\",\"quantity\":\"many\"}]}",
                            "null");
    struct plugin_host *h;

    answers(200, page);
    check_kept("", SLUICE_REJECT, "bad_quantity", "items[1].quantity");
    h = start("purchase-history", "bad: skip\n");
    check_made(h, MADE(LINE("r1")));
    ck_assert_double_eq(plugin_host_metric(h, "entries_left_out_total", "bad_quantity"), 1);
    plugin_host_close(h);
}
END_TEST

START_TEST(too_many_receipts_are_not_cut_short)
{
    answers(200, PAGE(RECEIPT("r1") "," RECEIPT("r2"), "null"));
    check_kept("max_entries: 1\n", SLUICE_REJECT, "too_many", "max_entries");
}
END_TEST

START_TEST(not_found_is_what_the_option_says)
{
    struct plugin_host *h;

    answers(404, "{}");
    check_kept("not_found: reject\n", SLUICE_REJECT, "user_not_found", "answered 404");
    h = start("purchase-history", "not_found: empty\n");
    check_made(h, MADE(""));
    plugin_host_close(h);
}
END_TEST

START_TEST(not_found_in_the_middle_is_no_end)
{
    answers(200, PAGE(RECEIPT("r1"), "\"2\""));
    answers(404, "{}");
    check_kept("not_found: empty\n", SLUICE_RETRY, "history_failed", "answered 404");
}
END_TEST

START_TEST(a_busy_service_pauses_the_stage_and_the_others_go_on)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct http_script_reply *r = answers(429, "slow down");
    struct plugin_host *h = start("purchase-history", "");

    r->header = "Retry-After";
    r->value = "9";
    plugin_host_clear(h);
    plugin_host_add(h, USER);
    plugin_host_add(h, "{\"user_id\":\"\"}");
    plugin_host_add(h, "{\"user_id\":\"u\",\"lookback_days\":0}");
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_DISCONNECTED);
    ck_assert_uint_eq(err.retry_after_ms, 9000);
    ck_assert_uint_eq(plugin_host_verdict(h, 0)->code, SLUICE_NONE);
    ck_assert_uint_eq(plugin_host_verdict(h, 1)->code, SLUICE_REJECT);
    ck_assert_uint_eq(plugin_host_verdict(h, 2)->code, SLUICE_REJECT);
    ck_assert_str_eq(plugin_host_verdict(h, 2)->reason, "bad_lookback_days");
    plugin_host_close(h);
}
END_TEST

START_TEST(a_path_without_the_user_is_refused)
{
    char *said =
        plugin_host_refusal("enrich", "purchase-history", "url: http://127.0.0.1:9\npath: /purchases\n");

    ck_assert_msg(strstr(said, "{user_id}") != NULL, "%s", said);
    free(said);
}
END_TEST

/* --- a shared budget ---------------------------------------------------------------- */

static uint64_t leased, pauses;

/* Valkey as it answers the budget: a lease (two keys) gives one token, a pause is taken. */
static void give_one(void *context, const struct redisReply *words, char *out, size_t cap)
{
    int is_lease = strcmp(words->element[2]->str, "2") == 0;

    (void)context;
    pthread_mutex_lock(&lock);
    leased += is_lease ? 1 : 0;
    pauses += is_lease ? 0 : 1;
    pthread_mutex_unlock(&lock);
    (void)snprintf(out, cap, is_lease ? "*3\r\n:1\r\n:0\r\n:0\r\n" : "*3\r\n:0\r\n:0\r\n:0\r\n");
}

START_TEST(with_a_budget_each_try_takes_a_token_and_pages_are_not_lost)
{
    struct resp_server *valkey = resp_server_new();
    struct plugin_host *h;
    char yaml[300];

    leased = pauses = 0;
    resp_server_eval(valkey, give_one, NULL);
    answers(200, PAGE(RECEIPT("r1"), "\"next\""));
    answers(503, "");
    answers(429, "");
    answers(200, PAGE(RECEIPT("r2"), "null"));
    (void)snprintf(yaml, sizeof yaml, "per_second: 1000\nbudget_address: \"%s\"\n",
                   resp_server_address(valkey));
    (void)snprintf(yaml + strlen(yaml), sizeof yaml - strlen(yaml), "url: %s/api/\n",
                   http_script_url(server));
    h = plugin_host_open("enrich", "purchase-history", yaml);
    plugin_host_start(h);
    check_made(h, MADE(LINE("r1") "," LINE("r2")));
    ck_assert_str_eq(asked[3], asked[1]); /* the page that failed, not the first one */
    ck_assert_uint_eq(leased, 4);
    ck_assert_uint_eq(pauses, 1);
    ck_assert_double_eq(plugin_host_metric(h, "budget_requests_total", "valkey"), 4);
    plugin_host_close(h);
    resp_server_free(valkey);
}
END_TEST

START_TEST(a_budget_that_cannot_be_met_pauses_the_stage)
{
    struct plugin_host *h;
    struct sluice_error err = {.struct_size = sizeof err};
    char yaml[300];

    answers(200, PAGE("", "null"));
    (void)snprintf(yaml, sizeof yaml,
                   "url: %s\nper_second: 10\nbudget_address: \"127.0.0.1:1\"\nbudget_fallback: wait\n"
                   "timeout: 250ms\n",
                   http_script_url(server));
    h = plugin_host_open("enrich", "purchase-history", yaml);
    plugin_host_start(h);
    plugin_host_clear(h);
    plugin_host_add(h, USER);
    ck_assert_uint_eq(plugin_host_call(h, &err), SLUICE_DISCONNECTED);
    ck_assert_ptr_nonnull(strstr(err.message, "budget"));
    ck_assert_str_eq(plugin_host_document(h, 0), USER);
    ck_assert(plugin_host_logged(h, "the shared budget cannot be asked"));
    plugin_host_close(h);
}
END_TEST

START_TEST(a_budget_without_a_rate_is_refused)
{
    char *said =
        plugin_host_refusal("enrich", "purchase-history", "url: http://127.0.0.1:9\nbudget_address: v\n");

    ck_assert_msg(strstr(said, "set per_second") != NULL, "%s", said);
    free(said);
    said = plugin_host_refusal("enrich", "purchase-history", "url: http://127.0.0.1:9\nbudget_user: w\n");
    ck_assert_msg(strstr(said, "set budget_address") != NULL, "%s", said);
    free(said);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("enrich_history");
    TCase *t = tcase_create("enrich_history");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, all_pages_make_one_document);
    tcase_add_test(t, a_user_without_receipts_is_a_user);
    tcase_add_test(t, keep_rules_leave_receipts_out);
    tcase_add_test(t, shop_orders_carry_their_id_as_receipt_id);
    tcase_add_test(t, a_page_that_is_cut_fails_all_of_it);
    tcase_add_loop_test(t, a_page_that_is_no_page_fails_all_of_it, 0, 7);
    tcase_add_test(t, a_bad_receipt_rejects_the_record_or_is_left_out_whole);
    tcase_add_test(t, too_many_receipts_are_not_cut_short);
    tcase_add_test(t, not_found_is_what_the_option_says);
    tcase_add_test(t, not_found_in_the_middle_is_no_end);
    tcase_add_test(t, a_busy_service_pauses_the_stage_and_the_others_go_on);
    tcase_add_test(t, a_path_without_the_user_is_refused);
    tcase_add_test(t, with_a_budget_each_try_takes_a_token_and_pages_are_not_lost);
    tcase_add_test(t, a_budget_that_cannot_be_met_pauses_the_stage);
    tcase_add_test(t, a_budget_without_a_rate_is_refused);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
