/* config_subst: ${VAR}, ${VAR:-default}, ${file:PATH} and $${ in scalars.
 *
 * Runs once, after all overlays, so that a value which an overlay replaces is
 * never asked for.  Invariant: what came from a file is marked secret, and no
 * message here holds more of a value than the name between the braces. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "strbuf.h"

#define SUBST_MAX_VALUE (1024u * 1024)

struct subst {
    struct loader *l;
    int strict; /* strict_secrets */
};

static int is_name(const char *s, size_t len)
{
    size_t i;

    if (len == 0 || len > 128 || isdigit((unsigned char)s[0]))
        return 0;
    for (i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return 0;
    return 1;
}

/* Valid UTF-8 without NULs? */
static int is_text(const char *text, size_t len)
{
    size_t i, n;
    unsigned point;

    for (i = 0; i < len; i += n) {
        n = utf8_read((const unsigned char *)text + i, len - i, &point);
        if (n == 0 || point == 0)
            return 0;
    }
    return 1;
}

/* `path`, relative to the folder of `file`; the caller frees. */
static char *beside(const char *file, const char *path)
{
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    struct strbuf b;

    strbuf_init(&b, 8192);
    if (path[0] != '/' && slash != NULL)
        strbuf_add(&b, file, (size_t)(slash - file) + 1);
    strbuf_puts(&b, path);
    return strbuf_take(&b);
}

static void check_mode(const struct subst *s, struct origin at, const char *path, unsigned mode)
{
    if ((mode & 044u) == 0)
        return;
    if (s->strict)
        problem_add(s->l->problems, at, "chmod 600, or turn strict_secrets off",
                    "the secret file '%s' can be read by %s, and strict_secrets is on", path,
                    (mode & 04u) != 0 ? "others" : "its group");
    else
        problem_warn(s->l->problems, at, "chmod 600; strict_secrets: true refuses such files",
                     "the secret file '%s' can be read by %s", path,
                     (mode & 04u) != 0 ? "others" : "its group");
}

/* Adds the content of the file to out. */
static void add_file(const struct subst *s, struct config_value *v, const char *name, size_t len,
                     struct strbuf *out)
{
    char *written = strndup(name, len), *path = NULL, *data = NULL;
    size_t size = 0;
    unsigned mode = 0;

    v->secret = 1;
    if (written != NULL)
        path = beside(v->origin.file, written);
    if (path == NULL) {
        loader_no_memory(s->l);
    } else if (len == 0) {
        problem_add(s->l->problems, v->origin, "write ${file:PATH}", "${file:} names no file");
    } else if (file_read(path, CONFIG_MAX_SECRET, v->origin, s->l->problems, &data, &size, &mode, NULL) ==
               0) {
        check_mode(s, v->origin, path, mode);
        if (size > 0 && data[size - 1] == '\n')
            data[--size] = '\0';
        if (size > 0 && data[size - 1] == '\r')
            data[--size] = '\0';
        if (size == 0)
            problem_add(s->l->problems, v->origin, NULL, "the secret file '%s' is empty", path);
        else if (!is_text(data, size))
            problem_add(s->l->problems, v->origin, "store it as text, base64 for example",
                        "the secret file '%s' is not UTF-8 text", path);
        else
            strbuf_add(out, data, size);
        explicit_bzero(data, size);
    }
    free(data);
    free(path);
    free(written);
}

static void add_variable(const struct subst *s, struct config_value *v, const char *name, size_t len,
                         struct strbuf *out)
{
    const char *rest = memmem(name, len, ":-", 2), *value;
    size_t name_len = rest == NULL ? len : (size_t)(rest - name);
    char *key;

    if (!is_name(name, name_len)) {
        problem_add(s->l->problems, v->origin,
                    "write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ for a ${ that means itself",
                    "'${...}' here holds no name of a variable");
        return;
    }
    key = strndup(name, name_len);
    if (key == NULL) {
        loader_no_memory(s->l);
        return;
    }
    value = getenv(key);
    if (value != NULL && !is_text(value, strlen(value)))
        problem_add(s->l->problems, v->origin, NULL, "the variable %s is not UTF-8 text", key);
    else if (rest != NULL && (value == NULL || value[0] == '\0'))
        strbuf_add(out, rest + 2, len - name_len - 2);
    else if (value != NULL)
        strbuf_puts(out, value);
    else
        problem_add(s->l->problems, v->origin, "export it, or write ${NAME:-default}",
                    "the variable %s is not set", key);
    free(key);
}

/* Writes text with its ${…} replaced to out. */
static void expand(const struct subst *s, struct config_value *v, struct strbuf *out)
{
    const char *at = v->text, *dollar, *end;

    for (;;) {
        dollar = strstr(at, "${");
        if (dollar == NULL) {
            strbuf_puts(out, at);
            return;
        }
        if (dollar > at && dollar[-1] == '$') {
            strbuf_add(out, at, (size_t)(dollar - at) - 1);
            strbuf_puts(out, "${");
            at = dollar + 2;
            continue;
        }
        strbuf_add(out, at, (size_t)(dollar - at));
        end = strchr(dollar, '}');
        if (end == NULL) {
            problem_add(s->l->problems, v->origin, "write $${ for a ${ that means itself",
                        "'${' without a '}' after it");
            return;
        }
        if (memmem(dollar + 2, (size_t)(end - dollar) - 2, "${", 2) != NULL) {
            problem_add(s->l->problems, v->origin, NULL, "'${' cannot stand inside another '${...}'");
            return;
        }
        if (strncmp(dollar + 2, "file:", 5) == 0)
            add_file(s, v, dollar + 7, (size_t)(end - dollar) - 7, out);
        else
            add_variable(s, v, dollar + 2, (size_t)(end - dollar) - 2, out);
        at = end + 1;
    }
}

static void subst_scalar(const struct subst *s, struct config_value *v)
{
    struct strbuf out;

    if (v->type != CONFIG_SCALAR || v->source != NULL || strstr(v->text, "${") == NULL)
        return;
    strbuf_init(&out, SUBST_MAX_VALUE);
    expand(s, v, &out);
    s->l->made += out.len;
    v->source = v->text;
    v->text = NULL;
    if (out.failed && out.len + CONFIG_MAX_SECRET > SUBST_MAX_VALUE)
        problem_add(s->l->problems, v->origin, NULL, "the value is larger than %u bytes", SUBST_MAX_VALUE);
    else if (out.failed || value_set_text(v, strbuf_text(&out), out.len) != 0)
        loader_no_memory(s->l);
    else if (s->l->made > CONFIG_MAX_TEXT)
        problem_add(s->l->problems, v->origin, NULL,
                    "the values of variables and files add up to more than %u bytes", CONFIG_MAX_TEXT);
    if (v->text == NULL) /* never a scalar without text, even in a config that is refused */
        v->type = CONFIG_NULL;
    if (out.data != NULL)
        explicit_bzero(out.data, out.len);
    strbuf_release(&out);
}

static void subst_value(const struct subst *s, struct config_value *v)
{
    size_t i;

    if (s->l->made > CONFIG_MAX_TEXT)
        return;
    subst_scalar(s, v);
    for (i = 0; i < v->n; i++)
        subst_value(s, v->items[i]);
}

void config_substitute(struct loader *l, struct config_value *root)
{
    struct subst s = {l, 0};
    size_t i = value_find(root, "strict_secrets");

    if (i < root->n) {
        subst_value(&s, root->items[i]);
        s.strict = root->items[i]->type == CONFIG_SCALAR && strcmp(root->items[i]->text, "true") == 0;
    }
    subst_value(&s, root);
}
