/* cmd_lag: `sluice lag`: how far the consumers of the config's sources are behind.
 *
 * Invariant: looks only; it joins no group and moves no offset.  It knows no broker, but
 * asks the sources through sluice/lag.h.  stdout has the report and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "cli.h"
#include "clock.h"
#include "command.h"
#include "lag_report.h"
#include "lag_source.h"
#include "log.h"
#include "option.h"

#define READ_MS 15000u /* one look at one source */
#define AGAIN_MS 1000  /* between two looks of --wait */
#define SAY_EACH 10u   /* looks between two lines where there is no terminal */
#define IDLE_MS 15000  /* without --timeout: so long nobody need be in a group that is behind */

struct lag {
    struct cli_list files;
    const char *env, *pipeline, *limit_text, *timeout_text;
    int json, wait;
    int64_t limit, timeout_ms;
    struct problems problems;
    struct app app;
    struct lag_sources sources;
};

static void lag_sleep(int64_t ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

    (void)nanosleep(&t, NULL);
}

static int lag_look(struct lag *l)
{
    size_t i;
    int failed = 0;

    for (i = 0; i < l->sources.n; i++)
        failed |= lag_source_read(&l->sources.items[i], READ_MS, &l->problems) != 0;
    return failed ? -1 : 0;
}

/* One line while --wait goes on: what is left of the way to the ends seen first. */
static void lag_say_progress(const struct lag *l, int64_t first_left, int64_t begun, unsigned looks)
{
    int64_t left = lag_sources_left(&l->sources), took = clock_steady_ms() - begun;
    double rate = took > 0 ? (double)(first_left - left) * 1000.0 / (double)took : 0.0;
    char text[160];

    if (rate >= 1.0)
        (void)snprintf(text, sizeof text, "lag: %lld messages to go, %.0f/s, about %.0f s left",
                       (long long)left, rate, (double)left / rate);
    else
        (void)snprintf(text, sizeof text, "lag: %lld messages to go", (long long)left);
    log_progress(text);
    if (looks % SAY_EACH == 0 && !isatty(STDERR_FILENO)) {
        struct log_field field = LOG_TEXT("message", text);

        log_event(SLUICE_INFO, "lag", &field, 1);
    }
}

/* A group that is behind its goal and has no members; NULL: there is none. */
static const struct lag_source *lag_idle(const struct lag *l)
{
    size_t i;

    for (i = 0; i < l->sources.n; i++)
        if (lag_source_left(&l->sources.items[i]) > 0 && !lag_source_active(&l->sources.items[i]))
            return &l->sources.items[i];
    return NULL;
}

/* 1: nobody consumes, which is said; no wait would end.  *since: of the first look that saw that, or -1. */
static int lag_gives_up(const struct lag *l, int64_t *since)
{
    const struct lag_source *idle = l->timeout_ms > 0 ? NULL : lag_idle(l);
    char text[400];
    struct log_field field = LOG_TEXT("message", text);

    if (idle == NULL)
        *since = -1;
    else if (*since < 0)
        *since = clock_steady_ms();
    if (idle == NULL || clock_steady_ms() - *since < IDLE_MS)
        return 0;
    (void)snprintf(
        text, sizeof text,
        "nobody is in group %.200s since %d s, and %lld messages wait for it: start its workers, or "
        "say with --timeout how long to wait for them",
        idle->group, IDLE_MS / 1000, (long long)lag_source_left(idle));
    log_progress(NULL);
    log_event(SLUICE_WARN, "lag", &field, 1);
    return 1;
}

/* Until the committed offsets reach the ends of the first look.  0 reached, 1 the time is
 * over or nobody consumes, -1 failed. */
static int lag_wait(struct lag *l)
{
    int64_t begun = clock_steady_ms(), idle_since = -1, first;
    unsigned looks = 0;

    lag_sources_set_goals(&l->sources);
    first = lag_sources_left(&l->sources);
    while (lag_sources_left(&l->sources) > 0) {
        lag_say_progress(l, first, begun, looks++);
        if (l->timeout_ms > 0 && clock_steady_ms() - begun >= l->timeout_ms)
            return 1;
        if (lag_gives_up(l, &idle_since))
            return 1;
        lag_sleep(AGAIN_MS);
        if (lag_look(l) != 0)
            return -1;
    }
    return 0;
}

static int lag_judge(const struct lag *l, int waited)
{
    size_t i;

    if (l->wait && waited == 0)
        return EXIT_OK;
    for (i = 0; i < l->sources.n; i++)
        if (!lag_source_active(&l->sources.items[i]) || lag_source_total(&l->sources.items[i]) > l->limit)
            return EXIT_FINDINGS;
    return waited > 0 ? EXIT_FINDINGS : EXIT_OK;
}

static int lag_run(struct lag *l)
{
    int waited = 0, code = EXIT_FAILED;

    problems_init(&l->problems);
    if (app_load(&l->app, l->files.items, l->files.n, l->env, (struct plan_flags){.no_files = 1},
                 &l->problems) == 0 &&
        lag_sources_find(&l->sources, l->app.plan, l->pipeline, &l->problems) == 0) {
        if (l->sources.n == 0)
            problem_add(&l->problems, (struct origin){NULL, 0, 0}, NULL,
                        "no source of the config has consumers that could be behind");
        else if (lag_look(l) == 0 && (!l->wait || (waited = lag_wait(l)) >= 0))
            code = lag_judge(l, waited);
    }
    log_progress(NULL);
    if (problems_failed(&l->problems))
        code = EXIT_FAILED;
    else if (lag_print(&l->sources, l->limit, l->json, &l->problems) != 0)
        code = EXIT_FAILED;
    if (l->problems.n > 0)
        app_report(&l->problems, l->json && code == EXIT_FAILED);
    return code;
}

static int lag_numbers(struct lag *l, const struct cli_command *command)
{
    char *end;

    if (l->limit_text != NULL) {
        l->limit = strtoll(l->limit_text, &end, 10);
        if (end == l->limit_text || *end != '\0' || l->limit < 0)
            return cli_misuse(command, "--limit takes a number of messages, not '%s'", l->limit_text);
    }
    if (l->timeout_text != NULL &&
        (!option_parse_duration(l->timeout_text, &l->timeout_ms) || l->timeout_ms <= 0))
        return cli_misuse(command, "--timeout takes a duration such as 10m, not '%s'", l->timeout_text);
    if (l->timeout_text != NULL && !l->wait)
        return cli_misuse(command, "--timeout is of --wait");
    return CLI_GO_ON;
}

int cmd_lag(int argc, char **argv)
{
    struct lag l = {.json = 0};
    const struct cli_option options[] = {
        CLI_CONFIG(&l.files),
        CLI_ENV(&l.env),
        {.name = "--pipeline",
         .letter = 'p',
         .metavar = "NAME",
         .value = &l.pipeline,
         .help = "only the source of this pipeline"},
        {.name = "--limit",
         .metavar = "N",
         .value = &l.limit_text,
         .help = "most messages that each source may be behind [0]"},
        {.name = "--wait",
         .flag = &l.wait,
         .help = "until the committed offsets reach the ends that are there now"},
        {.name = "--timeout",
         .metavar = "DURATION",
         .value = &l.timeout_text,
         .help = "of --wait: give up after it [never, but after 15s that nobody is in the group]"},
        CLI_JSON(&l.json),
    };
    const struct cli_command command = {
        .name = "lag",
        .summary = "How far the consumers are behind, without joining them.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .more = "exit codes: 0 all within the limit (with --wait: reached), 1 failed, 2 misuse, "
                "3 above the limit or a group that is not active",
    };
    int code = cli_parse(&command, argc, argv, NULL);

    if (code == CLI_GO_ON)
        code = l.files.n == 0 ? cli_misuse(&command, "no config is given; name it with -c FILE")
                              : lag_numbers(&l, &command);
    if (code != CLI_GO_ON)
        return code;
    code = lag_run(&l);
    lag_sources_release(&l.sources);
    app_free(&l.app);
    problems_release(&l.problems);
    return code;
}
