/* table_json: rows from JSON: a list of objects, an object of objects by key, or one
 * object a line.  The file is cut into rows by its brackets and each row is parsed
 * alone, so that a large table is never held as a tree. */
#include <jansson.h>
#include <stdlib.h>

#include "strbuf.h"
#include "table.h"

struct reader {
    struct table *table;
    struct table_input *in;
    struct sluice_error *err;
    struct strbuf text; /* of the row */
    uint64_t line;      /* where the row began */
};

static int peek_token(struct reader *r)
{
    int c;

    while ((c = table_input_peek(r->in)) == ' ' || c == '\t' || c == '\r' || c == '\n')
        (void)table_input_next(r->in);
    return c;
}

static int too_long(struct reader *r)
{
    return table_input_refuse(r->in, r->line, "a row of more than %u bytes, or no memory for it",
                              TABLE_MAX_CELL);
}

/* Takes bytes into text until the brackets that are open close; depth says how many
 * are open before the next byte.  Whether it is JSON is for the parser to say. */
static int take_object(struct reader *r, int depth)
{
    int c, in_string = 0, escaped = 0;

    do {
        c = table_input_next(r->in);
        if (c < 0)
            return table_input_refuse(r->in, r->line, "the file ends inside this row");
        strbuf_putc(&r->text, (char)c);
        if (r->text.failed)
            return too_long(r);
        if (in_string) {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    } while (depth > 0);
    return 0;
}

/* A string with its quotes, into text. */
static int take_string(struct reader *r)
{
    int c, escaped = 0, first = 1;

    for (;; first = 0) {
        c = table_input_next(r->in);
        if (c < 0)
            return table_input_refuse(r->in, r->line, "the file ends inside a text");
        strbuf_putc(&r->text, (char)c);
        if (r->text.failed)
            return too_long(r);
        if (!first && c == '"' && !escaped)
            return 0;
        escaped = !escaped && c == '\\';
    }
}

/* A value as a cell.  *owned is to be freed once the row was added. */
static int cell_of(struct reader *r, const json_t *value, struct table_cell *cell, char **owned)
{
    cell->json = 0;
    cell->text = sluice_str_of("");
    *owned = NULL;
    if (value == NULL || json_is_null(value))
        return 0;
    if (json_is_string(value)) {
        cell->text.data = json_string_value(value);
        cell->text.len = json_string_length(value);
        return 0;
    }
    *owned = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (*owned == NULL)
        return too_long(r);
    cell->text = sluice_str_of(*owned);
    cell->json = 1;
    return 0;
}

/* name: the member's name in an object of objects, else NULL. */
static int add_row(struct reader *r, const json_t *row, const json_t *name)
{
    const struct table_plan *plan = r->table->plan;
    struct table_cell cells[TABLE_MAX_COLUMNS], key;
    char *owned[TABLE_MAX_COLUMNS] = {NULL}, *owned_key = NULL;
    const json_t *named = name != NULL ? name : json_object_get(row, plan->key);
    uint32_t i;
    int failed;

    if (named != NULL && !json_is_string(named) && !json_is_integer(named))
        return table_input_refuse(r->in, r->line, "the key %.60s is neither a text nor a whole number",
                                  plan->key);
    failed = cell_of(r, named, &key, &owned_key);
    if (failed == 0 && key.text.len == 0)
        failed = table_input_refuse(r->in, r->line, "the key %.60s is missing or empty", plan->key);
    for (i = 0; i < plan->n_columns && failed == 0; i++) {
        const json_t *value = json_object_get(row, plan->columns[i]);

        if (value == NULL && name != NULL && strcmp(plan->columns[i], plan->key) == 0)
            value = name;
        failed = cell_of(r, value, &cells[i], &owned[i]);
    }
    if (failed == 0)
        failed = table_add(r->table, key.text, cells, r->line, r->err);
    free(owned_key);
    for (i = 0; i < plan->n_columns; i++)
        free(owned[i]);
    return failed;
}

static json_t *parse(struct reader *r, size_t flags)
{
    json_error_t why;
    json_t *value = json_loadb(strbuf_text(&r->text), r->text.len, JSON_REJECT_DUPLICATES | flags, &why);

    if (value == NULL)
        (void)table_input_refuse(r->in, r->line + (uint64_t)(why.line > 1 ? why.line - 1 : 0), "%s",
                                 why.text);
    return value;
}

/* Parses what text holds and adds it. */
static int finish_row(struct reader *r, const json_t *name)
{
    json_t *row = parse(r, 0);
    int failed;

    if (row == NULL)
        return -1;
    failed = json_is_object(row) ? add_row(r, row, name)
                                 : table_input_refuse(r->in, r->line, "a row that is not an object");
    json_decref(row);
    return failed;
}

static int begin_row(struct reader *r)
{
    strbuf_clear(&r->text);
    r->line = table_input_line(r->in);
    if (peek_token(r) == '{') {
        r->line = table_input_line(r->in);
        return 0;
    }
    return table_input_refuse(r->in, table_input_line(r->in), "expected an object");
}

static int read_list(struct reader *r)
{
    int c = peek_token(r);

    if (c == ']') {
        (void)table_input_next(r->in);
        return 0;
    }
    for (;;) {
        if (begin_row(r) != 0 || take_object(r, 0) != 0 || finish_row(r, NULL) != 0)
            return -1;
        c = peek_token(r);
        (void)table_input_next(r->in);
        if (c == ']')
            return 0;
        if (c != ',')
            return table_input_refuse(r->in, table_input_line(r->in), "expected , or ] after a row");
    }
}

static int read_lines(struct reader *r)
{
    while (peek_token(r) >= 0)
        if (begin_row(r) != 0 || take_object(r, 0) != 0 || finish_row(r, NULL) != 0)
            return -1;
    return 0;
}

/* "name": { … }, with the name taken and the text of it at hand. */
static int keyed_row(struct reader *r)
{
    json_t *name = parse(r, JSON_DECODE_ANY);
    int failed;

    if (name == NULL)
        return -1;
    strbuf_clear(&r->text);
    failed = take_object(r, 0) != 0 || finish_row(r, name) != 0;
    json_decref(name);
    return failed ? -1 : 0;
}

/* Takes "name" : into text without the colon. */
static int take_name(struct reader *r)
{
    strbuf_clear(&r->text);
    if (peek_token(r) != '"')
        return table_input_refuse(r->in, table_input_line(r->in), "expected a member's name");
    r->line = table_input_line(r->in);
    if (take_string(r) != 0)
        return -1;
    if (peek_token(r) != ':')
        return table_input_refuse(r->in, table_input_line(r->in), "expected : after a member's name");
    (void)table_input_next(r->in);
    return 0;
}

static int read_keyed(struct reader *r)
{
    int c;

    for (;;) {
        if (peek_token(r) != '{')
            return table_input_refuse(r->in, table_input_line(r->in), "expected an object for this key");
        if (keyed_row(r) != 0)
            return -1;
        c = peek_token(r);
        (void)table_input_next(r->in);
        if (c == '}')
            return 0;
        if (c != ',')
            return table_input_refuse(r->in, table_input_line(r->in), "expected , or } after a row");
        if (take_name(r) != 0)
            return -1;
    }
}

/* The file begins with an object: of objects by key if its first member is an object,
 * else it is the first of many rows.  What was looked at for that is kept in text. */
static int read_object(struct reader *r)
{
    struct strbuf name;
    int failed;

    r->line = table_input_line(r->in);
    (void)table_input_next(r->in);
    if (peek_token(r) == '}') {
        (void)table_input_next(r->in);
        return 0;
    }
    if (take_name(r) != 0)
        return -1;
    if (peek_token(r) == '{')
        return read_keyed(r);
    strbuf_init(&name, TABLE_MAX_CELL);
    strbuf_add(&name, r->text.data, r->text.len);
    strbuf_clear(&r->text);
    strbuf_putc(&r->text, '{');
    strbuf_add(&r->text, name.data, name.len);
    strbuf_putc(&r->text, ':');
    failed = name.failed || r->text.failed ? too_long(r) : 0;
    strbuf_release(&name);
    if (failed != 0 || take_object(r, 1) != 0 || finish_row(r, NULL) != 0)
        return -1;
    return read_lines(r);
}

int table_read_json(struct table *t, struct table_input *in, struct sluice_error *err)
{
    struct reader r = {.table = t, .in = in, .err = err};
    int c, failed;

    strbuf_init(&r.text, TABLE_MAX_CELL);
    if (table_input_peek(in) == 0xef)
        for (c = 0; c < 3; c++)
            (void)table_input_next(in);
    c = peek_token(&r);
    if (c == '[') {
        (void)table_input_next(in);
        failed = read_list(&r);
    } else if (c == '{') {
        failed = read_object(&r);
    } else {
        failed = table_input_refuse(in, table_input_line(in), "expected a list or an object");
    }
    if (failed == 0 && peek_token(&r) >= 0)
        failed = table_input_refuse(in, table_input_line(in), "text after the end of the table");
    strbuf_release(&r.text);
    return failed;
}
