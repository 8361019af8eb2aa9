/* run_reload: SIGHUP.  Reads the config again and says what is different; the log level
 * and the gates' lists are taken over, everything else needs a restart.  A config
 * that does not parse changes nothing. */
#include <stdio.h>
#include <string.h>

#include "config_compare.h"
#include "config_show.h"
#include "log.h"
#include "run.h"

struct reload {
    struct run *run;
    int restart; /* differences that need one */
};

static const char *shown(const struct config_value *v)
{
    if (v == NULL)
        return "(nothing)";
    if (v->type != CONFIG_SCALAR)
        return config_type_name(v);
    return v->secret ? "***" : v->text;
}

static void say(uint32_t level, const char *text)
{
    struct log_field fields[] = {LOG_TEXT("message", text)};

    log_event(level, "reload", fields, 1);
}

static void on_difference(void *context, const char *path, const struct config_value *a,
                          const struct config_value *b)
{
    struct reload *reload = context;
    int taken = 0;
    int hide = (a != NULL && a->secret) || (b != NULL && b->secret);
    const struct config_value *at = b != NULL ? b : a;
    uint32_t level;
    char text[512];

    if (strcmp(path, "log.level") == 0 && b != NULL && b->type == CONFIG_SCALAR)
        taken = log_parse_level(b->text, &level) != 0;
    if (taken)
        log_set_level(level);
    else
        reload->restart++;
    (void)snprintf(text, sizeof text, "%s: %s -> %s (%s:%u): %s", path, hide ? "***" : shown(a),
                   hide ? "***" : shown(b), at->origin.file, at->origin.line,
                   taken ? "taken over" : "needs a restart");
    say(SLUICE_INFO, text);
}

static void say_problems(const struct problems *p)
{
    char text[512];
    size_t i;

    for (i = 0; i < p->n; i++) {
        (void)snprintf(text, sizeof text, "the config on disk is broken, nothing is changed: %s:%u:%u: %s",
                       p->items[i].origin.file, p->items[i].origin.line, p->items[i].origin.column,
                       p->items[i].message);
        say(SLUICE_ERROR, text);
    }
}

static void reload_gates(struct run *r)
{
    struct strbuf said;
    char *line, *rest;
    size_t i;

    strbuf_init(&said, 1u << 16);
    for (i = 0; i < r->n; i++)
        pipeline_reload_gates(r->pipelines[i], &said);
    rest = said.data;
    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
        if (*line != '\0')
            say(SLUICE_INFO, line);
    strbuf_release(&said);
}

void run_reload(struct run *r)
{
    struct reload reload = {r, 0};
    struct problems problems;
    struct config *config;
    uint32_t level;
    int n;

    problems_init(&problems);
    config = config_load(r->files.items, r->files.n, r->env, &problems);
    if (config == NULL) {
        say_problems(&problems);
    } else {
        /* Compared is with the config of the start: a level that was changed back is no difference. */
        if (log_parse_level(r->app.plan->log_level, &level))
            log_set_level(level);
        config_mark_secrets(r->app.config->root, r->app.registry);
        config_mark_secrets(config->root, r->app.registry);
        n = config_compare(r->app.config->root, config->root, on_difference, &reload);
        reload_gates(r);
        say(SLUICE_INFO, n == 0               ? "the config is as it was; gate lists were re-read"
                         : reload.restart > 0 ? "restart to take over what is marked so"
                                              : "all changes are taken over");
    }
    config_free(config);
    problems_release(&problems);
}
