/* http_client: many requests at once over kept connections.
 *
 * Invariant: a set of connections (a curl multi handle) is used by one perform at a
 * time and belongs to one client, so what one client authenticated no other uses. */
#include "http_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"

static void client_free(struct sluice_http_client *c)
{
    struct http_pool *p, *next;
    struct http_target *t, *after;

    if (c == NULL)
        return;
    for (p = c->pool; p != NULL; p = next) {
        next = p->next;
        (void)curl_multi_cleanup(p->multi);
        free(p);
    }
    for (t = c->targets; t != NULL; t = after) {
        after = t->next;
        free(t);
    }
    (void)pthread_mutex_destroy(&c->lock);
    free(c->ca_file);
    free(c);
}

static uint32_t or_else(uint32_t given, uint32_t otherwise)
{
    return given > 0 ? given : otherwise;
}

static void set_options(struct sluice_http_client *c, const struct sluice_http_options *o)
{
    c->max_parallel = or_else(o->max_parallel, 8);
    c->connect_timeout_ms = or_else(o->connect_timeout_ms, 5000);
    c->try_timeout_ms = o->try_timeout_ms;
    c->max_body = o->max_body > 0 ? o->max_body : 16u * 1024 * 1024;
    c->retry.attempts = or_else(o->attempts, 4);
    c->retry.min_ms = or_else(o->backoff_min_ms, 100);
    c->retry.max_ms = or_else(o->backoff_max_ms, 5000);
    c->breaker.failures = o->breaker_failures;
    c->breaker.open_ms = or_else(o->breaker_open_ms, 5000);
    limit_init(&c->limit, o->per_second, o->per_second / 10, clock_steady_ms());
    if (getrandom(&c->random.state, sizeof c->random.state, GRND_NONBLOCK) != sizeof c->random.state)
        c->random.state = (uint64_t)clock_now_ms() ^ (uint64_t)(uintptr_t)c;
}

static void add_metrics(struct sluice_http_client *c)
{
    const struct sluice_host *host = c->host;

    if (host == NULL || host->metric == NULL)
        return;
    c->metric_requests = host->metric(host, SLUICE_COUNTER, "http_requests_total",
                                      "HTTP requests sent, each try, by class of answer", "result");
    c->metric_retries =
        host->metric(host, SLUICE_COUNTER, "http_retries_total", "HTTP requests sent once more", NULL);
    c->metric_seconds = host->metric(host, SLUICE_COUNTER, "http_seconds_total",
                                     "Seconds that HTTP requests took, all together", NULL);
}

static struct sluice_http_client *
client_new(const struct sluice_host *host, const struct sluice_http_options *given, struct sluice_error *err)
{
    struct sluice_http_client *c = calloc(1, sizeof *c);
    struct sluice_http_options o;

    memset(&o, 0, sizeof o);
    if (given != NULL)
        memcpy(&o, given, given->struct_size < sizeof o ? given->struct_size : sizeof o);
    if (c == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        return NULL;
    }
    (void)pthread_mutex_init(&c->lock, NULL);
    c->host = host;
    set_options(c, &o);
    if (o.ca_file != NULL && (c->ca_file = strdup(o.ca_file)) == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        client_free(c);
        return NULL;
    }
    add_metrics(c);
    return c;
}

/* An idle set of connections, or a new one; it is among the busy ones then. */
static struct http_pool *pool_take(struct sluice_http_client *c)
{
    struct http_pool *p;

    pthread_mutex_lock(&c->lock);
    p = c->pool;
    if (p != NULL)
        c->pool = p->next;
    pthread_mutex_unlock(&c->lock);
    if (p == NULL) {
        p = calloc(1, sizeof *p);
        if (p == NULL)
            return NULL;
        p->multi = curl_multi_init();
        if (p->multi == NULL) {
            free(p);
            return NULL;
        }
        (void)curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)c->max_parallel);
    }
    pthread_mutex_lock(&c->lock);
    p->next = c->busy;
    c->busy = p;
    pthread_mutex_unlock(&c->lock);
    return p;
}

static void pool_give(struct sluice_http_client *c, struct http_pool *pool)
{
    struct http_pool **p;

    pthread_mutex_lock(&c->lock);
    for (p = &c->busy; *p != pool; p = &(*p)->next)
        ;
    *p = pool->next;
    pool->next = c->pool;
    c->pool = pool;
    pthread_mutex_unlock(&c->lock);
}

static struct sluice_http_response *response_at(struct sluice_http_response *all, uint32_t i, uint32_t stride)
{
    return (void *)((char *)all + (size_t)i * stride);
}

/* Callers built before there were headers have no room for them. */
static int http_wants_head(const struct sluice_http_response *r)
{
    return r->struct_size >= offsetof(struct sluice_http_response, headers) + sizeof r->headers;
}

/* The i-th transfer from the i-th request.  0: no memory. */
static int prepare(struct sluice_http_client *c, struct http_transfer *t, const char *request,
                   struct sluice_http_response *r)
{
    uint32_t size;

    memcpy(&size, request, sizeof size);
    memcpy(&t->request, request, size < sizeof t->request ? size : sizeof t->request);
    t->response = r;
    r->code = SLUICE_NONE;
    r->status = r->retry_after_ms = 0;
    r->body = (struct sluice_str){NULL, 0};
    r->message[0] = '\0';
    t->wants_head = http_wants_head(r);
    if (t->wants_head)
        r->headers = (struct sluice_str){NULL, 0};
    return http_target_find(c, t);
}

static uint32_t client_perform(struct sluice_http_client *c, const struct sluice_http_request *requests,
                               uint32_t n, uint32_t stride, struct sluice_http_response *responses,
                               uint32_t r_stride, uint32_t deadline_ms, struct sluice_error *err)
{
    int64_t until = clock_steady_ms() + deadline_ms;
    struct http_transfer *t = calloc((size_t)n + 1, sizeof *t);
    struct http_pool *p = pool_take(c);
    uint32_t i, code = SLUICE_OK;

    if (t == NULL || p == NULL)
        code = SLUICE_RETRY;
    for (i = 0; i < n && code == SLUICE_OK; i++)
        if (!prepare(c, &t[i], (const char *)requests + (size_t)i * stride,
                     response_at(responses, i, r_stride)))
            code = SLUICE_RETRY;
    if (code == SLUICE_OK)
        http_perform(c, p, t, n, until);
    for (i = 0; t != NULL && i < n; i++)
        http_target_drop(c, &t[i]);
    free(t);
    if (p != NULL)
        pool_give(c, p);
    if (code != SLUICE_OK)
        return sluice_fail(err, code, NULL, "no memory");
    return SLUICE_OK;
}

void http_response_clear(struct sluice_http_response *r)
{
    free((char *)(uintptr_t)r->body.data);
    r->body = (struct sluice_str){NULL, 0};
    if (http_wants_head(r)) {
        free((char *)(uintptr_t)r->headers.data);
        r->headers = (struct sluice_str){NULL, 0};
    }
}

static void client_release(struct sluice_http_response *responses, uint32_t n, uint32_t r_stride)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        http_response_clear(response_at(responses, i, r_stride));
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int usable;

static void initialise(void)
{
    usable = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const struct sluice_http_api *http_client_api(void)
{
    static const struct sluice_http_api api = {
        .struct_size = sizeof api,
        .client = client_new,
        .free = client_free,
        .perform = client_perform,
        .release = client_release,
    };

    (void)pthread_once(&once, initialise);
    return usable ? &api : NULL;
}
