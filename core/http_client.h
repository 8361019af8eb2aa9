/* http_client: the host's side of sluice/http.h, on libcurl. */
#ifndef SLUICE_CORE_HTTP_CLIENT_H
#define SLUICE_CORE_HTTP_CLIENT_H

#include <curl/curl.h>
#include <pthread.h>
#include <sluice/http.h>

#include "strbuf.h"

/* NULL: libcurl could not be initialised.  [any] */
const struct sluice_http_api *http_client_api(void);

struct sluice_http_client {
    const struct sluice_host *host;
    uint32_t max_parallel, connect_timeout_ms;
    uint64_t max_body;
    char *ca_file;
    struct http_pool *pool; /* idle ones; under lock */
    pthread_mutex_t lock;
};

/* One request on its way. */
struct http_transfer {
    CURL *easy;
    struct curl_slist *headers;
    struct strbuf body;
    struct strbuf head; /* header lines of the last answer; empty if the caller has no room */
    struct sluice_http_response *response;
    char error[CURL_ERROR_SIZE];
    int too_large;
    int wants_head;
    int done;
};

/* http_transfer.c.  0: the response says why not. */
int http_transfer_start(struct http_transfer *t, const struct sluice_http_client *c,
                        const struct sluice_http_request *request);
void http_transfer_finish(struct http_transfer *t, CURLcode result, uint64_t max_body);
/* Ended by the host: cancelled 1, or the deadline. */
void http_transfer_stop(struct http_transfer *t, int cancelled);
void http_transfer_release(struct http_transfer *t);

#endif
