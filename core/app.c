/* app: config, plugins and plan, in this order.
 *
 * Invariant: every command finds the same plugins for the same config. */
#include "app.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APP_MAX_REPORT (16u * 1024 * 1024)

static const struct origin nowhere = {NULL, 0, 0};

/* A folder of the config that cannot be searched is worth a word, whether or not a plugin
 * is missed for it. */
static void scan_config_dir(struct registry *r, const struct config *config, const char *dir,
                            struct problems *p)
{
    const struct config_value *at = config_get(config->root, "plugin_dirs");
    size_t i = r->n_refusals;

    registry_scan(r, dir);
    for (; i < r->n_refusals; i++)
        if (strcmp(r->refusals[i].file, dir) == 0)
            problem_warn(p, at->origin, r->refusals[i].remedy, "plugin folder '%s': %s", dir,
                         r->refusals[i].reason);
}

struct registry *app_registry(const struct config *config, struct problems *p)
{
    struct registry *r = registry_new();
    char **dirs = NULL;
    size_t i;

    if (r == NULL) {
        problem_add(p, nowhere, NULL, "out of memory");
        return NULL;
    }
    if (config != NULL)
        dirs = plan_plugin_dirs(config, p);
    for (i = 0; dirs != NULL && dirs[i] != NULL; i++) {
        scan_config_dir(r, config, dirs[i], p);
        free(dirs[i]);
    }
    free(dirs);
    registry_scan_standard(r);
    if (r->lost)
        problem_add(p, nowhere, NULL, "out of memory");
    return r;
}

int app_load(struct app *a, const char *const *files, size_t n, const char *env, struct plan_flags flags,
             struct problems *p)
{
    memset(a, 0, sizeof *a);
    a->config = config_load(files, n, env, p);
    if (a->config == NULL)
        return -1;
    a->registry = app_registry(a->config, p);
    if (a->registry == NULL)
        return -1;
    a->plan = plan_build(a->config, a->registry, flags, p);
    return a->plan != NULL && !problems_failed(p) ? 0 : -1;
}

void app_free(struct app *a)
{
    plan_free(a->plan);
    if (a->registry != NULL)
        registry_free(a->registry);
    config_free(a->config);
    memset(a, 0, sizeof *a);
}

/* Where a finding should stand that could not be kept or written. */
#define LOST                                                                                                 \
    "{\"file\":null,\"line\":0,\"column\":0,\"severity\":\"error\",\"message\":"                             \
    "\"there is more to say than fits, or no memory\",\"hint\":null}"

static void json_text(struct strbuf *out, const char *name, const char *text)
{
    strbuf_printf(out, "\"%s\":", name);
    if (text == NULL)
        strbuf_puts(out, "null");
    else
        strbuf_json(out, text, strlen(text));
}

void app_problems_json(const struct problems *p, struct strbuf *out)
{
    const struct problem *item;
    size_t i;

    strbuf_printf(out, "{\"ok\":%s,\"problems\":[", problems_failed(p) ? "false" : "true");
    for (i = 0; i < p->n; i++) {
        item = &p->items[i];
        strbuf_puts(out, i > 0 ? ",{" : "{");
        json_text(out, "file", item->origin.file);
        strbuf_printf(out, ",\"line\":%u,\"column\":%u,\"severity\":\"%s\",", item->origin.line,
                      item->origin.column, item->warning ? "warning" : "error");
        json_text(out, "message", item->message);
        strbuf_puts(out, ",");
        json_text(out, "hint", item->hint);
        strbuf_puts(out, "}");
    }
    if (p->lost)
        strbuf_printf(out, "%s" LOST, i > 0 ? "," : "");
    strbuf_puts(out, "]}\n");
}

int app_report(const struct problems *p, int json)
{
    struct strbuf out;
    int failed;

    if (!json) {
        problems_print(p, stderr);
        return 0;
    }
    strbuf_init(&out, APP_MAX_REPORT);
    app_problems_json(p, &out);
    failed = out.failed;
    if (failed)
        fputs("{\"ok\":false,\"problems\":[" LOST "]}\n", stdout);
    else
        fwrite(out.data, 1, out.len, stdout);
    strbuf_release(&out);
    return failed ? -1 : 0;
}
