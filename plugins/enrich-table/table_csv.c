/* table_csv: a CSV file with a header line (RFC 4180: quotes, doubled quotes, line
 * breaks inside quotes, CRLF).  A row that has more or fewer columns than the header
 * is an error with its line: a shifted row would give products each other's names. */
#include <stdlib.h>

#include "strbuf.h"
#include "table.h"
#include "utf8.h"

struct csv {
    struct table_input *in;
    struct strbuf row;            /* cells of the row, one behind the other */
    size_t ends[TABLE_MAX_WIDTH]; /* where each ends */
    uint32_t n;                   /* cells */
    uint64_t line;                /* where the row began */
};

static int add_cell(struct csv *c)
{
    if (c->n == TABLE_MAX_WIDTH)
        return table_input_refuse(c->in, c->line, "more than %u columns", TABLE_MAX_WIDTH);
    if (c->row.failed)
        return table_input_refuse(c->in, c->line, "a row of more than %u bytes, or no memory for it",
                                  TABLE_MAX_CELL);
    c->ends[c->n++] = c->row.len;
    return 0;
}

/* After the opening quote, up to and with the closing one. */
static int quoted(struct csv *c)
{
    int byte;

    for (;;) {
        byte = table_input_next(c->in);
        if (byte < 0)
            return table_input_refuse(c->in, c->line, "a quoted column without an end");
        if (byte == '"') {
            if (table_input_peek(c->in) != '"')
                return 0;
            (void)table_input_next(c->in);
        }
        strbuf_putc(&c->row, (char)byte);
        if (c->row.failed)
            return table_input_refuse(c->in, c->line, "a row of more than %u bytes, or no memory for it",
                                      TABLE_MAX_CELL);
    }
}

/* One cell; the byte that ended it in *stop: ',', '\n' or -1. */
static int cell(struct csv *c, int *stop)
{
    int byte = table_input_next(c->in), was_quoted = byte == '"';

    if (was_quoted) {
        if (quoted(c) != 0)
            return -1;
        byte = table_input_next(c->in);
    }
    for (;; byte = table_input_next(c->in)) {
        if (byte == '\r' && (table_input_peek(c->in) == '\n' || table_input_peek(c->in) < 0))
            byte = table_input_next(c->in);
        if (byte == ',' || byte == '\n' || byte < 0)
            break;
        if (was_quoted)
            return table_input_refuse(c->in, c->line, "text after a quoted column");
        if (byte == '"')
            return table_input_refuse(c->in, c->line, "a quote inside a column that does not begin with one");
        if (byte == '\0')
            return table_input_refuse(c->in, c->line, "a NUL byte: this is not a CSV file");
        strbuf_putc(&c->row, (char)byte);
        if (c->row.failed)
            break;
    }
    *stop = byte;
    return add_cell(c);
}

/* 1 a row, 0 the end, -1 refused. */
static int next_row(struct csv *c)
{
    int stop = ',';

    c->n = 0;
    strbuf_clear(&c->row);
    c->line = table_input_line(c->in);
    if (table_input_peek(c->in) < 0)
        return table_input_failed(c->in) ? -1 : 0;
    while (stop == ',')
        if (cell(c, &stop) != 0)
            return -1;
    return table_input_failed(c->in) ? -1 : 1;
}

static struct sluice_str cell_at(const struct csv *c, uint32_t i)
{
    size_t from = i == 0 ? 0 : c->ends[i - 1];
    struct sluice_str s = {strbuf_text(&c->row) + from, c->ends[i] - from};

    return s;
}

static int is_blank(const struct csv *c)
{
    return c->n == 1 && c->ends[0] == 0;
}

static int find_column(struct csv *c, const char *name, uint32_t *at)
{
    struct sluice_str wanted = sluice_str_of(name);
    char known[200] = "";
    size_t len = 0;
    uint32_t i;

    for (i = 0; i < c->n; i++) {
        struct sluice_str head = cell_at(c, i);

        if (sluice_str_equal(head, wanted)) {
            *at = i;
            return 0;
        }
        if (len + head.len + 3 < sizeof known) {
            (void)snprintf(known + len, sizeof known - len, "%s%.*s", len == 0 ? "" : ", ", (int)head.len,
                           head.data);
            len = strlen(known);
        }
    }
    return table_input_refuse(c->in, c->line, "the header has no column %.60s; it has %s", name, known);
}

static int read_rows(struct csv *c, struct table *t, uint32_t key, const uint32_t *columns, uint32_t width,
                     struct sluice_error *err)
{
    struct table_cell cells[TABLE_MAX_COLUMNS];
    uint32_t i;
    int more;

    while ((more = next_row(c)) > 0) {
        if (is_blank(c) && width > 1)
            continue;
        if (c->n != width)
            return table_input_refuse(c->in, c->line, "%u columns, the header has %u", c->n, width);
        if (utf8_valid_prefix(strbuf_text(&c->row), c->row.len) != c->row.len)
            return table_input_refuse(c->in, c->line, "bytes that are not UTF-8");
        if (cell_at(c, key).len == 0)
            return table_input_refuse(c->in, c->line, "the key column %.60s is empty", t->plan->key);
        for (i = 0; i < t->plan->n_columns; i++) {
            cells[i].text = cell_at(c, columns[i]);
            cells[i].json = 0;
        }
        if (table_add(t, cell_at(c, key), cells, c->line, err) != 0)
            return -1;
    }
    return more;
}

int table_read_csv(struct table *t, struct table_input *in, struct sluice_error *err)
{
    struct csv *c = calloc(1, sizeof *c);
    uint32_t key = 0, columns[TABLE_MAX_COLUMNS], i;
    int failed;

    if (c == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory to read %s", t->plan->path);
        return -1;
    }
    c->in = in;
    strbuf_init(&c->row, TABLE_MAX_CELL);
    if (table_input_peek(in) == 0xef) /* a byte order mark; anything else that begins so is in no header */
        for (i = 0; i < 3; i++)
            (void)table_input_next(in);
    failed = next_row(c) <= 0 ? table_input_refuse(in, 1, "no header: the file is empty")
                              : find_column(c, t->plan->key, &key);
    for (i = 0; i < t->plan->n_columns && failed == 0; i++)
        failed = find_column(c, t->plan->columns[i], &columns[i]);
    if (failed == 0)
        failed = read_rows(c, t, key, columns, c->n, err);
    strbuf_release(&c->row);
    free(c);
    return failed;
}
