#include "strbuf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRBUF_FIRST 128u

void strbuf_init(struct strbuf *b, size_t max)
{
    memset(b, 0, sizeof *b);
    b->max = max;
}

void strbuf_release(struct strbuf *b)
{
    free(b->data);
    strbuf_init(b, b->max);
}

void strbuf_clear(struct strbuf *b)
{
    b->len = 0;
    b->failed = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

/* Makes room for more bytes and the NUL; 0 and failed if that can't be. */
static int strbuf_room(struct strbuf *b, size_t more)
{
    size_t need, cap;
    char *grown;

    if (b->failed)
        return 0;
    if (more > b->max || b->len > b->max - more) {
        b->failed = 1;
        return 0;
    }
    need = b->len + more + 1;
    if (need <= b->cap)
        return 1;
    cap = b->cap == 0 ? STRBUF_FIRST : b->cap;
    while (cap < need)
        cap *= 2;
    grown = realloc(b->data, cap);
    if (grown == NULL) {
        b->failed = 1;
        return 0;
    }
    b->data = grown;
    b->cap = cap;
    return 1;
}

void strbuf_add(struct strbuf *b, const void *data, size_t len)
{
    if (!strbuf_room(b, len))
        return;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *text)
{
    strbuf_add(b, text, strlen(text));
}

void strbuf_putc(struct strbuf *b, char c)
{
    strbuf_add(b, &c, 1);
}

void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list args)
{
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) {
        b->failed = 1;
        return;
    }
    if (!strbuf_room(b, (size_t)n))
        return;
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
    b->len += (size_t)n;
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    strbuf_vprintf(b, fmt, args);
    va_end(args);
}

size_t utf8_length(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n, i;
    uint32_t point;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        n = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        n = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (n > left)
        return 0;
    point = s[0] & (0x7fu >> n);
    for (i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3fu);
    }
    if ((n == 3 && point < 0x800) || (n == 4 && (point < 0x10000 || point > 0x10ffff)) ||
        (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return n;
}

static void json_escape(struct strbuf *b, unsigned char c)
{
    switch (c) {
    case '"':
        strbuf_puts(b, "\\\"");
        break;
    case '\\':
        strbuf_puts(b, "\\\\");
        break;
    case '\n':
        strbuf_puts(b, "\\n");
        break;
    case '\r':
        strbuf_puts(b, "\\r");
        break;
    case '\t':
        strbuf_puts(b, "\\t");
        break;
    default:
        strbuf_printf(b, "\\u%04x", c);
    }
}

void strbuf_json(struct strbuf *b, const char *data, size_t len)
{
    const unsigned char *s = (const unsigned char *)data;
    size_t i = 0, n;

    strbuf_putc(b, '"');
    while (i < len) {
        n = utf8_length(data + i, len - i);
        if (n == 0) {
            strbuf_puts(b, "\xef\xbf\xbd");
            n = 1;
        } else if (n == 1 && (s[i] < 0x20 || s[i] == '"' || s[i] == '\\')) {
            json_escape(b, s[i]);
        } else {
            strbuf_add(b, data + i, n);
        }
        i += n;
    }
    strbuf_putc(b, '"');
}

const char *strbuf_text(const struct strbuf *b)
{
    return b->data == NULL ? "" : b->data;
}

char *strbuf_take(struct strbuf *b)
{
    char *data = NULL;

    if (!b->failed && strbuf_room(b, 0)) {
        b->data[b->len] = '\0';
        data = b->data;
        b->data = NULL;
    }
    strbuf_release(b);
    return data;
}
