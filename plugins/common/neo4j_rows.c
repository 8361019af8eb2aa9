/* neo4j_rows: rows of an answer, and values of a row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "neo4j_answer_private.h"

int neo4j_answer_char(struct json_scan *s, char c)
{
    json_scan_space(s);
    if (s->at >= s->end || *s->at != c)
        return 0;
    s->at++;
    return 1;
}

/* The next member of the object that is open: 1 with its key, at stands on its value. */
int neo4j_answer_member(struct json_scan *s, struct sluice_str *key)
{
    int escaped;

    (void)neo4j_answer_char(s, ',');
    json_scan_space(s);
    if (s->at >= s->end || *s->at != '"' || !json_scan_string(s, key, &escaped))
        return 0;
    if (!neo4j_answer_char(s, ':'))
        return 0;
    json_scan_space(s);
    return s->at < s->end;
}

int neo4j_answer_is(struct sluice_str key, const char *name)
{
    return key.len == strlen(name) && memcmp(key.data, name, key.len) == 0;
}

void neo4j_rows_open(struct neo4j_rows *r, const struct neo4j_reply *reply, uint32_t statement)
{
    const struct sluice_str nothing = {"", 0};

    memset(r, 0, sizeof *r);
    r->is_query = reply->is_query;
    if (statement >= reply->n) {
        json_scan_init(&r->scan, nothing);
        r->broken = 1;
        return;
    }
    json_scan_init(&r->scan, (struct sluice_str){reply->rows[statement], (uint64_t)(reply->ends[statement] -
                                                                                    reply->rows[statement])});
    r->broken = !neo4j_answer_char(&r->scan, '[');
}

/* Leaves the row that is open, with whatever was not read of it. */
static int rows_leave(struct neo4j_rows *r)
{
    struct sluice_str key;

    while (!neo4j_answer_char(&r->scan, ']')) {
        (void)neo4j_answer_char(&r->scan, ',');
        json_scan_space(&r->scan);
        if (!json_scan_value(&r->scan))
            return 0;
    }
    r->in_row = 0;
    if (r->is_query)
        return 1;
    while (neo4j_answer_member(&r->scan, &key))
        if (!json_scan_value(&r->scan))
            return 0;
    return neo4j_answer_char(&r->scan, '}');
}

int neo4j_row(struct neo4j_rows *r)
{
    struct sluice_str key;

    if (r->broken || (r->in_row && !rows_leave(r))) {
        r->broken = 1;
        return 0;
    }
    if (neo4j_answer_char(&r->scan, ']'))
        return 0;
    (void)neo4j_answer_char(&r->scan, ',');
    if (!r->is_query) {
        /* "row" is always the first member */
        if (!neo4j_answer_char(&r->scan, '{') || !neo4j_answer_member(&r->scan, &key) ||
            !neo4j_answer_is(key, "row")) {
            r->broken = 1;
            return 0;
        }
    }
    r->in_row = neo4j_answer_char(&r->scan, '[');
    r->broken = !r->in_row;
    return r->in_row;
}

static int rows_broken(struct neo4j_rows *r)
{
    r->broken = 1;
    return 0;
}

/* at stands on the next value of the row; 0: there is none. */
static int rows_value(struct neo4j_rows *r)
{
    if (r->broken || !r->in_row)
        return rows_broken(r);
    (void)neo4j_answer_char(&r->scan, ',');
    json_scan_space(&r->scan);
    if (r->scan.at >= r->scan.end || *r->scan.at == ']')
        return rows_broken(r);
    return 1;
}

static int rows_null(struct neo4j_rows *r)
{
    return *r->scan.at == 'n' && json_scan_value(&r->scan);
}

static int rows_number(struct neo4j_rows *r, int64_t *whole, double *real)
{
    const char *from = r->scan.at;
    char text[40], *end;
    size_t len;

    if ((*from != '-' && (*from < '0' || *from > '9')) || !json_scan_value(&r->scan))
        return rows_broken(r);
    len = (size_t)(r->scan.at - from);
    if (len >= sizeof text)
        return rows_broken(r);
    memcpy(text, from, len);
    text[len] = '\0';
    errno = 0;
    if (whole != NULL)
        *whole = strtoll(text, &end, 10);
    else
        *real = strtod(text, &end);
    return (*end == '\0' && errno == 0) || rows_broken(r);
}

int neo4j_integer(struct neo4j_rows *r, int64_t *out, int64_t if_null)
{
    if (!rows_value(r))
        return 0;
    *out = if_null;
    return rows_null(r) || rows_number(r, out, NULL);
}

int neo4j_float(struct neo4j_rows *r, double *out, double if_null)
{
    if (!rows_value(r))
        return 0;
    *out = if_null;
    return rows_null(r) || rows_number(r, NULL, out);
}

int neo4j_boolean(struct neo4j_rows *r, int *out, int if_null)
{
    if (!rows_value(r))
        return 0;
    *out = if_null;
    if (rows_null(r))
        return 1;
    if (*r->scan.at != 't' && *r->scan.at != 'f')
        return rows_broken(r);
    *out = *r->scan.at == 't';
    return json_scan_value(&r->scan) || rows_broken(r);
}

/* at stands on a quote */
static int rows_string(struct neo4j_rows *r, struct arena *arena, struct sluice_str *out)
{
    const char *p, *end;
    struct sluice_str raw;
    int escaped;
    size_t n = 0;
    char *copy;

    if (*r->scan.at != '"' || !json_scan_string(&r->scan, &raw, &escaped))
        return rows_broken(r);
    copy = escaped ? arena_alloc(arena, raw.len + 4) : arena_copy(arena, raw.data, raw.len);
    if (copy == NULL)
        return rows_broken(r);
    n = raw.len;
    if (escaped) {
        n = 0;
        for (p = raw.data, end = raw.data + raw.len; p < end;)
            n += json_unescape_char(&p, copy + n);
        copy[n] = '\0';
    }
    out->data = copy;
    out->len = n;
    return 1;
}

int neo4j_text(struct neo4j_rows *r, struct arena *arena, struct sluice_str *out)
{
    out->data = NULL;
    out->len = 0;
    if (!rows_value(r))
        return 0;
    return rows_null(r) || rows_string(r, arena, out);
}

/* How many values the list that is open has at most. */
static uint64_t rows_count(const struct neo4j_rows *r)
{
    struct json_scan s = r->scan;
    uint64_t n = 0;

    while (!neo4j_answer_char(&s, ']')) {
        (void)neo4j_answer_char(&s, ',');
        json_scan_space(&s);
        if (!json_scan_value(&s))
            break;
        n++;
    }
    return n;
}

/* Texts or integers: whichever of the two is given. */
static int rows_list(struct neo4j_rows *r, struct arena *arena, struct sluice_str **texts, int64_t **numbers,
                     uint64_t *n)
{
    uint64_t room;

    *n = 0;
    if (!rows_value(r))
        return 0;
    if (rows_null(r))
        return 1;
    if (!neo4j_answer_char(&r->scan, '['))
        return rows_broken(r);
    room = rows_count(r) + 1;
    if (texts != NULL)
        *texts = arena_alloc(arena, room * sizeof **texts);
    else
        *numbers = arena_alloc(arena, room * sizeof **numbers);
    if (texts != NULL ? *texts == NULL : *numbers == NULL)
        return rows_broken(r);
    while (!neo4j_answer_char(&r->scan, ']')) {
        (void)neo4j_answer_char(&r->scan, ',');
        json_scan_space(&r->scan);
        if (r->scan.at >= r->scan.end)
            return rows_broken(r);
        if (rows_null(r))
            continue;
        if (!(texts != NULL ? rows_string(r, arena, &(*texts)[*n]) : rows_number(r, &(*numbers)[*n], NULL)))
            return 0;
        (*n)++;
    }
    return 1;
}

int neo4j_texts(struct neo4j_rows *r, struct arena *arena, struct sluice_str **out, uint64_t *n)
{
    *out = NULL;
    return rows_list(r, arena, out, NULL, n);
}

int neo4j_integers(struct neo4j_rows *r, struct arena *arena, int64_t **out, uint64_t *n)
{
    *out = NULL;
    return rows_list(r, arena, NULL, out, n);
}
