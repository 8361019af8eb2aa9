/* http_perform: one call of perform.
 *
 * Invariant: a request is tried again only if it is marked SLUICE_HTTP_REPEAT, and what
 * its last try came to stands in the response until the next one begins, so that a
 * deadline in between gives the caller that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "http_client.h"

#define WAIT_MS 50 /* how soon a cancel is seen */

struct performing {
    struct sluice_http_client *client;
    struct http_pool *pool;
    struct http_transfer *t;
    uint32_t n, open; /* open: not done yet */
    uint32_t running;
    int64_t until;
    int64_t next_ms; /* steady; when a waiting one is to be looked at again */
};

static void end(struct performing *p, struct http_transfer *t)
{
    http_transfer_release(t);
    t->done = 1;
    p->open--;
}

static enum http_outcome outcome_of(const struct http_transfer *t, int stopped)
{
    const struct sluice_http_response *r = t->response;

    if (r->code == SLUICE_OK)
        return r->status >= 500 ? HTTP_FAILED : HTTP_ANSWERED;
    if (t->too_large)
        return HTTP_ANSWERED;
    if (stopped || r->code == SLUICE_REJECT || r->code == SLUICE_RETRY)
        return HTTP_NO_MATTER;
    return HTTP_FAILED;
}

/* A try is over: the end, or another one later. */
static void tried(struct performing *p, struct http_transfer *t)
{
    int64_t now = clock_steady_ms(), due;

    http_leave_give(p->client, t, outcome_of(t, 0), now);
    p->running--;
    if (http_transfer_repeatable(t) && t->tries < p->client->retry.attempts) {
        due = now + http_retry_delay(p->client, t);
        if (due < p->until) {
            http_transfer_release(t);
            t->due_ms = due;
            return;
        }
    }
    end(p, t);
}

static void collect(struct performing *p)
{
    struct http_transfer *t;
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(p->pool->multi, &left)) != NULL) {
        CURLcode result = m->data.result;
        CURL *easy = m->easy_handle;

        if (m->msg != CURLMSG_DONE)
            continue;
        t = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        (void)curl_multi_remove_handle(p->pool->multi, easy);
        http_transfer_finish(t, result, p->client->max_body);
        tried(p, t);
    }
}

static void begin(struct performing *p, struct http_transfer *t)
{
    struct sluice_http_response *r = t->response;

    http_response_clear(r); /* of the try before */
    r->status = r->retry_after_ms = 0;
    r->message[0] = '\0';
    t->tries++;
    p->running++;
    if (!http_transfer_start(t, p->client)) {
        tried(p, t);
    } else if (curl_multi_add_handle(p->pool->multi, t->easy) != CURLM_OK) {
        http_transfer_refuse(t, SLUICE_RETRY, "no memory");
        tried(p, t);
    }
}

/* Not to be asked now: what the last try came to, or that there was none. */
static void shut(struct performing *p, struct http_transfer *t, uint32_t wait_ms, const char *why)
{
    char text[180];

    if (t->tries == 0) {
        (void)snprintf(text, sizeof text, "%.80s is not asked for another %u ms: %s", t->target->name,
                       wait_ms, why);
        http_transfer_refuse(t, SLUICE_DISCONNECTED, text);
        t->response->retry_after_ms = wait_ms;
    }
    end(p, t);
}

/* 0: there is no slot, nor is there one for those that follow. */
static int start_one(struct performing *p, struct http_transfer *t, int64_t now)
{
    uint32_t wait_ms = 0;
    const char *why = NULL;

    switch (http_leave_take(p->client, p->pool, t, now, p->until, &wait_ms, &why)) {
    case HTTP_GO:
        begin(p, t);
        return 1;
    case HTTP_QUEUED:
        return 0;
    case HTTP_WAIT:
        t->due_ms = now + wait_ms;
        return 1;
    case HTTP_SHUT:
    default:
        shut(p, t, wait_ms, why);
        return 1;
    }
}

/* Begins what may begin. */
static void start_due(struct performing *p, int64_t now)
{
    uint32_t i;

    p->next_ms = now + WAIT_MS;
    for (i = 0; i < p->n && p->running < p->open; i++) {
        struct http_transfer *t = &p->t[i];

        if (t->done || t->easy != NULL)
            continue;
        if (t->due_ms <= now && !start_one(p, t, now))
            return;
        if (!t->done && t->easy == NULL && t->due_ms < p->next_ms)
            p->next_ms = t->due_ms;
    }
    http_leave_queue(p->client, p->pool);
}

/* What is left when time is up. */
static void stop(struct performing *p, int cancelled)
{
    uint32_t i;

    for (i = 0; i < p->n; i++) {
        struct http_transfer *t = &p->t[i];

        if (t->done)
            continue;
        if (t->easy != NULL) {
            (void)curl_multi_remove_handle(p->pool->multi, t->easy);
            http_transfer_stop(t, cancelled);
            http_leave_give(p->client, t, outcome_of(t, cancelled), clock_steady_ms());
        } else if (t->tries == 0) {
            http_transfer_refuse(t, SLUICE_CANCELLED,
                                 cancelled ? "given up because the host asked"
                                           : "its turn did not come before the deadline");
        }
        end(p, t);
    }
    http_leave_queue(p->client, p->pool);
}

void http_perform(struct sluice_http_client *c, struct http_pool *pool, struct http_transfer *t, uint32_t n,
                  int64_t until)
{
    struct performing p = {.client = c, .pool = pool, .t = t, .n = n, .open = n, .until = until};
    int cancelled = 0, running;
    int64_t now, left;

    for (;;) {
        now = clock_steady_ms();
        cancelled = c->host != NULL && c->host->cancelled(c->host) != 0;
        if (now >= until || cancelled)
            break;
        start_due(&p, now);
        if (curl_multi_perform(pool->multi, &running) != CURLM_OK)
            break;
        collect(&p);
        if (p.open == 0)
            break;
        now = clock_steady_ms();
        left = until < p.next_ms ? until - now : p.next_ms - now;
        if (left > 0)
            (void)curl_multi_poll(pool->multi, NULL, 0, left < WAIT_MS ? (int)left : WAIT_MS, NULL);
    }
    stop(&p, cancelled);
}
