/* http_server: requests to handlers, and their answers.
 *
 * Invariant: a connection carries one request and is closed after its answer, so no
 * byte of one request can be taken for the start of another.  Nothing a client sent
 * stands in an answer or, but for method and path, in the log. */
#include "http_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* A request on its way. */
struct exchange {
    struct strbuf body;
    uint64_t received;
};

void http_answer_error(struct http_answer *a, uint32_t status, const char *code, const char *message)
{
    a->status = status;
    a->content_type = "application/json";
    strbuf_clear(&a->body);
    strbuf_puts(&a->body, "{\"error\":{\"code\":");
    strbuf_json(&a->body, code, strlen(code));
    strbuf_puts(&a->body, ",\"message\":");
    strbuf_json(&a->body, message, strlen(message));
    strbuf_puts(&a->body, "}}\n");
}

static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
    (void)MHD_add_response_header(r, name, value);
}

/* Sends the answer and frees its body. */
static enum MHD_Result send_answer(struct MHD_Connection *c, struct http_answer *a, const char *allow)
{
    struct MHD_Response *r;
    enum MHD_Result rc;
    uint32_t status = a->status == 0 ? 200 : a->status;
    size_t len;
    char *data;

    if (a->body.failed)
        http_answer_error(a, status = 500, "answer_too_large",
                          "the answer is too large, or there is no memory");
    len = a->body.len;
    data = strbuf_take(&a->body);
    if (data == NULL)
        return MHD_NO;
    r = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
    if (r == NULL) {
        free(data);
        return MHD_NO;
    }
    add_header(r, "Content-Type", a->content_type == NULL ? "application/json" : a->content_type);
    add_header(r, "Connection", "close");
    add_header(r, "Cache-Control", "no-store");
    add_header(r, "X-Content-Type-Options", "nosniff");
    add_header(r, "Content-Security-Policy",
               "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");
    if (status == 401)
        add_header(r, "WWW-Authenticate", "Bearer");
    if (allow != NULL)
        add_header(r, "Allow", allow);
    rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static void log_request(struct MHD_Connection *c, uint32_t level, const char *event, const char *method,
                        const char *path, uint32_t status, const char *code)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char peer[80];
    struct log_field fields[] = {LOG_TEXT("peer", peer), LOG_TEXT("method", method), LOG_TEXT("path", path),
                                 LOG_NUMBER("status", status), LOG_TEXT("code", code)};

    http_peer_text(info == NULL ? NULL : info->client_addr, peer, sizeof peer);
    log_event(level, event, fields, 5);
}

static int is_write(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static enum MHD_Result refuse(struct MHD_Connection *c, const char *method, const char *path,
                              struct http_refusal why, const char *allow)
{
    struct http_answer answer;

    if (why.status == 401 || why.status == 403 || why.status == 421 || is_write(method))
        log_request(c, SLUICE_WARN, "admin_refused", method, path, why.status, why.code);
    memset(&answer, 0, sizeof answer);
    strbuf_init(&answer.body, HTTP_ANSWER_MAX);
    http_answer_error(&answer, why.status, why.code, why.message);
    return send_answer(c, &answer, allow);
}

static enum MHD_Result handle(struct http_server *s, struct MHD_Connection *c, const char *method,
                              const char *path, const struct exchange *x)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct http_refusal why = {0, NULL, NULL};
    const struct http_route *route;
    struct http_request request;
    struct http_answer answer;
    struct strbuf allow;
    enum MHD_Result rc;
    char peer[80];

    strbuf_init(&allow, 400);
    route = http_find_route(s, path, method, &why, &allow);
    if (route == NULL) {
        rc = refuse(c, method, path, why, allow.len > 0 ? strbuf_text(&allow) : NULL);
        strbuf_release(&allow);
        return rc;
    }
    strbuf_release(&allow);
    http_peer_text(info == NULL ? NULL : info->client_addr, peer, sizeof peer);
    request.method = route->method;
    request.path = path;
    request.body.data = strbuf_text(&x->body);
    request.body.len = x->body.len;
    request.peer = peer;
    memset(&answer, 0, sizeof answer);
    strbuf_init(&answer.body, HTTP_ANSWER_MAX);
    route->handler(s->context, &request, &answer);
    if (is_write(method))
        log_request(c, SLUICE_INFO, "admin_write", method, path, answer.status == 0 ? 200 : answer.status,
                    NULL);
    return send_answer(c, &answer, NULL);
}

/* The first call of a request: its header is whole. */
static enum MHD_Result begin(struct http_server *s, struct MHD_Connection *c, const char *path,
                             const char *method, void **state)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_refusal why;
    struct exchange *x;

    if (info == NULL || info->socket_context == NULL)
        return MHD_NO;
    http_watch_header_done(s, info->socket_context);
    why = http_check_request(s, c, path, method);
    if (why.status != 0)
        return refuse(c, method, path, why, NULL);
    x = calloc(1, sizeof *x);
    if (x == NULL)
        return MHD_NO;
    strbuf_init(&x->body, HTTP_BODY_MAX);
    *state = x;
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **state)
{
    static const struct http_refusal too_large = {413, "body_too_large", "a body may have at most 1 MiB"};
    struct http_server *s = context;
    struct exchange *x = *state;

    (void)version;
    if (x == NULL)
        return begin(s, c, url, method, state);
    if (*size > 0) {
        x->received += *size;
        /* Chunks: the length is known only now.  Read on a little, so that the answer arrives. */
        if (x->received > 2 * (uint64_t)HTTP_BODY_MAX)
            return MHD_NO;
        strbuf_add(&x->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (x->body.failed)
        return refuse(c, method, url, too_large, NULL);
    return handle(s, c, method, url, x);
}

static void on_completed(void *context, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *state;

    (void)context;
    (void)c;
    (void)why;
    if (x != NULL)
        strbuf_release(&x->body);
    free(x);
    *state = NULL;
}

static void server_free(struct http_server *s)
{
    if (s->token != NULL)
        explicit_bzero(s->token, strlen(s->token));
    free(s->token);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->wake);
    free(s);
}

/* The socket is the daemon's once this worked. */
static int start_daemon(struct http_server *s, int fd, int family)
{
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | (family == AF_INET6 ? MHD_USE_IPv6 : 0u);

    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 * 1024,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(HTTP_TOTAL_MS / 1000), MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, http_watch_notify, s, MHD_OPTION_END);
    return s->daemon != NULL;
}

static struct http_server *server_new(const char *token, const struct http_route *routes, uint32_t n,
                                      void *context, struct sluice_error *err)
{
    struct http_server *s = calloc(1, sizeof *s);

    if (s == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        return NULL;
    }
    s->routes = routes;
    s->n_routes = n;
    s->context = context;
    if (!http_watch_start(s) || (token != NULL && (s->token = strdup(token)) == NULL)) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory or no thread for the admin listener");
        http_watch_stop(s);
        server_free(s);
        return NULL;
    }
    return s;
}

/* May it be listened to with this token, or none? */
static int address_allowed(const char *listen, const struct http_address *address, const char *token,
                           struct sluice_error *err)
{
    if (token != NULL && token[0] == '\0') {
        (void)sluice_fail(err, SLUICE_INVALID, "token",
                          "the token is empty: give one, or leave the option away");
        return 0;
    }
    if (token == NULL && !address->loopback) {
        (void)sluice_fail(err, SLUICE_INVALID, "token",
                          "%.80s can be reached from other machines: set a token, or listen on 127.0.0.1",
                          listen);
        return 0;
    }
    return 1;
}

/* Listens and serves; s is freed if that fails. */
static struct http_server *serve(struct http_server *s, const char *listen,
                                 const struct http_address *address, struct sluice_error *err)
{
    int fd;

    if (s == NULL)
        return NULL;
    fd = http_address_listen(listen, address, &s->port, err);
    if (fd >= 0 && !start_daemon(s, fd, address->storage.ss_family)) {
        (void)sluice_fail(err, SLUICE_FATAL, "listen", "cannot start the admin listener on %.80s: %s", listen,
                          strerror(errno));
        (void)close(fd);
    }
    if (s->daemon == NULL) {
        http_watch_stop(s);
        server_free(s);
        return NULL;
    }
    return s;
}

struct http_server *http_server_start(const char *listen, const char *token, const struct http_route *routes,
                                      uint32_t n, void *context, struct sluice_error *err)
{
    struct http_address address;

    if (!http_address_parse(listen, &address, err) || !address_allowed(listen, &address, token, err))
        return NULL;
    return serve(server_new(token, routes, n, context, err), listen, &address, err);
}

struct http_server *http_server_start_open(const char *listen, const struct http_route *routes, uint32_t n,
                                           void *context, struct sluice_error *err)
{
    struct http_address address;
    struct http_server *s;

    if (!http_address_parse(listen, &address, err))
        return NULL;
    s = server_new(NULL, routes, n, context, err);
    if (s != NULL)
        s->open = 1;
    return serve(s, listen, &address, err);
}

void http_server_stop(struct http_server *s)
{
    if (s == NULL)
        return;
    http_watch_stop(s);
    MHD_stop_daemon(s->daemon);
    server_free(s);
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}
