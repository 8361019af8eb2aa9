/* config_json: keeps a .json file to strict JSON before the YAML reader, which
 * takes more than JSON, gets it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

/* jansson's texts quote what they met, which may be a secret: keep what comes before. */
static void report_json(struct loader *l, const char *file, const json_error_t *error)
{
    struct origin at = {file, error->line > 0 ? (uint32_t)error->line : 1,
                        error->column > 0 ? (uint32_t)error->column : 1};
    char text[JSON_ERROR_TEXT_LENGTH + 1];
    char *near;

    (void)snprintf(text, sizeof text, "%s", error->text);
    near = strstr(text, " near ");
    if (near != NULL)
        *near = '\0';
    near = strstr(text, " without JSON_ALLOW_NUL");
    if (near != NULL)
        *near = '\0';
    problem_add(l->problems, at,
                "a .json file is strict JSON: no comments, no trailing commas; .yaml allows more",
                "not valid JSON: %s", text);
}

static int hex4(const char *s, unsigned *value)
{
    unsigned i;

    *value = 0;
    for (i = 0; i < 4; i++) {
        if (s[i] >= '0' && s[i] <= '9')
            *value = *value << 4 | (unsigned)(s[i] - '0');
        else if ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f')
            *value = *value << 4 | (unsigned)((s[i] | 0x20) - 'a' + 10);
        else
            return 0;
    }
    return 1;
}

/* YAML has no surrogate pairs: "\ud83d\ude00" becomes "\U0001F600".  The two bytes that are
 * left over become blanks at the end; columns of what follows in the line are two less. */
static void rewrite_pairs(char *text)
{
    char *in = text, *out = text;
    unsigned high, low;
    char code[11];

    while (*in != '\0') {
        if (in[0] == '\\' && in[1] == 'u' && hex4(in + 2, &high) && (high & 0xfc00u) == 0xd800u &&
            in[6] == '\\' && in[7] == 'u' && hex4(in + 8, &low)) {
            (void)snprintf(code, sizeof code, "\\U%08X", 0x10000u + ((high & 0x3ffu) << 10) + (low & 0x3ffu));
            memcpy(out, code, 10);
            in += 12;
            out += 10;
        } else {
            if (in[0] == '\\' && in[1] != '\0')
                *out++ = *in++;
            *out++ = *in++;
        }
    }
    memset(out, ' ', (size_t)(in - out));
}

int config_check_json(struct loader *l, const char *file, char *text, size_t len)
{
    size_t skip = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, i;
    json_error_t error;
    json_t *json;

    memset(&error, 0, sizeof error);
    json = json_loadb(text + skip, len - skip, 0, &error);
    if (json == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory)
            loader_no_memory(l);
        else
            report_json(l, file, &error);
        return -1;
    }
    json_decref(json);
    /* YAML takes tabs inside braces, but not before the first. */
    for (i = skip; text[i] == '\t' || text[i] == ' ' || text[i] == '\n' || text[i] == '\r'; i++)
        if (text[i] == '\t')
            text[i] = ' ';
    rewrite_pairs(text + skip);
    return 0;
}
