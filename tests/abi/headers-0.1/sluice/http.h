/* sluice/http.h: HTTP for plugins.  DRAFT: id "sluice.draft.http.1", may change or go.
 *
 *     const struct sluice_http_api *http = host->extension(host, SLUICE_HTTP_ID);
 *
 * NULL: this host has none.  A client is made in create and keeps its connections
 * alive between calls; what it may send where is fixed then.  TLS is verified and at
 * least 1.2, redirects are not followed, proxies of the environment are not used,
 * only http and https are spoken.  Two clients never share a connection, so
 * credentials never meet.
 *
 * Known: when a kept connection turns out to be closed before the first byte of an
 * answer, libcurl sends the request once more by itself, whatever its method.
 */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include <sluice/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_HTTP_ID "sluice.draft.http.1"

struct sluice_http_client;

/* All borrowed during the call.  0 or NULL: the default in brackets. */
struct sluice_http_options {
    uint32_t struct_size;
    uint32_t max_parallel;       /* connections at once [8] */
    uint32_t connect_timeout_ms; /* [5000] */
    uint32_t reserved;
    uint64_t max_body;   /* of an answer, bytes [16 MiB] */
    const char *ca_file; /* PEM, in place of the system's [the system's] */
};

/* Borrowed during perform.  Names and values without CR, LF and NUL. */
struct sluice_http_request {
    uint32_t struct_size;
    uint32_t reserved;
    const char *method;               /* "GET", "POST", … */
    const char *url;                  /* http:// or https:// */
    const struct sluice_str *headers; /* name, value, name, value … */
    uint64_t n_headers;               /* pairs */
    struct sluice_str body;           /* absent: none */
};

/* One answer.  Filled by perform for every request; body lives until release.
 * code: OK            an answer came whole, whatever its status says
 *       DISCONNECTED  nothing was sent: no name, no connection, no handshake
 *       UNSURE        something was sent and no whole answer came (also: deadline)
 *       REJECT        the request itself cannot work, or the answer is above max_body
 *       CANCELLED     the host asked, or the deadline came before anything was sent
 *       RETRY         no memory */
struct sluice_http_response {
    uint32_t struct_size;
    uint32_t code;
    uint32_t status;         /* of OK */
    uint32_t retry_after_ms; /* what Retry-After said; 0: nothing */
    struct sluice_str body;  /* NUL-terminated beyond len */
    char message[192];       /* of other than OK: for people; no secret */
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

#ifdef __cplusplus
}
#endif
#endif
