/* log_line: JSON and logfmt.
 *
 * Invariant: an event is one line of valid UTF-8 without control characters, whatever
 * bytes the values hold, so that no value can forge a line or drive a terminal. */
#include "log_line.h"

#include <inttypes.h>
#include <string.h>

#include "clock.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static const char *level_name(uint32_t level)
{
    return level_names[level > SLUICE_ERROR ? SLUICE_ERROR : level];
}

int log_parse_level(const char *text, uint32_t *level)
{
    uint32_t i;

    for (i = 0; i <= SLUICE_ERROR; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *level = i;
            return 1;
        }
    return 0;
}

/* A control character: C0, DEL, or C1 written as UTF-8. */
static int is_control(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;

    return (n == 1 && (u[0] < 0x20 || u[0] == 0x7f)) || (n == 2 && u[0] == 0xc2 && u[1] < 0xa0);
}

/* A JSON string; DEL and C1, which JSON allows, are escaped too. */
static void add_quoted(struct strbuf *out, const char *text)
{
    size_t left = strlen(text), total = left, n, done = 0;

    strbuf_putc(out, '"');
    for (; left > 0 && done < LOG_TEXT_MAX; text += n, left -= n, done += n) {
        n = utf8_length(text, left);
        if (n == 0) {
            strbuf_puts(out, "\xef\xbf\xbd");
            n = 1;
        } else if (*text == '"' || *text == '\\') {
            strbuf_putc(out, '\\');
            strbuf_putc(out, *text);
        } else if (*text == '\n') {
            strbuf_puts(out, "\\n");
        } else if (*text == '\t') {
            strbuf_puts(out, "\\t");
        } else if (is_control(text, n)) {
            strbuf_printf(out, "\\u%04x", (unsigned)(unsigned char)text[n - 1]);
        } else {
            strbuf_add(out, text, n);
        }
    }
    if (left > 0)
        strbuf_printf(out, " … (cut, %zu bytes in all)", total);
    strbuf_putc(out, '"');
}

/* logfmt leaves quotes away where nothing can be misread. */
static int is_plain(const char *text)
{
    size_t left = strlen(text), n;

    if (left == 0 || left > LOG_TEXT_MAX)
        return 0;
    for (; left > 0; text += n, left -= n) {
        n = utf8_length(text, left);
        if (n == 0 || is_control(text, n) || strchr(" =\"\\", *text) != NULL)
            return 0;
    }
    return 1;
}

static void add_name(struct strbuf *out, const char *name)
{
    for (; *name != '\0'; name++) {
        int good = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                   (*name >= '0' && *name <= '9') || strchr("_.-/", *name) != NULL;

        strbuf_putc(out, good ? *name : '_');
    }
}

/* name=text; text NULL: the caller adds a number. */
static void add_text(struct strbuf *out, enum log_format format, const char *name, const char *text)
{
    int first = out->len == 0;

    if (format == LOG_JSON) {
        strbuf_puts(out, first ? "{\"" : ",\"");
        add_name(out, name);
        strbuf_puts(out, "\":");
        if (text != NULL)
            add_quoted(out, text);
        return;
    }
    if (!first)
        strbuf_putc(out, ' ');
    add_name(out, name);
    strbuf_putc(out, '=');
    if (text == NULL)
        return;
    if (is_plain(text))
        strbuf_puts(out, text);
    else
        add_quoted(out, text);
}

void log_line(struct strbuf *out, enum log_format format, int64_t time_ms, uint32_t level, const char *event,
              const struct log_field *fields, uint32_t n)
{
    char time[40];
    uint32_t i;

    clock_format(time_ms, time, sizeof time);
    add_text(out, format, "time", time);
    add_text(out, format, "level", level_name(level));
    add_text(out, format, "event", event);
    for (i = 0; i < n; i++) {
        if (fields[i].text == NULL && !fields[i].is_number)
            continue;
        add_text(out, format, fields[i].name, fields[i].text);
        if (fields[i].text == NULL)
            strbuf_printf(out, "%" PRId64, fields[i].number);
    }
    strbuf_puts(out, format == LOG_JSON ? "}\n" : "\n");
}
