/* http_script: see http_script.h.
 *
 * MHD calls the handler of a request once per piece of its body; the body is put
 * together in struct exchange, which lives as long as the request. */
#include "http_script.h"

#include <check.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct http_script {
    struct MHD_Daemon *daemon;
    http_script_handler handler;
    void *context;
    char url[64];
    uint16_t port;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint32_t count;
    int stopping;
};

struct exchange {
    struct http_script *server;
    char *body;
    size_t len;
    char query[1024];
    struct http_script_reply reply;
};

static enum MHD_Result add_argument(void *context, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct exchange *x = context;
    size_t at = strlen(x->query);

    (void)kind;
    (void)snprintf(x->query + at, sizeof x->query - at, "%s%s=%s", at > 0 ? "&" : "", key,
                   value == NULL ? "" : value);
    return MHD_YES;
}

/* Waits ms, or until the server stops; 1: it stops. */
static int nap(struct http_script *s, uint32_t ms)
{
    struct timespec until;
    int stopping;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    until.tv_sec += (time_t)(ms / 1000) + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0)
        ;
    stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static ssize_t read_body(void *context, uint64_t at, char *out, size_t max)
{
    struct exchange *x = context;
    size_t len = strlen(x->reply.body), left = len - (size_t)at;

    if (x->reply.cut && at >= len / 2)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (x->reply.cut)
        left = len / 2 - (size_t)at;
    if (x->reply.drip_ms > 0) {
        if (nap(x->server, x->reply.drip_ms))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        left = 1;
    }
    if (left > max)
        left = max;
    memcpy(out, x->reply.body + at, left);
    return (ssize_t)left;
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct exchange *x)
{
    struct MHD_Response *r;
    enum MHD_Result sent;

    if (x->reply.hold) {
        while (!nap(x->server, 60000))
            ;
        return MHD_NO;
    }
    if (x->reply.body == NULL)
        r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    else
        r = MHD_create_response_from_callback(strlen(x->reply.body), 65536, read_body, x, NULL);
    if (r == NULL)
        return MHD_NO;
    if (x->reply.header != NULL)
        (void)MHD_add_response_header(r, x->reply.header, x->reply.value);
    sent = MHD_queue_response(connection, x->reply.status, r);
    MHD_destroy_response(r);
    return sent;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **own)
{
    struct http_script *s = context;
    struct exchange *x = *own;
    struct http_script_request request;
    const char *authorization, *target;

    (void)version;
    if (x == NULL) {
        *own = x = calloc(1, sizeof *x);
        if (x == NULL || (x->body = calloc(1, 1)) == NULL)
            return MHD_NO;
        x->server = s;
        return MHD_YES;
    }
    if (*size > 0) {
        char *grown = realloc(x->body, x->len + *size + 1);

        if (grown == NULL)
            return MHD_NO;
        x->body = grown;
        memcpy(x->body + x->len, data, *size);
        x->body[x->len += *size] = '\0';
        *size = 0;
        return MHD_YES;
    }
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_argument, x);
    authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    target = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Amz-Target");
    pthread_mutex_lock(&s->lock);
    request =
        (struct http_script_request){method,  path,   x->query,   authorization == NULL ? "" : authorization,
                                     x->body, x->len, ++s->count, target == NULL ? "" : target};
    pthread_mutex_unlock(&s->lock);
    x->reply.status = 200;
    s->handler(s->context, &request, &x->reply);
    return answer(connection, x);
}

static void on_end(void *context, struct MHD_Connection *connection, void **own,
                   enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *own;

    (void)context;
    (void)connection;
    (void)why;
    if (x == NULL)
        return;
    free(x->reply.body);
    free(x->body);
    free(x);
}

struct http_script *http_script_start_tls(http_script_handler handler, void *context, const char *certificate,
                                          const char *key)
{
    struct http_script *s = calloc(1, sizeof *s);
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD;
    struct sockaddr_in at = {.sin_family = AF_INET};

    ck_assert_ptr_nonnull(s);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    s->handler = handler;
    s->context = context;
    if (certificate != NULL)
        s->daemon = MHD_start_daemon(flags | MHD_USE_TLS, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR,
                                     &at, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_CERT,
                                     certificate, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    else
        s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, &at,
                                     MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    ck_assert_ptr_nonnull(s->daemon);
    s->port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    (void)snprintf(s->url, sizeof s->url, "%s://127.0.0.1:%u", certificate == NULL ? "http" : "https",
                   (unsigned)s->port);
    return s;
}

struct http_script *http_script_start(http_script_handler handler, void *context)
{
    return http_script_start_tls(handler, context, NULL, NULL);
}

void http_script_stop(struct http_script *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = 1;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    MHD_stop_daemon(s->daemon);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

uint16_t http_script_port(const struct http_script *s)
{
    return s->port;
}

const char *http_script_url(const struct http_script *s)
{
    return s->url;
}

uint32_t http_script_count(struct http_script *s)
{
    uint32_t n;

    pthread_mutex_lock(&s->lock);
    n = s->count;
    pthread_mutex_unlock(&s->lock);
    return n;
}
