/* The admin listener against clients that mean no good. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "http_raw.h"
#include "http_server.h"
#include "log.h"

#define TOKEN "canary-4f1c9a"
#define H "Host: localhost\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" H "\r\n"
#define HANGING "POST /write HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nab"

static struct sluice_error err;
static struct http_server *server;
static uint16_t port;

static void say_hello(void *context, const struct http_request *request, struct http_answer *answer)
{
    (void)context;
    (void)request;
    answer->content_type = "text/plain";
    strbuf_puts(&answer->body, "hello");
}

static void echo(void *context, const struct http_request *request, struct http_answer *answer)
{
    (void)context;
    answer->status = 201;
    strbuf_printf(&answer->body, "%s %s %llu ", request->method, request->path,
                  (unsigned long long)request->body.len);
    strbuf_add(&answer->body, request->body.data, request->body.len < 100 ? (size_t)request->body.len : 100);
}

static void too_much(void *context, const struct http_request *request, struct http_answer *answer)
{
    static char piece[1u << 20];
    int i;

    (void)context;
    (void)request;
    memset(piece, 'x', sizeof piece);
    for (i = 0; i < 17; i++)
        strbuf_add(&answer->body, piece, sizeof piece);
}

static const struct http_route routes[] = {
    {"GET", "/healthz", say_hello}, {"GET", "/hello", say_hello}, {"POST", "/write", echo},
    {"GET", "/write", say_hello},   {"POST", "/job/*", echo},     {"GET", "/much", too_much},
};
#define N_ROUTES (sizeof routes / sizeof *routes)

static void start(const char *token)
{
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    server = http_server_start("127.0.0.1:0", token, routes, N_ROUTES, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.message);
    port = http_server_port(server);
    ck_assert_uint_ne(port, 0);
}

static void setup(void)
{
    start(NULL);
}

static void setup_token(void)
{
    start(TOKEN);
}

static void teardown(void)
{
    http_server_stop(server);
}

/* Status of the answer; its whole text must hold words. */
static int asked(const char *request, const char *words)
{
    char *answer = http_raw_ask(port, request);
    int status = http_raw_status(answer);

    ck_assert_msg(strstr(answer, words) != NULL, "'%s' is not in: %s", words, answer);
    ck_assert_msg(strstr(answer, TOKEN) == NULL, "the token shows in: %s", answer);
    free(answer);
    return status;
}

START_TEST(a_route_answers_and_the_connection_is_closed)
{
    int fd = http_raw_connect(port), closed;
    char *answer;

    http_raw_send(fd, HELLO, strlen(HELLO));
    answer = http_raw_read(fd, 10000, &closed);
    ck_assert_int_eq(http_raw_status(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\nhello"));
    ck_assert_ptr_nonnull(strstr(answer, "nosniff"));
    ck_assert_int_eq(closed, 1);
    free(answer);
    close(fd);
}
END_TEST

START_TEST(head_answers_like_get_without_the_body)
{
    char *answer = http_raw_ask(port, "HEAD /hello HTTP/1.1\r\n" H "\r\n");

    ck_assert_int_eq(http_raw_status(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 5\r\n"));
    ck_assert_ptr_null(strstr(answer, "hello"));
    free(answer);
}
END_TEST

START_TEST(a_body_reaches_its_handler_in_any_pieces)
{
    static const char *const pieces[] = {"POST /job/7 HTT", "P/1.1\r\nHost: 127.0.0.1:1\r\nContent-",
                                         "Length: 6\r\n\r\nab", "c", "def"};
    int fd = http_raw_connect(port), closed;
    char *answer;
    size_t i;

    for (i = 0; i < sizeof pieces / sizeof *pieces; i++)
        ck_assert_int_eq(http_raw_send(fd, pieces[i], strlen(pieces[i])), 1);
    answer = http_raw_read(fd, 10000, &closed);
    ck_assert_int_eq(http_raw_status(answer), 201);
    ck_assert_ptr_nonnull(strstr(answer, "POST /job/7 6 abcdef"));
    free(answer);
    close(fd);
}
END_TEST

START_TEST(a_chunked_body_is_put_together)
{
    ck_assert_int_eq(asked("POST /write HTTP/1.1\r\n" H
                           "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                           "POST /write 5 abcde"),
                     201);
}
END_TEST

START_TEST(an_unknown_path_is_404_and_an_unknown_method_405_with_what_is_allowed)
{
    ck_assert_int_eq(asked("GET /nope HTTP/1.1\r\n" H "\r\n", "{\"error\":{\"code\":\"not_found\""), 404);
    ck_assert_int_eq(asked("DELETE /write HTTP/1.1\r\n" H "\r\n", "Allow: POST, GET, HEAD\r\n"), 405);
    ck_assert_int_eq(asked("BREW /hello HTTP/1.1\r\n" H "\r\n", "\"code\":\"method_not_allowed\""), 405);
    ck_assert_int_eq(asked("HEAD /job/1 HTTP/1.1\r\n" H "\r\n", "405"), 405);
}
END_TEST

static const struct bad {
    const char *request;
    int status;
    const char *words;
} bad_requests[] = {
    {"GET /hello HTTP/1.1\r\n\r\n", 400, ""},
    {"GET /hello HTTP/1.0\r\n\r\n", 400, "bad_host"},
    {"GET /hello HTTP/1.1\r\n" H H "\r\n", 400, ""},
    {"GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "host_unknown"},
    {"GET /hello HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 421, "host_unknown"},
    {"GET /hello HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 421, "host_unknown"},
    {"POST /write HTTP/1.1\r\n" H "Origin: http://evil.example\r\nContent-Length: 0\r\n\r\n", 403,
     "origin_refused"},
    {"POST /write HTTP/1.1\r\n" H "Origin: null\r\nContent-Length: 0\r\n\r\n", 403, "origin_refused"},
    {"POST /write HTTP/1.1\r\n" H "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400, ""},
    {"POST /write HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400, ""},
    {"POST /write HTTP/1.1\r\n" H "Content-Length: 0x2\r\n\r\nab", 400, ""},
    {"POST /write HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\na", 400, ""},
    {"POST /write HTTP/1.1\r\n" H "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     ""},
    {"POST /write HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n", 413, "body_too_large"},
    {"POST /write HTTP/1.1\r\n" H "Content-Length: 999999999999999999999\r\n\r\n", 0, ""},
    {"nonsense\r\n\r\n", 0, ""},
};

START_TEST(a_bad_request_is_refused_by_name)
{
    const struct bad *b = &bad_requests[_i];
    int status = asked(b->request, b->words);

    if (b->status != 0)
        ck_assert_msg(status == b->status, "%d for %s", status, b->request);
    else
        ck_assert_msg(status == 0 || (status >= 400 && status < 500), "%d for %s", status, b->request);
    ck_assert_int_eq(asked("GET /hello HTTP/1.1\r\n" H "\r\n", "hello"), 200);
}
END_TEST

static void with_filler(size_t filler, int expected)
{
    char *request = malloc(filler + 200);
    size_t n;

    n = (size_t)snprintf(request, filler + 200, "GET /hello HTTP/1.1\r\n" H "X: ");
    memset(request + n, 'x', filler);
    memcpy(request + n + filler, "\r\n\r\n", 5);
    ck_assert_int_eq(asked(request, expected == 200 ? "hello" : ""), expected);
    free(request);
}

START_TEST(a_header_above_8_kib_is_refused)
{
    with_filler(8192 - 200, 200);
    with_filler(8193, 431);
    with_filler(100000, 431);
}
END_TEST

/* A body of n bytes, with the given header for it. */
static int status_of_body(const char *header, size_t n, const char *tail)
{
    char *body = malloc(n), *answer;
    int fd = http_raw_connect(port), closed, status;

    memset(body, 'x', n);
    (void)http_raw_send(fd, header, strlen(header));
    (void)http_raw_send(fd, body, n);
    (void)http_raw_send(fd, tail, strlen(tail));
    answer = http_raw_read(fd, 10000, &closed);
    status = http_raw_status(answer);
    free(answer);
    free(body);
    close(fd);
    return status;
}

START_TEST(a_body_of_1_mib_is_taken_and_a_larger_one_refused_also_in_chunks)
{
    ck_assert_int_eq(
        status_of_body("POST /write HTTP/1.1\r\n" H "Content-Length: 1048576\r\n\r\n", 1048576, ""), 201);
    ck_assert_int_eq(status_of_body("POST /write HTTP/1.1\r\n" H
                                    "Transfer-Encoding: chunked\r\n\r\n100000\r\n",
                                    1048576, "\r\n0\r\n\r\n"),
                     201);
    ck_assert_int_eq(status_of_body("POST /write HTTP/1.1\r\n" H
                                    "Transfer-Encoding: chunked\r\n\r\n100001\r\n",
                                    1048577, "\r\n0\r\n\r\n"),
                     413);
    ck_assert_int_eq(status_of_body("POST /write HTTP/1.1\r\n" H
                                    "Transfer-Encoding: chunked\r\n\r\n400000\r\n",
                                    4194304, "\r\n0\r\n\r\n"),
                     0);
}
END_TEST

START_TEST(an_answer_that_is_too_large_is_an_error_and_not_cut)
{
    ck_assert_int_eq(asked("GET /much HTTP/1.1\r\n" H "\r\n", "answer_too_large"), 500);
}
END_TEST

START_TEST(without_the_token_nothing_but_health_is_answered)
{
    ck_assert_int_eq(asked("GET /healthz HTTP/1.1\r\nHost: any.example\r\n\r\n", "hello"), 200);
    ck_assert_int_eq(asked("GET /hello HTTP/1.1\r\n" H "\r\n", "WWW-Authenticate: Bearer"), 401);
    ck_assert_int_eq(asked("GET /nope HTTP/1.1\r\n" H "\r\n", "unauthorized"), 401);
    ck_assert_int_eq(asked("GET /hello HTTP/1.1\r\n" H "Authorization: Bearer wrong\r\n\r\n", "unauthorized"),
                     401);
    ck_assert_int_eq(
        asked("GET /hello HTTP/1.1\r\n" H "Authorization: Bearer canary-4f1c9\r\n\r\n", "unauthorized"), 401);
    ck_assert_int_eq(
        asked("GET /hello HTTP/1.1\r\n" H "Authorization: Bearer canary-4f1c9aa\r\n\r\n", "unauthorized"),
        401);
    ck_assert_int_eq(
        asked("GET /hello HTTP/1.1\r\n" H "Authorization: Basic " TOKEN "\r\n\r\n", "unauthorized"), 401);
    ck_assert_int_eq(asked("GET /hello HTTP/1.1\r\n" H "Authorization: Bearer\r\n\r\n", "unauthorized"), 401);
    ck_assert_int_eq(asked("GET /hello HTTP/1.1\r\n" H "Authorization: Bearer " TOKEN
                           "\r\nAuthorization: Bearer " TOKEN "\r\n\r\n",
                           "unauthorized"),
                     401);
}
END_TEST

START_TEST(with_the_token_it_answers_under_any_host)
{
    ck_assert_int_eq(
        asked("GET /hello HTTP/1.1\r\nHost: pod.example\r\nAuthorization: Bearer " TOKEN "\r\n\r\n", "hello"),
        200);
    ck_assert_int_eq(
        asked("GET /hello HTTP/1.1\r\nHost: pod.example\r\nauthorization: bearer " TOKEN "\r\n\r\n", "hello"),
        200);
}
END_TEST

START_TEST(writes_and_refusals_are_logged_with_who_and_what_and_never_the_token)
{
    static char text[20000];
    struct pollfd p;
    size_t len = 0;
    ssize_t n;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(log_start(LOG_LOGFMT, SLUICE_DEBUG, fds[1]), 0);
    ck_assert_int_eq(asked("POST /write HTTP/1.1\r\n" H "Content-Length: 0\r\nAuthorization: Bearer " TOKEN
                           "\r\n\r\n",
                           "POST"),
                     201);
    ck_assert_int_eq(asked("POST /write HTTP/1.1\r\n" H "Content-Length: 0\r\nAuthorization: Bearer x" TOKEN
                           "\r\n\r\n",
                           ""),
                     401);
    log_stop();
    p.fd = fds[0];
    p.events = POLLIN;
    while (poll(&p, 1, 0) == 1 && (n = read(fds[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    ck_assert_msg(strstr(text, "event=admin_write peer=127.0.0.1:") != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "method=POST path=/write status=201"));
    ck_assert_ptr_nonnull(strstr(text, "event=admin_refused peer=127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(text, "status=401 code=unauthorized"));
    ck_assert_ptr_null(strstr(text, TOKEN));
    close(fds[0]);
    close(fds[1]);
}
END_TEST

static void refused_start(const char *listen, const char *token, const char *words)
{
    memset(&err, 0, sizeof err);
    ck_assert_ptr_null(http_server_start(listen, token, routes, N_ROUTES, NULL, &err));
    ck_assert_msg(strstr(err.message, words) != NULL, "'%s' is not in: %s", words, err.message);
    ck_assert_ptr_null(strstr(err.message, TOKEN));
}

START_TEST(an_address_others_can_reach_needs_a_token)
{
    struct http_server *s;

    refused_start("0.0.0.0:0", NULL, "set a token");
    ck_assert_str_eq(err.option, "token");
    refused_start("[::]:0", NULL, "set a token");
    refused_start("0.0.0.0:0", "", "the token is empty");
    s = http_server_start("0.0.0.0:0", TOKEN, routes, N_ROUTES, NULL, &err);
    ck_assert_msg(s != NULL, "%s", err.message);
    http_server_stop(s);
}
END_TEST

START_TEST(an_address_that_is_none_is_refused_by_name)
{
    static const char *const bad[] = {"",          "9090",           ":9090",           "example.com:80",
                                      "127.0.0.1", "127.0.0.1:",     "127.0.0.1:65536", "127.0.0.1:-1",
                                      "::1:80",    "[127.0.0.1]:80", "127.0.0.1:80x",   "[::1]"};
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        refused_start(bad[i], NULL, "is no address to listen on");
}
END_TEST

START_TEST(a_port_in_use_is_named)
{
    char listen[40];

    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    refused_start(listen, NULL, "stop what listens there");
    ck_assert_ptr_nonnull(strstr(err.message, listen));
}
END_TEST

START_TEST(a_slow_drip_of_header_bytes_ends_after_five_seconds_in_all)
{
    int fd = http_raw_connect(port), closed = 0;
    int64_t begun = clock_steady_ms();
    struct pollfd p = {fd, POLLIN, 0};

    ck_assert_int_eq(http_raw_send(fd, "GET /hello HTTP/1.1\r\nX: ", 24), 1);
    while (!closed && clock_steady_ms() - begun < 15000) {
        (void)http_raw_send(fd, "y", 1);
        if (poll(&p, 1, 100) == 1)
            closed = 1;
    }
    ck_assert_int_eq(closed, 1);
    ck_assert_int_ge(clock_steady_ms() - begun, 4500);
    ck_assert_int_lt(clock_steady_ms() - begun, 10000);
    close(fd);
}
END_TEST

START_TEST(a_thousand_slow_connections_do_not_keep_others_from_health)
{
    enum { SLOW = 1000 };
    static int slow[SLOW];
    struct rlimit files;
    int64_t begun, worst = 0;
    int i;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    for (i = 0; i < SLOW; i++) {
        slow[i] = http_raw_connect(port);
        (void)http_raw_send(slow[i], "GET /he", 7);
        if (i % 100 == 99) {
            begun = clock_steady_ms();
            ck_assert_int_eq(asked("GET /healthz HTTP/1.1\r\n" H "\r\n", "hello"), 200);
            if (clock_steady_ms() - begun > worst)
                worst = clock_steady_ms() - begun;
        }
    }
    ck_assert_msg(worst < 4000, "health took %lld ms", (long long)worst);
    for (i = 0; i < SLOW; i++)
        close(slow[i]);
}
END_TEST

START_TEST(no_more_than_128_connections_are_held)
{
    enum { N = 200 };
    int fds[N], i, open = 0;
    char c;

    for (i = 0; i < N; i++) {
        fds[i] = http_raw_connect(port);
        (void)http_raw_send(fds[i], "GET /he", 7);
    }
    /* An answer to the last of all means that those before it were accepted. */
    ck_assert_int_eq(asked("GET /healthz HTTP/1.1\r\n" H "\r\n", "hello"), 200);
    for (i = 0; i < N; i++)
        open += recv(fds[i], &c, 1, MSG_DONTWAIT) < 0;
    ck_assert_int_le(open, 128);
    ck_assert_int_gt(open, 50);
    for (i = 0; i < N; i++)
        close(fds[i]);
}
END_TEST

static _Atomic int load_on;
static _Atomic uint64_t load_answers;
static _Atomic unsigned load_port;

static void *make_load(void *context)
{
    int fd, closed;
    char *answer;

    (void)context;
    while (atomic_load(&load_on)) {
        fd = http_raw_try_connect((uint16_t)atomic_load(&load_port));
        if (fd < 0)
            continue;
        (void)http_raw_send(fd, HELLO, strlen(HELLO));
        answer = http_raw_read(fd, 5000, &closed);
        if (http_raw_status(answer) == 200)
            atomic_fetch_add(&load_answers, 1);
        free(answer);
        close(fd);
    }
    return NULL;
}

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

START_TEST(stopping_under_load_joins_and_leaves_nothing_open)
{
    int before = open_files(), hang[50], i;
    struct http_server *first = server;
    uint16_t first_port = port;
    pthread_t threads[3];

    start(NULL);
    atomic_store(&load_port, port);
    atomic_store(&load_on, 1);
    for (i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make_load, NULL), 0);
    for (i = 0; i < 50; i++) {
        hang[i] = http_raw_connect(port);
        (void)http_raw_send(hang[i], HANGING, strlen(HANGING));
    }
    while (atomic_load(&load_answers) < 200)
        sched_yield();
    /* The load goes on over the stop, against the other server's port. */
    atomic_store(&load_port, first_port);
    port = first_port;
    http_server_stop(server);
    atomic_store(&load_on, 0);
    for (i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (i = 0; i < 50; i++)
        close(hang[i]);
    server = first;
    ck_assert_int_eq(asked("GET /hello HTTP/1.1\r\n" H "\r\n", "hello"), 200);
    ck_assert_int_le(open_files(), before + 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http_server");
    TCase *t = tcase_create("open"), *with_token = tcase_create("token");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 120);
    tcase_set_timeout(with_token, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_checked_fixture(with_token, setup_token, teardown);
    tcase_add_test(t, a_route_answers_and_the_connection_is_closed);
    tcase_add_test(t, head_answers_like_get_without_the_body);
    tcase_add_test(t, a_body_reaches_its_handler_in_any_pieces);
    tcase_add_test(t, a_chunked_body_is_put_together);
    tcase_add_test(t, an_unknown_path_is_404_and_an_unknown_method_405_with_what_is_allowed);
    tcase_add_loop_test(t, a_bad_request_is_refused_by_name, 0,
                        (int)(sizeof bad_requests / sizeof *bad_requests));
    tcase_add_test(t, a_header_above_8_kib_is_refused);
    tcase_add_test(t, a_body_of_1_mib_is_taken_and_a_larger_one_refused_also_in_chunks);
    tcase_add_test(t, an_answer_that_is_too_large_is_an_error_and_not_cut);
    tcase_add_test(with_token, without_the_token_nothing_but_health_is_answered);
    tcase_add_test(with_token, with_the_token_it_answers_under_any_host);
    tcase_add_test(with_token, writes_and_refusals_are_logged_with_who_and_what_and_never_the_token);
    tcase_add_test(t, an_address_others_can_reach_needs_a_token);
    tcase_add_test(t, an_address_that_is_none_is_refused_by_name);
    tcase_add_test(t, a_port_in_use_is_named);
    tcase_add_test(t, a_slow_drip_of_header_bytes_ends_after_five_seconds_in_all);
    tcase_add_test(t, a_thousand_slow_connections_do_not_keep_others_from_health);
    tcase_add_test(t, no_more_than_128_connections_are_held);
    tcase_add_test(t, stopping_under_load_joins_and_leaves_nothing_open);
    suite_add_tcase(s, t);
    suite_add_tcase(s, with_token);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
