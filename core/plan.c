/* plan: the top level of a config, and what all parts of plan use.
 *
 * Invariant: a plan is handed out only if nothing was found wrong; so nobody
 * behind it checks a config again. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "http_internal.h"
#include "option_internal.h"
#include "plan_internal.h"

#define MAX_PIPELINES 256u

void plan_no_memory(struct planner *b)
{
    problem_add(b->problems, (struct origin){NULL, 0, 0}, NULL, "out of memory");
}

void plan_copy(struct planner *b, char **out, const char *text)
{
    *out = text == NULL ? NULL : strdup(text);
    if (text != NULL && *out == NULL)
        plan_no_memory(b);
}

const char *plan_text(struct planner *b, const char *what, const struct config_value *v)
{
    if (v->type != CONFIG_SCALAR || v->text[0] == '\0')
        problem_add(b->problems, v->origin, NULL, "`%s` needs text, not %s", what,
                    v->type == CONFIG_SCALAR ? "an empty one" : config_type_name(v));
    else if (v->secret)
        problem_add(b->problems, v->origin, "write it out: it is shown in logs and metrics",
                    "`%s` cannot come from a ${file:...}", what);
    else
        return v->text;
    return NULL;
}

static int holds_secret(const struct config_value *v)
{
    size_t i;

    for (i = 0; i < v->n; i++)
        if (holds_secret(v->items[i]))
            return 1;
    return v->secret;
}

static int skipped(const char *const *skip, const char *name)
{
    size_t i;

    for (i = 0; skip != NULL && skip[i] != NULL; i++)
        if (strcmp(skip[i], name) == 0)
            return 1;
    return 0;
}

struct sluice_config *plan_options_of(struct planner *b, const struct option_table *t,
                                      const struct config_value *block, const char *const *skip)
{
    const struct config_value *v;
    int secret = 0;
    size_t i;

    for (i = 0; i < t->n; i++) {
        v = skipped(skip, t->options[i].name) ? NULL : config_get(block, t->options[i].name);
        if (v == NULL || (t->options[i].flags & SLUICE_SECRET) != 0 || !holds_secret(v))
            continue;
        secret = 1;
        problem_add(b->problems, v->origin, "write it out: it is shown in logs and metrics",
                    "`%s` of %s cannot come from a ${file:...}", t->options[i].name, t->owner);
    }
    return secret ? NULL : option_parse(t, block, skip, b->problems);
}

struct sluice_config *plan_options(struct planner *b, enum plan_table table, const struct config_value *block,
                                   const char *const *skip)
{
    size_t n;

    return plan_options_of(b, &plan_tables(&n)[table], block, skip);
}

struct sluice_config *plan_options_or_default(struct planner *b, enum plan_table table,
                                              const struct config_value *block, struct origin at)
{
    struct config_value nothing = {.type = CONFIG_MAP, .origin = at};

    return plan_options(b, table, block != NULL ? block : &nothing, NULL);
}

/* `admin: { allow_anonymous: true }`. */
static int admin_anonymous(struct planner *b, const struct config_value *block)
{
    struct sluice_config *c = block == NULL ? NULL : plan_options(b, TABLE_ADMIN, block, NULL);
    int anonymous = c != NULL && option_integer(c, "allow_anonymous") != 0;

    option_free(c);
    return anonymous;
}

static void read_http(struct planner *b, const struct config_value *block, const struct config_value *admin)
{
    struct sluice_config *c;
    struct http_address address;
    struct sluice_error err = {.struct_size = sizeof err};
    const char *listen;
    int anonymous = admin_anonymous(b, admin);

    if (block == NULL)
        return;
    c = plan_options(b, TABLE_HTTP, block, NULL);
    if (c == NULL)
        return;
    anonymous |= option_integer(c, "allow_anonymous") != 0;
    listen = option_string(c, "listen");
    if (!http_address_parse(listen, &address, &err))
        problem_add(b->problems, option_origin(c, "listen"), NULL, "%s", err.message);
    else if (!address.loopback && !option_given(c, "token_file") && !anonymous)
        problem_add(b->problems, option_origin(c, "listen"), "add token_file, or listen on 127.0.0.1",
                    "'%.80s' is not a loopback address, and there is no `token_file`", listen);
    else if (option_given(c, "token_file") && anonymous)
        problem_add(b->problems, option_origin(c, "token_file"), "leave one of them out",
                    "`token_file` asks for a token, and `allow_anonymous` asks for none");
    b->plan->http_anonymous = anonymous;
    plan_copy(b, &b->plan->http_listen, listen);
    plan_copy(b, &b->plan->http_token_file, option_string(c, "token_file"));
    if (!b->flags.no_files)
        option_check_files(c, b->problems);
    option_free(c);
}

static void read_log(struct planner *b, const struct config_value *block, struct origin at)
{
    struct sluice_config *c = plan_options_or_default(b, TABLE_LOG, block, at);

    if (c == NULL)
        return;
    plan_copy(b, &b->plan->log_format, option_string(c, "format"));
    plan_copy(b, &b->plan->log_level, option_string(c, "level"));
    option_free(c);
}

static int is_option(enum plan_table table, const char *name)
{
    const struct option_table *t;
    size_t n, i;

    t = &plan_tables(&n)[table];
    for (i = 0; i < t->n; i++)
        if (strcmp(t->options[i].name, name) == 0)
            return 1;
    return 0;
}

/* Top-level members that are not options of TABLE_TOP: blocks, and what only holds anchors. */
static const char **top_skip(struct planner *b, const struct config_value *root)
{
    static const char *const known[] = {"log",      "http", "admin",     "expect",
                                        "backfill", "jobs", "pipelines", "plugin_dirs"};
    const size_t n_known = sizeof known / sizeof *known;
    const char **skip = calloc(root->n + n_known + 1, sizeof *skip);
    size_t i, n = 0;

    if (skip == NULL) {
        plan_no_memory(b);
        return NULL;
    }
    for (i = 0; i < n_known; i++)
        skip[n++] = known[i];
    for (i = 0; i < root->n; i++)
        if (strncmp(root->keys[i], "x-", 2) == 0 ||
            (root->items[i]->anchored && !is_option(TABLE_TOP, root->keys[i])))
            skip[n++] = root->keys[i];
    return skip;
}

static int is_account(const char *text)
{
    return strlen(text) == 12 && strspn(text, "0123456789") == 12;
}

static void read_expectation(struct planner *b, const struct sluice_config *c, const char *what)
{
    struct expectation *e = &b->plan->expect[b->plan->n_expect];
    uint64_t n = option_count(c, what), i;
    struct origin at = option_origin(c, what);

    if (!option_given(c, what))
        return;
    e->what = what;
    e->origin = at;
    e->values = calloc(n + 1, sizeof *e->values);
    b->plan->n_expect++;
    for (i = 0; e->values != NULL && i < n; i++, e->n++) {
        const char *value = option_item(c, what, i);

        plan_copy(b, &e->values[i], value);
        if (value[0] == '\0' || (strcmp(what, "aws_account") == 0 && !is_account(value)))
            problem_add(b->problems, at, value[0] == '\0' ? NULL : "quote it if it begins with 0",
                        "`%s` of expect cannot be '%.40s'%s", what, value,
                        value[0] == '\0' ? "" : ": an account has twelve digits");
    }
    if (e->values == NULL)
        plan_no_memory(b);
}

static void read_expect(struct planner *b, const struct config_value *block)
{
    static const char *const things[PLAN_EXPECT] = {"aws_account", "kafka_cluster", "neo4j_database"};
    struct sluice_config *c = block == NULL ? NULL : plan_options(b, TABLE_EXPECT, block, NULL);
    size_t i;

    for (i = 0; c != NULL && i < PLAN_EXPECT; i++)
        read_expectation(b, c, things[i]);
    option_free(c);
}

struct plan *plan_expectations(const struct config *c, struct problems *p)
{
    struct planner b = {.problems = p};
    size_t errors = p->errors;

    b.plan = calloc(1, sizeof *b.plan);
    if (b.plan == NULL) {
        plan_no_memory(&b);
        return NULL;
    }
    read_expect(&b, config_get(c->root, "expect"));
    if (p->errors == errors && !p->lost)
        return b.plan;
    plan_free(b.plan);
    return NULL;
}

static void read_top(struct planner *b, const struct config_value *root)
{
    const char **skip = top_skip(b, root);
    struct sluice_config *c;

    if (skip == NULL)
        return;
    c = plan_options(b, TABLE_TOP, root, skip);
    if (c != NULL) {
        plan_copy(b, &b->plan->state_dir, option_string(c, "state_dir"));
        b->plan->drain_ms = (uint32_t)option_integer(c, "drain");
        if (b->plan->state_dir == NULL)
            problem_add(
                b->problems, root->origin, "add `state_dir: FOLDER`",
                "no `state_dir`: positions, idempotency keys and dead letters would end with the process");
    }
    option_free(c);
    free(skip);
    read_log(b, config_get(root, "log"), root->origin);
    read_http(b, config_get(root, "http"), config_get(root, "admin"));
    read_expect(b, config_get(root, "expect"));
    plan_jobs(b, config_get(root, "jobs"), root->origin);
}

static void read_pipelines(struct planner *b, const struct config_value *root)
{
    const struct config_value *v = config_get(root, "pipelines");
    struct plan *plan = b->plan;
    size_t i;

    if (v == NULL || v->type != CONFIG_MAP || v->n == 0 || v->n > MAX_PIPELINES) {
        problem_add(b->problems, v == NULL ? root->origin : v->origin,
                    "write pipelines: { NAME: { source: ..., sink: ... } }",
                    v == NULL ? "the config has no `pipelines`"
                              : "`pipelines` needs a map of 1 to %u pipelines",
                    MAX_PIPELINES);
        return;
    }
    plan->pipelines = calloc(v->n, sizeof *plan->pipelines);
    if (plan->pipelines == NULL) {
        plan_no_memory(b);
        return;
    }
    for (i = 0; i < v->n; i++)
        plan_pipeline(b, v->keys[i], v->key_origins[i], v->items[i], &plan->pipelines[plan->n_pipelines++]);
}

void plan_free(struct plan *plan)
{
    size_t i;

    if (plan == NULL)
        return;
    for (i = 0; i < plan->n_pipelines; i++)
        plan_pipeline_release(&plan->pipelines[i]);
    for (i = 0; i < plan->n_expect; i++) {
        while (plan->expect[i].n > 0)
            free(plan->expect[i].values[--plan->expect[i].n]);
        free(plan->expect[i].values);
    }
    free(plan->pipelines);
    plan_backfill_release(&plan->backfill);
    free(plan->state_dir);
    free(plan->http_listen);
    free(plan->http_token_file);
    free(plan->log_format);
    free(plan->log_level);
    option_free(plan->jobs);
    free(plan);
}

struct plan *plan_build(const struct config *c, const struct registry *r, struct plan_flags flags,
                        struct problems *p)
{
    struct planner b = {.registry = r, .flags = flags, .problems = p};
    size_t errors = p->errors;

    b.plan = calloc(1, sizeof *b.plan);
    if (b.plan == NULL) {
        plan_no_memory(&b);
        return NULL;
    }
    read_top(&b, c->root);
    read_pipelines(&b, c->root);
    plan_backfill(&b, c);
    if (p->errors == errors && !p->lost)
        return b.plan;
    plan_free(b.plan);
    return NULL;
}

static void free_dirs(char **dirs)
{
    size_t i;

    for (i = 0; dirs[i] != NULL; i++)
        free(dirs[i]);
    free(dirs);
}

char **plan_plugin_dirs(const struct config *c, struct problems *p)
{
    struct planner b = {.problems = p};
    const struct config_value *list = config_get(c->root, "plugin_dirs");
    const struct config_value *const *items = NULL;
    size_t n = 0, i, used = 0;
    char **dirs;

    if (list != NULL && list->type == CONFIG_LIST) {
        items = (const struct config_value *const *)list->items;
        n = list->n;
    } else if (list != NULL) {
        items = &list;
        n = 1;
    }
    dirs = calloc(n + 1, sizeof *dirs);
    for (i = 0; dirs != NULL && i < n; i++) {
        if (plan_text(&b, "plugin_dirs", items[i]) == NULL)
            continue;
        dirs[used] = option_path_absolute(items[i]->text, items[i]->origin.file);
        if (dirs[used] == NULL)
            break;
        used++;
    }
    if (dirs != NULL && i == n)
        return dirs;
    plan_no_memory(&b);
    if (dirs != NULL)
        free_dirs(dirs);
    return NULL;
}
