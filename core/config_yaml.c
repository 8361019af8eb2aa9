/* config_yaml: what libyaml says of a text, in words that help.
 *
 * Invariant: no word of the text itself is in a message, since it may be a secret. */
#include "config_yaml.h"

#include <string.h>

/* The line that holds the mark, and where in it the mark is. */
static const char *text_at(const char *text, size_t len, yaml_mark_t mark, const char **line)
{
    const char *s = text, *end = text + len;
    size_t left;

    if (len >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
        s += 3;
    for (left = mark.line; left > 0 && s < end; left--) {
        s = memchr(s, '\n', (size_t)(end - s));
        s = s == NULL ? end : s + 1;
    }
    *line = s;
    for (left = mark.column; left > 0 && s < end; left--)
        for (s++; s < end && ((unsigned char)*s & 0xc0) == 0x80; s++)
            ;
    return s;
}

static const char *hint_of(const char *what, const char *line, size_t line_len)
{
    if (memmem(line, line_len, "${", 2) != NULL)
        return "write values with ${...} in double quotes";
    if (strstr(what, "cannot start any token") != NULL)
        return "write text that starts with a special character in double quotes";
    if (strstr(what, "mapping values are not allowed") != NULL)
        return "text with ': ' in it needs quotes; else check the indentation";
    if (strstr(what, "not find expected") != NULL)
        return "check the indentation, the brackets and the quotes from here upwards";
    return NULL;
}

void config_yaml_problem(struct loader *l, const char *file, const yaml_parser_t *y, const char *text,
                         size_t len)
{
    const char *what = y->problem != NULL ? y->problem : "it cannot be read", *line, *at, *end, *hint;
    struct origin origin = {file, (uint32_t)y->problem_mark.line + 1, (uint32_t)y->problem_mark.column + 1};

    if (y->error == YAML_MEMORY_ERROR || y->error == YAML_NO_ERROR) {
        loader_no_memory(l);
        return;
    }
    at = text_at(text, len, y->problem_mark, &line);
    if (at < text + len && *at == '\t') {
        problem_add(l->problems, origin, "use spaces", "a tab cannot be used to indent");
        return;
    }
    end = memchr(line, '\n', (size_t)(text + len - line));
    hint = hint_of(what, line, (size_t)((end == NULL ? text + len : end) - line));
    if (y->context != NULL && y->context_mark.line != y->problem_mark.line)
        problem_add(l->problems, origin, hint, "not valid YAML: %s (%s that starts in line %zu)", what,
                    y->context, y->context_mark.line + 1);
    else
        problem_add(l->problems, origin, hint, "not valid YAML: %s", what);
}
