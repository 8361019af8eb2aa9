/* admin_page: the status page, made from what GET /pipelines says.
 *
 * Invariant: everything that is not a literal of this file goes through add_text, so
 * that no value of a config or a record is markup.  No scripts, nothing from outside. */
#include <jansson.h>
#include <string.h>

#include "admin.h"

#define PAGE_DEPTH 8

static void add_text(struct strbuf *out, const char *text)
{
    size_t left = strlen(text), n;

    for (; left > 0; text += n, left -= n) {
        n = utf8_length(text, left);
        if (n == 0) {
            strbuf_puts(out, "\xef\xbf\xbd");
            n = 1;
        } else if (*text == '<') {
            strbuf_puts(out, "&lt;");
        } else if (*text == '>') {
            strbuf_puts(out, "&gt;");
        } else if (*text == '&') {
            strbuf_puts(out, "&amp;");
        } else if (*text == '"') {
            strbuf_puts(out, "&quot;");
        } else if (*text == '\'') {
            strbuf_puts(out, "&#39;");
        } else {
            strbuf_add(out, text, n);
        }
    }
}

static void add_value(struct strbuf *out, const json_t *v, int depth);

static void add_object(struct strbuf *out, const json_t *v, int depth)
{
    const char *key;
    json_t *member;

    strbuf_puts(out, "<table>");
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        strbuf_puts(out, "<tr><th>");
        add_text(out, key);
        strbuf_puts(out, "</th><td>");
        add_value(out, member, depth + 1);
        strbuf_puts(out, "</td></tr>");
    }
    strbuf_puts(out, "</table>");
}

static void add_array(struct strbuf *out, const json_t *v, int depth)
{
    size_t i;

    for (i = 0; i < json_array_size(v); i++) {
        if (i > 0 && !json_is_object(json_array_get(v, i)))
            strbuf_puts(out, "<br>");
        add_value(out, json_array_get(v, i), depth + 1);
    }
}

static void add_value(struct strbuf *out, const json_t *v, int depth)
{
    if (depth > PAGE_DEPTH) {
        strbuf_puts(out, "… (see <a href=\"/pipelines\">/pipelines</a>)");
        return;
    }
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        add_object(out, v, depth);
        break;
    case JSON_ARRAY:
        add_array(out, v, depth);
        break;
    case JSON_STRING:
        add_text(out, json_string_value(v));
        break;
    case JSON_INTEGER:
        strbuf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        strbuf_printf(out, "%g", json_real_value(v));
        break;
    default:
        strbuf_puts(out, json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "–");
    }
}

void admin_page(struct strbuf *out, int ready, const char *reasons, const struct strbuf *json)
{
    static const char head[] =
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>sluice</title>"
        "<meta http-equiv=\"refresh\" content=\"5\"><style>"
        "body{font:14px/1.5 system-ui,sans-serif;margin:2em;color:#222;background:#fff}"
        "table{border-collapse:collapse;margin:.4em 0 1em}th{text-align:left;font-weight:600;color:#555;"
        "vertical-align:top}th,td{padding:.15em .8em .15em 0;border-bottom:1px solid #eee;"
        "font-variant-numeric:tabular-nums}.ok{color:#176b2c}.bad{color:#a11}pre{white-space:pre-wrap}"
        "</style></head><body><h1>sluice</h1>";
    json_error_t why;
    json_t *v;

    strbuf_puts(out, head);
    if (ready) {
        strbuf_puts(out, "<p class=\"ok\">ready</p>");
    } else {
        strbuf_puts(out, "<p class=\"bad\">not ready</p><pre class=\"bad\">");
        add_text(out, reasons);
        strbuf_puts(out, "</pre>");
    }
    v = json->failed ? NULL : json_loadb(strbuf_text(json), json->len, JSON_DECODE_ANY, &why);
    if (v != NULL)
        add_value(out, v, 0);
    else
        strbuf_puts(out, "<p class=\"bad\">the state of the pipelines could not be put together</p>");
    json_decref(v);
    strbuf_puts(out, "<p><a href=\"/pipelines\">/pipelines</a> · <a href=\"/metrics\">/metrics</a> · "
                     "<a href=\"/readyz\">/readyz</a></p></body></html>\n");
}
