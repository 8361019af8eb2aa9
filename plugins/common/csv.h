/* csv: rows and fields of RFC 4180, for the file source, the CSV decoder and tables.
 *
 * Two things are wider than the RFC: a quote inside an unquoted field is text, and
 * any byte may stand in a field.  Nothing here allocates. */
#ifndef SLUICE_PLUGINS_CSV_H
#define SLUICE_PLUGINS_CSV_H

#include <stddef.h>

struct csv_dialect {
    char separator;
    char quote; /* '\0': none */
};

/* The options `separator` and `quote` as one byte: a byte, "tab", or for the quote
 * "none".  1, or 0 if the text is none of these. */
int csv_parse_byte(const char *text, char *out);
/* NULL, or what is wrong with the pair. */
const char *csv_dialect_problem(const struct csv_dialect *d);

#define CSV_MORE ((size_t)-1)      /* the end of the row is not among these bytes */
#define CSV_NOT_A_ROW ((size_t)-2) /* quotes do not fit together: take it as a line */

/* Where the row that starts at data ends: offset of its '\n', or len if at_end and the
 * bytes end it. */
size_t csv_row_end(const struct csv_dialect *d, const char *data, size_t len, int at_end);

struct csv_row {
    const struct csv_dialect *dialect;
    const char *at;
    const char *end;
    int done;
    const char *why; /* after -1: what is wrong, at `at` */
};

struct csv_field {
    const char *data; /* between the quotes, if there are any */
    size_t len;
    int doubled; /* holds doubled quotes: csv_unquote it */
};

/* One row without its line end (one that is there is left out). */
void csv_row_init(struct csv_row *r, const struct csv_dialect *d, const char *data, size_t len);
/* 1 and the next field, 0 after the last, -1 malformed.  A row has at least one field. */
int csv_next(struct csv_row *r, struct csv_field *out);
/* The text of a field with doubled quotes; out has room for field->len.  Returns its length. */
size_t csv_unquote(const struct csv_dialect *d, const struct csv_field *field, char *out);

#endif
