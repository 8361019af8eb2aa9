/* HTTP for plugins, against the admin listener and against servers that misbehave. */
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/http.h>

#include "clock.h"
#include "extension.h"
#include "http_server.h"

static const struct sluice_http_api *http;
static struct sluice_http_client *client;
static struct http_server *server;
static struct sluice_error err;
static _Atomic uint32_t host_cancelled;
static char url[100];

static uint32_t is_cancelled(const struct sluice_host *host)
{
    (void)host;
    return atomic_load(&host_cancelled);
}

static struct sluice_host host = {.struct_size = sizeof host, .cancelled = is_cancelled};

static void say_path(void *context, const struct http_request *request, struct http_answer *answer)
{
    (void)context;
    strbuf_printf(&answer->body, "%s %s ", request->method, request->path);
    strbuf_add(&answer->body, request->body.data, (size_t)request->body.len);
}

static void say_much(void *context, const struct http_request *request, struct http_answer *answer)
{
    static char piece[100000];

    (void)context;
    (void)request;
    memset(piece, 'x', sizeof piece);
    strbuf_add(&answer->body, piece, sizeof piece);
}

static const struct http_route routes[] = {{"GET", "/much", say_much},
                                           {"GET", "/a/*", say_path},
                                           {"POST", "/a/*", say_path},
                                           {"PUT", "/a/*", say_path}};

static void setup(void)
{
    struct sluice_http_options o = {.struct_size = sizeof o, .max_parallel = 4, .max_body = 50000};

    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    atomic_store(&host_cancelled, 0);
    http = extension_find(SLUICE_HTTP_ID);
    ck_assert_ptr_nonnull(http);
    client = http->client(&host, &o, &err);
    ck_assert_ptr_nonnull(client);
    server = http_server_start("127.0.0.1:0", NULL, routes, sizeof routes / sizeof *routes, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.message);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(server));
}

static void teardown(void)
{
    http->free(client);
    http_server_stop(server);
}

/* One request; release the answer. */
static struct sluice_http_response ask(const char *method, const char *path, const char *body,
                                       uint32_t deadline_ms)
{
    struct sluice_http_response answer = {.struct_size = sizeof answer};
    struct sluice_http_request r = {.struct_size = sizeof r, .method = method, .body = sluice_str_of(body)};
    char whole[300];

    (void)snprintf(whole, sizeof whole, "%s%s", path[0] == '/' ? url : "", path);
    r.url = whole;
    ck_assert_uint_eq(http->perform(client, &r, 1, sizeof r, &answer, sizeof answer, deadline_ms, &err),
                      SLUICE_OK);
    return answer;
}

static void expect(struct sluice_http_response answer, uint32_t code, uint32_t status, const char *words)
{
    const char *text = code == SLUICE_OK ? answer.body.data : answer.message;

    ck_assert_msg(answer.code == code, "code %u: %s", answer.code, answer.message);
    ck_assert_uint_eq(answer.status, status);
    ck_assert_msg(strstr(text, words) != NULL, "'%s' is not in: %s", words, text);
    http->release(&answer, 1, sizeof answer);
    ck_assert_ptr_null(answer.body.data);
}

START_TEST(methods_and_bodies_arrive)
{
    expect(ask("GET", "/a/1", NULL, 5000), SLUICE_OK, 200, "GET /a/1 ");
    expect(ask("POST", "/a/2", "{\"x\":1}", 5000), SLUICE_OK, 200, "POST /a/2 {\"x\":1}");
    expect(ask("PUT", "/a/3", "", 5000), SLUICE_OK, 200, "PUT /a/3 ");
    expect(ask("GET", "/none", NULL, 5000), SLUICE_OK, 404, "not_found");
}
END_TEST

START_TEST(many_requests_run_at_once_and_each_gets_its_own_answer)
{
    enum { N = 50 };
    static struct sluice_http_response answers[N];
    struct sluice_http_request r[N];
    char urls[N][120], want[40];
    int i;

    for (i = 0; i < N; i++) {
        (void)snprintf(urls[i], sizeof urls[i], "%s/a/%d", url, i);
        r[i] = (struct sluice_http_request){.struct_size = sizeof r[i], .method = "GET", .url = urls[i]};
        answers[i].struct_size = sizeof answers[i];
    }
    ck_assert_uint_eq(http->perform(client, r, N, sizeof *r, answers, sizeof *answers, 10000, &err),
                      SLUICE_OK);
    for (i = 0; i < N; i++) {
        (void)snprintf(want, sizeof want, "GET /a/%d ", i);
        ck_assert_uint_eq(answers[i].code, SLUICE_OK);
        ck_assert_str_eq(answers[i].body.data, want);
    }
    http->release(answers, N, sizeof *answers);
}
END_TEST

START_TEST(an_answer_above_the_limit_is_refused)
{
    expect(ask("GET", "/much", NULL, 5000), SLUICE_REJECT, 0, "the answer is above 50000 bytes");
}
END_TEST

START_TEST(nobody_listening_is_disconnected)
{
    http_server_stop(server);
    server = NULL;
    expect(ask("POST", "/a/1", "x", 5000), SLUICE_DISCONNECTED, 0, "127.0.0.1");
}
END_TEST

START_TEST(what_is_no_http_url_is_refused)
{
    static const char *const bad[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
                                      "nonsense://x", "http://127.0.0.1:99999/"};

    expect(ask("GET", bad[_i], NULL, 5000), SLUICE_REJECT, 0, "");
}
END_TEST

START_TEST(a_header_that_would_forge_another_is_refused)
{
    static const struct sluice_str bad[][2] = {
        {{"X", 1}, {"a\r\nY: b", 7}}, {{"X\nY", 3}, {"a", 1}}, {{"X", 1}, {"a\0b", 3}}, {{"", 0}, {"a", 1}}};
    struct sluice_http_response answer = {.struct_size = sizeof answer};
    struct sluice_http_request r = {
        .struct_size = sizeof r, .method = "GET", .url = url, .headers = bad[_i], .n_headers = 1};

    ck_assert_uint_eq(http->perform(client, &r, 1, sizeof r, &answer, sizeof answer, 5000, &err), SLUICE_OK);
    expect(answer, SLUICE_REJECT, 0, "a header");
}
END_TEST

/* --- a server of a few fixed answers ------------------------------------- */

struct fixed {
    int fd;
    const char *answer; /* NULL: never */
    uint32_t rounds;    /* requests a connection */
    _Atomic uint32_t accepted;
    _Atomic uint32_t asked;
    pthread_t thread;
};

static void *fixed_main(void *context)
{
    struct fixed *f = context;
    char buf[4096];
    uint32_t i;
    int fd;

    while ((fd = accept(f->fd, NULL, NULL)) >= 0) {
        atomic_fetch_add(&f->accepted, 1);
        for (i = 0; i < f->rounds && recv(fd, buf, sizeof buf, 0) > 0; i++) {
            atomic_fetch_add(&f->asked, 1);
            if (f->answer == NULL || send(fd, f->answer, strlen(f->answer), MSG_NOSIGNAL) < 0)
                (void)recv(fd, buf, sizeof buf, 0);
        }
        close(fd);
    }
    return NULL;
}

static void fixed_start(struct fixed *f, const char *answer, uint32_t rounds)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;

    memset(f, 0, sizeof *f);
    f->answer = answer;
    f->rounds = rounds;
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(f->fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(f->fd, 10), 0);
    ck_assert_int_eq(getsockname(f->fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    ck_assert_int_eq(pthread_create(&f->thread, NULL, fixed_main, f), 0);
}

/* The client goes first, so that no kept connection holds the server. */
static void fixed_stop(struct fixed *f)
{
    http->free(client);
    shutdown(f->fd, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->fd);
    client = http->client(&host, NULL, &err);
}

START_TEST(a_connection_is_kept_for_the_next_request)
{
    struct fixed f;
    int i;

    fixed_start(&f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 100);
    for (i = 0; i < 5; i++)
        expect(ask("GET", "/", NULL, 5000), SLUICE_OK, 200, "ok");
    fixed_stop(&f);
    ck_assert_uint_eq(atomic_load(&f.asked), 5);
    ck_assert_uint_eq(atomic_load(&f.accepted), 1);
}
END_TEST

START_TEST(a_redirect_is_answered_and_not_followed)
{
    struct fixed f;

    fixed_start(&f, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 4\r\n\r\nmove", 100);
    expect(ask("GET", "/", NULL, 5000), SLUICE_OK, 302, "move");
    fixed_stop(&f);
    ck_assert_uint_eq(atomic_load(&f.asked), 1);
}
END_TEST

START_TEST(retry_after_is_told)
{
    struct sluice_http_response answer;
    struct fixed f;

    fixed_start(&f, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow", 1);
    answer = ask("GET", "/", NULL, 5000);
    ck_assert_uint_eq(answer.retry_after_ms, 7000);
    expect(answer, SLUICE_OK, 429, "slow");
    fixed_stop(&f);
}
END_TEST

START_TEST(headers_of_the_answer_are_found_whatever_their_case)
{
    struct sluice_http_response answer;
    struct fixed f;

    fixed_start(&f,
                "HTTP/1.1 100 Continue\r\nETag: \"0\"\r\n\r\n"
                "HTTP/1.1 200 OK\r\netag:  \"v1\" \r\nX-Empty:\r\nContent-Length: 2\r\n\r\nok",
                1);
    answer = ask("GET", "/", NULL, 5000);
    ck_assert_int_eq(sluice_str_equal(sluice_http_header(&answer, "ETag"), sluice_str_of("\"v1\"")), 1);
    ck_assert_int_eq(sluice_str_equal(sluice_http_header(&answer, "x-empty"), sluice_str_of("")), 1);
    ck_assert_ptr_null(sluice_http_header(&answer, "X").data);
    ck_assert_ptr_null(sluice_http_header(&answer, "HTTP/1.1 200 OK").data);
    expect(answer, SLUICE_OK, 200, "ok");
    fixed_stop(&f);
}
END_TEST

START_TEST(a_caller_without_room_for_headers_gets_none)
{
    struct sluice_http_response answer = {.struct_size = offsetof(struct sluice_http_response, headers)};
    struct sluice_http_request r = {.struct_size = sizeof r, .method = "GET", .url = url};

    answer.headers.data = "untouched";
    ck_assert_uint_eq(http->perform(client, &r, 1, sizeof r, &answer, sizeof answer, 5000, &err), SLUICE_OK);
    ck_assert_uint_eq(answer.code, SLUICE_OK);
    http->release(&answer, 1, sizeof answer);
    ck_assert_str_eq(answer.headers.data, "untouched");
}
END_TEST

START_TEST(a_server_that_never_answers_leaves_it_unsure_at_the_deadline)
{
    int64_t begun = clock_steady_ms();
    struct fixed f;

    fixed_start(&f, NULL, 1);
    expect(ask("POST", "/", "x", 200), SLUICE_UNSURE, 0, "no answer before the deadline");
    ck_assert_int_ge(clock_steady_ms() - begun, 190);
    ck_assert_int_lt(clock_steady_ms() - begun, 5000);
    fixed_stop(&f);
}
END_TEST

START_TEST(a_connection_cut_in_the_answer_leaves_it_unsure)
{
    struct fixed f;

    fixed_start(&f, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 1);
    expect(ask("POST", "/", "x", 5000), SLUICE_UNSURE, 0, "");
    fixed_stop(&f);
}
END_TEST

static void *cancel_when_asked(void *context)
{
    struct fixed *f = context;

    while (atomic_load(&f->asked) == 0)
        sched_yield();
    atomic_store(&host_cancelled, 1);
    return NULL;
}

START_TEST(a_cancel_of_the_host_ends_the_wait)
{
    int64_t begun = clock_steady_ms();
    pthread_t thread;
    struct fixed f;

    fixed_start(&f, NULL, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_when_asked, &f), 0);
    expect(ask("POST", "/", "x", 30000), SLUICE_UNSURE, 0, "because the host asked");
    pthread_join(thread, NULL);
    ck_assert_int_lt(clock_steady_ms() - begun, 10000);
    fixed_stop(&f);
}
END_TEST

static void *ask_many(void *context)
{
    int i;

    (void)context;
    for (i = 0; i < 20; i++)
        expect(ask("GET", "/a/x", NULL, 10000), SLUICE_OK, 200, "GET /a/x");
    return NULL;
}

START_TEST(one_client_serves_many_threads)
{
    pthread_t threads[4];
    int i;

    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_many, NULL), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(an_unknown_extension_is_absent)
{
    ck_assert_ptr_null(extension_find("sluice.draft.http.0"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http_client");
    TCase *t = tcase_create("http_client");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, methods_and_bodies_arrive);
    tcase_add_test(t, many_requests_run_at_once_and_each_gets_its_own_answer);
    tcase_add_test(t, an_answer_above_the_limit_is_refused);
    tcase_add_test(t, nobody_listening_is_disconnected);
    tcase_add_loop_test(t, what_is_no_http_url_is_refused, 0, 5);
    tcase_add_loop_test(t, a_header_that_would_forge_another_is_refused, 0, 4);
    tcase_add_test(t, a_connection_is_kept_for_the_next_request);
    tcase_add_test(t, a_redirect_is_answered_and_not_followed);
    tcase_add_test(t, retry_after_is_told);
    tcase_add_test(t, headers_of_the_answer_are_found_whatever_their_case);
    tcase_add_test(t, a_caller_without_room_for_headers_gets_none);
    tcase_add_test(t, a_server_that_never_answers_leaves_it_unsure_at_the_deadline);
    tcase_add_test(t, a_connection_cut_in_the_answer_leaves_it_unsure);
    tcase_add_test(t, a_cancel_of_the_host_ends_the_wait);
    tcase_add_test(t, one_client_serves_many_threads);
    tcase_add_test(t, an_unknown_extension_is_absent);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
