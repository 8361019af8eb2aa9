/* http_script: a small HTTP server whose answers a test writes.
 *
 * A thread a connection (libmicrohttpd), any free port, TLS if a certificate is given.
 * The handler runs on those threads, several at once. */
#ifndef SLUICE_TESTS_HTTP_SCRIPT_H
#define SLUICE_TESTS_HTTP_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

struct http_script;

struct http_script_request {
    const char *method, *path;
    const char *query;         /* "a=1&b=2", or "" */
    const char *authorization; /* of the header, or "" */
    const char *body;          /* NUL-terminated */
    size_t body_len;
    uint32_t n;         /* 1: the first that the server got */
    const char *target; /* of the header X-Amz-Target, or "" */
};

/* Zero but for status 200. */
struct http_script_reply {
    uint32_t status;
    const char *header, *value; /* one more header, or NULL */
    char *body;                 /* malloc'ed, freed by the server; NULL: empty */
    int cut;                    /* close after half of the body */
    int hold;                   /* no answer until the server stops */
    uint32_t drip_ms;           /* this long before each byte of the body */
};

typedef void (*http_script_handler)(void *context, const struct http_script_request *request,
                                    struct http_script_reply *reply);

struct http_script *http_script_start(http_script_handler handler, void *context);
/* PEM texts, borrowed. */
struct http_script *http_script_start_tls(http_script_handler handler, void *context, const char *certificate,
                                          const char *key);
void http_script_stop(struct http_script *s);
uint16_t http_script_port(const struct http_script *s);
const char *http_script_url(const struct http_script *s); /* http://127.0.0.1:PORT */
uint32_t http_script_count(struct http_script *s);        /* requests so far */

#endif
