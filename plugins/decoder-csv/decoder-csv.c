/* decoder-csv: a CSV row becomes a document of texts, one member a column.
 *
 * Invariant: a row is taken only if it has exactly as many fields as there are
 * columns and all of it is UTF-8. */
#include <stdlib.h>

#include <sluice/plugin.h>

#include "csv_columns.h"
#include "utf8.h"

#define MAX_NAMES 64u /* names of one peek; the host asks for fewer */

struct csv {
    const struct sluice_host *host;
    struct csv_dialect dialect;
    int empty_text;               /* an empty field makes an empty text */
    struct csv_columns *columns;  /* of the option, or NULL */
    struct csv_header_list *list; /* of the attribute */
};

static const struct sluice_option csv_options[] = {
    {.name = "columns",
     .type = SLUICE_LIST,
     .summary = "names of the columns, in order",
     .details = "Without it the names come from the first row of the file (attribute csv.header).",
     .example = "[user_id, product_id, time]"},
    {.name = "separator",
     .type = SLUICE_STRING,
     .default_text = ",",
     .summary = "byte between fields, or tab",
     .example = ";"},
    {.name = "quote",
     .type = SLUICE_STRING,
     .default_text = "\"",
     .summary = "byte around fields, or none",
     .example = "none"},
    {.name = "empty",
     .type = SLUICE_CHOICE,
     .default_text = "absent",
     .choices = "absent|text",
     .summary = "what an empty field becomes: no member, or an empty text"},
};

static void csv_destroy(void *self)
{
    struct csv *c = self;

    csv_columns_free(c->columns);
    csv_headers_free(c->list);
    free(c);
}

/* Columns of the option; NULL: no memory. */
static struct csv_columns *columns_of_option(const struct sluice_host *host,
                                             const struct sluice_config *config)
{
    uint64_t n = host->option_count(config, "columns");
    struct csv_columns *c;
    uint64_t bytes = 0;
    uint64_t i;
    char *at;

    for (i = 0; i < n; i++)
        bytes += strlen(host->option_item(config, "columns", i));
    c = csv_columns_new(n, bytes);
    if (c == NULL)
        return NULL;
    at = c->text;
    for (i = 0; i < n; i++) {
        struct sluice_str name = sluice_str_of(host->option_item(config, "columns", i));

        memcpy(at, name.data, name.len);
        c->names[i] = (struct sluice_str){at, name.len};
        at += name.len;
    }
    return c;
}

static uint32_t check_options(const struct sluice_host *host, const struct sluice_config *config,
                              struct csv_dialect *d, struct sluice_error *err)
{
    if (!csv_parse_byte(host->option_string(config, "separator"), &d->separator))
        return sluice_fail(err, SLUICE_INVALID, "separator", "one byte or tab was expected");
    if (!csv_parse_byte(host->option_string(config, "quote"), &d->quote))
        return sluice_fail(err, SLUICE_INVALID, "quote", "one byte or none was expected");
    if (csv_dialect_problem(d) != NULL)
        return sluice_fail(err, SLUICE_INVALID, "separator", "%s", csv_dialect_problem(d));
    if (host->option_given(config, "columns") && host->option_count(config, "columns") == 0)
        return sluice_fail(err, SLUICE_INVALID, "columns",
                           "the list is empty; leave it out to use the file's header");
    return SLUICE_OK;
}

static uint32_t csv_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    struct csv_dialect d;
    struct csv *c;

    if (check_options(host, config, &d, err) != SLUICE_OK)
        return SLUICE_INVALID;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    c->host = host;
    c->dialect = d;
    c->empty_text = host->option_integer(config, "empty") == 1;
    c->list = csv_headers_new();
    if (host->option_count(config, "columns") > 0)
        c->columns = columns_of_option(host, config);
    if (c->list == NULL || (host->option_count(config, "columns") > 0 && c->columns == NULL)) {
        csv_destroy(c);
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    }
    if (c->columns != NULL && csv_columns_twice(c->columns) < c->columns->n) {
        csv_destroy(c);
        return sluice_fail(err, SLUICE_INVALID, "columns", "two columns have the same name");
    }
    *self = c;
    return SLUICE_OK;
}

/* The columns of one call: those of the last record are kept, as most have the same header. */
struct csv_call {
    struct csv *csv;
    struct sluice_str header;
    struct csv_columns *columns;
};

/* NULL: no memory, or no header (*missing). */
static const struct csv_columns *columns_of(struct csv_call *call, const struct sluice_record *r,
                                            int *missing)
{
    struct csv *c = call->csv;
    struct sluice_str header;

    *missing = 0;
    if (c->columns != NULL)
        return c->columns;
    header = c->host->record->attribute(r, "csv.header");
    if (header.data == NULL) {
        *missing = 1;
        return NULL;
    }
    if (call->columns != NULL && header.data == call->header.data && header.len == call->header.len)
        return call->columns;
    csv_headers_put(call->columns);
    call->header = header;
    call->columns = csv_headers_get(c->list, &c->dialect, header);
    return call->columns;
}

/* What becomes of one row; reason and detail as in a verdict. */
struct csv_outcome {
    uint32_t code;
    const char *reason;
    const char *detail;
};

static struct csv_outcome no_memory(void)
{
    return (struct csv_outcome){SLUICE_RETRY, "no_memory", NULL};
}

static struct csv_outcome count_wrong(const struct csv *c, struct sluice_record *r, struct csv_row *row,
                                      uint64_t n, const struct csv_columns *columns)
{
    struct csv_field field;
    const char *detail;

    while (csv_next(row, &field) == 1)
        n++;
    detail = sluice_record_text(c->host, r, "the row has %llu fields, the header has %llu columns",
                                (unsigned long long)n, (unsigned long long)columns->n);
    return (struct csv_outcome){SLUICE_REJECT, "bad_csv", detail};
}

static struct csv_outcome malformed(const struct csv *c, struct sluice_record *r, const struct csv_row *row,
                                    struct sluice_str text)
{
    const char *detail = sluice_record_text(c->host, r, "byte %llu of the row: %s",
                                            (unsigned long long)(row->at - text.data) + 1, row->why);

    return (struct csv_outcome){SLUICE_REJECT, "bad_csv", detail};
}

/* The text of a field; data NULL: no memory. */
static struct sluice_str field_text(const struct csv *c, const struct sluice_record *r,
                                    const struct csv_field *f)
{
    struct sluice_str text = {f->data, f->len};
    char *copy;

    if (!f->doubled)
        return text;
    copy = c->host->record->text(r, f->data, f->len);
    if (copy == NULL)
        return (struct sluice_str){NULL, 0};
    text.data = copy;
    text.len = csv_unquote(&c->dialect, f, copy);
    return text;
}

static struct csv_outcome decode_row(const struct csv *c, struct sluice_record *r, struct sluice_str text,
                                     const struct csv_columns *columns)
{
    const struct sluice_document_api *doc = c->host->document;
    struct sluice_node *root = doc->make(r, SLUICE_OBJECT);
    struct csv_row row;
    struct csv_field field;
    uint64_t i;
    int more;

    if (root == NULL)
        return no_memory();
    csv_row_init(&row, &c->dialect, text.data, text.len);
    for (i = 0; (more = csv_next(&row, &field)) == 1; i++) {
        struct sluice_str value;
        struct sluice_node *node;

        if (i == columns->n)
            return count_wrong(c, r, &row, i + 1, columns);
        if (field.len == 0 && !c->empty_text)
            continue;
        value = field_text(c, r, &field);
        node = value.data == NULL ? NULL : doc->make_text(r, value.data, value.len);
        if (node == NULL || !doc->set(r, root, columns->names[i].data, columns->names[i].len, node))
            return no_memory();
    }
    if (more < 0)
        return malformed(c, r, &row, text);
    if (i < columns->n)
        return count_wrong(c, r, &row, i, columns);
    c->host->record->set_document(r, root);
    return (struct csv_outcome){SLUICE_OK, NULL, NULL};
}

static struct csv_outcome decode_one(struct csv_call *call, struct sluice_record *r)
{
    const struct csv *c = call->csv;
    struct sluice_str text = c->host->record->payload(r);
    const struct csv_columns *columns;
    const char *detail;
    size_t valid;
    int missing;

    columns = columns_of(call, r, &missing);
    if (columns == NULL && !missing)
        return no_memory();
    if (columns == NULL)
        return (struct csv_outcome){SLUICE_REJECT, "no_header",
                                    "the names of the columns are not known; set the option columns"};
    if (columns->problem != NULL) {
        detail = sluice_record_text(c->host, r, "the header cannot be used: %s", columns->problem);
        return (struct csv_outcome){SLUICE_REJECT, "bad_header", detail};
    }
    if (text.data == NULL || text.len == 0)
        return (struct csv_outcome){SLUICE_REJECT, "bad_csv", "the row is empty"};
    valid = utf8_valid_prefix(text.data, text.len);
    if (valid < text.len) {
        detail = sluice_record_text(c->host, r, "byte %llu of the row is not UTF-8",
                                    (unsigned long long)valid + 1);
        return (struct csv_outcome){SLUICE_REJECT, "bad_utf8", detail};
    }
    return decode_row(c, r, text, columns);
}

static uint32_t csv_decode(void *self, struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct csv_call call = {.csv = self};
    uint32_t i;

    (void)err;
    for (i = 0; i < n; i++) {
        struct csv_outcome o = decode_one(&call, records[i]);

        sluice_verdict_set(verdicts, i, o.code, o.reason, o.detail);
    }
    csv_headers_put(call.columns);
    return SLUICE_OK;
}

/* Reads the row up to the last column that is asked for. */
static uint8_t peek_row(const struct csv *c, const struct sluice_record *r, const struct csv_columns *columns,
                        const struct sluice_peek *peek, struct sluice_str *values)
{
    struct sluice_str text = c->host->record->payload(r);
    size_t wanted[MAX_NAMES];
    size_t last = 0; /* fields to read */
    struct csv_row row;
    struct csv_field field;
    uint64_t j;
    size_t i;

    if (text.data == NULL || text.len == 0)
        return SLUICE_PEEK_BROKEN;
    for (j = 0; j < peek->n_names; j++) {
        wanted[j] = csv_columns_find(columns, peek->names[j]);
        if (wanted[j] < columns->n && wanted[j] + 1 > last)
            last = wanted[j] + 1;
    }
    csv_row_init(&row, &c->dialect, text.data, text.len);
    for (i = 0; i < last; i++) {
        if (csv_next(&row, &field) != 1)
            return SLUICE_PEEK_BROKEN;
        for (j = 0; j < peek->n_names; j++) {
            if (wanted[j] != i || (field.len == 0 && !c->empty_text))
                continue;
            if (utf8_valid_prefix(field.data, field.len) < field.len)
                return SLUICE_PEEK_BROKEN;
            values[j] = field_text(c, r, &field);
            if (values[j].data == NULL)
                return SLUICE_PEEK_BROKEN;
        }
    }
    return SLUICE_PEEK_WHOLE;
}

static uint32_t csv_peek(void *self, const struct sluice_peek *peek, struct sluice_error *err)
{
    struct csv_call call = {.csv = self};
    uint32_t i;

    (void)err;
    for (i = 0; i < peek->n; i++) {
        struct sluice_str *values = peek->values + i * peek->n_names;
        const struct csv_columns *columns;
        int missing;

        memset(values, 0, peek->n_names * sizeof *values);
        columns = columns_of(&call, peek->records[i], &missing);
        if (columns == NULL || columns->problem != NULL || peek->n_names > MAX_NAMES)
            peek->status[i] = SLUICE_PEEK_BROKEN;
        else
            peek->status[i] = peek_row(self, peek->records[i], columns, peek, values);
    }
    csv_headers_put(call.columns);
    return SLUICE_OK;
}

static const struct sluice_lifecycle csv_lifecycle = {
    .struct_size = sizeof csv_lifecycle,
    .create = csv_create,
    .destroy = csv_destroy,
};

static const struct sluice_decoder_ops csv_ops = {
    .struct_size = sizeof csv_ops,
    .decode = csv_decode,
    .peek = csv_peek,
};

static const struct sluice_plugin decoder_csv = {
    .struct_size = sizeof decoder_csv,
    .kind = SLUICE_DECODER,
    .flags = SLUICE_PARALLEL,
    .name = "csv",
    .version = "0.1.0",
    .summary = "a CSV row to a document of texts",
    .licence = "MIT",
    SLUICE_OPTIONS(csv_options),
    .lifecycle = &csv_lifecycle,
    .ops = &csv_ops,
    .example = "plugin: csv\ncolumns: [user_id, product_id, time]\n",
};

SLUICE_MODULE("decoder-csv", NULL, NULL, &decoder_csv);
