#include "admin_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

#define MESSAGE_MAX 400u

void admin_json_error(struct http_answer *answer, uint32_t status, const char *code, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    http_answer_error(answer, status, code, message);
}

void admin_json_answer(struct http_answer *answer, uint32_t status, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);

    json_decref(value);
    if (text == NULL) {
        http_answer_error(answer, 503, "no_memory", "there is no memory for the answer");
        return;
    }
    answer->status = status;
    strbuf_puts(&answer->body, text);
    strbuf_putc(&answer->body, '\n');
    free(text);
}

/* Brackets that are open at once, those in strings aside. */
static unsigned depth_of(struct sluice_str text)
{
    unsigned depth = 0, most = 0;
    int in_string = 0;
    uint64_t i;

    for (i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = 0;
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            if (++depth > most)
                most = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return most;
}

static int check_members(json_t *body, const char *const *known, struct http_answer *answer)
{
    const char *name, *nearest;
    json_t *value;
    size_t i, n;

    for (n = 0; known[n] != NULL; n++)
        ;
    json_object_foreach(body, name, value)
    {
        for (i = 0; i < n && strcmp(name, known[i]) != 0; i++)
            ;
        if (i < n)
            continue;
        nearest = nearest_name(name, known, n);
        admin_json_error(answer, 400, "unknown_member", "there is no member of that name%s%s%s",
                         nearest != NULL ? "; did you mean '" : " in what this takes",
                         nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
        return 0;
    }
    return 1;
}

json_t *admin_json_read(const struct http_request *request, const char *const *known,
                        struct http_answer *answer)
{
    json_error_t error;
    json_t *body;

    if (request->body.len == 0) {
        http_answer_error(answer, 400, "empty_body", "the request needs a JSON object as its body");
        return NULL;
    }
    if (depth_of(request->body) > ADMIN_JSON_DEPTH) {
        admin_json_error(answer, 400, "too_deep", "the body is nested deeper than %u levels",
                         ADMIN_JSON_DEPTH);
        return NULL;
    }
    body = json_loadb(request->body.data, (size_t)request->body.len, JSON_REJECT_DUPLICATES, &error);
    if (body == NULL) {
        admin_json_error(answer, 400, "bad_json", "the body is not JSON: line %d, column %d (byte %d)",
                         error.line, error.column, error.position);
        return NULL;
    }
    if (!json_is_object(body))
        http_answer_error(answer, 400, "not_an_object", "the body needs to be a JSON object");
    else if (check_members(body, known, answer))
        return body;
    json_decref(body);
    return NULL;
}

static json_t *member(const json_t *body, const char *name)
{
    json_t *v = json_object_get(body, name);

    return json_is_null(v) ? NULL : v;
}

int admin_json_number(const json_t *body, const char *name, double min, double max, int whole, double *out,
                      struct http_answer *answer)
{
    const json_t *v = member(body, name);
    double number = json_number_value(v);

    if (v == NULL)
        return 1;
    if (!json_is_number(v) || (whole && !json_is_integer(v)) || !(number >= min && number <= max)) {
        admin_json_error(answer, 400, "bad_request", "%s needs to be a %s from %.10g to %.10g", name,
                         whole ? "whole number" : "number", min, max);
        return 0;
    }
    *out = number;
    return 1;
}

int admin_json_flag(const json_t *body, const char *name, uint32_t *out, struct http_answer *answer)
{
    const json_t *v = member(body, name);

    if (v == NULL)
        return 1;
    if (!json_is_boolean(v)) {
        admin_json_error(answer, 400, "bad_request", "%s needs to be true or false", name);
        return 0;
    }
    *out = json_is_true(v);
    return 1;
}

int admin_json_text(const json_t *body, const char *name, size_t max, const char **out,
                    struct http_answer *answer)
{
    const json_t *v = member(body, name);
    size_t len = json_string_length(v);

    if (v == NULL)
        return 1;
    if (!json_is_string(v) || len == 0 || len > max || strlen(json_string_value(v)) != len) {
        admin_json_error(answer, 400, "bad_request", "%s needs to be a text of 1 to %zu bytes", name, max);
        return 0;
    }
    *out = json_string_value(v);
    return 1;
}
