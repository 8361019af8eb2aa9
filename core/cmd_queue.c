/* cmd_queue: `sluice queue depth`: how many messages the queues of a config have.
 *
 * Invariant: looks only; it receives nothing.  It knows no queue service, but asks sources and
 * sinks through sluice/queue.h.  stdout has the report and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "cli.h"
#include "clock.h"
#include "command.h"
#include "option.h"
#include "queue_report.h"
#include "queue_source.h"

#define READ_MS 15000u    /* one look at one queue */
#define INTERVAL "5s"     /* between two looks of --watch */
#define FAILURES 5u       /* looks of --watch in a row that may fail */
#define EMPTY_LOOKS 2u    /* in a row: the services only estimate */
#define MAX_CONFIG 65536u /* of one that is made of --queue-url */

struct queue_command {
    struct cli_list files;
    const char *env, *pipeline, *url, *region, *endpoint, *interval_text, *timeout_text;
    int json, watch;
    int64_t interval_ms, timeout_ms;
    struct problems problems;
    struct app app;
    struct queue_sources queues;
};

static const struct origin nowhere = {NULL, 0, 0};

static void add_member(struct strbuf *b, const char *name, const char *value)
{
    if (value == NULL)
        return;
    strbuf_printf(b, ", \"%s\": ", name);
    strbuf_json(b, value, strlen(value));
}

/* A config for the one queue that the command line names. */
static int load_url(struct queue_command *q)
{
    struct strbuf b;

    strbuf_init(&b, MAX_CONFIG);
    strbuf_puts(&b, "{\"state_dir\": \".\", \"pipelines\": {\"queue\": {\"source\": {\"plugin\": \"sqs\"");
    add_member(&b, "queue_url", q->url);
    add_member(&b, "aws_region", q->region);
    add_member(&b, "aws_endpoint", q->endpoint);
    strbuf_puts(&b, "}, \"sink\": {\"plugin\": \"null\"}}}}");
    if (b.failed)
        problem_add(&q->problems, nowhere, NULL, "--queue-url is too long, or there is no memory");
    else
        q->app.config = config_parse("--queue-url", strbuf_text(&b), b.len, &q->problems);
    strbuf_release(&b);
    if (q->app.config == NULL || (q->app.registry = app_registry(q->app.config, &q->problems)) == NULL)
        return -1;
    q->app.plan =
        plan_build(q->app.config, q->app.registry, (struct plan_flags){.no_files = 1}, &q->problems);
    return q->app.plan != NULL && !problems_failed(&q->problems) ? 0 : -1;
}

static int load(struct queue_command *q)
{
    int failed = q->url != NULL ? load_url(q)
                                : app_load(&q->app, q->files.items, q->files.n, q->env,
                                           (struct plan_flags){.no_files = 1}, &q->problems);

    if (failed || queue_sources_find(&q->queues, q->app.plan, q->pipeline, &q->problems) != 0)
        return -1;
    if (q->queues.n > 0)
        return 0;
    problem_add(&q->problems, nowhere, "name a queue with --queue-url URL",
                "no source or sink of the config has a queue");
    return -1;
}

static int look_once(struct queue_command *q)
{
    if (queue_sources_read(&q->queues, READ_MS, &q->problems) != 0 ||
        queue_print(&q->queues, q->json, &q->problems) != 0)
        return EXIT_FAILED;
    return queue_sources_are_empty(&q->queues) ? EXIT_OK : EXIT_FINDINGS;
}

/* One look of --watch.  0; 1: it failed and was told; -1 failed for good. */
static int look_again(struct queue_command *q, unsigned *failures)
{
    struct problems own;
    int failed;

    problems_init(&own);
    failed = queue_sources_read(&q->queues, READ_MS, &own) != 0;
    if (!failed) {
        *failures = 0;
    } else if (++*failures < FAILURES) {
        problems_print(&own, stderr);
    } else {
        problems_release(&own);
        return queue_sources_read(&q->queues, READ_MS, &q->problems) == 0 ? 0 : -1;
    }
    problems_release(&own);
    if (failed)
        return 1;
    return q->json ? queue_print(&q->queues, 1, &q->problems) : queue_print_lines(&q->queues, &q->problems);
}

static int watch(struct queue_command *q)
{
    int64_t begun = clock_steady_ms();
    struct timespec t = {q->interval_ms / 1000, (q->interval_ms % 1000) * 1000000L};
    unsigned failures = 0, empty = 0;
    int looked;

    for (;;) {
        looked = look_again(q, &failures);
        if (looked < 0)
            return EXIT_FAILED;
        if (looked == 0)
            empty = queue_sources_are_empty(&q->queues) ? empty + 1 : 0;
        if (empty == EMPTY_LOOKS)
            return EXIT_OK;
        if (q->timeout_ms > 0 && clock_steady_ms() - begun >= q->timeout_ms)
            return EXIT_FINDINGS;
        (void)nanosleep(&t, NULL);
    }
}

static int parse_duration(const struct cli_command *command, const char *name, const char *text, int64_t *out)
{
    if (text == NULL || (option_parse_duration(text, out) && *out > 0))
        return CLI_GO_ON;
    return cli_misuse(command, "%s takes a duration such as 10s, not '%s'", name, text);
}

static int check_words(struct queue_command *q, const struct cli_command *command,
                       const struct cli_list *words)
{
    int code;

    if (strcmp(words->items[0], "depth") != 0)
        return cli_misuse(command, "there is no 'queue %s', only 'queue depth'", words->items[0]);
    if ((q->url == NULL) == (q->files.n == 0))
        return cli_misuse(command, q->url == NULL
                                       ? "name a config with -c FILE, or a queue with --queue-url URL"
                                       : "-c FILE and --queue-url exclude each other");
    if (q->url == NULL && (q->region != NULL || q->endpoint != NULL))
        return cli_misuse(command, "--region and --endpoint are of --queue-url; a config has its own");
    if (q->url != NULL && (q->env != NULL || q->pipeline != NULL))
        return cli_misuse(command, "--env and --pipeline are of a config");
    if (q->url != NULL && strstr(q->url, "${") != NULL)
        return cli_misuse(command, "--queue-url is no URL: '%s'", q->url);
    if (!q->watch && (q->interval_text != NULL || q->timeout_text != NULL))
        return cli_misuse(command, "--interval and --timeout are of --watch");
    (void)option_parse_duration(INTERVAL, &q->interval_ms);
    code = parse_duration(command, "--interval", q->interval_text, &q->interval_ms);
    return code == CLI_GO_ON ? parse_duration(command, "--timeout", q->timeout_text, &q->timeout_ms) : code;
}

static int run(struct queue_command *q)
{
    int code = EXIT_FAILED;

    problems_init(&q->problems);
    if (load(q) == 0)
        code = q->watch ? watch(q) : look_once(q);
    if (problems_failed(&q->problems))
        code = EXIT_FAILED;
    if (q->problems.n > 0)
        app_report(&q->problems, q->json && code == EXIT_FAILED);
    queue_sources_release(&q->queues);
    app_free(&q->app);
    problems_release(&q->problems);
    return code;
}

int cmd_queue(int argc, char **argv)
{
    struct queue_command q = {.json = 0};
    const struct cli_option options[] = {
        CLI_CONFIG(&q.files),
        CLI_ENV(&q.env),
        {.name = "--pipeline",
         .letter = 'p',
         .metavar = "NAME",
         .value = &q.pipeline,
         .help = "only the queues of this pipeline"},
        {.name = "--queue-url",
         .metavar = "URL",
         .value = &q.url,
         .help = "this queue of SQS, without a config"},
        {.name = "--region",
         .metavar = "NAME",
         .value = &q.region,
         .help = "of --queue-url [that of the URL]"},
        {.name = "--endpoint",
         .metavar = "URL",
         .value = &q.endpoint,
         .help = "of --queue-url: where to ask [the host of the URL]"},
        {.name = "--watch", .flag = &q.watch, .help = "a line every interval, until nothing is left"},
        {.name = "--interval", .metavar = "DURATION", .value = &q.interval_text, .help = "of --watch [5s]"},
        {.name = "--timeout",
         .metavar = "DURATION",
         .value = &q.timeout_text,
         .help = "of --watch: give up after it [never]"},
        CLI_JSON(&q.json),
    };
    const struct cli_command command = {
        .name = "queue",
        .words = "depth",
        .summary = "How many messages wait in the queues, are in work, or delayed.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .min_words = 1,
        .max_words = 1,
        .more = "exit codes: 0 nothing is left (with --watch: in two looks in a row), 1 failed, 2 misuse, "
                "3 something is left; dead letters are shown and do not count",
    };
    struct cli_list words = {.n = 0};
    int code = cli_parse(&command, argc, argv, &words);

    if (code == CLI_GO_ON)
        code = check_words(&q, &command, &words);
    return code == CLI_GO_ON ? run(&q) : code;
}
