/* valkey_socket: a socket that is connected within a deadline: each address of the
 * host in turn, none of them waited for in the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "valkey_private.h"

#define SLICE_MS 50 /* between two looks at give_up */

int64_t valkey_clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int valkey_nap(uint32_t ms)
{
    return poll(NULL, 0, (int)ms);
}

int valkey_wait(const struct valkey *v, int fd, short events, int64_t deadline_ms)
{
    struct pollfd p = {fd, events, 0};

    for (;;) {
        int64_t left = deadline_ms - valkey_clock_ms();

        if (v->give_up != NULL && v->give_up(v->context))
            return -1;
        if (poll(&p, 1, left <= 0 ? 0 : left < SLICE_MS ? (int)left : SLICE_MS) > 0)
            return 1;
        if (left <= 0)
            return 0;
    }
}

/* 0, or what went wrong: an errno, or -1: given up. */
static int connect_within(const struct valkey *v, int fd, const struct sockaddr *to, socklen_t len,
                          int64_t deadline_ms)
{
    int error = 0, ready;
    socklen_t size = sizeof error;

    if (connect(fd, to, len) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return errno;
    ready = valkey_wait(v, fd, POLLOUT, deadline_ms);
    if (ready <= 0)
        return ready == 0 ? ETIMEDOUT : -1;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ? errno : error;
}

/* The socket; or -1 and *why. */
static int open_to(const struct valkey *v, const struct sockaddr *to, socklen_t len, int64_t deadline_ms,
                   int *why)
{
    int on = 1, fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        *why = errno;
        return -1;
    }
    *why = connect_within(v, fd, to, len, deadline_ms);
    if (*why != 0) {
        close(fd);
        return -1;
    }
    if (to->sa_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void say(const struct valkey *v, int why, struct sluice_error *err)
{
    if (why < 0)
        (void)sluice_fail(err, SLUICE_CANCELLED, NULL, "given up while connecting to %s", v->name);
    else if (why == ECONNREFUSED)
        (void)sluice_fail(err, SLUICE_DISCONNECTED, "address",
                          "nothing listens at %s (connection refused); start Valkey or correct the address",
                          v->name);
    else if (why == ETIMEDOUT)
        (void)sluice_fail(err, SLUICE_DISCONNECTED, "address",
                          "%s did not take the connection within connect_timeout (%u ms); look at the "
                          "address and at what stands between",
                          v->name, v->settings->connect_ms);
    else
        (void)sluice_fail(err, SLUICE_DISCONNECTED, "address", "cannot connect to %s: %s", v->name,
                          strerror(why));
}

static int open_unix(const struct valkey *v, int64_t deadline_ms, struct sluice_error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int why, fd;

    memcpy(to.sun_path, v->settings->host, strlen(v->settings->host) + 1);
    fd = open_to(v, (const struct sockaddr *)&to, sizeof to, deadline_ms, &why);
    if (fd < 0)
        say(v, why, err);
    return fd;
}

int valkey_socket(struct valkey *v, int64_t deadline_ms, struct sluice_error *err)
{
    struct addrinfo *list = NULL, *a;
    int fd = -1, why = EADDRNOTAVAIL;

    if (v->settings->port[0] == '\0')
        return open_unix(v, deadline_ms, err);
    if (valkey_resolve(v, deadline_ms, &list, err) != SLUICE_OK)
        return -1;
    for (a = list; a != NULL && fd < 0 && why >= 0; a = a->ai_next)
        fd = open_to(v, a->ai_addr, a->ai_addrlen, deadline_ms, &why);
    freeaddrinfo(list);
    if (fd < 0)
        say(v, why, err);
    return fd;
}
