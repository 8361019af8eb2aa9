/* cmd_check: `sluice check`: is this config fit to run?
 *
 * Takes the same way as `run` up to the first start: config, plugins, plan, and
 * create of every instance.  With --online also one round trip to each service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "check_online.h"
#include "cli.h"
#include "command.h"
#include "expect.h"
#include "instance.h"
#include "log.h"
#include "metric.h"
#include "run.h"
#include "state_db.h"

#define ONLINE_MS 10000u
#define REPORT_MAX (16u << 20)

/* The instances of a pipeline. */
struct made {
    struct instance_env env;
    struct instance **instances; /* NULL where create refused */
    size_t n;
};

struct check {
    struct problems problems;
    struct app app;
    struct metrics *metrics;
    struct state_db *state; /* --online, if there is one already */
    struct made *made;      /* by pipeline */
    struct online *online;  /* --online */
    size_t silent;          /* who did not answer */
    int wants_online, no_files;
    int asked, stuck;
};

/* create of every instance of a pipeline; the instances wait for the others. */
static void check_pipeline(struct check *c, const struct pipeline_spec *pipe, struct made *m)
{
    size_t i;

    m->env = (struct instance_env){
        .pipeline_name = pipe->name, .metrics = c->metrics, .state = c->state, .checking = 1};
    m->env.fields[0] = strdup(pipe->order_key); /* as in a pipeline that runs */
    m->env.n_fields = 1;
    m->instances = calloc(pipe->n_instances + 1, sizeof(struct instance *));
    if (m->instances == NULL || m->env.fields[0] == NULL) {
        problem_add(&c->problems, pipe->origin, NULL, "out of memory");
        return;
    }
    for (; m->n < pipe->n_instances; m->n++)
        m->instances[m->n] = instance_new(pipe->instances[m->n], &m->env, &c->problems);
    for (i = 0; c->online != NULL && i < m->n; i++)
        if (m->instances[i] != NULL)
            online_add(c->online, pipe->name, pipe->instances[i], m->instances[i]);
}

static void free_pipeline(struct made *m)
{
    uint32_t f;

    for (; m->n > 0; m->n--)
        instance_free(m->instances[m->n - 1]);
    for (f = 0; f < m->env.n_fields; f++)
        free(m->env.fields[f]);
    free(m->instances);
}

/* Only what can be made can be asked. */
static void ask_services(struct check *c)
{
    if (c->online == NULL || problems_failed(&c->problems))
        return;
    c->asked = 1;
    log_set_level(SLUICE_ERROR); /* what instances say while they start is for a run */
    c->stuck = online_run(c->online, ONLINE_MS) != 0;
    c->silent = online_tell(c->online, &c->problems);
    if (c->app.plan->n_expect > 0 && c->silent > 0)
        problem_warn(&c->problems, c->app.plan->expect[0].origin, NULL,
                     "what `expect` says was not verified, since not everything answers");
    else if (!c->stuck)
        (void)expect_verify(c->app.plan, ONLINE_MS, &c->problems);
}

/* The state that a run left, so that instances find their positions; none is no problem. */
static void open_state(struct check *c)
{
    const char *dir = c->app.plan->state_dir;
    struct sluice_error err;

    if (!c->wants_online || dir == NULL || access(dir, F_OK) != 0)
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

static size_t count_instances(const struct plan *plan)
{
    size_t i, n = 0;

    for (i = 0; i < plan->n_pipelines; i++)
        n += plan->pipelines[i].n_instances;
    return n;
}

static void check_plan(struct check *c)
{
    const struct plan *plan = c->app.plan;
    size_t i;

    c->metrics = metrics_new();
    c->made = calloc(plan->n_pipelines + 1, sizeof *c->made);
    if (c->wants_online)
        c->online = online_new(count_instances(plan));
    if (c->metrics == NULL || c->made == NULL || (c->wants_online && c->online == NULL)) {
        problem_add(&c->problems, (struct origin){NULL, 0, 0}, NULL, "out of memory");
        return;
    }
    if (!c->no_files)
        check_token(c);
    open_state(c);
    for (i = 0; i < plan->n_pipelines; i++)
        check_pipeline(c, &plan->pipelines[i], &c->made[i]);
    if (!problems_failed(&c->problems))
        (void)expect_check(plan, &c->problems);
    ask_services(c);
}

static void free_check(struct check *c)
{
    size_t i;

    for (i = 0; c->made != NULL && i < c->app.plan->n_pipelines; i++)
        free_pipeline(&c->made[i]);
    free(c->made);
    online_free(c->online);
    state_db_close(c->state);
    if (c->metrics != NULL)
        metrics_free(c->metrics);
    app_free(&c->app);
    problems_release(&c->problems);
}

/* The findings; with --online also a line for each service, or "services" in the JSON.  As app_report. */
static int report(const struct check *c, int json)
{
    struct strbuf out;
    int failed = 0;

    if (!json || !c->asked) {
        if (c->asked)
            online_print(c->online, stdout);
        return app_report(&c->problems, json);
    }
    strbuf_init(&out, REPORT_MAX);
    app_problems_json(&c->problems, &out);
    if (!out.failed)
        out.len -= strlen("}\n");
    strbuf_puts(&out, ",\"services\":[");
    online_json(c->online, &out);
    strbuf_puts(&out, "]}\n");
    if (out.failed)
        failed = app_report(&c->problems, json);
    else
        (void)fwrite(out.data, 1, out.len, stdout);
    strbuf_release(&out);
    return failed;
}

int cmd_check(int argc, char **argv)
{
    struct cli_list files = {.n = 0};
    const char *env = NULL;
    int json = 0, no_files = 0;
    struct check c = {.online = NULL};
    const struct cli_option options[] = {
        CLI_CONFIG(&files),
        CLI_ENV(&env),
        {.name = "--no-files", .flag = &no_files, .help = "do not open the files that options name"},
        {.name = "--online", .flag = &c.wants_online, .help = "make one round trip to each service"},
        CLI_JSON(&json),
    };
    const struct cli_command command = {
        .name = "check",
        .summary = "Checks a config and everything it names, and tells all that is wrong at once.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .more = "exit codes: 0 fit to run, 1 not, 2 misuse, 3 fit to run, but something does not answer",
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
    code = !problems_failed(&c.problems) ? EXIT_OK : c.silent > 0 ? EXIT_FINDINGS : EXIT_FAILED;
    if (report(&c, json) != 0 && code == EXIT_OK)
        code = EXIT_FAILED;
    if (c.stuck) { /* a call that never came back still uses all of it */
        (void)fflush(stdout);
        _exit(code);
    }
    free_check(&c);
    return code;
}
