/* config_show: the tree as YAML and JSON.
 *
 * Invariant: the text of a secret value goes nowhere but here, and here only to
 * the test that hides it.  The YAML reads back as the same config (but for its
 * secrets). */
#include "config_show.h"

#include <ctype.h>
#include <string.h>

#include "config_internal.h"
#include "config_show_internal.h"

#define HIDDEN "\"***\""

/* Letters and signs that mean nothing to YAML, so that no quotes are needed. */
static int is_plain(const struct config_value *v)
{
    static const char *const words[] = {"null", "Null", "NULL"};
    size_t i;

    if (v->text_len == 0 || !isalnum((unsigned char)v->text[0]))
        return 0;
    for (i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(v->text, words[i]) == 0)
            return 0;
    for (i = 0; i < v->text_len; i++)
        if (!isalnum((unsigned char)v->text[i]) && strchr("_./-+", v->text[i]) == NULL)
            return 0;
    return 1;
}

/* A character as it can stand in YAML's double quotes. */
static void add_escaped(struct strbuf *out, const char *s, size_t len, unsigned point)
{
    if (point == '"' || point == '\\')
        strbuf_printf(out, "\\%c", (char)point);
    else if (point == '\n')
        strbuf_puts(out, "\\n");
    else if (point == '\t')
        strbuf_puts(out, "\\t");
    else if (point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
             point == 0xfeff || point == 0xfffe || point == 0xffff)
        strbuf_printf(out, "\\u%04X", point);
    else
        strbuf_add(out, s, len);
}

/* In quotes; a value with $${ for what would else be substituted again. */
static void add_quoted(struct strbuf *out, const char *text, int is_value)
{
    size_t len = strlen(text), i, n;
    unsigned point = 0;

    strbuf_putc(out, '"');
    for (i = 0; i < len; i += n) {
        n = utf8_read((const unsigned char *)text + i, len - i, &point);
        if (n == 0) {
            n = 1;
            point = 0xfffd;
        }
        if (is_value && point == '$' && text[i + 1] == '{')
            strbuf_putc(out, '$');
        add_escaped(out, text + i, n, point);
    }
    strbuf_putc(out, '"');
}

static void add_key(struct strbuf *out, const char *key)
{
    size_t i;

    for (i = 0; key[i] != '\0'; i++)
        if (!isalnum((unsigned char)key[i]) && (i == 0 || strchr("_.-", key[i]) == NULL))
            break;
    if (key[i] == '\0')
        strbuf_puts(out, key);
    else
        add_quoted(out, key, 0);
}

static void add_scalar(struct strbuf *out, const struct config_value *v)
{
    if (v->secret && v->type == CONFIG_SCALAR)
        strbuf_puts(out, HIDDEN);
    else if (v->type == CONFIG_NULL)
        strbuf_puts(out, "null");
    else if (is_plain(v))
        strbuf_puts(out, v->text);
    else
        add_quoted(out, v->text, 1);
}

void show_sources(struct strbuf *out, const char *source, const char *between)
{
    const char *s = source, *end;
    size_t len, i;

    for (s = strstr(source, "${"); s != NULL; s = strstr(s + 2, "${")) {
        end = strchr(s, '}');
        if (end == NULL)
            return;
        if (s > source && s[-1] == '$')
            continue;
        len = strcspn(s, "}");
        if (strncmp(s, "${file:", 7) != 0 && memmem(s, len, ":-", 2) != NULL)
            len = (size_t)((const char *)memmem(s, len, ":-", 2) - s); /* a default may be a secret */
        strbuf_puts(out, between);
        for (i = 0; i < len; i++) /* a path may hold anything */
            strbuf_putc(out, (unsigned char)s[i] < 0x20 ? '?' : s[i]);
        strbuf_puts(out, "}");
        between = ", ";
    }
}

void show_place(struct strbuf *out, const struct config_value *v)
{
    strbuf_printf(out, "  # %s:%u", v->origin.file != NULL ? v->origin.file : "", v->origin.line);
    if (v->source != NULL)
        show_sources(out, v->source, " from ");
}

static void add_indent(struct strbuf *out, unsigned indent)
{
    while (indent-- > 0)
        strbuf_putc(out, ' ');
}

static void add_members(struct strbuf *out, const struct config_value *v, unsigned indent, int inlined);

/* What follows a key or a dash. */
static void add_value(struct strbuf *out, const struct config_value *v, unsigned indent)
{
    if (v->n > 0) {
        strbuf_putc(out, '\n');
        add_members(out, v, indent, 0);
        return;
    }
    strbuf_putc(out, ' ');
    if (v->type == CONFIG_MAP || v->type == CONFIG_LIST)
        strbuf_puts(out, v->type == CONFIG_MAP ? "{}" : "[]");
    else
        add_scalar(out, v);
    show_place(out, v);
    strbuf_putc(out, '\n');
}

/* The members of a map or list, the first one on the line that is begun if inlined. */
static void add_members(struct strbuf *out, const struct config_value *v, unsigned indent, int inlined)
{
    size_t i;

    for (i = 0; i < v->n; i++) {
        if (i > 0 || !inlined)
            add_indent(out, indent);
        if (v->type == CONFIG_MAP) {
            add_key(out, v->keys[i]);
            strbuf_putc(out, ':');
            add_value(out, v->items[i], indent + 2);
        } else if (v->items[i]->n > 0) {
            strbuf_puts(out, "- ");
            add_members(out, v->items[i], indent + 2, 1);
        } else {
            strbuf_putc(out, '-');
            add_value(out, v->items[i], indent + 2);
        }
    }
}

void config_show_yaml(const struct config_value *root, struct strbuf *out)
{
    if (root->n == 0)
        strbuf_puts(out, "{}\n");
    else
        add_members(out, root, 0, 0);
}

static int is_json_number(const char *text)
{
    const char *s = text + (*text == '-');

    if (!isdigit((unsigned char)*s) || (*s == '0' && isdigit((unsigned char)s[1])))
        return 0;
    s += strspn(s, "0123456789");
    if (*s == '.') {
        if (!isdigit((unsigned char)s[1]))
            return 0;
        s++;
        s += strspn(s, "0123456789");
    }
    if (*s == 'e' || *s == 'E') {
        s += s[1] == '+' || s[1] == '-' ? 2 : 1;
        if (!isdigit((unsigned char)*s))
            return 0;
        s += strspn(s, "0123456789");
    }
    return *s == '\0';
}

void show_json(struct strbuf *out, const struct config_value *v)
{
    size_t i;

    if (v->type == CONFIG_NULL) {
        strbuf_puts(out, "null");
    } else if (v->type == CONFIG_SCALAR && v->secret) {
        strbuf_puts(out, HIDDEN);
    } else if (v->type == CONFIG_SCALAR) {
        if (!v->quoted &&
            (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0 || is_json_number(v->text)))
            strbuf_puts(out, v->text);
        else
            strbuf_json(out, v->text, v->text_len);
    } else {
        strbuf_putc(out, v->type == CONFIG_MAP ? '{' : '[');
        for (i = 0; i < v->n; i++) {
            strbuf_puts(out, i > 0 ? "," : "");
            if (v->type == CONFIG_MAP) {
                strbuf_json(out, v->keys[i], strlen(v->keys[i]));
                strbuf_putc(out, ':');
            }
            show_json(out, v->items[i]);
        }
        strbuf_putc(out, v->type == CONFIG_MAP ? '}' : ']');
    }
}

void show_origin_json(struct strbuf *out, const struct config_value *v)
{
    const char *file = v->origin.file != NULL ? v->origin.file : "";
    struct strbuf from;

    strbuf_puts(out, "\"file\":");
    strbuf_json(out, file, strlen(file));
    strbuf_printf(out, ",\"line\":%u,\"column\":%u", v->origin.line, v->origin.column);
    if (v->source == NULL)
        return;
    strbuf_init(&from, out->max);
    show_sources(&from, v->source, "");
    strbuf_puts(out, ",\"from\":");
    strbuf_json(out, strbuf_text(&from), from.len);
    if (from.failed)
        out->failed = 1;
    strbuf_release(&from);
}

void show_path(struct strbuf *path, const struct config_value *v, size_t i)
{
    if (v->type == CONFIG_MAP)
        strbuf_printf(path, "%s%s", path->len > 0 ? "." : "", v->keys[i]);
    else
        strbuf_printf(path, "[%zu]", i);
}

void show_path_cut(struct strbuf *path, size_t len)
{
    path->len = len;
    if (path->data != NULL)
        path->data[len] = '\0';
}

static void add_origins(struct strbuf *out, const struct config_value *v, struct strbuf *path, int *first)
{
    size_t i, len = path->len;

    if (v->n == 0) {
        strbuf_puts(out, *first ? "" : ",");
        *first = 0;
        strbuf_json(out, strbuf_text(path), path->len);
        strbuf_puts(out, ":{");
        show_origin_json(out, v);
        strbuf_puts(out, "}");
    }
    for (i = 0; i < v->n; i++) {
        show_path(path, v, i);
        add_origins(out, v->items[i], path, first);
        show_path_cut(path, len);
    }
}

void config_show_json(const struct config_value *root, struct strbuf *out)
{
    struct strbuf path;
    int first = 1;

    strbuf_init(&path, SHOW_MAX_PATH);
    strbuf_puts(out, "{\"config\":");
    show_json(out, root);
    strbuf_puts(out, ",\"origins\":{");
    add_origins(out, root, &path, &first);
    strbuf_puts(out, "}}\n");
    if (path.failed)
        out->failed = 1;
    strbuf_release(&path);
}
