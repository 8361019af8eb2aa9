/* config_diff: two merged configs, value by value.
 *
 * Values are named by their path; what one side does not have is one difference,
 * however much is below it.  Two secrets are compared and neither is shown. */
#include <string.h>

#include "config_compare.h"
#include "config_show_internal.h"

struct diff {
    const char *names[2];
    struct strbuf *out;
    int json;
    size_t found;
};

static void side_as_text(struct diff *d, const char *name, const struct config_value *v)
{
    strbuf_printf(d->out, "  %s: ", name);
    if (v == NULL) {
        strbuf_puts(d->out, "(absent)\n");
        return;
    }
    show_json(d->out, v);
    show_place(d->out, v);
    strbuf_putc(d->out, '\n');
}

static void side_as_json(struct diff *d, const char *name, const struct config_value *v)
{
    strbuf_puts(d->out, "{\"env\":");
    strbuf_json(d->out, name, strlen(name));
    if (v != NULL) {
        strbuf_puts(d->out, ",\"value\":");
        show_json(d->out, v);
        strbuf_puts(d->out, ",");
        show_origin_json(d->out, v);
    }
    strbuf_puts(d->out, "}");
}

static void differ(void *context, const char *path, const struct config_value *a,
                   const struct config_value *b)
{
    struct diff *d = context;

    if (!d->json) {
        strbuf_printf(d->out, "%s\n", path);
        side_as_text(d, d->names[0], a);
        side_as_text(d, d->names[1], b);
    } else {
        strbuf_puts(d->out, d->found > 0 ? ",{\"path\":" : "{\"path\":");
        strbuf_json(d->out, path, strlen(path));
        strbuf_puts(d->out, ",\"a\":");
        side_as_json(d, d->names[0], a);
        strbuf_puts(d->out, ",\"b\":");
        side_as_json(d, d->names[1], b);
        strbuf_puts(d->out, "}");
    }
    d->found++;
}

size_t config_show_diff(const struct config_value *a, const struct config_value *b, const char *a_name,
                        const char *b_name, int json, struct strbuf *out)
{
    struct diff d = {.names = {a_name, b_name}, .out = out, .json = json};

    if (json)
        strbuf_puts(out, "{\"differences\":[");
    if (config_compare(a, b, differ, &d) < 0)
        out->failed = 1;
    if (json)
        strbuf_printf(out, "],\"same\":%s}\n", d.found == 0 ? "true" : "false");
    return d.found;
}
