/* http_client: the host's side of sluice/http.h, on libcurl.
 *
 * http_client.c    clients, their sets of connections, the table for plugins
 * http_perform.c   one call of perform: who may start when, what is tried again
 * http_target.c    what all threads of a client share: slots, rate, breakers
 * http_transfer.c  one try of one request */
#ifndef SLUICE_CORE_HTTP_CLIENT_H
#define SLUICE_CORE_HTTP_CLIENT_H

#include <curl/curl.h>
#include <pthread.h>
#include <sluice/http.h>

#include "breaker.h"
#include "limit.h"
#include "retry.h"
#include "strbuf.h"

/* NULL: libcurl could not be initialised.  [any] */
const struct sluice_http_api *http_client_api(void);

/* A set of connections, used by one perform at a time. */
struct http_pool {
    struct http_pool *next;
    CURLM *multi;
    uint64_t ticket; /* place in the queue for a slot; 0: not waiting */
};

/* scheme://host:port, and what is known of it. */
struct http_target {
    struct http_target *next;
    struct breaker breaker;
    int64_t not_before_ms; /* steady; it asked to be left alone until then */
    int64_t used_ms;
    uint32_t users; /* transfers that point here */
    char name[];
};

struct sluice_http_client {
    const struct sluice_host *host;
    uint32_t max_parallel, connect_timeout_ms, try_timeout_ms;
    uint64_t max_body;
    char *ca_file;
    struct retry_spec retry;
    struct breaker_spec breaker;
    uint32_t metric_requests, metric_retries, metric_seconds;

    pthread_mutex_t lock;   /* all below */
    struct http_pool *pool; /* idle ones */
    struct http_pool *busy; /* in a perform */
    uint32_t running;       /* tries on their way */
    uint64_t last_ticket;
    struct limit limit;
    struct random_state random;
    struct http_target *targets;
    uint32_t n_targets;
    uint64_t micros; /* of tries, not yet told as whole seconds */
};

/* One request on its way: waiting (easy NULL), running, or done. */
struct http_transfer {
    struct sluice_http_request request; /* a copy; what it points to is borrowed */
    struct sluice_http_response *response;
    struct http_target *target; /* NULL: the url has none */
    CURL *easy;
    struct curl_slist *headers;
    struct strbuf body;
    struct strbuf head; /* header lines of the last answer; empty if the caller has no room */
    char error[CURL_ERROR_SIZE];
    int too_large;
    int wants_head;
    int done;
    uint32_t tries;
    int64_t due_ms; /* steady; not before */
};

/* http_client.c: frees what an answer holds. */
void http_response_clear(struct sluice_http_response *r);

/* http_perform.c: runs all until done, until is past, or the host cancelled. */
void http_perform(struct sluice_http_client *c, struct http_pool *pool, struct http_transfer *t, uint32_t n,
                  int64_t until);

/* http_target.c.  All take the client's lock themselves. */
enum http_leave {
    HTTP_GO,     /* a slot, a token and the breaker's leave are taken */
    HTTP_QUEUED, /* all slots are taken; the connections are woken when it is their turn */
    HTTP_WAIT,   /* not before *wait_ms */
    HTTP_SHUT    /* not within the deadline: *wait_ms says how long, *why is a literal */
};
/* 0: no memory.  A url that cannot be read has no target and no limits. */
int http_target_find(struct sluice_http_client *c, struct http_transfer *t);
void http_target_drop(struct sluice_http_client *c, struct http_transfer *t);
enum http_leave http_leave_take(struct sluice_http_client *c, struct http_pool *pool,
                                const struct http_transfer *t, int64_t now, int64_t until, uint32_t *wait_ms,
                                const char **why);
/* The pool wants no slot any more. */
void http_leave_queue(struct sluice_http_client *c, struct http_pool *pool);
/* A try ended.  Counts it, gives the slot back, tells the breaker. */
enum http_outcome { HTTP_ANSWERED, HTTP_FAILED, HTTP_NO_MATTER };
void http_leave_give(struct sluice_http_client *c, const struct http_transfer *t, enum http_outcome outcome,
                     int64_t now);
/* Milliseconds until the next try of what failed. */
uint32_t http_retry_delay(struct sluice_http_client *c, const struct http_transfer *t);

/* http_transfer.c.  0: the response says why not. */
int http_transfer_start(struct http_transfer *t, const struct sluice_http_client *c);
void http_transfer_finish(struct http_transfer *t, CURLcode result, uint64_t max_body);
/* Ended by the host while running: cancelled 1, or the deadline. */
void http_transfer_stop(struct http_transfer *t, int cancelled);
/* Ended before any try. */
void http_transfer_refuse(struct http_transfer *t, uint32_t code, const char *text);
/* Frees what the try used; the response stays. */
void http_transfer_release(struct http_transfer *t);
/* 1 if another try may help. */
int http_transfer_repeatable(const struct http_transfer *t);

#endif
