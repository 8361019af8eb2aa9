/* csv_columns: the names of the columns, read from a header once.
 *
 * Threads share a list of headers seen; an entry never changes once it is in the
 * list and lives as long as the list. */
#ifndef SLUICE_PLUGINS_CSV_COLUMNS_H
#define SLUICE_PLUGINS_CSV_COLUMNS_H

#include <sluice/abi.h>

#include "../common/csv.h"

#define CSV_MAX_COLUMNS 4096u

struct csv_columns {
    struct csv_columns *next;
    char *text;   /* names point into it; of a header, its bytes */
    char *header; /* the header as it came, to be found by; NULL: from the option */
    size_t header_len;
    struct sluice_str *names;
    size_t n;
    const char *problem; /* NULL, or why this header cannot be used */
    int listed;
};

struct csv_header_list;

struct csv_header_list *csv_headers_new(void); /* NULL: no memory */
void csv_headers_free(struct csv_header_list *l);
/* The columns of a header; NULL: no memory.  Give it back with csv_headers_put. */
struct csv_columns *csv_headers_get(struct csv_header_list *l, const struct csv_dialect *d,
                                    struct sluice_str header);
/* Frees what did not find a place in the list. */
void csv_headers_put(struct csv_columns *c);

/* n columns without names, and text_len bytes for those.  NULL: no memory. */
struct csv_columns *csv_columns_new(size_t n, size_t text_len);
void csv_columns_free(struct csv_columns *c);
/* Place of a name that stands twice; c->n if all differ. */
size_t csv_columns_twice(const struct csv_columns *c);
/* Place of the first column of that name; c->n if there is none. */
size_t csv_columns_find(const struct csv_columns *c, struct sluice_str name);

#endif
