/* csv_columns: see csv_columns.h.  A mutex guards the list; the work on rows is
 * outside of it. */
#include "csv_columns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define MAX_HEADERS 64u

struct csv_header_list {
    pthread_mutex_t lock;
    struct csv_columns *first;
    size_t n;
};

struct csv_columns *csv_columns_new(size_t n, size_t text_len)
{
    struct csv_columns *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->names = calloc(n > 0 ? n : 1, sizeof *c->names);
    c->text = malloc(text_len > 0 ? text_len : 1);
    c->n = n;
    if (c->names != NULL && c->text != NULL)
        return c;
    csv_columns_free(c);
    return NULL;
}

void csv_columns_free(struct csv_columns *c)
{
    if (c == NULL)
        return;
    free(c->names);
    free(c->text);
    free(c->header);
    free(c);
}

size_t csv_columns_find(const struct csv_columns *c, struct sluice_str name)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        if (sluice_str_equal(c->names[i], name))
            break;
    return i;
}

size_t csv_columns_twice(const struct csv_columns *c)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        if (csv_columns_find(c, c->names[i]) < i)
            break;
    return i;
}

/* How many fields the header has, or 0 with why. */
static size_t count_fields(const struct csv_dialect *d, struct sluice_str header, const char **why)
{
    struct csv_row row;
    struct csv_field field;
    size_t n = 0;
    int more;

    *why = NULL;
    if (utf8_valid_prefix(header.data, header.len) < header.len) {
        *why = "it is not UTF-8";
        return 0;
    }
    csv_row_init(&row, d, header.data, header.len);
    while ((more = csv_next(&row, &field)) == 1)
        n++;
    if (more < 0)
        *why = row.why;
    else if (n > CSV_MAX_COLUMNS)
        *why = "it has more than 4096 columns";
    return *why == NULL ? n : 0;
}

static struct csv_columns *read_header(const struct csv_dialect *d, struct sluice_str header)
{
    const char *why;
    size_t n = count_fields(d, header, &why);
    struct csv_columns *c = csv_columns_new(n, header.len);
    struct csv_row row;
    struct csv_field field;
    size_t i;

    if (c == NULL)
        return NULL;
    c->problem = why;
    c->header = malloc(header.len > 0 ? header.len : 1);
    if (c->header == NULL) {
        csv_columns_free(c);
        return NULL;
    }
    memcpy(c->header, header.data, header.len);
    memcpy(c->text, header.data, header.len);
    c->header_len = header.len;
    csv_row_init(&row, d, c->text, header.len);
    for (i = 0; i < n && csv_next(&row, &field) == 1; i++) {
        char *name = c->text + (field.data - c->text);

        c->names[i].data = name;
        c->names[i].len =
            field.doubled ? csv_unquote(d, &field, name) : field.len; /* in place: it only shortens */
    }
    if (c->problem == NULL && csv_columns_twice(c) < c->n)
        c->problem = "two columns have the same name; name all columns with the option columns";
    return c;
}

struct csv_header_list *csv_headers_new(void)
{
    struct csv_header_list *l = calloc(1, sizeof *l);

    if (l != NULL && pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return NULL;
    }
    return l;
}

void csv_headers_free(struct csv_header_list *l)
{
    struct csv_columns *c;
    struct csv_columns *next;

    if (l == NULL)
        return;
    for (c = l->first; c != NULL; c = next) {
        next = c->next;
        csv_columns_free(c);
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct csv_columns *find(const struct csv_header_list *l, struct sluice_str header)
{
    struct csv_columns *c;

    for (c = l->first; c != NULL; c = c->next)
        if (c->header_len == header.len && memcmp(c->header, header.data, header.len) == 0)
            break;
    return c;
}

struct csv_columns *csv_headers_get(struct csv_header_list *l, const struct csv_dialect *d,
                                    struct sluice_str header)
{
    struct csv_columns *c;

    pthread_mutex_lock(&l->lock);
    c = find(l, header);
    if (c == NULL) {
        c = read_header(d, header);
        if (c != NULL && l->n < MAX_HEADERS) {
            c->next = l->first;
            l->first = c;
            l->n++;
            c->listed = 1;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return c;
}

void csv_headers_put(struct csv_columns *c)
{
    if (c != NULL && !c->listed)
        csv_columns_free(c);
}
