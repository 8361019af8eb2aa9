/* Any bytes as CSV.  Traps unless: every row that framing finds can be split; fields
 * written with quotes read back the same.  The first byte chooses the dialect. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct csv_dialect dialects[] = {{',', '"'}, {';', '\''}, {'\t', '\0'}, {'|', '"'}};

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

static void *need(size_t size)
{
    void *p = malloc(size > 0 ? size : 1);

    if (p == NULL)
        abort();
    return p;
}

/* The fields of a row, each in quotes; returns the bytes written, or 0 if malformed. */
static size_t quote_again(const struct csv_dialect *d, const char *row, size_t len, char *out)
{
    struct csv_row r;
    struct csv_field f;
    char *text = need(len);
    size_t n = 0;
    size_t i;
    int fields = 0;
    int more;

    csv_row_init(&r, d, row, len);
    while ((more = csv_next(&r, &f)) == 1) {
        size_t used = f.doubled ? csv_unquote(d, &f, text) : (memcpy(text, f.data, f.len), f.len);

        check(used <= f.len && f.data >= row && f.data + f.len <= row + len);
        if (fields++ > 0)
            out[n++] = d->separator;
        out[n++] = d->quote;
        for (i = 0; i < used; i++) {
            if (text[i] == d->quote)
                out[n++] = d->quote;
            out[n++] = text[i];
        }
        out[n++] = d->quote;
    }
    check(more == 0 || (more == -1 && r.why != NULL && r.at >= row && r.at <= row + len));
    free(text);
    return more == 0 ? n : 0;
}

static void check_row(const struct csv_dialect *d, const char *row, size_t len)
{
    char *once = need(4 * len + 8);
    char *twice = need(4 * len + 8);
    size_t n = quote_again(d, row, len, once);

    check(n > 0); /* a row that was framed can be split */
    if (d->quote != '\0') {
        check(quote_again(d, once, n, twice) == n && memcmp(once, twice, n) == 0);
        check(csv_row_end(d, once, n, 1) == n);
    }
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct csv_dialect *d;
    char *text;
    size_t at = 0;
    size_t len;

    if (size == 0)
        return 0;
    d = &dialects[data[0] % 4];
    len = size - 1;
    text = need(len);
    memcpy(text, data + 1, len);
    while (at < len) {
        size_t end = csv_row_end(d, text + at, len - at, 1);

        check(end != CSV_MORE);
        if (end == CSV_NOT_A_ROW) {
            const char *line = memchr(text + at, '\n', len - at);

            end = line != NULL ? (size_t)(line - text) - at : len - at;
        } else {
            check_row(d, text + at, end);
        }
        at += end + 1;
    }
    free(text);
    return 0;
}
