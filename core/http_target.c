/* http_target: what the threads of one client share.
 *
 * Invariant: whoever got HTTP_GO gives it back once, by http_leave_give.  Slots are
 * handed out in the order in which the sets of connections asked, so that a call with
 * a thousand requests does not keep out one with a single request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "http_client.h"

#define TARGETS_MAX 64u
#define HOLD_MAX_MS 3600000 /* a Retry-After above an hour is asked about every hour */

/* "scheme://host:port" of the url into out; 0 if there is none. */
static int target_name(const char *url, char *out, size_t cap)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    int n = 0;

    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        n = snprintf(out, cap, "%s://%s:%s", scheme, host, port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return n > 0 && (size_t)n < cap;
}

/* Makes room: the one that nobody uses and that was used longest ago.  [lock held] */
static void forget_oldest(struct sluice_http_client *c)
{
    struct http_target **at, **oldest = NULL, *gone;

    for (at = &c->targets; *at != NULL; at = &(*at)->next)
        if ((*at)->users == 0 && (oldest == NULL || (*at)->used_ms < (*oldest)->used_ms))
            oldest = at;
    if (oldest == NULL)
        return;
    gone = *oldest;
    *oldest = gone->next;
    c->n_targets--;
    free(gone);
}

static struct http_target *target_get(struct sluice_http_client *c, const char *name)
{
    struct http_target *t;

    for (t = c->targets; t != NULL; t = t->next)
        if (strcmp(t->name, name) == 0)
            return t;
    if (c->n_targets >= TARGETS_MAX)
        forget_oldest(c);
    t = calloc(1, sizeof *t + strlen(name) + 1);
    if (t == NULL)
        return NULL;
    memcpy(t->name, name, strlen(name) + 1);
    breaker_init(&t->breaker, c->breaker);
    t->next = c->targets;
    c->targets = t;
    c->n_targets++;
    return t;
}

int http_target_find(struct sluice_http_client *c, struct http_transfer *t)
{
    char name[300];

    t->target = NULL;
    if (t->request.url == NULL || !target_name(t->request.url, name, sizeof name))
        return 1;
    pthread_mutex_lock(&c->lock);
    t->target = target_get(c, name);
    if (t->target != NULL) {
        t->target->users++;
        t->target->used_ms = clock_steady_ms();
    }
    pthread_mutex_unlock(&c->lock);
    return t->target != NULL;
}

void http_target_drop(struct sluice_http_client *c, struct http_transfer *t)
{
    if (t->target == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    t->target->users--;
    pthread_mutex_unlock(&c->lock);
    t->target = NULL;
}

/* --- slots [lock held] ------------------------------------------------------------ */

static void wake_waiting(struct sluice_http_client *c, const struct http_pool *but)
{
    struct http_pool *p;

    for (p = c->busy; p != NULL; p = p->next)
        if (p->ticket != 0 && p != but)
            (void)curl_multi_wakeup(p->multi);
}

static int slot_take(struct sluice_http_client *c, struct http_pool *pool)
{
    struct http_pool *p;

    if (pool->ticket == 0)
        pool->ticket = ++c->last_ticket;
    if (c->running >= c->max_parallel)
        return 0;
    for (p = c->busy; p != NULL; p = p->next)
        if (p->ticket != 0 && p->ticket < pool->ticket)
            return 0;
    pool->ticket = 0;
    c->running++;
    return 1;
}

static enum http_leave shut_for(uint32_t ms, const char *text, uint32_t *wait_ms, const char **why)
{
    *wait_ms = ms;
    *why = text;
    return HTTP_SHUT;
}

static enum http_leave wait_for(uint32_t ms, uint32_t *wait_ms)
{
    *wait_ms = ms;
    return HTTP_WAIT;
}

static enum http_leave leave_take(struct sluice_http_client *c, struct http_pool *pool,
                                  const struct http_transfer *t, int64_t now, int64_t until,
                                  uint32_t *wait_ms, const char **why)
{
    struct http_target *target = t->target;
    uint32_t ms;

    if (target != NULL && target->not_before_ms > now && (t->request.flags & SLUICE_HTTP_REPEAT) != 0) {
        ms = (uint32_t)(target->not_before_ms - now);
        if (target->not_before_ms >= until)
            return shut_for(ms, "it asked to be left alone (Retry-After)", wait_ms, why);
        return wait_for(ms, wait_ms);
    }
    if (target != NULL && target->breaker.state == BREAKER_OPEN && target->breaker.until_ms > now)
        return shut_for((uint32_t)(target->breaker.until_ms - now), "too many requests in a row failed",
                        wait_ms, why);
    if (!slot_take(c, pool))
        return HTTP_QUEUED;
    if (limit_take(&c->limit, 1, now) == 0) {
        c->running--;
        return wait_for(limit_wait_ms(&c->limit, now), wait_ms);
    }
    ms = target == NULL ? 0 : breaker_wait_ms(&target->breaker, now);
    if (ms > 0) { /* half open, and its one call is on its way */
        limit_give(&c->limit, 1);
        c->running--;
        return wait_for(ms, wait_ms);
    }
    return HTTP_GO;
}

enum http_leave http_leave_take(struct sluice_http_client *c, struct http_pool *pool,
                                const struct http_transfer *t, int64_t now, int64_t until, uint32_t *wait_ms,
                                const char **why)
{
    enum http_leave leave;

    pthread_mutex_lock(&c->lock);
    leave = leave_take(c, pool, t, now, until, wait_ms, why);
    /* Whether it took a slot or let it go: somebody else may be the next now. */
    if (pool->ticket == 0 && c->running < c->max_parallel)
        wake_waiting(c, pool);
    pthread_mutex_unlock(&c->lock);
    return leave;
}

void http_leave_queue(struct sluice_http_client *c, struct http_pool *pool)
{
    pthread_mutex_lock(&c->lock);
    if (pool->ticket != 0) {
        pool->ticket = 0;
        wake_waiting(c, pool);
    }
    pthread_mutex_unlock(&c->lock);
}

/* --- what came of it -------------------------------------------------------------- */

static const char *result_label(const struct sluice_http_response *r)
{
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};

    if (r->code != SLUICE_OK || r->status < 100 || r->status > 599)
        return "failed";
    return r->status == 429 ? "429" : classes[r->status / 100 - 1];
}

static void count(struct sluice_http_client *c, const struct http_transfer *t)
{
    const struct sluice_host *host = c->host;
    curl_off_t micros = 0;
    uint64_t seconds;

    if (c->metric_requests == 0 || t->easy == NULL)
        return;
    (void)curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &micros);
    pthread_mutex_lock(&c->lock);
    c->micros += micros > 0 ? (uint64_t)micros : 0;
    seconds = c->micros / 1000000;
    c->micros %= 1000000;
    pthread_mutex_unlock(&c->lock);
    host->metric_add(host, c->metric_requests, result_label(t->response), 1);
    if (t->tries > 1)
        host->metric_add(host, c->metric_retries, NULL, 1);
    if (seconds > 0)
        host->metric_add(host, c->metric_seconds, NULL, seconds);
}

static void target_tell(struct http_target *target, const struct sluice_http_response *r,
                        enum http_outcome outcome, int64_t now)
{
    int64_t hold = r->retry_after_ms < HOLD_MAX_MS ? r->retry_after_ms : HOLD_MAX_MS;

    if (outcome == HTTP_ANSWERED)
        breaker_succeeded(&target->breaker);
    else if (outcome == HTTP_FAILED || target->breaker.state == BREAKER_HALF_OPEN)
        breaker_failed(&target->breaker, now);
    if (r->code == SLUICE_OK && (r->status == 429 || r->status == 503) && now + hold > target->not_before_ms)
        target->not_before_ms = now + hold;
}

void http_leave_give(struct sluice_http_client *c, const struct http_transfer *t, enum http_outcome outcome,
                     int64_t now)
{
    count(c, t);
    pthread_mutex_lock(&c->lock);
    c->running--;
    if (t->target != NULL)
        target_tell(t->target, t->response, outcome, now);
    wake_waiting(c, NULL);
    pthread_mutex_unlock(&c->lock);
}

uint32_t http_retry_delay(struct sluice_http_client *c, const struct http_transfer *t)
{
    const struct sluice_http_response *r = t->response;
    uint32_t ms;

    pthread_mutex_lock(&c->lock);
    ms = retry_delay_ms(&c->retry, t->tries, r->code == SLUICE_OK ? r->retry_after_ms : 0, &c->random);
    pthread_mutex_unlock(&c->lock);
    return ms;
}
