/* http_client: many requests at once over kept connections.
 *
 * Invariant: a set of connections (a curl multi handle) is used by one perform at a
 * time and belongs to one client, so what one client authenticated no other uses. */
#include "http_client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define WAIT_MS 50 /* how soon a cancel is seen */

struct http_pool {
    struct http_pool *next;
    CURLM *multi;
};

static void client_free(struct sluice_http_client *c)
{
    struct http_pool *p, *next;

    if (c == NULL)
        return;
    for (p = c->pool; p != NULL; p = next) {
        next = p->next;
        (void)curl_multi_cleanup(p->multi);
        free(p);
    }
    (void)pthread_mutex_destroy(&c->lock);
    free(c->ca_file);
    free(c);
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
    c->max_parallel = o.max_parallel > 0 ? o.max_parallel : 8;
    c->connect_timeout_ms = o.connect_timeout_ms > 0 ? o.connect_timeout_ms : 5000;
    c->max_body = o.max_body > 0 ? o.max_body : 16u * 1024 * 1024;
    if (o.ca_file != NULL && (c->ca_file = strdup(o.ca_file)) == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        client_free(c);
        return NULL;
    }
    return c;
}

static struct http_pool *pool_take(struct sluice_http_client *c)
{
    struct http_pool *p;

    pthread_mutex_lock(&c->lock);
    p = c->pool;
    if (p != NULL)
        c->pool = p->next;
    pthread_mutex_unlock(&c->lock);
    if (p != NULL)
        return p;
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->multi = curl_multi_init();
    if (p->multi == NULL) {
        free(p);
        return NULL;
    }
    (void)curl_multi_setopt(p->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->max_parallel);
    (void)curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)c->max_parallel);
    return p;
}

static void pool_give(struct sluice_http_client *c, struct http_pool *p)
{
    pthread_mutex_lock(&c->lock);
    p->next = c->pool;
    c->pool = p;
    pthread_mutex_unlock(&c->lock);
}

/* Finished transfers leave the multi handle. */
static void collect(CURLM *multi, uint64_t max_body)
{
    struct http_transfer *t;
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(multi, &left)) != NULL) {
        CURLcode result = m->data.result;
        CURL *easy = m->easy_handle;

        if (m->msg != CURLMSG_DONE)
            continue;
        t = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        (void)curl_multi_remove_handle(multi, easy);
        http_transfer_finish(t, result, max_body);
    }
}

/* Until all are done, or it is time to stop: 1 if the host cancelled. */
static int drive(struct sluice_http_client *c, CURLM *multi, int64_t until)
{
    int running = 1, cancelled = 0;
    int64_t left;

    while (running > 0) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            break;
        collect(multi, c->max_body);
        left = until - clock_steady_ms();
        cancelled = c->host != NULL && c->host->cancelled(c->host) != 0;
        if (running == 0 || left <= 0 || cancelled)
            break;
        (void)curl_multi_poll(multi, NULL, 0, left < WAIT_MS ? (int)left : WAIT_MS, NULL);
    }
    return cancelled;
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

static void start_all(struct sluice_http_client *c, CURLM *multi, struct http_transfer *t,
                      const char *requests, uint32_t n, uint32_t stride)
{
    struct sluice_http_request r;
    uint32_t size, i;

    for (i = 0; i < n; i++) {
        memcpy(&size, requests + (size_t)i * stride, sizeof size);
        memset(&r, 0, sizeof r);
        memcpy(&r, requests + (size_t)i * stride, size < sizeof r ? size : sizeof r);
        if (!http_transfer_start(&t[i], c, &r)) {
            t[i].done = 1;
        } else if (curl_multi_add_handle(multi, t[i].easy) != CURLM_OK) {
            t[i].done = 1;
            t[i].response->code = SLUICE_RETRY;
            (void)snprintf(t[i].response->message, sizeof t[i].response->message, "no memory");
        }
    }
}

static uint32_t client_perform(struct sluice_http_client *c, const struct sluice_http_request *requests,
                               uint32_t n, uint32_t stride, struct sluice_http_response *responses,
                               uint32_t r_stride, uint32_t deadline_ms, struct sluice_error *err)
{
    int64_t until = clock_steady_ms() + deadline_ms;
    struct http_transfer *t = calloc((size_t)n + 1, sizeof *t);
    struct http_pool *p = pool_take(c);
    struct sluice_http_response *r;
    int cancelled;
    uint32_t i;

    if (t == NULL || p == NULL) {
        free(t);
        if (p != NULL)
            pool_give(c, p);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    }
    for (i = 0; i < n; i++) {
        r = t[i].response = response_at(responses, i, r_stride);
        r->code = SLUICE_NONE;
        r->status = r->retry_after_ms = 0;
        r->body = (struct sluice_str){NULL, 0};
        r->message[0] = '\0';
        t[i].wants_head = http_wants_head(r);
        if (t[i].wants_head)
            r->headers = (struct sluice_str){NULL, 0};
    }
    start_all(c, p->multi, t, (const char *)requests, n, stride);
    cancelled = drive(c, p->multi, until);
    for (i = 0; i < n; i++) {
        if (!t[i].done) {
            (void)curl_multi_remove_handle(p->multi, t[i].easy);
            http_transfer_stop(&t[i], cancelled);
        }
        http_transfer_release(&t[i]);
    }
    free(t);
    pool_give(c, p);
    return SLUICE_OK;
}

static void client_release(struct sluice_http_response *responses, uint32_t n, uint32_t r_stride)
{
    struct sluice_http_response *r;
    uint32_t i;

    for (i = 0; i < n; i++) {
        r = response_at(responses, i, r_stride);
        free((char *)(uintptr_t)r->body.data);
        r->body = (struct sluice_str){NULL, 0};
        if (http_wants_head(r)) {
            free((char *)(uintptr_t)r->headers.data);
            r->headers = (struct sluice_str){NULL, 0};
        }
    }
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
