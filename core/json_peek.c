/* json_peek: a few top-level members without a document.
 *
 * simdjson reads a whole text before it answers, and so cannot answer for a
 * message that breaks further on; this reader stops once all names are known.
 * Invariant: what it says of a text that parses is what the document says. */
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "json.h"
#include "json_scan.h"

#define NOT_YET UINT64_MAX /* as length of an absent value: not known yet */

struct peek {
    struct json_scan scan;
    const struct sluice_str *names;
    uint64_t n_names;
    uint64_t missing; /* names not known yet */
    struct sluice_str *values;
    struct arena *arena;
};

/* Is the raw text of a name, escapes and all, this name? */
static int name_is(struct sluice_str raw, int escaped, struct sluice_str name)
{
    const char *p = raw.data;
    const char *end = raw.data + raw.len;
    uint64_t at = 0;

    if (!escaped)
        return raw.len == name.len && memcmp(raw.data, name.data, name.len) == 0;
    while (p < end) {
        char out[4];
        size_t n = json_unescape_char(&p, out);

        if (n > name.len - at || memcmp(out, name.data + at, n) != 0)
            return 0;
        at += n;
    }
    return at == name.len;
}

static int is_wanted(const struct peek *k, struct sluice_str raw, int escaped)
{
    uint64_t i;

    for (i = 0; i < k->n_names; i++)
        if (k->values[i].len == NOT_YET && k->values[i].data == NULL && name_is(raw, escaped, k->names[i]))
            return 1;
    return 0;
}

static void give(struct peek *k, struct sluice_str raw, int escaped, struct sluice_str value)
{
    uint64_t i;

    for (i = 0; i < k->n_names; i++)
        if (k->values[i].len == NOT_YET && k->values[i].data == NULL && name_is(raw, escaped, k->names[i])) {
            k->values[i] = value;
            k->missing--;
        }
}

static int unescape(struct peek *k, struct sluice_str *value)
{
    const char *p = value->data;
    const char *end = p + value->len;
    char *out = arena_alloc(k->arena, value->len + 4); /* unescaped is never longer */
    char *to = out;

    if (out == NULL)
        return 0;
    while (p < end)
        to += json_unescape_char(&p, to);
    value->data = out;
    value->len = (uint64_t)(to - out);
    return 1;
}

/* Reals are told as documents tell them (1e2 is 100.0); integers are as written. */
static int number(struct peek *k, struct sluice_str *value)
{
    char text[64];
    char *copy = text;
    char *out;
    double real;
    uint64_t i;

    for (i = value->data[0] == '-'; i < value->len; i++)
        if (value->data[i] < '0' || value->data[i] > '9')
            break;
    if (i == value->len) {
        if (value->len == 2 && value->data[0] == '-' && value->data[1] == '0')
            *value = (struct sluice_str){"0", 1};
        return 1;
    }
    out = arena_alloc(k->arena, 32);
    if (value->len >= sizeof text)
        copy = arena_alloc(k->arena, value->len + 1);
    if (out == NULL || copy == NULL)
        return 0;
    memcpy(copy, value->data, value->len);
    copy[value->len] = '\0';
    real = strtod(copy, NULL);
    if (real - real != 0) /* out of range: as written, the decoder will refuse it */
        return 1;
    *value = (struct sluice_str){out, json_format_real(real, out)};
    return 1;
}

/* The value at hand, as a gate sees it; 0: broken, or no memory. */
static int read_value(struct peek *k, struct sluice_str *value)
{
    struct json_scan *s = &k->scan;
    const char *from;
    int escaped;

    json_scan_space(s);
    if (s->at == s->end)
        return 0;
    from = s->at;
    if (*from == '"')
        return json_scan_string(s, value, &escaped) && (!escaped || unescape(k, value));
    if (!json_scan_value(s))
        return 0;
    if (*from == '{' || *from == '[' || *from == 'n') {
        *value = (struct sluice_str){NULL, 0};
        return 1;
    }
    *value = (struct sluice_str){from, (uint64_t)(s->at - from)};
    return *from == 't' || *from == 'f' || number(k, value);
}

/* A member, and that ',' or '}' follows.  0: broken. */
static int read_member(struct peek *k)
{
    struct json_scan *s = &k->scan;
    struct sluice_str key;
    struct sluice_str value;
    int escaped;
    int wanted;

    json_scan_space(s);
    if (s->at == s->end || *s->at != '"' || !json_scan_string(s, &key, &escaped))
        return 0;
    json_scan_space(s);
    if (s->at == s->end || *s->at++ != ':')
        return 0;
    wanted = is_wanted(k, key, escaped);
    if (wanted ? !read_value(k, &value) : !json_scan_value(s))
        return 0;
    json_scan_space(s);
    if (s->at == s->end || (*s->at != ',' && *s->at != '}'))
        return 0;
    if (wanted)
        give(k, key, escaped, value);
    return 1;
}

static uint8_t read_object(struct peek *k)
{
    struct json_scan *s = &k->scan;

    s->at++;
    s->depth = 1;
    json_scan_space(s);
    if (s->at < s->end && *s->at == '}') {
        s->at++;
    } else {
        do {
            if (!read_member(k))
                return SLUICE_PEEK_BROKEN;
            if (k->missing == 0)
                return SLUICE_PEEK_WHOLE;
        } while (*s->at++ == ',');
    }
    json_scan_space(s);
    return s->at == s->end ? SLUICE_PEEK_WHOLE : SLUICE_PEEK_BROKEN;
}

uint8_t json_peek(struct sluice_str text, const struct sluice_str *names, uint64_t n_names,
                  struct sluice_str *values, struct arena *arena)
{
    struct peek k = {
        .names = names, .n_names = n_names, .missing = n_names, .values = values, .arena = arena};
    uint8_t status;
    uint64_t i;

    for (i = 0; i < n_names; i++)
        values[i] = (struct sluice_str){NULL, NOT_YET};
    json_scan_init(&k.scan, text);
    json_scan_space(&k.scan);
    if (k.scan.at < k.scan.end && *k.scan.at == '{')
        status = read_object(&k);
    else
        status = json_scan_text(&k.scan) ? SLUICE_PEEK_WHOLE : SLUICE_PEEK_BROKEN;
    for (i = 0; i < n_names; i++)
        if (values[i].data == NULL)
            values[i].len = 0;
    return status;
}
