/* check_http_retry: what the HTTP service tries again, when, and what it leaves alone. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sluice/http.h>

#include "clock.h"
#include "extension.h"
#include "http_script.h"
#include "one_suite.h"

#define MAX_SCRIPT 16

static const struct sluice_http_api *http;
static struct sluice_http_client *client;
static struct http_script *server;
static struct sluice_error err;
static _Atomic uint32_t host_cancelled;

/* What the server answers, one after the other; the last one for ever. */
static struct http_script_reply script[MAX_SCRIPT];
static uint32_t n_script;
static _Atomic int at_once, most_at_once;
static _Atomic uint32_t seen_small; /* n of the request to /small */

/* --- a host that counts ------------------------------------------------------------ */

static _Atomic uint64_t counted_2xx, counted_429, counted_5xx, counted_retries;

static uint32_t is_cancelled(const struct sluice_host *host)
{
    (void)host;
    return atomic_load(&host_cancelled);
}

static uint32_t metric(const struct sluice_host *host, uint32_t kind, const char *name, const char *help,
                       const char *label)
{
    (void)host;
    (void)help;
    (void)label;
    ck_assert_uint_eq(kind, SLUICE_COUNTER);
    return strcmp(name, "http_requests_total") == 0 ? 1 : strcmp(name, "http_retries_total") == 0 ? 2 : 3;
}

static void metric_add(const struct sluice_host *host, uint32_t id, const char *label, uint64_t n)
{
    (void)host;
    if (id == 2)
        atomic_fetch_add(&counted_retries, n);
    if (id != 1)
        return;
    atomic_fetch_add(strcmp(label, "2xx") == 0   ? &counted_2xx
                     : strcmp(label, "429") == 0 ? &counted_429
                                                 : &counted_5xx,
                     n);
}

static struct sluice_host host = {
    .struct_size = sizeof host, .cancelled = is_cancelled, .metric = metric, .metric_add = metric_add};

/* --- the server --------------------------------------------------------------------- */

static void on_request(void *context, const struct http_script_request *request,
                       struct http_script_reply *reply)
{
    uint32_t i = request->n <= n_script ? request->n - 1 : n_script - 1;
    int now = atomic_fetch_add(&at_once, 1) + 1, most = atomic_load(&most_at_once);

    (void)context;
    while (now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now))
        ;
    if (strcmp(request->path, "/small") == 0)
        atomic_store(&seen_small, request->n);
    if (strcmp(request->path, "/cancel") == 0)
        atomic_store(&host_cancelled, 1);
    *reply = script[i];
    if (reply->body != NULL)
        reply->body = strdup(reply->body);
    atomic_fetch_sub(&at_once, 1);
}

static void setup(void)
{
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    atomic_store(&host_cancelled, 0);
    atomic_store(&at_once, 0);
    atomic_store(&most_at_once, 0);
    atomic_store(&seen_small, 0);
    atomic_store(&counted_2xx, 0);
    atomic_store(&counted_429, 0);
    atomic_store(&counted_5xx, 0);
    atomic_store(&counted_retries, 0);
    n_script = 0;
    client = NULL;
    http = extension_find(SLUICE_HTTP_ID);
    ck_assert_ptr_nonnull(http);
    server = http_script_start(on_request, NULL);
}

static void teardown(void)
{
    http->free(client);
    http_script_stop(server);
}

static void answers(uint32_t status, const char *header, const char *value)
{
    script[n_script++] = (struct http_script_reply){
        .status = status, .header = header, .value = value, .body = (char *)(uintptr_t) "some body"};
}

static void make_client(struct sluice_http_options o)
{
    o.struct_size = sizeof o;
    if (o.backoff_min_ms == 0) {
        o.backoff_min_ms = 1;
        o.backoff_max_ms = 5;
    }
    client = http->client(&host, &o, &err);
    ck_assert_ptr_nonnull(client);
}

/* One request to the path; its body is released. */
static struct sluice_http_response ask(const char *path, uint32_t flags, uint32_t deadline_ms)
{
    struct sluice_http_response answer = {.struct_size = sizeof answer};
    struct sluice_http_request r = {.struct_size = sizeof r, .flags = flags, .method = "GET"};
    char whole[100];

    (void)snprintf(whole, sizeof whole, "%s%s", http_script_url(server), path);
    r.url = whole;
    ck_assert_uint_eq(http->perform(client, &r, 1, sizeof r, &answer, sizeof answer, deadline_ms, &err),
                      SLUICE_OK);
    http->release(&answer, 1, sizeof answer);
    return answer;
}

static struct sluice_http_response ask_marked(uint32_t deadline_ms)
{
    return ask("/", SLUICE_HTTP_REPEAT, deadline_ms);
}

/* --- what is tried again ------------------------------------------------------------ */

START_TEST(a_marked_request_is_tried_again_until_it_succeeds)
{
    struct sluice_http_response r;

    answers(503, NULL, NULL);
    answers(429, NULL, NULL);
    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){0});
    r = ask_marked(10000);
    ck_assert_uint_eq(r.code, SLUICE_OK);
    ck_assert_uint_eq(r.status, 200);
    ck_assert_uint_eq(http_script_count(server), 3);
    ck_assert_uint_eq(atomic_load(&counted_2xx), 1);
    ck_assert_uint_eq(atomic_load(&counted_429), 1);
    ck_assert_uint_eq(atomic_load(&counted_5xx), 1);
    ck_assert_uint_eq(atomic_load(&counted_retries), 2);
}
END_TEST

START_TEST(a_request_without_mark_is_sent_once)
{
    answers(503, NULL, NULL);
    make_client((struct sluice_http_options){0});
    ck_assert_uint_eq(ask("/", 0, 10000).status, 503);
    ck_assert_uint_eq(http_script_count(server), 1);
}
END_TEST

START_TEST(what_would_fail_again_is_sent_once)
{
    static const uint32_t statuses[] = {301, 400, 401, 404, 501};
    size_t i;

    for (i = 0; i < sizeof statuses / sizeof *statuses; i++)
        answers(statuses[i], NULL, NULL);
    make_client((struct sluice_http_options){0});
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++)
        ck_assert_uint_eq(ask_marked(10000).status, statuses[i]);
    ck_assert_uint_eq(http_script_count(server), i);
}
END_TEST

START_TEST(after_the_last_try_its_answer_is_given)
{
    answers(500, NULL, NULL);
    make_client((struct sluice_http_options){.attempts = 3});
    ck_assert_uint_eq(ask_marked(10000).status, 500);
    ck_assert_uint_eq(http_script_count(server), 3);
}
END_TEST

START_TEST(a_cut_answer_is_fetched_again)
{
    struct sluice_http_response r;

    answers(200, NULL, NULL);
    script[0].cut = 1;
    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){0});
    r = ask_marked(10000);
    ck_assert_uint_eq(r.code, SLUICE_OK);
    ck_assert_uint_eq(http_script_count(server), 2);
}
END_TEST

START_TEST(a_try_that_hangs_is_given_up_for_another)
{
    answers(200, NULL, NULL);
    script[0].hold = 1;
    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){.try_timeout_ms = 100});
    ck_assert_uint_eq(ask_marked(10000).status, 200);
    ck_assert_uint_eq(http_script_count(server), 2);
}
END_TEST

START_TEST(a_slow_drip_ends_at_the_deadline)
{
    int64_t begun = clock_steady_ms();

    answers(200, NULL, NULL);
    script[0].drip_ms = 1000;
    make_client((struct sluice_http_options){0});
    ck_assert_uint_eq(ask_marked(200).code, SLUICE_UNSURE);
    ck_assert_int_lt(clock_steady_ms() - begun, 5000);
}
END_TEST

START_TEST(a_wait_beyond_the_deadline_is_not_begun)
{
    int64_t begun = clock_steady_ms();

    answers(503, NULL, NULL);
    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){.backoff_min_ms = 3600000, .backoff_max_ms = 3600000});
    ck_assert_uint_eq(ask_marked(5000).status, 503);
    ck_assert_int_lt(clock_steady_ms() - begun, 4500);
    ck_assert_uint_eq(http_script_count(server), 1);
}
END_TEST

/* --- Retry-After --------------------------------------------------------------------- */

START_TEST(retry_after_is_waited_for)
{
    int64_t begun = clock_steady_ms();

    answers(429, "Retry-After", "1");
    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){0});
    ck_assert_uint_eq(ask_marked(10000).status, 200);
    ck_assert_int_ge(clock_steady_ms() - begun, 1000);
}
END_TEST

START_TEST(retry_after_beyond_the_deadline_is_told_and_holds_back_the_next)
{
    struct sluice_http_response r;

    answers(429, "Retry-After", "60");
    make_client((struct sluice_http_options){0});
    r = ask_marked(5000);
    ck_assert_uint_eq(r.status, 429);
    ck_assert_uint_eq(r.retry_after_ms, 60000);
    r = ask_marked(5000);
    ck_assert_uint_eq(r.code, SLUICE_DISCONNECTED);
    ck_assert_uint_gt(r.retry_after_ms, 50000);
    ck_assert_msg(strstr(r.message, "Retry-After") != NULL, "%s", r.message);
    ck_assert_uint_eq(http_script_count(server), 1);
    ck_assert_uint_eq(ask("/", 0, 5000).status, 429); /* without mark it is not held back */
}
END_TEST

START_TEST(retry_after_may_be_a_date)
{
    time_t then = time(NULL) + 7200;
    struct sluice_http_response r;
    struct tm parts;
    char date[64];

    ck_assert_ptr_nonnull(gmtime_r(&then, &parts));
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    answers(503, "Retry-After", date);
    make_client((struct sluice_http_options){0});
    r = ask_marked(5000);
    ck_assert_uint_eq(r.status, 503);
    ck_assert_uint_gt(r.retry_after_ms, 7100000);
    ck_assert_uint_le(r.retry_after_ms, 7200000);
}
END_TEST

/* --- breaker ------------------------------------------------------------------------- */

START_TEST(the_breaker_opens_and_nothing_is_sent)
{
    struct sluice_http_response r;
    int i;

    answers(500, NULL, NULL);
    make_client((struct sluice_http_options){.breaker_failures = 3, .breaker_open_ms = 60000});
    for (i = 0; i < 3; i++)
        ck_assert_uint_eq(ask("/", 0, 5000).status, 500);
    r = ask("/", 0, 5000);
    ck_assert_uint_eq(r.code, SLUICE_DISCONNECTED);
    ck_assert_uint_gt(r.retry_after_ms, 50000);
    ck_assert_msg(strstr(r.message, "in a row") != NULL, "%s", r.message);
    ck_assert_uint_eq(http_script_count(server), 3);
}
END_TEST

START_TEST(one_success_closes_the_breaker)
{
    int i;

    for (i = 0; i < 2; i++)
        answers(500, NULL, NULL);
    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){.breaker_failures = 2, .breaker_open_ms = 1});
    for (i = 0; i < 2; i++)
        ck_assert_uint_eq(ask("/", 0, 5000).status, 500);
    while (ask("/", 0, 5000).code == SLUICE_DISCONNECTED)
        ;
    ck_assert_uint_eq(http_script_count(server), 3);
    ck_assert_uint_eq(ask("/", 0, 5000).status, 200);
}
END_TEST

START_TEST(too_many_requests_do_not_open_the_breaker)
{
    int i;

    answers(429, NULL, NULL);
    make_client((struct sluice_http_options){.breaker_failures = 2, .breaker_open_ms = 60000});
    for (i = 0; i < 5; i++)
        ck_assert_uint_eq(ask("/", 0, 5000).status, 429);
}
END_TEST

/* --- limits -------------------------------------------------------------------------- */

static void ask_many_times(const char *path, uint32_t n)
{
    struct sluice_http_response *all = calloc(n, sizeof *all);
    struct sluice_http_request *r = calloc(n, sizeof *r);
    char url[100];
    uint32_t i;

    ck_assert(all != NULL && r != NULL);
    (void)snprintf(url, sizeof url, "%s%s", http_script_url(server), path);
    for (i = 0; i < n; i++) {
        r[i] = (struct sluice_http_request){.struct_size = sizeof *r, .method = "GET", .url = url};
        all[i].struct_size = sizeof *all;
    }
    ck_assert_uint_eq(http->perform(client, r, n, sizeof *r, all, sizeof *all, 30000, &err), SLUICE_OK);
    for (i = 0; i < n; i++)
        ck_assert_msg(all[i].code == SLUICE_OK, "%s", all[i].message);
    http->release(all, n, sizeof *all);
    free(all);
    free(r);
}

static void *ask_ten(void *context)
{
    (void)context;
    ask_many_times("/", 10);
    return NULL;
}

START_TEST(all_threads_together_keep_to_max_parallel)
{
    pthread_t threads[4];
    int i;

    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){.max_parallel = 3});
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_ten, NULL), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(http_script_count(server), 40);
    ck_assert_int_le(atomic_load(&most_at_once), 3);
}
END_TEST

static void *ask_small(void *context)
{
    (void)context;
    while (http_script_count(server) == 0)
        ;
    ask_many_times("/small", 1);
    return NULL;
}

START_TEST(a_small_call_does_not_wait_for_the_end_of_a_large_one)
{
    pthread_t thread;

    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){.max_parallel = 1});
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_small, NULL), 0);
    ask_many_times("/", 2000);
    pthread_join(thread, NULL);
    ck_assert_uint_lt(atomic_load(&seen_small), 1500);
}
END_TEST

START_TEST(tries_a_second_are_limited)
{
    int64_t begun = clock_steady_ms();

    answers(200, NULL, NULL);
    make_client((struct sluice_http_options){.per_second = 100});
    ask_many_times("/", 30); /* 10 at once, then one every 10 ms */
    ck_assert_int_ge(clock_steady_ms() - begun, 190);
    ck_assert_int_lt(clock_steady_ms() - begun, 10000);
}
END_TEST

START_TEST(a_cancel_ends_the_wait_for_another_try)
{
    int64_t begun = clock_steady_ms();
    struct sluice_http_response r;

    answers(503, "Retry-After", "20");
    make_client((struct sluice_http_options){0});
    r = ask("/cancel", SLUICE_HTTP_REPEAT, 60000);
    ck_assert_uint_eq(atomic_load(&host_cancelled), 1);
    /* What the try came to, or that it was cut off. */
    ck_assert(r.status == 503 || r.code == SLUICE_UNSURE);
    ck_assert_int_lt(clock_steady_ms() - begun, 15000);
}
END_TEST

ONE_SUITE_WITH("http_retry", 60, setup, teardown, a_marked_request_is_tried_again_until_it_succeeds,
               a_request_without_mark_is_sent_once, what_would_fail_again_is_sent_once,
               after_the_last_try_its_answer_is_given, a_cut_answer_is_fetched_again,
               a_try_that_hangs_is_given_up_for_another, a_slow_drip_ends_at_the_deadline,
               a_wait_beyond_the_deadline_is_not_begun, retry_after_is_waited_for,
               retry_after_beyond_the_deadline_is_told_and_holds_back_the_next, retry_after_may_be_a_date,
               the_breaker_opens_and_nothing_is_sent, one_success_closes_the_breaker,
               too_many_requests_do_not_open_the_breaker, all_threads_together_keep_to_max_parallel,
               a_small_call_does_not_wait_for_the_end_of_a_large_one, tries_a_second_are_limited,
               a_cancel_ends_the_wait_for_another_try)
