/* sluice/http.h: HTTP for plugins.  DRAFT: id "sluice.draft.http.1", may change or go.
 *
 *     const struct sluice_http_api *http = host->extension(host, SLUICE_HTTP_ID);
 *
 * NULL: this host has none.  A client is made in create and keeps its connections
 * alive between calls; what it may send where is fixed then.  TLS is verified and at
 * least 1.2, redirects are not followed, proxies of the environment are not used,
 * only http and https are spoken, HTTP/2 where TLS offers it.  Two clients never share
 * a connection, so credentials never meet.
 *
 * A request marked SLUICE_HTTP_REPEAT is tried again, after a random wait that grows, as
 * long as tries and deadline allow: if no whole answer came, or if it was 408, 425, 429,
 * 500, 502, 503 or 504.  What Retry-After asks for (seconds or a date) is waited for, by
 * every marked request to that target (scheme, host, port).  A wait that would pass the
 * deadline is not begun: the last answer is given at once.
 *
 * Metrics of the instance: http_requests_total{result} (tries by class of status:
 * "2xx", …, "429", "failed"), http_retries_total, http_seconds_total (time spent on
 * tries, in whole seconds).
 *
 * Known: when a kept connection turns out to be closed before the first byte of an
 * answer, libcurl sends the request once more by itself, whatever its method.
 */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include <strings.h>

#include <sluice/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_HTTP_ID "sluice.draft.http.1"

struct sluice_http_client;

/* All borrowed during the call.  0 or NULL: the default in brackets. */
struct sluice_http_options {
    uint32_t struct_size;
    uint32_t max_parallel;       /* requests at once, of all threads together [8] */
    uint32_t connect_timeout_ms; /* [5000] */
    uint32_t reserved;
    uint64_t max_body;   /* of an answer, bytes [16 MiB] */
    const char *ca_file; /* PEM, in place of the system's [the system's] */

    /* Of requests marked REPEAT. */
    uint32_t attempts;       /* tries of one request in all [4] */
    uint32_t backoff_min_ms; /* the first wait is at most this [100] */
    uint32_t backoff_max_ms; /* and no wait more than this [5000], Retry-After apart */
    /* Of all requests. */
    uint32_t try_timeout_ms;   /* of one try [the deadline of perform] */
    double per_second;         /* tries a second, at most [no limit] */
    uint32_t breaker_failures; /* tries in a row without whole answer or with a status above
                                * 499, after which the target is not asked … [never] */
    uint32_t breaker_open_ms;  /* … for this long; then one request is let through [5000] */
};

/* Flags of a request. */
#define SLUICE_HTTP_REPEAT 0x1u /* doing it twice is as good as once */

/* Borrowed during perform.  Names and values without CR, LF and NUL. */
struct sluice_http_request {
    uint32_t struct_size;
    uint32_t flags;
    const char *method;               /* "GET", "POST", … */
    const char *url;                  /* http:// or https:// */
    const struct sluice_str *headers; /* name, value, name, value … */
    uint64_t n_headers;               /* pairs */
    struct sluice_str body;           /* absent: none */
};

/* One answer.  Filled by perform for every request; body lives until release.
 * code: OK            an answer came whole, whatever its status says
 *       DISCONNECTED  nothing was sent: no name, no connection, no handshake, the breaker is
 *                     open, or the target wants to be left alone (see retry_after_ms)
 *       UNSURE        something was sent and no whole answer came (also: deadline)
 *       REJECT        the request itself cannot work, or the answer is above max_body
 *       CANCELLED     the host asked, or the deadline came before anything was sent
 *       RETRY         no memory */
struct sluice_http_response {
    uint32_t struct_size;
    uint32_t code;
    uint32_t status;           /* of OK */
    uint32_t retry_after_ms;   /* what Retry-After said, or what is left of a wait; 0: nothing */
    struct sluice_str body;    /* NUL-terminated beyond len */
    char message[192];         /* of other than OK: for people; no secret */
    struct sluice_str headers; /* of OK: "Name: value" lines, each with CRLF; lives until release.
                                * Only where struct_size says that the caller has it. */
};

struct sluice_http_api {
    uint32_t struct_size;
    uint32_t reserved;

    /* [instance] in create.  No I/O.  options may be NULL.  NULL with err. */
    struct sluice_http_client *(*client)(const struct sluice_host *host,
                                         const struct sluice_http_options *options, struct sluice_error *err);
    /* [instance] in destroy; no perform may be under way. */
    void (*free)(struct sluice_http_client *client);

    /* [any] Runs n requests at once, as many as max_parallel allows, and returns when each
     * has its answer, or deadline_ms (from now) passed, or the host cancelled.  responses
     * are n of r_stride bytes, struct_size set by the caller, the rest not read.
     * SLUICE_OK: look at each; else err and nothing to release. */
    uint32_t (*perform)(struct sluice_http_client *client, const struct sluice_http_request *requests,
                        uint32_t n, uint32_t stride, struct sluice_http_response *responses,
                        uint32_t r_stride, uint32_t deadline_ms, struct sluice_error *err);
    /* [any] Frees the bodies. */
    void (*release)(struct sluice_http_response *responses, uint32_t n, uint32_t r_stride);
};

/* The value of the first header of that name, whatever its case; absent: data NULL. */
static inline struct sluice_str sluice_http_header(const struct sluice_http_response *response,
                                                   const char *name)
{
    const char *at = response->headers.data, *end = at == NULL ? NULL : at + response->headers.len;
    size_t len = strlen(name);
    struct sluice_str value = {NULL, 0};

    while (at != NULL && at < end) {
        const char *stop = (const char *)memchr(at, '\n', (size_t)(end - at));
        const char *last = stop == NULL ? end : stop;

        if ((size_t)(last - at) > len && at[len] == ':' && strncasecmp(at, name, len) == 0) {
            for (at += len + 1; at < last && (*at == ' ' || *at == '\t'); at++)
                ;
            while (last > at && (last[-1] == '\r' || last[-1] == ' ' || last[-1] == '\t'))
                last--;
            value.data = at;
            value.len = (uint64_t)(last - at);
            return value;
        }
        at = stop == NULL ? NULL : stop + 1;
    }
    return value;
}

#ifdef __cplusplus
}
#endif
#endif
