/* strbuf: a growable byte buffer with a maximum.
 *
 * Invariant: data[len] is NUL whenever data is not NULL.  An append that would
 * pass max, or for which there is no memory, sets failed, appends nothing, and
 * so does every later one: check failed once, at the end. */
#ifndef SLUICE_CORE_STRBUF_H
#define SLUICE_CORE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct strbuf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    int failed;
};

void strbuf_init(struct strbuf *b, size_t max); /* allocates nothing */
void strbuf_release(struct strbuf *b);          /* frees; b may be used again */
void strbuf_clear(struct strbuf *b);            /* empty, keeps the memory, not failed */
void strbuf_add(struct strbuf *b, const void *data, size_t len);
void strbuf_puts(struct strbuf *b, const char *text);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
/* The text of a JSON string, quotes included; invalid UTF-8 becomes U+FFFD. */
void strbuf_json(struct strbuf *b, const char *data, size_t len);
/* Bytes of the valid UTF-8 sequence at s, 1 to 4, or 0 if there is none; left > 0. */
size_t utf8_length(const char *s, size_t left);
/* The text as a NUL-terminated string, "" if nothing was ever added. */
const char *strbuf_text(const struct strbuf *b);
/* Hands the memory over to the caller (free()); NULL if failed. */
char *strbuf_take(struct strbuf *b);

#endif
