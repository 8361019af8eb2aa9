/* http_address: where the admin listener listens.
 *
 * Invariant: only a numeric address (or localhost) is taken, so that what is listened
 * on is what stands in the config and never what a resolver says. */
#include "http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse_port(const char *text, uint16_t *port)
{
    unsigned long n = 0;
    const char *s;

    for (s = text; *s >= '0' && *s <= '9' && s - text < 6; s++)
        n = n * 10 + (unsigned long)(*s - '0');
    if (s == text || *s != '\0' || n > 65535)
        return 0;
    *port = (uint16_t)n;
    return 1;
}

static int set_address(struct http_address *out, const char *host, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;

    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out->len = sizeof *v4;
        out->loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
        return 1;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out->len = sizeof *v6;
        out->loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        return 1;
    }
    return 0;
}

int http_address_parse(const char *listen, struct http_address *out, struct sluice_error *err)
{
    const char *colon = strrchr(listen, ':'), *start = listen, *end = colon;
    char host[64];
    uint16_t port;

    if (colon != NULL && listen[0] == '[' && colon > listen && colon[-1] == ']') {
        start = listen + 1;
        end = colon - 1;
    }
    if (colon == NULL || (size_t)(end - start) >= sizeof host || !parse_port(colon + 1, &port))
        goto bad;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    /* An IPv6 address without brackets would leave it open where the port starts. */
    if ((start == listen) == (strchr(host, ':') != NULL) || !set_address(out, host, port))
        goto bad;
    return 1;
bad:
    (void)sluice_fail(
        err, SLUICE_INVALID, "listen",
        "'%.80s' is no address to listen on: write ADDRESS:PORT with a numeric address, such as "
        "127.0.0.1:9090 or [::1]:9090 (port 0 takes any)",
        listen);
    return 0;
}

int http_address_listen(const char *listen_text, const struct http_address *a, uint16_t *port,
                        struct sluice_error *err)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    const int on = 1;
    int fd;

    fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        goto failed;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->storage.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&a->storage, a->len) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        goto failed;
    *port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                              : ((struct sockaddr_in *)&bound)->sin_port);
    return fd;
failed:
    (void)sluice_fail(
        err, SLUICE_FATAL, "listen", "cannot listen on %.80s: %s%s", listen_text, strerror(errno),
        errno == EADDRINUSE ? "; stop what listens there, or choose another port (0 takes any)" : "");
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

void http_peer_text(const struct sockaddr *from, char *out, size_t cap)
{
    char address[INET6_ADDRSTRLEN] = "?";

    if (from != NULL && from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)from;

        (void)inet_ntop(AF_INET, &v4->sin_addr, address, sizeof address);
        (void)snprintf(out, cap, "%s:%u", address, (unsigned)ntohs(v4->sin_port));
    } else if (from != NULL && from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)from;

        (void)inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address);
        (void)snprintf(out, cap, "[%s]:%u", address, (unsigned)ntohs(v6->sin6_port));
    } else {
        (void)snprintf(out, cap, "?");
    }
}
