/* neo4j_call: the body of a request.
 *
 * A statement is the same JSON object for both endpoints, so the body is written once,
 * in the frame of tx/commit, and the Query API is sent one slice after the other. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "neo4j.h"

#define FRAME "{\"statements\":["

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
