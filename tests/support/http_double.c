/* http_double: plain sockets, so that an answer may also be none. */
#include "http_double.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ANSWERS 32u
#define REQUEST_MAX 65536u

struct answer {
    char *request, *etag, *headers, *body;
    int status;
    unsigned asked, sent;
    char *last;
};

struct http_double {
    int fd, wake[2];
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    struct answer answers[MAX_ANSWERS];
    unsigned n;
    char *shown;
};

static char *copy(const char *text)
{
    char *out = text == NULL ? NULL : strdup(text);

    if (text != NULL && out == NULL)
        exit(99);
    return out;
}

/* Under the lock. */
static struct answer *find(struct http_double *s, const char *request)
{
    unsigned i;

    for (i = 0; i < s->n; i++)
        if (strcmp(s->answers[i].request, request) == 0)
            return &s->answers[i];
    if (s->n == MAX_ANSWERS)
        exit(99);
    memset(&s->answers[s->n], 0, sizeof s->answers[0]);
    s->answers[s->n].request = copy(request);
    s->answers[s->n].status = 404;
    return &s->answers[s->n++];
}

/* Head and, as far as Content-Length says, body; 0: the client or the test is gone. */
static int take_request(struct http_double *s, int fd, char *text)
{
    size_t len = 0, want = REQUEST_MAX;
    char *end, *length;

    while (len < want && len < REQUEST_MAX - 1) {
        struct pollfd both[2] = {{fd, POLLIN, 0}, {s->wake[0], POLLIN, 0}};
        ssize_t got;

        if (poll(both, 2, -1) < 0 || both[1].revents != 0)
            return 0;
        got = recv(fd, text + len, REQUEST_MAX - 1 - len, 0);
        if (got <= 0)
            return 0;
        len += (size_t)got;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        if (end == NULL)
            continue;
        length = strcasestr(text, "\r\nContent-Length:");
        want =
            (size_t)(end - text) + 4 + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
    }
    return 1;
}

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        data += sent;
        len -= (size_t)sent;
    }
}

static void reply(struct answer *a, int fd, const char *text)
{
    const char *match = strcasestr(text, "\r\nIf-None-Match: ");
    const char *body = a->body == NULL ? "" : a->body;
    int status = a->status, size;
    char head[4096];

    if (match != NULL && a->etag != NULL && status == 200 &&
        strncmp(match + 17, a->etag, strlen(a->etag)) == 0)
        status = 304;
    if (status == 304)
        body = "";
    size = snprintf(head, sizeof head,
                    "HTTP/1.1 %d Answer\r\nConnection: close\r\n%s%s%s%sContent-Length: %zu\r\n\r\n", status,
                    a->etag != NULL ? "ETag: " : "", a->etag != NULL ? a->etag : "",
                    a->etag != NULL ? "\r\n" : "", a->headers != NULL ? a->headers : "", strlen(body));
    send_all(fd, head, (size_t)size);
    send_all(fd, body, strlen(body));
    a->sent += status == 200;
}

static void serve(struct http_double *s, int fd)
{
    char *text = calloc(1, REQUEST_MAX);
    struct answer *a;
    char name[1024];
    size_t len;
    int silent;

    if (text == NULL)
        exit(99);
    if (take_request(s, fd, text)) {
        len = strcspn(text, " ") + 1;
        len += strcspn(text + len, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)len, text);
        pthread_mutex_lock(&s->lock);
        a = find(s, name);
        a->asked++;
        free(a->last);
        a->last = copy(text);
        silent = a->status == 1;
        if (a->status > 1)
            reply(a, fd, text);
        pthread_mutex_unlock(&s->lock);
        if (silent)
            (void)take_request(s, fd, text); /* until the client gives up */
    }
    free(text);
}

static void *run(void *context)
{
    struct http_double *s = context;

    for (;;) {
        struct pollfd both[2] = {{s->fd, POLLIN, 0}, {s->wake[0], POLLIN, 0}};
        int fd;

        if (poll(both, 2, -1) < 0 || both[1].revents != 0)
            return NULL;
        fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        serve(s, fd);
        close(fd);
    }
}

struct http_double *http_double_start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct http_double *s = calloc(1, sizeof *s);
    socklen_t len = sizeof at;

    ck_assert_ptr_nonnull(s);
    pthread_mutex_init(&s->lock, NULL);
    ck_assert_int_eq(pipe(s->wake), 0);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(s->fd, 16), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
    s->port = ntohs(at.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, run, s), 0);
    return s;
}

void http_double_stop(struct http_double *s)
{
    unsigned i;

    ck_assert_int_eq(write(s->wake[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    close(s->fd);
    close(s->wake[0]);
    close(s->wake[1]);
    for (i = 0; i < s->n; i++) {
        free(s->answers[i].request);
        free(s->answers[i].etag);
        free(s->answers[i].headers);
        free(s->answers[i].body);
        free(s->answers[i].last);
    }
    free(s->shown);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

uint16_t http_double_port(const struct http_double *s)
{
    return s->port;
}

void http_double_set(struct http_double *s, const char *request, int status, const char *etag,
                     const char *headers, const char *body)
{
    struct answer *a;

    pthread_mutex_lock(&s->lock);
    a = find(s, request);
    free(a->etag);
    free(a->headers);
    free(a->body);
    a->status = status;
    a->etag = copy(etag);
    a->headers = copy(headers);
    a->body = copy(body);
    pthread_mutex_unlock(&s->lock);
}

unsigned http_double_asked(struct http_double *s, const char *request)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = find(s, request)->asked;
    pthread_mutex_unlock(&s->lock);
    return n;
}

unsigned http_double_sent(struct http_double *s, const char *request)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = find(s, request)->sent;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *http_double_last(struct http_double *s, const char *request)
{
    pthread_mutex_lock(&s->lock);
    free(s->shown);
    s->shown = copy(find(s, request)->last);
    pthread_mutex_unlock(&s->lock);
    return s->shown;
}
