/* http_raw: a client that sends exactly the bytes it is given. */
#ifndef SLUICE_TESTS_HTTP_RAW_H
#define SLUICE_TESTS_HTTP_RAW_H

#include <stddef.h>
#include <stdint.h>

int http_raw_connect(uint16_t port);     /* to 127.0.0.1; fails the test by exit 99 */
int http_raw_try_connect(uint16_t port); /* the same, or -1 */
/* 1 if all was sent; 0: the other side is gone. */
int http_raw_send(int fd, const void *data, size_t len);
/* Reads until the other side closes; NUL-terminated, free() it.  Gives up after ms (the
 * text so far). *closed: whether it was closed. */
char *http_raw_read(int fd, int ms, int *closed);
/* All three; the answer with its header. */
char *http_raw_ask(uint16_t port, const char *request);
int http_raw_status(const char *answer); /* 0: none */

#endif
