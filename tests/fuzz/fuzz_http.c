/* fuzz_http: any bytes sent to the admin listener.
 *
 * Each input is one connection.  The listener may refuse or close; it may not crash,
 * answer 5xx, say its token, let a write pass without the token, or stop answering
 * others. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_raw.h"
#include "http_server.h"
#include "log.h"

#define TOKEN "fuzz-canary-7d1f"

static struct http_server *server;

static void say_ok(void *context, const struct http_request *request, struct http_answer *answer)
{
    (void)context;
    (void)request;
    strbuf_puts(&answer->body, "fine");
}

/* Reached without the token: the input never holds it, see below. */
static void never(void *context, const struct http_request *request, struct http_answer *answer)
{
    (void)context;
    (void)request;
    (void)answer;
    fputs("a write passed without the token\n", stderr);
    abort();
}

static const struct http_route routes[] = {{"GET", "/healthz", say_ok},
                                           {"POST", "/readyz", say_ok},
                                           {"POST", "/write", never},
                                           {"GET", "/read/*", never}};

static void leave(void)
{
    http_server_stop(server);
}

static void prepare(void)
{
    int null = open("/dev/null", O_WRONLY);
    struct sluice_error err;

    memset(&err, 0, sizeof err);
    if (null < 0 || log_start(LOG_JSON, SLUICE_DEBUG, null) != 0)
        abort();
    server = http_server_start("127.0.0.1:0", TOKEN, routes, sizeof routes / sizeof *routes, NULL, &err);
    if (server == NULL) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    (void)atexit(leave);
}

static void check_answer(const char *answer)
{
    if (http_raw_status(answer) >= 500 && http_raw_status(answer) != 505 && http_raw_status(answer) != 501) {
        fprintf(stderr, "an input made the server fail: %.200s\n", answer);
        abort();
    }
    if (strstr(answer, TOKEN) != NULL) {
        fputs("the token was said\n", stderr);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned long n;
    char *answer;
    int fd, closed;

    if (server == NULL)
        prepare();
    if (size > 200000 || memmem(data, size, TOKEN, strlen(TOKEN)) != NULL)
        return 0;
    fd = http_raw_connect(http_server_port(server));
    (void)http_raw_send(fd, data, size);
    (void)shutdown(fd, SHUT_WR);
    answer = http_raw_read(fd, 10000, &closed);
    close(fd);
    check_answer(answer);
    free(answer);
    if (!closed) {
        fputs("the connection was not closed\n", stderr);
        abort();
    }
    if (n++ % 64 == 0) {
        answer = http_raw_ask(http_server_port(server), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        if (http_raw_status(answer) != 200)
            abort();
        free(answer);
    }
    return 0;
}
