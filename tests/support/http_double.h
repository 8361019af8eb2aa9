/* http_double: an HTTP server that answers what a test told it to.
 *
 * An answer belongs to a method and path ("GET /flags/x"); with an ETag, If-None-Match is heeded.
 * Whatever was not told is 404.  One connection at a time, one request each. */
#ifndef SLUICE_TESTS_HTTP_DOUBLE_H
#define SLUICE_TESTS_HTTP_DOUBLE_H

#include <stdint.h>

struct http_double;

struct http_double *http_double_start(void); /* on a free port of 127.0.0.1 */
void http_double_stop(struct http_double *s);
uint16_t http_double_port(const struct http_double *s);
/* Replaces.  headers: NULL, or lines with CRLF.  status 0: close without a word; status 1: never answer. */
void http_double_set(struct http_double *s, const char *request, int status, const char *etag,
                     const char *headers, const char *body);
/* How often it was asked, and how often the whole body went out. */
unsigned http_double_asked(struct http_double *s, const char *request);
unsigned http_double_sent(struct http_double *s, const char *request);
/* The last such request, head and body, or NULL; until the next call. */
const char *http_double_last(struct http_double *s, const char *request);

#endif
