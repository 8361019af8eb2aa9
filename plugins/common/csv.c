/* csv: see csv.h.  Searching is memchr's, so long fields cost little. */
#include "csv.h"

#include <string.h>

int csv_parse_byte(const char *text, char *out)
{
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
        *out = '\t';
    else if (strcmp(text, "none") == 0)
        *out = '\0';
    else if (text[0] != '\0' && text[1] == '\0')
        *out = text[0];
    else
        return 0;
    return 1;
}

const char *csv_dialect_problem(const struct csv_dialect *d)
{
    if (d->separator == '\0' || d->separator == '\n' || d->separator == '\r')
        return "the separator is one byte, such as ',' or ';' or tab";
    if (d->quote == '\n' || d->quote == '\r')
        return "the quote is one byte, such as '\"', or none";
    if (d->separator == d->quote)
        return "separator and quote are the same byte";
    if ((unsigned char)d->separator >= 0x80 || (unsigned char)d->quote >= 0x80)
        return "separator and quote are ASCII bytes";
    return NULL;
}

/* p is after an opening quote.  The byte after the closing one (end, if a quote is the
 * last byte: closing, or half of a doubled one); NULL: not closed. */
static const char *skip_quoted(const struct csv_dialect *d, const char *p, const char *end)
{
    for (;;) {
        p = memchr(p, d->quote, (size_t)(end - p));
        if (p == NULL)
            return NULL;
        if (p + 1 == end || p[1] != d->quote)
            return p + 1;
        p += 2;
    }
}

/* The bytes after a closing quote: does the field end there? */
static int ends_field(const struct csv_dialect *d, const char *p, const char *end, int at_end)
{
    if (p == end)
        return at_end;
    if (*p == d->separator || *p == '\n')
        return 1;
    if (*p != '\r')
        return 0;
    return p + 1 == end ? at_end : p[1] == '\n';
}

size_t csv_row_end(const struct csv_dialect *d, const char *data, size_t len, int at_end)
{
    const char *end = data + len;
    const char *p = data;
    const char *line = memchr(p, '\n', len);

    for (;;) {
        const char *stop = line != NULL ? line : end;
        const char *quote = d->quote == '\0' ? NULL : memchr(p, d->quote, (size_t)(stop - p));

        if (quote == NULL) {
            if (line != NULL)
                return (size_t)(line - data);
            return at_end ? len : CSV_MORE;
        }
        p = quote + 1;
        if (quote > data && quote[-1] != d->separator)
            continue; /* text */
        p = skip_quoted(d, p, end);
        if (p == NULL)
            return at_end ? CSV_NOT_A_ROW : CSV_MORE;
        if (!ends_field(d, p, end, at_end)) {
            if (!at_end && (p == end || (p + 1 == end && *p == '\r')))
                return CSV_MORE;
            return CSV_NOT_A_ROW;
        }
        if (line != NULL && line < p)
            line = memchr(p, '\n', (size_t)(end - p));
    }
}

void csv_row_init(struct csv_row *r, const struct csv_dialect *d, const char *data, size_t len)
{
    if (len > 0 && data[len - 1] == '\n')
        len--;
    if (len > 0 && data[len - 1] == '\r')
        len--;
    r->dialect = d;
    r->at = data;
    r->end = data + len;
    r->done = 0;
    r->why = NULL;
}

static int fail(struct csv_row *r, const char *at, const char *why)
{
    r->at = at;
    r->why = why;
    r->done = 1;
    return -1;
}

/* Moves past the separator, or notes that the row is at its end. */
static int field_done(struct csv_row *r, const char *after)
{
    r->done = after == r->end;
    r->at = after == r->end ? after : after + 1;
    return 1;
}

static int next_quoted(struct csv_row *r, struct csv_field *out)
{
    const char quote = r->dialect->quote;
    const char *p = r->at + 1;

    out->data = p;
    out->doubled = 0;
    for (;;) {
        p = memchr(p, quote, (size_t)(r->end - p));
        if (p == NULL)
            return fail(r, r->at, "a quote that is never closed");
        if (p + 1 == r->end || p[1] != quote)
            break;
        out->doubled = 1;
        p += 2;
    }
    out->len = (size_t)(p - out->data);
    if (p + 1 < r->end && p[1] != r->dialect->separator)
        return fail(r, p + 1, "text after a closing quote");
    return field_done(r, p + 1);
}

int csv_next(struct csv_row *r, struct csv_field *out)
{
    const char *stop;

    if (r->done)
        return r->why != NULL ? -1 : 0;
    if (r->dialect->quote != '\0' && r->at < r->end && *r->at == r->dialect->quote)
        return next_quoted(r, out);
    stop = memchr(r->at, r->dialect->separator, (size_t)(r->end - r->at));
    if (stop == NULL)
        stop = r->end;
    out->data = r->at;
    out->len = (size_t)(stop - r->at);
    out->doubled = 0;
    if (memchr(out->data, '\n', out->len) != NULL)
        return fail(r, r->at, "a line break outside quotes");
    return field_done(r, stop);
}

size_t csv_unquote(const struct csv_dialect *d, const struct csv_field *field, char *out)
{
    const char *p = field->data;
    const char *end = p + field->len;
    char *to = out;

    while (p < end) {
        if (*p == d->quote)
            p++; /* the first of two */
        *to++ = *p++;
    }
    return (size_t)(to - out);
}
