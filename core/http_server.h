/* http_server: the admin listener (libmicrohttpd), 127.0.0.1 unless a token is set.
 *
 * Limits: header 8 KiB, body 1 MiB, 128 connections, 5 s for the header.  Its own
 * thread; handlers run there and must not block for long. */
#ifndef SLUICE_CORE_HTTP_SERVER_H
#define SLUICE_CORE_HTTP_SERVER_H

#include <stdint.h>
#include <sluice/abi.h>

#include "strbuf.h"

struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* without the query */
    struct sluice_str body;
    const char *peer; /* for the log of writes */
};

struct http_answer {
    uint32_t status;
    const char *content_type; /* a literal */
    struct strbuf body;       /* initialised by the server, max 16 MiB */
};

typedef void (*http_handler)(void *context, const struct http_request *request, struct http_answer *answer);

struct http_route {
    const char *method;
    const char *path; /* exact, or ending in '*' for a prefix */
    http_handler handler;
};

struct http_server;

/* listen: "127.0.0.1:9090", "[::1]:0", port 0: any.  token: NULL or the bearer token
 * (then every route but /healthz and /readyz wants it).  An address other than loopback
 * without token is refused, by name of the option.  routes are borrowed. */
struct http_server *http_server_start(const char *listen, const char *token, const struct http_route *routes,
                                      uint32_t n, void *context, struct sluice_error *err);
/* The same without a token on any address: whoever can reach it may ask for everything, by any
 * name of the host.  Writes from web pages (Origin) are refused as always. */
struct http_server *http_server_start_open(const char *listen, const struct http_route *routes, uint32_t n,
                                           void *context, struct sluice_error *err);
void http_server_stop(struct http_server *s);
uint16_t http_server_port(const struct http_server *s);
/* {"error":{"code":…,"message":…}} with the status. */
void http_answer_error(struct http_answer *a, uint32_t status, const char *code, const char *message);

#endif
