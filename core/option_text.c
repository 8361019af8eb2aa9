/* option_text: the text of one value to what it means.
 *
 * Invariant: a text either parses whole or is refused; nothing is rounded, cut
 * or guessed.  No message holds the text of a secret or of a URL. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "option_internal.h"
#include "strbuf.h"

#define OPTION_SHOWN 60 /* bytes of a wrong value that a message shows */

struct unit {
    const char *name;
    int64_t factor;
};

/* Digits, then a unit of the list; 1 if the product fits. */
static int parse_units(const char *text, const struct unit *units, int64_t *out)
{
    const char *s = text;
    int64_t value = 0;

    if (!isdigit((unsigned char)*s))
        return 0;
    for (; isdigit((unsigned char)*s); s++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *s - '0', &value))
            return 0;
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, s) != 0 || __builtin_mul_overflow(value, units->factor, &value))
            continue;
        *out = value;
        return 1;
    }
    return 0;
}

int option_parse_size(const char *text, int64_t *bytes)
{
    static const struct unit units[] = {{"", 1},          {"B", 1},         {"KiB", 1 << 10},
                                        {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", INT64_C(1) << 40},
                                        {NULL, 0}};

    return parse_units(text, units, bytes);
}

int option_parse_duration(const char *text, int64_t *ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

    if (strcmp(text, "0") == 0) {
        *ms = 0;
        return 1;
    }
    return parse_units(text, units, ms);
}

const char *option_type_name(uint32_t type)
{
    static const char *const names[] = {
        "unknown type",
        "text",
        "whole number (8, -1)",
        "number (0.5, 10)",
        "true or false",
        "size (512, 64KiB, 16MiB)",
        "duration (250ms, 5s, 10m)",
        "choice",
        "URL (https://host/path)",
        "path of a file",
        "list of texts",
        "map of texts",
        "field (user_id, data.items[].id)",
    };

    return names[type < sizeof names / sizeof *names ? type : 0];
}

int option_is_text(uint32_t type)
{
    return type == SLUICE_STRING || type == SLUICE_CHOICE || type == SLUICE_URL || type == SLUICE_PATH ||
           type == SLUICE_FIELD;
}

static int parse_integer(const char *text, int64_t *out)
{
    const char *s = text;
    char *end;
    long long value;

    if (*s == '-' || *s == '+')
        s++;
    if (!isdigit((unsigned char)*s) || (*s == '0' && s[1] != '\0'))
        return 0;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return 0;
    *out = value;
    return 1;
}

static int parse_number(const char *text, double *out)
{
    const char *s = text;
    char *end;

    if (*s == '-' || *s == '+')
        s++;
    if (!isdigit((unsigned char)*s) || strspn(s, "0123456789.eE+-") != strlen(s))
        return 0;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

/* The index of text among "a|b|c", or -1. */
static int64_t choice_index(const char *choices, const char *text)
{
    const char *s = choices;
    size_t len;
    int64_t i;

    for (i = 0; s != NULL; i++) {
        len = strcspn(s, "|");
        if (strlen(text) == len && memcmp(s, text, len) == 0)
            return i;
        s = s[len] == '|' ? s + len + 1 : NULL;
    }
    return -1;
}

/* NULL, or what is wrong with the URL. */
static const char *url_fault(const char *text)
{
    const char *host, *s;
    size_t len;

    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return "is not a URL that starts with http:// or https://";
    host = strstr(text, "://") + 3;
    len = strcspn(host, "/?#");
    if (memchr(host, '@', len) != NULL)
        return "has a user or password in the URL; there are options for those";
    if (len == 0 || *host == ':')
        return "is a URL without a host";
    for (s = text; *s != '\0'; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("\"<>\\^`{|}", *s) != NULL)
            return "has a character in the URL that must be percent-encoded";
    return NULL;
}

/* name, name.name, name[].name */
static int field_good(const char *text)
{
    const char *s = text;

    for (;;) {
        if (strcspn(s, ".[]") == 0)
            return 0;
        s += strcspn(s, ".[]");
        if (s[0] == '[' && s[1] == ']')
            s += 2;
        if (*s == '\0')
            return 1;
        if (*s++ != '.')
            return 0;
    }
}

static int fault_of(struct option_fault *f, int secret, const char *text, const char *what)
{
    f->hint[0] = '\0';
    if (secret)
        (void)snprintf(f->message, sizeof f->message, "the value %s", what);
    else if (strlen(text) > OPTION_SHOWN)
        (void)snprintf(f->message, sizeof f->message, "a text of %zu bytes %s", strlen(text), what);
    else
        (void)snprintf(f->message, sizeof f->message, "'%s' %s", text, what);
    return 0;
}

static int fault_of_type(const struct sluice_option *o, const char *text, int secret, struct option_fault *f)
{
    char what[96];
    const char *hint = o->example != NULL ? o->example : o->default_text;

    (void)snprintf(what, sizeof what, "is not a %s", option_type_name(o->type));
    if (o->type == SLUICE_BOOLEAN)
        (void)snprintf(what, sizeof what, "is neither true nor false");
    (void)fault_of(f, secret, text, what);
    if (hint != NULL && (o->flags & SLUICE_SECRET) == 0)
        (void)snprintf(f->hint, sizeof f->hint, "for example %s: %.80s", o->name, hint);
    return 0;
}

static int fault_of_choice(const struct sluice_option *o, const char *text, int secret,
                           struct option_fault *f)
{
    char names[160], *s;
    const char *list[32], *nearest;
    size_t n = 1;

    (void)snprintf(names, sizeof names, "is not one of %s", o->choices);
    (void)fault_of(f, secret, text, names);
    (void)snprintf(names, sizeof names, "%s", o->choices);
    list[0] = names;
    for (s = strchr(names, '|'); s != NULL && n < 32; s = strchr(s, '|')) {
        *s++ = '\0';
        list[n++] = s;
    }
    nearest = secret ? NULL : nearest_name(text, list, n);
    if (nearest != NULL)
        (void)snprintf(f->hint, sizeof f->hint, "did you mean '%s'?", nearest);
    return 0;
}

/* A path as it is opened: absolute, beside the config file that names it. */
char *option_path_absolute(const char *text, const char *file)
{
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    char *real = NULL;
    struct strbuf b;

    strbuf_init(&b, 16384);
    if (text[0] != '/') {
        if (slash == NULL || file[0] != '/') {
            real = realpath(".", NULL);
            if (real == NULL)
                return NULL;
            strbuf_printf(&b, "%s/", real);
            free(real);
        }
        if (slash != NULL)
            strbuf_add(&b, file, (size_t)(slash - file) + 1);
    }
    strbuf_puts(&b, text);
    return strbuf_take(&b);
}

static int read_text(const struct sluice_option *o, const char *text, const char *file, int secret,
                     struct option_value *out, struct option_fault *fault)
{
    const char *what = NULL;

    if (text[0] == '\0' && (o->type != SLUICE_STRING || (o->flags & SLUICE_REQUIRED) != 0))
        return fault_of(fault, 1, text, "is empty");
    if (o->type == SLUICE_CHOICE) {
        out->integer = choice_index(o->choices, text);
        if (out->integer < 0)
            return fault_of_choice(o, text, secret, fault);
    }
    if (o->type == SLUICE_URL)
        what = url_fault(text);
    if (what != NULL)
        return fault_of(fault, 1, text, what);
    if (o->type == SLUICE_FIELD && !field_good(text))
        return fault_of_type(o, text, secret, fault);
    out->text = o->type == SLUICE_PATH ? option_path_absolute(text, file) : strdup(text);
    return out->text != NULL ? 1 : -1;
}

static int read_number(const struct sluice_option *o, const char *text, struct option_value *out)
{
    switch (o->type) {
    case SLUICE_INTEGER:
        return parse_integer(text, &out->integer);
    case SLUICE_NUMBER:
        return parse_number(text, &out->number);
    case SLUICE_SIZE:
        return option_parse_size(text, &out->integer);
    case SLUICE_DURATION:
        return option_parse_duration(text, &out->integer);
    case SLUICE_BOOLEAN:
        out->integer = strcmp(text, "true") == 0;
        return out->integer || strcmp(text, "false") == 0;
    default:
        return 0;
    }
}

/* -1, 0, 1: v below, equal to, above the bound. */
static int compare_bound(const struct sluice_option *o, const struct option_value *v, const char *bound)
{
    struct option_value b;

    memset(&b, 0, sizeof b);
    if (!read_number(o, bound, &b))
        return 0;
    if (o->type == SLUICE_NUMBER)
        return v->number < b.number ? -1 : v->number > b.number;
    return v->integer < b.integer ? -1 : v->integer > b.integer;
}

int option_read_scalar(const struct sluice_option *o, const char *text, const char *file, int secret,
                       struct option_value *out, struct option_fault *fault)
{
    char what[160];

    if (option_is_text(o->type))
        return read_text(o, text, file, secret, out, fault);
    if (!read_number(o, text, out))
        return fault_of_type(o, text, secret, fault);
    if (o->min != NULL && compare_bound(o, out, o->min) < 0) {
        (void)snprintf(what, sizeof what, "is less than %s", o->min);
    } else if (o->max != NULL && compare_bound(o, out, o->max) > 0) {
        (void)snprintf(what, sizeof what, "is more than %s", o->max);
    } else {
        return 1;
    }
    (void)fault_of(fault, secret, text, what);
    if (o->min != NULL && o->max != NULL)
        (void)snprintf(fault->hint, sizeof fault->hint, "it may be %s to %s", o->min, o->max);
    return 0;
}
