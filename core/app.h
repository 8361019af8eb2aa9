/* app: what every command that reads a config does first. */
#ifndef SLUICE_CORE_APP_H
#define SLUICE_CORE_APP_H

#include "plan.h"
#include "strbuf.h"

struct app {
    struct config *config;     /* outlives the plan: origins point into it */
    struct registry *registry; /* outlives the plan: specs point into it */
    struct plan *plan;
};

/* Config, plugins (plugin_dirs of the config, SLUICE_PLUGIN_PATH, the installed ones), plan.
 * [main], before any thread: loading plugins runs their init.  0; or -1 with problems, and
 * then app_free is still due (config and registry may be there). */
int app_load(struct app *a, const char *const *files, size_t n, const char *env, struct plan_flags flags,
             struct problems *p);
void app_free(struct app *a);

/* The registry without a plan, for commands that list plugins; config may be NULL. */
struct registry *app_registry(const struct config *config, struct problems *p);
/* {"ok":…,"problems":[{"file","line","column","severity","message","hint"}…]} and a newline. */
void app_problems_json(const struct problems *p, struct strbuf *out);
/* Prints the findings: as JSON on stdout, or for people on stderr.  0; -1: no memory, so the
 * JSON says ok:false instead, and success may not be claimed. */
int app_report(const struct problems *p, int json);

#endif
