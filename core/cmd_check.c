/* cmd_check: `sluice check`: is this config fit to run?
 *
 * Takes the same way as `run` up to the first start: config, plugins, plan, and
 * create of every instance.  With --online also one round trip to each service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "cli.h"
#include "command.h"
#include "instance.h"
#include "metric.h"
#include "run.h"
#include "state_db.h"

#define CHECK_STOP_MS 5000u

struct check {
    struct problems problems;
    struct app app;
    struct metrics *metrics;
    struct state_db *state; /* --online, if there is one already */
    int online, no_files;
};

/* Names the options that say where the other side is, for an instance that did not. */
static void point_at(const struct instance_spec *spec, char *hint, size_t cap)
{
    const struct sluice_option *o;
    struct origin at;
    size_t i, used = 0;

    hint[0] = '\0';
    for (i = 0; i < spec->plugin->desc.n_options; i++) {
        o = &spec->plugin->options[i];
        if ((o->type != SLUICE_URL && o->type != SLUICE_PATH) || !option_given(spec->config, o->name))
            continue;
        at = option_origin(spec->config, o->name);
        used += (size_t)snprintf(hint + used, cap - used, "%s`%s` in line %u", used == 0 ? "look at " : ", ",
                                 o->name, at.line);
        if (used >= cap)
            return;
    }
}

static void tell_offline(struct check *c, const struct instance_spec *spec, const char *doing,
                         const struct sluice_error *err)
{
    struct origin at = spec->origin;
    char hint[256];

    point_at(spec, hint, sizeof hint);
    if (err->option[0] != '\0')
        at = option_origin(spec->config, err->option);
    problem_add(&c->problems, at, err->option[0] == '\0' && hint[0] != '\0' ? hint : NULL,
                "%s/%s (instance '%s') does not %s: %s%s%s%s", kind_name(spec->plugin->desc.kind),
                spec->plugin->desc.name, spec->name, doing, err->option[0] != '\0' ? "option '" : "",
                err->option, err->option[0] != '\0' ? "': " : "",
                err->message[0] != '\0' ? err->message : "it did not say why");
}

/* start, probe, stop. */
static void check_online(struct check *c, const struct instance_spec *spec, struct instance *instance)
{
    struct sluice_error err;

    error_clear(&err);
    if (instance_start(instance, &err) != SLUICE_OK) {
        tell_offline(c, spec, "start", &err);
        return;
    }
    error_clear(&err);
    if (instance_probe(instance, &err) != SLUICE_OK)
        tell_offline(c, spec, "answer", &err);
    error_clear(&err);
    if (instance_stop(instance, CHECK_STOP_MS, &err) != SLUICE_OK)
        tell_offline(c, spec, "stop", &err);
}

static void check_pipeline(struct check *c, const struct pipeline_spec *pipe)
{
    struct instance **instances = calloc(pipe->n_instances + 1, sizeof(struct instance *));
    struct instance_env env = {.pipeline_name = pipe->name, .metrics = c->metrics, .state = c->state};
    size_t i;

    env.fields[0] = strdup(pipe->order_key); /* as in a pipeline that runs */
    env.n_fields = 1;
    if (instances == NULL || env.fields[0] == NULL)
        problem_add(&c->problems, pipe->origin, NULL, "out of memory");
    for (i = 0; instances != NULL && env.fields[0] != NULL && i < pipe->n_instances; i++)
        instances[i] = instance_new(pipe->instances[i], &env, &c->problems);
    for (i = 0; c->online && instances != NULL && i < pipe->n_instances; i++)
        if (instances[i] != NULL)
            check_online(c, pipe->instances[i], instances[i]);
    for (i = pipe->n_instances; instances != NULL && i > 0; i--)
        instance_free(instances[i - 1]);
    for (i = 0; i < env.n_fields; i++)
        free(env.fields[i]);
    free(instances);
}

/* The state that a run left, so that instances find their positions; none is no problem. */
static void open_state(struct check *c)
{
    const char *dir = c->app.plan->state_dir;
    struct sluice_error err;

    if (!c->online || dir == NULL || access(dir, F_OK) != 0)
        return;
    error_clear(&err);
    c->state = state_db_open(dir, STATE_READ, &err);
    if (c->state == NULL)
        problem_warn(&c->problems, (struct origin){NULL, 0, 0}, NULL, "the state in '%s' cannot be read: %s",
                     dir, err.message);
}

/* The token that `run` would ask for. */
static void check_token(struct check *c)
{
    const char *file = c->app.plan->http_token_file;
    char token[RUN_TOKEN_MAX];
    struct sluice_error err;

    error_clear(&err);
    if (c->app.plan->http_listen != NULL && file != NULL &&
        run_read_token(file, token, sizeof token, &err) != 0)
        problem_add(&c->problems, (struct origin){NULL, 0, 0}, NULL, "http: %s", err.message);
    explicit_bzero(token, sizeof token);
}

static void check_plan(struct check *c)
{
    size_t i;

    c->metrics = metrics_new();
    if (c->metrics == NULL) {
        problem_add(&c->problems, (struct origin){NULL, 0, 0}, NULL, "out of memory");
        return;
    }
    if (!c->no_files)
        check_token(c);
    open_state(c);
    for (i = 0; i < c->app.plan->n_pipelines; i++)
        check_pipeline(c, &c->app.plan->pipelines[i]);
    state_db_close(c->state);
    metrics_free(c->metrics);
}

int cmd_check(int argc, char **argv)
{
    struct cli_list files = {.n = 0};
    const char *env = NULL;
    int json = 0, no_files = 0, failed;
    struct check c = {.online = 0};
    const struct cli_option options[] = {
        CLI_CONFIG(&files),
        CLI_ENV(&env),
        {.name = "--no-files", .flag = &no_files, .help = "do not open the files that options name"},
        {.name = "--online", .flag = &c.online, .help = "make one round trip to each service"},
        CLI_JSON(&json),
    };
    const struct cli_command command = {
        .name = "check",
        .summary = "Checks a config and everything it names, and tells all that is wrong at once.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .more = "exit codes: 0 fit to run, 1 not, 2 misuse",
    };
    int code = cli_parse(&command, argc, argv, NULL);

    if (code != CLI_GO_ON)
        return code;
    if (files.n == 0)
        return cli_misuse(&command, "no config is given; name it with -c FILE");
    problems_init(&c.problems);
    c.no_files = no_files;
    if (app_load(&c.app, files.items, files.n, env, (struct plan_flags){.no_files = no_files}, &c.problems) ==
        0)
        check_plan(&c);
    failed = problems_failed(&c.problems);
    app_report(&c.problems, json);
    app_free(&c.app);
    problems_release(&c.problems);
    return failed ? EXIT_FAILED : EXIT_OK;
}
