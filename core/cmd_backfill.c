/* cmd_backfill: `sluice backfill`: users to the queue of the workers, at a rate.
 *
 * Invariant: whatever ends it, each user was either sent or stands in the resume file that
 * the last line names; a kill -9 alone leaves none, and a second run of the same job id
 * then repeats messages that the workers know by their request ids. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "app.h"
#include "backfill_folder.h"
#include "backfill_report.h"
#include "backfill_resume.h"
#include "cli.h"
#include "clock.h"
#include "command.h"
#include "json_report.h"
#include "log.h"

#define TICK_MS 20
#define LINE_MS 250
#define LOG_MS 10000
#define DRAIN_MS 10000

struct sender {
    struct cli_list files;
    const char *env, *user_file, *s3_uri, *queue_url, *rate_text, *days_text, *resume_from, *job_id;
    int from_neo4j, dry_run, force, json, yes;

    struct problems problems;
    struct config *config; /* or NULL */
    struct registry *registry;
    struct backfill_spec spec;
    struct backfill_job job;
    struct backfill_queue queue;
    struct backfill_list list;
    struct backfill_report report;
    char id[64], from[1200];
    enum backfill_from kind;
    const char *where;
    char *folder, *spool, *list_state, *send_state; /* paths */
    struct backfill_resume resume;
    int signal;
    int stuck; /* a plugin's thread does not come back: leave without tidying */
};

static const struct origin nowhere = {NULL, 0, 0};

/* --- words ------------------------------------------------------------------------------ */

static int make_id(struct sender *s)
{
    unsigned char b[16];

    if (s->job_id != NULL) {
        s->job.id = s->job_id;
        return 0;
    }
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) {
        problem_add(&s->problems, nowhere, NULL, "no random numbers for the id of the job: %s",
                    strerror(errno));
        return -1;
    }
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(
        s->id, sizeof s->id, "backfill-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    s->job.id = s->id;
    return 0;
}

/* A number of the command line: 1 and *out, or 0. */
static int read_number(const char *text, double min, double max, double *out)
{
    char *end;
    double v;

    errno = 0;
    v = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(v >= min && v <= max))
        return 0;
    *out = v;
    return 1;
}

/* What is asked for, before anything is read; CLI_GO_ON or an exit code. */
static int check_words(struct sender *s, const struct cli_command *command)
{
    double n;
    int sources =
        (s->user_file != NULL) + (s->s3_uri != NULL) + (s->from_neo4j != 0) + (s->resume_from != NULL);

    if (sources == 2 && s->resume_from != NULL && s->user_file != NULL)
        sources = 1; /* the old command line with --resume-from added: the rest alone is sent */
    if (sources != 1)
        return cli_misuse(command, sources == 0 ? "which users? give --user-file FILE, --s3-uri URI, "
                                                  "--from-neo4j or --resume-from FILE"
                                                : "give one of --user-file, --s3-uri, --from-neo4j and "
                                                  "--resume-from");
    if (s->env != NULL && s->files.n == 0)
        return cli_misuse(command, "--env needs a config: -c FILE");
    if (s->queue_url == NULL && s->files.n == 0)
        return cli_misuse(command, "to which queue? give --queue-url URL, or a config with -c FILE");
    if (s->rate_text != NULL && !read_number(s->rate_text, 0, 1e9, &n))
        return cli_misuse(command, "--rate-limit '%s' is not a number of users a second (0: no limit)",
                          s->rate_text);
    if (s->days_text != NULL && (!read_number(s->days_text, 1, 36500, &n) || n != (double)(int64_t)n))
        return cli_misuse(command, "--lookback-days '%s' is not a number of days from 1 to 36500",
                          s->days_text);
    return CLI_GO_ON;
}

static void settle_source(struct sender *s)
{
    if (s->s3_uri != NULL)
        s->kind = BACKFILL_S3;
    else if (s->from_neo4j)
        s->kind = BACKFILL_NEO4J;
    else
        s->kind = BACKFILL_FILE;
    s->where = s->s3_uri != NULL ? s->s3_uri : s->resume_from != NULL ? s->resume_from : s->user_file;
    (void)snprintf(s->from, sizeof s->from, "%s%s",
                   s->from_neo4j            ? "the graph in Neo4j"
                   : s->resume_from != NULL ? "the resume file "
                                            : "",
                   s->where != NULL ? s->where : "");
}

/* Config, plugins, and what the command line says over the config. */
static int prepare(struct sender *s)
{
    struct sluice_error err = {.struct_size = sizeof err};

    if (s->files.n > 0) {
        s->config = config_load(s->files.items, s->files.n, s->env, &s->problems);
        if (s->config == NULL)
            return -1;
    }
    s->registry = app_registry(s->config, &s->problems);
    if (s->registry == NULL || plan_backfill_read(s->config, &s->spec, &s->problems) != 0)
        return -1;
    if (s->queue_url == NULL && !s->spec.has_queue) {
        problem_add(&s->problems, s->config->root->origin,
                    "add backfill: { queue: { plugin: sqs, queue_url: ... } }, or give --queue-url URL",
                    "the config does not say to which queue");
        return -1;
    }
    s->job = (struct backfill_job){.rate = s->spec.rate_limit,
                                   .lookback_days = s->spec.lookback_days,
                                   .reason = s->spec.reason,
                                   .force = s->force,
                                   .queue_url = s->queue_url};
    if (s->rate_text != NULL)
        (void)read_number(s->rate_text, 0, 1e9, &s->job.rate);
    if (s->days_text != NULL)
        s->job.lookback_days = strtoll(s->days_text, NULL, 10);
    backfill_queue_read(s->queue_url, config_get(s->spec.block, "queue"), &s->queue);
    settle_source(s);
    s->folder = backfill_folder_make(NULL, &err);
    s->spool = s->folder == NULL ? NULL : backfill_folder_file(s->folder, "users");
    s->list_state = s->folder == NULL ? NULL : backfill_folder_file(s->folder, "list-state");
    s->send_state = s->folder == NULL ? NULL : backfill_folder_file(s->folder, "send-state");
    if (s->spool == NULL || s->list_state == NULL || s->send_state == NULL) {
        problem_add(&s->problems, nowhere, NULL, "%s", s->folder == NULL ? err.message : "out of memory");
        return -1;
    }
    return make_id(s);
}

/* --- waiting ------------------------------------------------------------------------------ */

static sigset_t stop_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

/* A signal that came meanwhile, or 0. */
static int next_signal(long ms)
{
    const struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};
    sigset_t set = stop_signals();
    int sig = sigtimedwait(&set, NULL, &wait);

    return sig > 0 ? sig : 0;
}

static int stop_collecting(void *context)
{
    struct sender *s = context;

    if (s->signal == 0)
        s->signal = next_signal(0);
    return s->signal != 0;
}

static void show_progress(const struct sender *s, const struct backfill_send_state *now, int64_t elapsed_ms)
{
    double seconds = (double)elapsed_ms / 1000.0, rate = seconds > 0 ? (double)now->sent / seconds : 0;
    double left = (double)(s->list.users - now->sent - now->failed);
    char text[900], time[48];

    backfill_report_time(rate > 0 ? left / rate : 0, time, sizeof time);
    (void)snprintf(text, sizeof text, "sent %" PRIu64 " of %" PRIu64 " users, %.1f/s, %s left%s%.400s",
                   now->sent, s->list.users, rate, rate > 0 ? time : "?", now->waiting ? "; waits: " : "",
                   now->waiting ? now->why : "");
    log_progress(text);
}

static void log_state(const struct sender *s, const struct backfill_send_state *now, int64_t elapsed_ms)
{
    struct log_field fields[] = {LOG_NUMBER("sent", now->sent), LOG_NUMBER("failed", now->failed),
                                 LOG_NUMBER("users", s->list.users), LOG_NUMBER("seconds", elapsed_ms / 1000),
                                 LOG_TEXT("message", now->waiting ? now->why : NULL)};

    if (!isatty(STDERR_FILENO))
        log_event(now->waiting ? SLUICE_WARN : SLUICE_INFO, "backfill", fields, 5);
}

/* Until all is sent, or it failed, or somebody or something ends it. */
static void follow(struct sender *s, struct backfill_send *send)
{
    int64_t began = clock_steady_ms(), next_line = 0, next_log = LOG_MS, waits_since = -1, drain_until = -1;
    struct backfill_send_state *now = &s->report.state;
    int sig;

    for (;;) {
        int64_t elapsed = clock_steady_ms() - began;

        s->report.elapsed_ms = elapsed;
        backfill_send_look(send, now);
        waits_since = !now->waiting ? -1 : waits_since < 0 ? elapsed : waits_since;
        if (now->over || (drain_until >= 0 && elapsed >= drain_until))
            break;
        if (drain_until < 0 && waits_since >= 0 && s->spec.give_up_ms > 0 &&
            elapsed - waits_since >= s->spec.give_up_ms) {
            problem_add(&s->problems, nowhere, NULL, "gave up, since the queue takes nothing: %s", now->why);
            break;
        }
        if (elapsed >= next_line) {
            show_progress(s, now, elapsed);
            next_line = elapsed + LINE_MS;
        }
        if (elapsed >= next_log) {
            log_state(s, now, elapsed);
            next_log = elapsed + LOG_MS;
        }
        sig = next_signal(TICK_MS);
        if (sig != 0 && s->signal != 0)
            break; /* the second one: leave */
        if (sig != 0) {
            s->signal = sig;
            drain_until = elapsed + DRAIN_MS;
            backfill_send_drain(send);
        }
    }
    log_progress(NULL);
}

/* --- the run ------------------------------------------------------------------------------ */

static int confirm(const struct sender *s)
{
    char answer[16];

    if (s->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return 1;
    fprintf(stderr, "send %" PRIu64 " messages? [y/N] ", s->list.users);
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

/* What is not sent goes to a file, and the way on is told. */
static void leave_resume(struct sender *s, const struct backfill_send *send)
{
    struct sluice_error err = {.struct_size = sizeof err};
    size_t len;
    char *text;

    s->resume = (struct backfill_resume){.job = &s->job,
                                         .files = s->files.items,
                                         .env = s->env,
                                         .queue_url = s->queue_url,
                                         .old = s->resume_from,
                                         .list = s->user_file};
    if (s->report.state.sent == s->list.users)
        return;
    text = backfill_unsent(send, s->spool, &len, &s->report.unsent, &err);
    if (text == NULL || backfill_resume_write(&s->resume, text, len, &err) != 0)
        problem_add(&s->problems, nowhere, NULL, "the users that are not sent could not be kept: %s",
                    err.message);
    s->report.resume_file = s->resume.file;
    s->report.resume_command = s->resume.command;
    free(text);
}

static void send_users(struct sender *s)
{
    struct config *config =
        backfill_config_send(s->spec.block, &s->job, s->send_state, s->spool, &s->problems);
    struct backfill_send *send =
        config == NULL ? NULL
                       : backfill_send_start(config, s->registry, s->list.users, NULL, NULL, &s->problems);

    if (send == NULL)
        return;
    follow(s, send);
    s->stuck = !backfill_send_join(send);
    backfill_send_look(send, &s->report.state);
    if (s->report.state.sent < s->list.users && s->signal == 0 && !problems_failed(&s->problems))
        problem_add(&s->problems, nowhere, NULL, "not all users were sent: %s", s->report.state.why);
    leave_resume(s, send);
    if (!s->stuck)
        backfill_send_free(send);
}

static int run_passes(struct sender *s)
{
    struct config *config = backfill_config_collect(s->spec.block, &s->job, s->kind, s->where, s->list_state,
                                                    s->spool, &s->problems);

    if (config == NULL ||
        backfill_collect(config, s->registry, &s->list, stop_collecting, s, &s->problems) != 0)
        return -1;
    s->report.job = &s->job;
    s->report.list = &s->list;
    s->report.queue = &s->queue;
    s->report.from = s->from;
    s->report.dry_run = s->dry_run;
    if (!s->json)
        backfill_report_plan(&s->report, s->dry_run ? stdout : stderr);
    if (s->dry_run && !s->json)
        puts("this is a dry run: nothing was sent");
    if (s->dry_run || s->list.users == 0)
        return 0;
    if (!confirm(s)) {
        problem_add(&s->problems, nowhere, NULL, "not confirmed: nothing was sent");
        return -1;
    }
    send_users(s);
    return 0;
}

static void print_end(struct sender *s)
{
    double seconds = (double)s->report.elapsed_ms / 1000.0;

    if (!s->json && !s->dry_run)
        printf("sent %" PRIu64 " of %" PRIu64 " users in %.1f s (%.1f/s), job %s\n", s->report.state.sent,
               s->list.users, seconds, seconds > 0 ? (double)s->report.state.sent / seconds : 0.0, s->job.id);
    if (s->json) {
        json_t *report;

        s->report.signal = s->signal;
        s->report.error = s->problems.n > 0 ? s->problems.items[0].message : NULL;
        json_report_begin();
        report = backfill_report_json(&s->report);
        json_report_print(report, &s->problems);
        json_decref(report);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        problem_add(&s->problems, nowhere, NULL, "cannot write: %s", strerror(errno));
}

static int end_code(const struct sender *s)
{
    if (s->signal != 0)
        return 128 + s->signal;
    if (problems_failed(&s->problems))
        return EXIT_FAILED;
    return s->list.invalid > 0 ? EXIT_FINDINGS : EXIT_OK;
}

static int run(struct sender *s)
{
    sigset_t set = stop_signals();

    sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)log_start(LOG_LOGFMT, SLUICE_WARN, STDERR_FILENO);
    log_set_level(isatty(STDERR_FILENO) ? SLUICE_WARN : SLUICE_INFO);
    problems_init(&s->problems);
    if (prepare(s) == 0 && run_passes(s) == 0)
        print_end(s);
    log_stop();
    problems_print(&s->problems, stderr);
    if (s->report.resume_command != NULL)
        fprintf(stderr, "%" PRIu64 " users are not sent; they stand in %s; to go on: %s\n", s->report.unsent,
                s->report.resume_file, s->report.resume_command);
    return end_code(s);
}

static void release(struct sender *s)
{
    backfill_folder_remove(s->folder);
    free(s->spool);
    free(s->list_state);
    free(s->send_state);
    backfill_resume_release(&s->resume);
    backfill_list_release(&s->list);
    plan_backfill_release(&s->spec);
    if (s->registry != NULL)
        registry_free(s->registry);
    config_free(s->config);
    problems_release(&s->problems);
}

int cmd_backfill(int argc, char **argv)
{
    struct sender s = {.json = 0};
    const struct cli_option options[] = {
        {.name = "--user-file",
         .metavar = "FILE",
         .value = &s.user_file,
         .help = "users: ids or JSON objects with user_id, one a line; gzip too"},
        {.name = "--s3-uri",
         .metavar = "URI",
         .value = &s.s3_uri,
         .help = "the same in S3: s3://bucket/key (source/s3-file, options in backfill.s3)"},
        {.name = "--from-neo4j",
         .flag = &s.from_neo4j,
         .help = "all users of the graph (source/neo4j-users, options in backfill.neo4j)"},
        {.name = "--resume-from",
         .metavar = "FILE",
         .value = &s.resume_from,
         .help = "the users that an earlier run left in its resume file"},
        {.name = "--queue-url", .metavar = "URL", .value = &s.queue_url, .help = "SQS queue of the workers"},
        {.name = "--rate-limit",
         .metavar = "N",
         .value = &s.rate_text,
         .help = "users a second; 0: no limit (default: 10)"},
        {.name = "--lookback-days",
         .metavar = "N",
         .value = &s.days_text,
         .help = "days of history that the workers load (default: 365)"},
        {.name = "--force",
         .flag = &s.force,
         .help = "ask the workers to load users whom they have loaded lately, too"},
        {.name = "--dry-run", .flag = &s.dry_run, .help = "tell what would happen, and send nothing"},
        {.name = "--job-id",
         .metavar = "ID",
         .value = &s.job_id,
         .help = "of an earlier run: its users keep their request ids (default: a new one)"},
        {.name = "--yes", .letter = 'y', .flag = &s.yes, .help = "do not ask before sending"},
        CLI_CONFIG(&s.files),
        CLI_ENV(&s.env),
        CLI_JSON(&s.json),
    };
    const struct cli_command command = {
        .name = "backfill",
        .summary = "Sends a message a user to the queue of the workers, which load the users' histories.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .more = "Without a config it needs a list of users and --queue-url. With one, its `backfill` block "
                "gives\n"
                "the queue (any sink), the rate and the rest; the command line comes first.\n"
                "What could not be sent stands in a resume file at the end, and the last line says how to go "
                "on.\n"
                "exit codes: 0 all sent, 1 failed, 2 misuse, 3 all sent, but some ids were invalid, 130 "
                "after Ctrl-C",
    };
    int code = cli_parse(&command, argc, argv, NULL);

    if (code == CLI_GO_ON)
        code = check_words(&s, &command);
    if (code != CLI_GO_ON)
        return code;
    code = run(&s);
    if (s.stuck) {
        (void)fflush(NULL);
        _exit(code == EXIT_OK ? EXIT_FAILED : code);
    }
    release(&s);
    return code;
}
