/* dlq_print: dead letters on paper.
 *
 * Invariant: bytes that came from a record reach a terminal without control characters. */
#include "dlq_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#define SHOWN_PAYLOAD 2000u

void dlq_print_safe(struct sluice_str s, uint64_t max)
{
    const char *at = s.data;
    uint64_t left = s.len < max ? s.len : max;
    size_t n;

    for (; left > 0; at += n, left -= n) {
        unsigned char c = (unsigned char)*at;

        n = utf8_length(at, (size_t)left);
        if (n == 0 || c < ' ' || c == 0x7f || (n == 2 && c == 0xc2 && (unsigned char)at[1] < 0xa0)) {
            n = 1;
            printf(c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\x%02x", c);
        } else {
            (void)fwrite(at, 1, n, stdout);
        }
    }
}

static void print_text(const char *text)
{
    dlq_print_safe(sluice_str_of(text == NULL ? "" : text), UINT64_MAX);
}

static void json_member(struct strbuf *out, const char *name, struct sluice_str v)
{
    strbuf_printf(out, ",\"%s\":", name);
    if (v.data == NULL)
        strbuf_puts(out, "null");
    else
        strbuf_json(out, v.data, (size_t)v.len);
}

static void json_headers(struct strbuf *out, const struct dead_letter *l)
{
    uint64_t i;

    strbuf_puts(out, ",\"headers\":[");
    for (i = 0; i < l->n_headers; i++) {
        strbuf_puts(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        strbuf_json(out, l->headers[2 * i].data == NULL ? "" : l->headers[2 * i].data,
                    (size_t)l->headers[2 * i].len);
        json_member(out, "value", l->headers[2 * i + 1]);
        strbuf_putc(out, '}');
    }
    strbuf_putc(out, ']');
}

void dlq_letter_json(struct strbuf *out, int64_t id, const struct dead_letter *l, int whole)
{
    char when[40];

    clock_format(l->time_ms, when, sizeof when);
    strbuf_printf(out, "{\"id\":%" PRId64 ",\"time\":\"%s\"", id, when);
    json_member(out, "pipeline", sluice_str_of(l->pipeline));
    json_member(out, "step", sluice_str_of(l->step));
    json_member(out, "stage", sluice_str_of(l->stage));
    json_member(out, "reason", sluice_str_of(l->reason));
    json_member(out, "detail", sluice_str_of(l->detail));
    json_member(out, "user_id", l->order_key);
    json_member(out, "lane", sluice_str_of(l->lane));
    strbuf_printf(
        out, ",\"position\":%" PRIu64 ",\"ordinal\":%" PRIu64 ",\"attempts\":%" PRIu32 ",\"size\":%" PRIu64,
        l->position, l->ordinal, l->attempts, l->size);
    json_member(out, "key", l->key);
    if (l->resolved_ms == 0) {
        strbuf_puts(out, ",\"resolved\":null");
    } else {
        clock_format(l->resolved_ms, when, sizeof when);
        strbuf_printf(out, ",\"resolved\":\"%s\"", when);
    }
    if (whole) {
        json_headers(out, l);
        json_member(out, "payload", l->payload);
        strbuf_printf(out, ",\"payload_whole\":%s", l->payload.len == l->size ? "true" : "false");
    }
    strbuf_putc(out, '}');
}

void dlq_print_row(int64_t id, const struct dead_letter *l)
{
    char when[40];

    clock_format(l->time_ms, when, sizeof when);
    printf("%" PRId64 "  %s  ", id, when);
    print_text(l->pipeline);
    if (l->step[0] != '\0') {
        putchar('/');
        print_text(l->step);
    }
    fputs("  ", stdout);
    print_text(l->reason);
    fputs("  user ", stdout);
    if (l->order_key.data == NULL)
        putchar('-');
    dlq_print_safe(l->order_key, 100);
    fputs("  ", stdout);
    print_text(l->lane);
    printf("@%" PRIu64 "  %" PRIu64 " bytes%s\n", l->ordinal > 0 ? l->ordinal : l->position, l->size,
           l->resolved_ms > 0 ? "  resolved" : "");
    if (l->detail != NULL) {
        fputs("    ", stdout);
        print_text(l->detail);
        putchar('\n');
    }
}

static void show_line(const char *name, struct sluice_str value)
{
    printf("%-9s ", name);
    if (value.data == NULL)
        putchar('-');
    dlq_print_safe(value, UINT64_MAX);
    putchar('\n');
}

void dlq_print_letter(int64_t id, const struct dead_letter *l)
{
    char when[40];
    uint64_t i;

    clock_format(l->time_ms, when, sizeof when);
    printf("letter    %" PRId64 "\n", id);
    show_line("died", sluice_str_of(when));
    show_line("pipeline", sluice_str_of(l->pipeline));
    if (l->step[0] != '\0')
        show_line("step", sluice_str_of(l->step));
    show_line("stage", sluice_str_of(l->stage));
    show_line("reason", sluice_str_of(l->reason));
    show_line("detail", sluice_str_of(l->detail));
    show_line("user", l->order_key);
    show_line("lane", sluice_str_of(l->lane));
    printf("position  %" PRIu64 " (record %" PRIu64 ")\nattempts  %" PRIu32 "\n", l->position, l->ordinal,
           l->attempts);
    show_line("key", l->key);
    for (i = 0; i < l->n_headers; i++) {
        fputs("header    ", stdout);
        dlq_print_safe(l->headers[2 * i], UINT64_MAX);
        fputs(": ", stdout);
        dlq_print_safe(l->headers[2 * i + 1], UINT64_MAX);
        putchar('\n');
    }
    if (l->resolved_ms > 0) {
        clock_format(l->resolved_ms, when, sizeof when);
        show_line("resolved", sluice_str_of(when));
    }
    printf("payload   %" PRIu64 " bytes%s\n", l->size,
           l->size > SHOWN_PAYLOAD ? ", of which the first 2000 follow; --payload gives all" : "");
    dlq_print_safe(l->payload, SHOWN_PAYLOAD);
    putchar('\n');
}
