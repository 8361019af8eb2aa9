/* http_internal: what the files of the admin listener share. */
#ifndef SLUICE_CORE_HTTP_INTERNAL_H
#define SLUICE_CORE_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>

#include "http_server.h"

#define HTTP_HEADER_MAX (8u * 1024u)
#define HTTP_BODY_MAX (1024u * 1024u)
#define HTTP_ANSWER_MAX (16u * 1024u * 1024u)
#define HTTP_CONNECTIONS 128u
#define HTTP_CROWDED 112u /* from here on a newcomer pushes out the oldest that has sent no whole header */
#define HTTP_HEADER_MS 5000
#define HTTP_TOTAL_MS 30000

/* One connection; it carries one request. */
struct http_connection {
    struct http_connection *prev, *next; /* oldest first */
    int fd;
    int header_done;
    int shut;
    int64_t since_ms; /* steady */
};

struct http_server {
    struct MHD_Daemon *daemon;
    char *token; /* NULL: none */
    int open;    /* … and none is needed, whatever the address */
    const struct http_route *routes;
    uint32_t n_routes;
    void *context;
    uint16_t port;

    pthread_mutex_t lock; /* connections */
    pthread_cond_t wake;
    pthread_t watchdog;
    int watching, stopping;
    struct http_connection *oldest, *newest;
    uint32_t n_connections;
};

/* http_address.c: "127.0.0.1:9090", "[::1]:0", "localhost:9090". */
struct http_address {
    struct sockaddr_storage storage;
    socklen_t len;
    int loopback;
};
int http_address_parse(const char *listen, struct http_address *out, struct sluice_error *err);
/* A listening socket; *port as bound.  -1 with err. */
int http_address_listen(const char *listen, const struct http_address *a, uint16_t *port,
                        struct sluice_error *err);
void http_peer_text(const struct sockaddr *from, char *out, size_t cap);

/* http_watch.c: deadlines.  Called by MHD and its own thread. */
int http_watch_start(struct http_server *s);
void http_watch_stop(struct http_server *s);
void http_watch_notify(void *server, struct MHD_Connection *c, void **context,
                       enum MHD_ConnectionNotificationCode code);
void http_watch_header_done(struct http_server *s, struct http_connection *c);

/* http_check.c: what is wrong with a request's header. */
struct http_refusal {
    uint32_t status;  /* 0: nothing */
    const char *code; /* literal */
    const char *message;
};
struct http_refusal http_check_request(const struct http_server *s, struct MHD_Connection *c,
                                       const char *path, const char *method);
/* The route, or NULL with the refusal. */
const struct http_route *http_find_route(const struct http_server *s, const char *path, const char *method,
                                         struct http_refusal *refusal, struct strbuf *allow);

#endif
