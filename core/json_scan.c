/* json_scan: RFC 8259, strictly: what it accepts simdjson accepts, and the
 * reverse (tests/fuzz/fuzz_json holds the two against each other). */
#include "json_scan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "json.h"
#include "utf8.h"

void json_scan_init(struct json_scan *s, struct sluice_str text)
{
    memset(s, 0, sizeof *s);
    s->start = s->at = text.data == NULL ? "" : text.data;
    s->end = s->start + text.len;
}

int json_scan_fail(struct json_scan *s, const char *at, const char *why)
{
    s->at = at;
    s->why = why;
    return 0;
}

void json_scan_space(struct json_scan *s)
{
    const char *p = s->at;

    while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    s->at = p;
}

const char *json_plain_run(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');

    while (end - p >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* signed: below ' ' are the controls and everything from 0x80 on */
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)),
                                    _mm_cmplt_epi8(x, space));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);

        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
        p++;
    return p;
}

/* Value of four hex digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
    int value = 0;
    int i;

    if (end - p < 4)
        return -1;
    for (i = 0; i < 4; i++) {
        char c = p[i];
        int digit;

        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* at stands on a backslash. */
static int scan_escape(struct json_scan *s)
{
    const char *p = s->at;
    int unit;
    int low;

    if (s->end - p < 2)
        return json_scan_fail(s, s->end, "the text ends inside a string");
    if (p[1] != 'u') {
        if (p[1] == '\0' || strchr("\"\\/bfnrt", p[1]) == NULL)
            return json_scan_fail(s, p, "an unknown escape in a string");
        s->at = p + 2;
        return 1;
    }
    unit = hex4(p + 2, s->end);
    if (unit < 0)
        return json_scan_fail(s, p, "\\u is not followed by four hex digits");
    s->at = p + 6;
    if (unit < 0xd800 || unit > 0xdfff)
        return 1;
    low = s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u' ? hex4(s->at + 2, s->end) : -1;
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return json_scan_fail(s, p, "half of a surrogate pair");
    s->at += 6;
    return 1;
}

int json_scan_string(struct json_scan *s, struct sluice_str *raw, int *escaped)
{
    const char *open = s->at;
    size_t n;

    *escaped = 0;
    s->at++;
    for (;;) {
        s->at = json_plain_run(s->at, s->end);
        if (s->at == s->end)
            return json_scan_fail(s, s->end, "the text ends inside a string");
        switch (*s->at) {
        case '"':
            raw->data = open + 1;
            raw->len = (uint64_t)(s->at - open - 1);
            s->at++;
            return 1;
        case '\\':
            *escaped = 1;
            if (!scan_escape(s))
                return 0;
            break;
        default:
            if ((unsigned char)*s->at < 0x20)
                return json_scan_fail(s, s->at, "a control character in a string");
            n = utf8_char(s->at, s->end);
            if (n == 0)
                return json_scan_fail(s, s->at, "bytes that are not UTF-8");
            s->at += n;
        }
    }
}

static size_t put_utf8(unsigned code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t json_unescape_char(const char **p, char out[4])
{
    static const char short_forms[] = "b\bf\fn\nr\rt\t";
    const char *at = *p;
    const char *found;
    unsigned code;

    if (*at != '\\') {
        out[0] = *at;
        *p = at + 1;
        return 1;
    }
    if (at[1] != 'u') {
        found = NULL;
        for (code = 0; code + 1 < sizeof short_forms - 1 && found == NULL; code += 2)
            if (short_forms[code] == at[1])
                found = &short_forms[code + 1];
        out[0] = found != NULL ? *found : at[1];
        *p = at + 2;
        return 1;
    }
    code = (unsigned)hex4(at + 2, at + 6);
    *p = at + 6;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code & 0x3ff) << 10 | ((unsigned)hex4(at + 8, at + 12) & 0x3ff));
        *p = at + 12;
    }
    return put_utf8(code, out);
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Does the number from..to fit?  An integer 64 bits, signed or not; any other a double. */
static int number_fits(const char *from, const char *to, int integer)
{
    char text[512];
    size_t len = (size_t)(to - from);
    char *whole = len < sizeof text ? text : malloc(len + 1);
    int fits;

    if (whole == NULL)
        return 1; /* not the place to report a lack of memory */
    memcpy(whole, from, len);
    whole[len] = '\0';
    errno = 0;
    if (!integer)
        fits = isfinite(strtod(whole, NULL));
    else if (whole[0] == '-')
        fits = ((void)strtoll(whole, NULL, 10), errno != ERANGE);
    else
        fits = ((void)strtoull(whole, NULL, 10), errno != ERANGE);
    if (whole != text)
        free(whole);
    return fits;
}

static int scan_number(struct json_scan *s)
{
    const char *from = s->at;
    const char *p = from + (*from == '-');
    const char *part = p;
    int integer = 1;

    p = digits(p, s->end);
    if (p == part)
        return json_scan_fail(s, p, "a digit was expected");
    if (*part == '0' && p - part > 1)
        return json_scan_fail(s, from, "a number with a leading zero");
    if (p < s->end && *p == '.') {
        integer = 0;
        part = ++p;
        p = digits(p, s->end);
        if (p == part)
            return json_scan_fail(s, p, "a digit was expected after the decimal point");
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        integer = 0;
        p++;
        if (p < s->end && (*p == '+' || *p == '-'))
            p++;
        part = p;
        p = digits(p, s->end);
        if (p == part)
            return json_scan_fail(s, p, "a digit was expected in the exponent");
    }
    if (s->ranges && !number_fits(from, p, integer))
        return json_scan_fail(s, from,
                              integer ? "an integer that does not fit 64 bits" : "a number out of range");
    s->at = p;
    return 1;
}

static int scan_literal(struct json_scan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return json_scan_fail(s, s->at, "a value was expected");
    s->at += n;
    return 1;
}

static int scan_scalar(struct json_scan *s)
{
    struct sluice_str raw;
    int escaped;

    switch (*s->at) {
    case '"':
        return json_scan_string(s, &raw, &escaped);
    case 't':
        return scan_literal(s, "true");
    case 'f':
        return scan_literal(s, "false");
    case 'n':
        return scan_literal(s, "null");
    default:
        if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
            return scan_number(s);
        return json_scan_fail(s, s->at, "a value was expected");
    }
}

/* A member's name and its colon. */
static int scan_key(struct json_scan *s)
{
    struct sluice_str raw;
    int escaped;

    json_scan_space(s);
    if (s->at == s->end)
        return json_scan_fail(s, s->end, "the text ends inside an object");
    if (*s->at != '"')
        return json_scan_fail(s, s->at, "a name in quotes was expected");
    if (!json_scan_string(s, &raw, &escaped))
        return 0;
    json_scan_space(s);
    if (s->at == s->end)
        return json_scan_fail(s, s->end, "the text ends inside an object");
    if (*s->at != ':')
        return json_scan_fail(s, s->at, "':' was expected after a name");
    s->at++;
    return 1;
}

/* After a value: closes containers and stops before the next value.  *kinds has a
 * bit a container, 1 for an object, the innermost lowest. */
static int scan_after(struct json_scan *s, uint64_t *kinds, uint32_t outside)
{
    while (s->depth > outside) {
        int object = (int)(*kinds & 1);

        json_scan_space(s);
        if (s->at == s->end)
            return json_scan_fail(
                s, s->end, object ? "the text ends inside an object" : "the text ends inside an array");
        if (*s->at == ',') {
            s->at++;
            return !object || scan_key(s);
        }
        if (*s->at != (object ? '}' : ']'))
            return json_scan_fail(s, s->at, object ? "',' or '}' was expected" : "',' or ']' was expected");
        s->at++;
        s->depth--;
        *kinds >>= 1;
    }
    return 1;
}

/* at stands on '{' or '['.  *empty is 1 if the container was closed at once. */
static int scan_open(struct json_scan *s, uint64_t *kinds, int *empty)
{
    int object = *s->at == '{';

    if (s->depth == JSON_MAX_DEPTH)
        return json_scan_fail(s, s->at, "nested deeper than 64 levels");
    s->at++;
    json_scan_space(s);
    *empty = s->at < s->end && *s->at == (object ? '}' : ']');
    if (*empty) {
        s->at++;
        return 1;
    }
    s->depth++;
    *kinds = *kinds << 1 | (uint64_t)object;
    return !object || scan_key(s);
}

int json_scan_value(struct json_scan *s)
{
    uint32_t outside = s->depth;
    uint64_t kinds = 0;

    for (;;) {
        int empty = 0;

        json_scan_space(s);
        if (s->at == s->end)
            return json_scan_fail(s, s->end, "a value was expected, and the text ends");
        if (*s->at == '{' || *s->at == '[') {
            if (!scan_open(s, &kinds, &empty))
                return 0;
            if (!empty)
                continue;
        } else if (!scan_scalar(s)) {
            return 0;
        }
        if (s->depth > outside && !scan_after(s, &kinds, outside))
            return 0;
        if (s->depth == outside)
            return 1;
    }
}

int json_scan_text(struct json_scan *s)
{
    json_scan_space(s);
    if (s->at == s->end)
        return json_scan_fail(s, s->end, "there is no value");
    if (!json_scan_value(s))
        return 0;
    json_scan_space(s);
    if (s->at < s->end)
        return json_scan_fail(s, s->at, "more text after the end of the value");
    return 1;
}
