/* cmd_job: sluice job list | show | users | retry | cancel: the ledger of jobs, also while
 * workers report to it.
 *
 * Users are read a page at a time, so a job of any size takes the same memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "cli.h"
#include "clock.h"
#include "command.h"
#include "job_print.h"

#define JSON_MAX (1024u * 1024u)
#define SHOWN_FAILURES 10u

struct job_command {
    struct cli_list files;
    const char *env, *state;
    int json, open;
    struct job_ledger *ledger;
    struct sluice_error err;
    struct job job;
    uint64_t n; /* printed so far */
    int failed; /* something could not be printed */
};

static int tell(const struct job_command *c)
{
    fprintf(stderr, "sluice job: %s\n", c->err.message);
    return EXIT_FAILED;
}

/* What was printed must have arrived. */
static int finish(struct job_command *c, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout) && !c->failed)
        return code;
    fprintf(stderr, "sluice job: cannot write: %s\n", c->failed ? "no memory" : strerror(errno));
    return EXIT_FAILED;
}

static void put_json(struct job_command *c, struct strbuf *out)
{
    c->failed |= out->failed;
    if (!out->failed)
        (void)fwrite(out->data, 1, out->len, stdout);
    strbuf_release(out);
}

static void put_job(struct job_command *c, const struct job *j)
{
    struct strbuf out;

    strbuf_init(&out, JSON_MAX);
    job_json(j, clock_now_ms(), &out);
    put_json(c, &out);
}

static int list_one(void *context, const struct job *j)
{
    struct job_command *c = context;

    if (c->json) {
        fputs(c->n == 0 ? "\n" : ",\n", stdout);
        put_job(c, j);
    } else {
        job_print_row(j, clock_now_ms());
    }
    c->n++;
    return c->failed || ferror(stdout);
}

static int job_list_all(struct job_command *c)
{
    if (c->json)
        fputs("{\"jobs\":[", stdout);
    if (job_list(c->ledger, c->open, list_one, c, &c->err) != SLUICE_OK)
        return tell(c);
    if (c->json)
        printf("%s],\"count\":%" PRIu64 "}\n", c->n > 0 ? "\n" : "", c->n);
    else
        fprintf(stderr, "%" PRIu64 " job%s\n", c->n, c->n == 1 ? "" : "s");
    return finish(c, EXIT_OK);
}

static int print_failure(void *context, const struct job_user *u)
{
    struct job_command *c = context;

    if (c->n++ == 0)
        puts("\nfailed users:");
    job_print_user(u);
    return ferror(stdout);
}

static int job_show(struct job_command *c, const char *id)
{
    const enum job_user_state failed = JOB_USER_FAILED;
    uint64_t left;

    if (job_get(c->ledger, id, &c->job, &c->err) != SLUICE_OK)
        return tell(c);
    if (c->json) {
        put_job(c, &c->job);
        putchar('\n');
    } else {
        job_print(&c->job, clock_now_ms());
        if (job_scan(c->ledger, id, &failed, NULL, SHOWN_FAILURES, print_failure, c, NULL, &c->err) !=
            SLUICE_OK)
            return tell(c);
        left = c->job.users[JOB_USER_FAILED] > c->n ? c->job.users[JOB_USER_FAILED] - c->n : 0;
        if (left > 0)
            printf("... and %" PRIu64 " more: sluice job users %s --state failed\n", left, id);
    }
    return finish(c,
                  c->job.users[JOB_USER_FAILED] > 0 || c->job.state == JOB_BROKEN ? EXIT_FINDINGS : EXIT_OK);
}

static int print_user(void *context, const struct job_user *u)
{
    struct job_command *c = context;
    struct strbuf out;

    if (c->json) {
        fputs(c->n == 0 ? "\n" : ",\n", stdout);
        strbuf_init(&out, JSON_MAX);
        job_user_json(&c->job, u, &out);
        put_json(c, &out);
    } else {
        job_print_user(u);
    }
    c->n++;
    return c->failed || ferror(stdout);
}

static int job_users(struct job_command *c, const char *id)
{
    char after[JOB_USER_MAX + 1] = "", next[JOB_USER_MAX + 1] = "";
    enum job_user_state state = JOB_USER_PENDING;

    if (c->state != NULL && !job_user_state_parse(c->state, &state)) {
        fprintf(stderr, "sluice job users: --state is pending, sent, done, failed or skipped, not '%s'\n",
                c->state);
        return EXIT_USAGE;
    }
    if (job_get(c->ledger, id, &c->job, &c->err) != SLUICE_OK)
        return tell(c);
    if (c->json)
        fputs("{\"users\":[", stdout);
    do {
        if (job_scan(c->ledger, id, c->state == NULL ? NULL : &state, after, 1000, print_user, c, next,
                     &c->err) != SLUICE_OK)
            return tell(c);
        memcpy(after, next, sizeof after);
    } while (next[0] != '\0' && !c->failed && !ferror(stdout));
    if (c->json)
        printf("%s],\"count\":%" PRIu64 "}\n", c->n > 0 ? "\n" : "", c->n);
    else
        fprintf(stderr, "%" PRIu64 " user%s\n", c->n, c->n == 1 ? "" : "s");
    return finish(c, EXIT_OK);
}

static int said(struct job_command *c, const char *id, const char *name, uint64_t n, const char *words)
{
    if (c->json)
        printf("{\"id\":\"%s\",\"%s\":%" PRIu64 "}\n", id, name, n);
    else
        printf("%s: %s\n", id, words);
    return finish(c, EXIT_OK);
}

static int job_retry_failed(struct job_command *c, const char *id)
{
    char words[128];
    uint64_t n = 0;

    if (job_retry(c->ledger, id, &n, &c->err) != SLUICE_OK)
        return tell(c);
    (void)snprintf(words, sizeof words, "%" PRIu64 " failed user%s %s pending again", n, n == 1 ? "" : "s",
                   n == 1 ? "is" : "are");
    return said(c, id, "retried", n, words);
}

static int job_cancel_one(struct job_command *c, const char *id)
{
    if (job_cancel(c->ledger, id, &c->err) != SLUICE_OK)
        return tell(c);
    return said(c, id, "cancelled", 1, "cancelled; its sender stops, and who was sent is still loaded");
}

static int with_ledger(struct job_command *c, const char *verb, const char *id)
{
    struct plan_flags flags = {.no_files = 1};
    struct problems problems;
    struct app app;
    int code = EXIT_FAILED;

    problems_init(&problems);
    if (app_load(&app, c->files.items, c->files.n, c->env, flags, &problems) != 0) {
        app_report(&problems, c->json);
    } else if ((c->ledger = job_ledger_open(app.plan, JOB_LEDGER_LOOK, &c->err)) == NULL) {
        code = tell(c);
    } else if (strcmp(verb, "list") == 0) {
        code = job_list_all(c);
    } else if (strcmp(verb, "show") == 0) {
        code = job_show(c, id);
    } else if (strcmp(verb, "users") == 0) {
        code = job_users(c, id);
    } else if (strcmp(verb, "retry") == 0) {
        code = job_retry_failed(c, id);
    } else {
        code = job_cancel_one(c, id);
    }
    job_ledger_close(c->ledger);
    app_free(&app);
    problems_release(&problems);
    return code;
}

int cmd_job(int argc, char **argv)
{
    static struct job_command c;
    struct cli_list words;
    const struct cli_option common[] = {CLI_CONFIG(&c.files), CLI_ENV(&c.env), CLI_JSON(&c.json)};
    const struct cli_option for_list[] = {
        CLI_CONFIG(&c.files),
        CLI_ENV(&c.env),
        {.name = "--open", .flag = &c.open, .help = "only those that are not over"},
        CLI_JSON(&c.json)};
    const struct cli_option for_users[] = {
        CLI_CONFIG(&c.files),
        CLI_ENV(&c.env),
        {.name = "--state",
         .metavar = "STATE",
         .value = &c.state,
         .help = "only those who are pending, sent, done, failed or skipped"},
        CLI_JSON(&c.json)};
    const struct cli_command commands[] = {
        {"job list", NULL, "list jobs, newest first", for_list, 4, 0, 0, NULL},
        {"job show", "ID", "show a job: state, users, progress, failures", common, 3, 1, 1,
         "exit codes: 0 ok, 1 failed, 2 misuse, 3 some users of the job failed, or its sender gave up"},
        {"job users", "ID", "list the users of a job, by id, with step and reason", for_users, 4, 1, 1, NULL},
        {"job retry", "ID", "make the failed users of a job pending: they are sent again", common, 3, 1, 1,
         "A cancelled or broken job runs again."},
        {"job cancel", "ID", "stop sending; who was sent already is still loaded", common, 3, 1, 1, NULL},
    };
    const size_t n = sizeof commands / sizeof *commands;
    const struct cli_command *command = NULL;
    size_t i;
    int code;

    memset(&words, 0, sizeof words);
    c.err.struct_size = sizeof c.err;
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts("usage: sluice job list | show ID | users ID | retry ID | cancel ID\n\n`sluice job list --help` "
             "and "
             "so on tell more.");
        return EXIT_OK;
    }
    for (i = 0; argc >= 2 && i < n; i++)
        if (strcmp(commands[i].name + 4, argv[1]) == 0)
            command = &commands[i];
    if (command == NULL) {
        fputs("usage: sluice job list | show ID | users ID | retry ID | cancel ID\n", stderr);
        return EXIT_USAGE;
    }
    code = cli_parse(command, argc - 1, argv + 1, &words);
    if (code != CLI_GO_ON)
        return code;
    if (c.files.n == 0)
        return cli_misuse(command, "which jobs? give the config with -c FILE");
    return with_ledger(&c, argv[1], words.n > 0 ? words.items[0] : "");
}
