/* neo4j_call: the body of a request.
 *
 * A statement is the same JSON object for both endpoints, so the body is written once,
 * in the frame of tx/commit, and the Query API is sent one slice after the other. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "neo4j.h"

#define FRAME "{\"statements\":["
#define BEFORE_TEXT 14u   /* {"statement":" */
#define BEFORE_VALUES 15u /* ","parameters": */

void neo4j_call_init(struct neo4j_call *c, size_t max)
{
    strbuf_init(&c->body, max);
    neo4j_call_clear(c);
}

void neo4j_call_release(struct neo4j_call *c)
{
    strbuf_release(&c->body);
}

void neo4j_call_clear(struct neo4j_call *c)
{
    strbuf_clear(&c->body);
    strbuf_puts(&c->body, FRAME);
    c->n = 0;
}

void neo4j_statement(struct neo4j_call *c, const char *text)
{
    if (c->n >= NEO4J_STATEMENTS) {
        c->body.failed = 1;
        return;
    }
    if (c->n > 0)
        strbuf_putc(&c->body, ',');
    c->starts[c->n] = c->body.len;
    strbuf_puts(&c->body, "{\"statement\":");
    strbuf_json(&c->body, text, strlen(text));
    c->texts[c->n] = c->body.len - 1;
    strbuf_puts(&c->body, ",\"parameters\":{");
}

void neo4j_param(struct neo4j_call *c, const char *name)
{
    if (c->body.len > 0 && c->body.data[c->body.len - 1] != '{')
        strbuf_putc(&c->body, ',');
    strbuf_putc(&c->body, '"');
    strbuf_puts(&c->body, name);
    strbuf_puts(&c->body, "\":");
}

void neo4j_param_integer(struct neo4j_call *c, const char *name, int64_t value)
{
    neo4j_param(c, name);
    strbuf_printf(&c->body, "%lld", (long long)value);
}

void neo4j_param_text(struct neo4j_call *c, const char *name, struct sluice_str value)
{
    neo4j_param(c, name);
    neo4j_put_text(&c->body, value);
}

void neo4j_statement_end(struct neo4j_call *c)
{
    if (c->n >= NEO4J_STATEMENTS)
        return;
    strbuf_puts(&c->body, "}}");
    c->ends[c->n++] = c->body.len;
}

void neo4j_put_text(struct strbuf *b, struct sluice_str value)
{
    if (value.data == NULL)
        strbuf_puts(b, "null");
    else
        strbuf_json(b, value.data, value.len);
}

void neo4j_put_float(struct strbuf *b, double value)
{
    char text[40];

    (void)snprintf(text, sizeof text, "%.17g", value);
    strbuf_puts(b, text);
    if (strpbrk(text, ".e") == NULL)
        strbuf_puts(b, ".0"); /* else the server stores an integer */
}

/* CALL { … AS ok0 } CALL { … AS ok1 } RETURN 1: the parameters of each in a map of its own. */
char *neo4j_call_joined(const struct neo4j_call *c, size_t *len)
{
    struct strbuf out;
    uint32_t i;
    char *text;

    strbuf_init(&out, c->body.max);
    strbuf_puts(&out, "{\"statement\":\"");
    for (i = 0; i < c->n; i++) {
        const char *p = c->body.data + c->starts[i] + BEFORE_TEXT, *end = c->body.data + c->texts[i];

        strbuf_puts(&out, "CALL { ");
        for (; p < end; p++) {
            strbuf_putc(&out, *p);
            if (*p == '$')
                strbuf_printf(&out, "s%u.", i);
        }
        strbuf_printf(&out, "%u } ", i);
    }
    strbuf_puts(&out, "RETURN 1 AS ok\",\"parameters\":{");
    for (i = 0; i < c->n; i++) {
        size_t from = c->texts[i] + BEFORE_VALUES;

        strbuf_printf(&out, "%s\"s%u\":", i > 0 ? "," : "", i);
        strbuf_add(&out, c->body.data + from, c->ends[i] - 1 - from);
    }
    strbuf_puts(&out, "}}");
    *len = out.len;
    text = strbuf_take(&out);
    strbuf_release(&out);
    return text;
}
