#include "config_compare.h"

#include <string.h>

#include "strbuf.h"

#define PATH_MAX_LEN 4096u

struct comparison {
    struct strbuf path;
    config_difference fn;
    void *context;
    int n;
};

static void compare(struct comparison *c, const struct config_value *a, const struct config_value *b);

static void compare_member(struct comparison *c, const struct config_value *a, const struct config_value *b,
                           const char *key, size_t index)
{
    size_t len = c->path.len;

    if (len == 0 && key != NULL && strncmp(key, "x-", 2) == 0)
        return; /* a place for anchors: what they hold differs where it is used */
    if (key == NULL)
        strbuf_printf(&c->path, "[%zu]", index);
    else
        strbuf_printf(&c->path, "%s%s", len > 0 ? "." : "", key);
    compare(c, a, b);
    if (!c->path.failed) {
        c->path.len = len;
        c->path.data[len] = '\0';
    }
}

static void compare_maps(struct comparison *c, const struct config_value *a, const struct config_value *b)
{
    size_t i;

    for (i = 0; i < a->n; i++)
        compare_member(c, a->items[i], config_get(b, a->keys[i]), a->keys[i], 0);
    for (i = 0; i < b->n; i++)
        if (config_get(a, b->keys[i]) == NULL)
            compare_member(c, NULL, b->items[i], b->keys[i], 0);
}

static void compare_lists(struct comparison *c, const struct config_value *a, const struct config_value *b)
{
    size_t i, n = a->n > b->n ? a->n : b->n;

    for (i = 0; i < n; i++)
        compare_member(c, i < a->n ? a->items[i] : NULL, i < b->n ? b->items[i] : NULL, NULL, i);
}

static void compare(struct comparison *c, const struct config_value *a, const struct config_value *b)
{
    if (a != NULL && b != NULL && a->type == b->type) {
        if (a->type == CONFIG_MAP) {
            compare_maps(c, a, b);
            return;
        }
        if (a->type == CONFIG_LIST) {
            compare_lists(c, a, b);
            return;
        }
        if (a->type == CONFIG_NULL ||
            (a->text_len == b->text_len && memcmp(a->text, b->text, a->text_len) == 0))
            return;
    }
    c->n++;
    c->fn(c->context, strbuf_text(&c->path), a, b);
}

int config_compare(const struct config_value *a, const struct config_value *b, config_difference fn,
                   void *context)
{
    struct comparison c = {.fn = fn, .context = context};
    int n;

    strbuf_init(&c.path, PATH_MAX_LEN);
    compare(&c, a, b);
    n = c.path.failed ? -1 : c.n;
    strbuf_release(&c.path);
    return n;
}
