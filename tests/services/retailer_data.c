/*
 * What the retailer's services know, read from files once: catalogue rows and users' receipts, each
 * kept as the JSON text that an answer holds, so that answering is joining texts.
 *
 * A catalogue file is CSV with a header line (category_id becomes categoryId, level1, level2, …
 * become hierarchy; an empty field is left out) or a JSON array or JSON lines of objects as they
 * are.  Lines of histories that no service could hold (no JSON, no user) are left out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "retailer.h"

#define FILE_MAX ((size_t)1 << 30)
#define COLUMNS_MAX 64

static int complain(const char *path, const char *what)
{
    fprintf(stderr, "retailer: %s: %s\n", path, what);
    return -1;
}

static int read_whole(const char *path, struct strbuf *out)
{
    char chunk[65536];
    size_t n;
    FILE *file = fopen(path, "rb");
    strbuf_init(out, FILE_MAX);
    if (file == NULL) {
        return complain(path, strerror(errno));
    }
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        strbuf_add(out, chunk, n);
    }
    int bad = ferror(file) || out->failed;
    (void)fclose(file);
    return bad ? complain(path, "can't be read whole") : 0;
}

/* Keeps an object under its id, as text. */
static int keep(json_t *table, const char *id, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    int result = text == NULL ? -1 : json_object_set_new(table, id, json_string(text));
    free(text);
    return result;
}

/* Adds one text to a user's list. */
static int append(json_t *table, const char *user, const char *text, size_t len)
{
    json_t *list = json_object_get(table, user);
    if (list == NULL) {
        list = json_array();
        if (json_object_set_new(table, user, list) != 0) {
            return -1;
        }
    }
    return json_array_append_new(list, json_stringn(text, len));
}

/* --- catalogue ------------------------------------------------------------------------------ */

static int set_column(json_t *object, const char *column, const char *value, size_t len)
{
    if (len == 0) {
        return 0;
    }
    json_t *text = json_stringn(value, len);
    if (strncmp(column, "level", 5) == 0) {
        json_t *hierarchy = json_object_get(object, "hierarchy");
        if (hierarchy == NULL) {
            hierarchy = json_array();
            if (json_object_set_new(object, "hierarchy", hierarchy) != 0) {
                return -1;
            }
        }
        return json_array_append_new(hierarchy, text);
    }
    return json_object_set_new(object, strcmp(column, "category_id") == 0 ? "categoryId" : column, text);
}

/* The fields of one row, each a string that the caller frees; their number or -1. */
static int row_fields(const char *row, size_t len, char **out)
{
    static const struct csv_dialect dialect = {.separator = ',', .quote = '"'};
    struct csv_row r;
    struct csv_field field;
    int n = 0, got;
    csv_row_init(&r, &dialect, row, len);
    while ((got = csv_next(&r, &field)) > 0 && n < COLUMNS_MAX) {
        char *text = malloc(field.len + 1);
        if (text == NULL) {
            return n;
        }
        size_t used = field.len;
        if (field.doubled) {
            used = csv_unquote(&dialect, &field, text);
        } else {
            memcpy(text, field.data, field.len);
        }
        text[used] = '\0';
        out[n++] = text;
    }
    return got < 0 ? -1 : n;
}

static void free_fields(char **fields, int n)
{
    for (int i = 0; i < n; i++) {
        free(fields[i]);
    }
}

static int load_csv(json_t *table, const char *path, const struct strbuf *text)
{
    static const struct csv_dialect dialect = {.separator = ',', .quote = '"'};
    char *columns[COLUMNS_MAX], *fields[COLUMNS_MAX];
    int n_columns = -1, result = 0;
    size_t at = 0;
    while (at < text->len && result == 0) {
        size_t row = csv_row_end(&dialect, text->data + at, text->len - at, 1);
        if (row == CSV_MORE || row == CSV_NOT_A_ROW) {
            result = complain(path, "is not CSV");
            break;
        }
        size_t end = row > 0 && text->data[at + row - 1] == '\r' ? row - 1 : row;
        if (n_columns < 0) {
            n_columns = row_fields(text->data + at, end, columns);
        } else {
            json_t *object = json_object();
            int n = row_fields(text->data + at, end, fields);
            for (int i = 0; i < n && i < n_columns && result == 0; i++) {
                result = set_column(object, columns[i], fields[i], strlen(fields[i]));
            }
            const char *id = json_string_value(json_object_get(object, "id"));
            if (result != 0 || n != n_columns || id == NULL || keep(table, id, object) != 0) {
                result = complain(path, "has a row without id, or with another number of fields");
            }
            free_fields(fields, n > 0 ? n : 0);
            json_decref(object);
        }
        at += row + 1;
    }
    free_fields(columns, n_columns > 0 ? n_columns : 0);
    return result;
}

static int load_objects(json_t *table, const char *path, const struct strbuf *text)
{
    size_t at = 0;
    while (at < text->len) {
        json_error_t error;
        json_t *value = json_loadb(text->data + at, text->len - at, JSON_DISABLE_EOF_CHECK, &error);
        if (value == NULL) {
            while (at < text->len && strchr(" \t\r\n", text->data[at]) != NULL) {
                at++;
            }
            return at == text->len ? 0 : complain(path, error.text);
        }
        size_t i;
        json_t *one, *list = json_is_array(value) ? json_incref(value) : json_pack("[O]", value);
        json_array_foreach(list, i, one)
        {
            const char *id = json_string_value(json_object_get(one, "id"));
            if (id == NULL || keep(table, id, one) != 0) {
                json_decref(list);
                json_decref(value);
                return complain(path, "has an object without id");
            }
        }
        json_decref(list);
        json_decref(value);
        at += (size_t)error.position;
    }
    return 0;
}

static int load_catalogue(json_t *table, const char *path)
{
    struct strbuf text;
    int result = read_whole(path, &text);
    if (result == 0) {
        const char *start = strbuf_text(&text);
        result =
            *start == '[' || *start == '{' ? load_objects(table, path, &text) : load_csv(table, path, &text);
    }
    strbuf_release(&text);
    return result;
}

int data_load_products(struct retailer_data *d, const char *path)
{
    return load_catalogue(d->products, path);
}

int data_load_categories(struct retailer_data *d, const char *path)
{
    return load_catalogue(d->categories, path);
}

/* --- histories ------------------------------------------------------------------------------ */

/* A finalized shop order as it stands on the factoid topic, in the form of the service; NULL: not one. */
static json_t *order_of(json_t *factoid)
{
    const char *id = json_string_value(json_object_get(factoid, "summary_id"));
    const char *at = json_string_value(json_object_get(factoid, "occurred_at"));
    const char *source = json_string_value(json_object_get(factoid, "source"));
    const char *event = json_string_value(json_object_get(factoid, "event_type"));
    json_t *data = json_object_get(factoid, "data"), *items = json_array(), *one;
    size_t i;
    if (id == NULL || at == NULL || source == NULL || event == NULL || strcmp(source, "SHOP") != 0 ||
        strcmp(event, "ORDER_FINALIZED") != 0) {
        json_decref(items);
        return NULL;
    }
    json_array_foreach(json_object_get(data, "fidos"), i, one)
    {
        (void)json_array_append_new(items, json_pack("{s:O?, s:O?}", "fido", json_object_get(one, "id"),
                                                     "quantity", json_object_get(one, "quantity")));
    }
    json_t *order = json_pack("{s:s, s:s, s:o}", "buttonOrderId", id, "orderedAt", at, "items", items);
    json_t *retailer = json_object_get(json_object_get(data, "retailer_info"), "name");
    if (order != NULL && retailer != NULL) {
        (void)json_object_set(order, "retailer", retailer);
    }
    return order;
}

static int load_history(json_t *table, const char *path, int orders)
{
    struct strbuf text;
    int result = read_whole(path, &text);
    size_t at = 0;
    while (result == 0 && at < text.len) {
        const char *line = text.data + at;
        const char *newline = memchr(line, '\n', text.len - at);
        size_t len = newline != NULL ? (size_t)(newline - line) : text.len - at;
        json_t *one = json_loadb(line, len, 0, NULL);
        const char *user = json_string_value(json_object_get(one, "user_id"));
        json_t *kept = user == NULL                                   ? NULL
                       : orders && json_object_get(one, "summary_id") ? order_of(one)
                                                                      : json_incref(one);
        if (kept != NULL) {
            char *form = json_dumps(kept, JSON_COMPACT);
            if (form == NULL || append(table, user, form, strlen(form)) != 0) {
                result = complain(path, "out of memory");
            }
            free(form);
        }
        json_decref(kept);
        json_decref(one);
        at += len + 1;
    }
    strbuf_release(&text);
    return result;
}

int data_load_purchases(struct retailer_data *d, const char *path)
{
    return load_history(d->purchases, path, 0);
}

int data_load_orders(struct retailer_data *d, const char *path)
{
    return load_history(d->orders, path, 1);
}

void data_release(struct retailer_data *d)
{
    json_decref(d->products);
    json_decref(d->categories);
    json_decref(d->purchases);
    json_decref(d->orders);
}
