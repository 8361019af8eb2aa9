/* http_raw: sockets, without a library in between that would mend what is sent. */
#include "http_raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX (20u * 1024u * 1024u)

static int64_t steady_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int http_raw_try_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do { /* a signal (the fuzzer's clock) interrupts: begin anew */
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
            return fd;
        close(fd);
        fd = -1;
    } while (errno == EINTR);
    return fd;
}

int http_raw_connect(uint16_t port)
{
    int fd = http_raw_try_connect(port);

    if (fd < 0) {
        perror("http_raw_connect");
        exit(99);
    }
    return fd;
}

int http_raw_send(int fd, const void *data, size_t len)
{
    const char *at = data;
    ssize_t n;

    while (len > 0) {
        n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return 0;
        at += n;
        len -= (size_t)n;
    }
    return 1;
}

char *http_raw_read(int fd, int ms, int *closed)
{
    int64_t until = steady_ms() + ms, left;
    struct pollfd p = {fd, POLLIN, 0};
    size_t len = 0, cap = 4096;
    char *text = malloc(cap), *grown;
    ssize_t n;
    int ready;

    *closed = 0;
    while (text != NULL && (left = until - steady_ms()) > 0 && len < ANSWER_MAX) {
        ready = poll(&p, 1, (int)left);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready != 1)
            break;
        if (len + 1 == cap) {
            grown = realloc(text, cap *= 2);
            if (grown == NULL)
                break;
            text = grown;
        }
        n = recv(fd, text + len, cap - 1 - len, 0);
        if (n <= 0) {
            *closed = 1;
            break;
        }
        len += (size_t)n;
    }
    if (text == NULL)
        exit(99);
    text[len] = '\0';
    return text;
}

char *http_raw_ask(uint16_t port, const char *request)
{
    int fd = http_raw_connect(port), closed;
    char *answer;

    (void)http_raw_send(fd, request, strlen(request));
    answer = http_raw_read(fd, 10000, &closed);
    close(fd);
    return answer;
}

int http_raw_status(const char *answer)
{
    int status;

    return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}
