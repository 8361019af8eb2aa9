/* flag_upload: `sluice flag upload`: a file of users to where the segments of a flag find their lists.
 *
 * Invariant: what is uploaded are the valid ids of the file, each once, a line an id; a file with an invalid
 * line is not uploaded, and a list in use loses nobody unless told so (--replace). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "command.h"
#include "flag_file.h"
#include "flag_wait.h"
#include "json_report.h"
#include "option.h"
#include "run.h"

#define WAIT_MS 600000

struct upload {
    struct cli_list files, workers;
    const char *env, *flag_name, *user_file, *name, *timeout_text, *token_file;
    int dry_run, replace, wait, json;
    int64_t timeout_ms;
    char flag[256], list[256], place[1200], token[RUN_TOKEN_MAX];
    struct problems problems;
    struct app app;
    struct flag_file file;
    struct flag_gate gate;
    struct flag_look look;
    int looked, uploaded, waited; /* waited: 0 not asked, 1 reached, 2 not */
    struct flag_wait waiting;
};

static void trouble(struct upload *u, const char *text)
{
    problem_add(&u->problems, (struct origin){NULL, 0, 0}, NULL, "%s", text);
}

static void say_file(const struct upload *u)
{
    uint64_t i;

    if (u->json)
        return;
    fprintf(stderr,
            "%s: %u users, %" PRIu64 " duplicates, %" PRIu64 " blank lines, %" PRIu64 " invalid lines%s\n",
            u->user_file, u->file.users.n, u->file.duplicates, u->file.blank, u->file.invalid,
            u->file.header ? ", a header" : "");
    for (i = 0; i < u->file.invalid && i < FLAG_FILE_BAD; i++)
        fprintf(stderr, "  line %" PRIu64 ": %s: %s\n", u->file.bad[i].line, u->file.bad[i].text,
                u->file.bad[i].why);
    if (u->file.invalid > FLAG_FILE_BAD)
        fprintf(stderr, "  … and %" PRIu64 " more\n", u->file.invalid - FLAG_FILE_BAD);
}

static void read_file(struct upload *u)
{
    struct sluice_error err;
    char text[400];

    error_clear(&err);
    if (flag_file_read(&u->file, u->user_file, &err) != 0) {
        trouble(u, err.message);
        return;
    }
    say_file(u);
    if (u->file.invalid > 0)
        (void)snprintf(text, sizeof text, "%.200s has %" PRIu64 " invalid lines; nothing was uploaded",
                       u->user_file, u->file.invalid);
    else if (u->file.users.n == 0)
        (void)snprintf(text, sizeof text, "%.200s holds no user; nothing was uploaded", u->user_file);
    else
        return;
    trouble(u, text);
}

/* What the flag says now: whom the list would lose, and what is to be clicked. */
static void look_before(struct upload *u)
{
    struct sluice_error err;

    u->looked = flag_look(&u->gate, &u->file.users, u->list, &u->look, &err) == SLUICE_OK;
    if (!u->looked) {
        if (!u->json)
            fprintf(stderr,
                    "the flag cannot be read whole now (%s), so nothing is known of who is behind it\n",
                    err.message);
        return;
    }
    if (u->look.leaving > 0 && !u->replace)
        problem_add(&u->problems, (struct origin){NULL, 0, 0},
                    "give the list another --name, or --replace to leave them out",
                    "segment %s names the list %s now, and %" PRIu64 " of its users are not in the file",
                    u->look.segment, u->list, u->look.leaving);
}

static void put(struct upload *u)
{
    struct sluice_error err;
    struct strbuf text;
    uint32_t i;

    error_clear(&err);
    strbuf_init(&text, (size_t)FLAG_FILE_MAX * 2);
    for (i = 0; i < u->file.users.n; i++) {
        strbuf_add(&text, u->file.users.entries[i].key.data, (size_t)u->file.users.entries[i].key.len);
        strbuf_putc(&text, '\n');
    }
    if (text.failed)
        trouble(u, "no memory for the list");
    else if (u->gate.flag->put_list(u->gate.self, u->list, (struct sluice_str){text.data, text.len}, &err) !=
             SLUICE_OK)
        problem_add(&u->problems, u->gate.spec->origin, NULL, "%s", err.message);
    else
        u->uploaded = 1;
    strbuf_release(&text);
    if (u->uploaded && !u->json)
        fprintf(stderr, "%u users are at %s/%s\n", u->file.users.n, u->place, u->list);
}

/* One sentence, or "": nothing is to be clicked. */
static void what_to_click(const struct upload *u, char *out, size_t size)
{
    const char *on = u->looked && u->look.enabled ? "" : ", and switch the flag on";

    if (!u->looked || !u->look.has_segment)
        (void)snprintf(out, size,
                       "in the page of the flag %s add a segment with allowedS3IDs = %s and rollout 100%s",
                       u->flag, u->list, on);
    else if (u->look.rollout < 10000)
        (void)snprintf(out, size, "in the page of the flag %s set the rollout of the segment %s to 100%s",
                       u->flag, u->look.segment, on);
    else if (!u->look.enabled)
        (void)snprintf(out, size, "in the page of the flag %s switch the flag on", u->flag);
    else
        out[0] = '\0';
}

static void wait_for_all(struct upload *u)
{
    struct flag_wait *w = &u->waiting;

    w->gate = &u->gate;
    w->users = &u->file.users;
    w->flag = u->flag;
    w->list = u->list;
    w->workers = &u->workers;
    w->token = u->token[0] != '\0' ? u->token : NULL;
    w->timeout_ms = u->timeout_ms;
    u->waited = flag_wait(w) == 0 ? 1 : 2;
    if (u->json)
        return;
    if (u->waited == 1)
        fprintf(stderr, "version %s lets all %u users through%s\n", w->version, u->file.users.n,
                u->workers.n > 0 ? ", here and in each worker" : "");
    else
        fprintf(stderr, "not within the time: %s\n", w->why);
}

static void upload_and_wait(struct upload *u)
{
    char click[800];

    look_before(u);
    if (problems_failed(&u->problems))
        return;
    if (!u->dry_run)
        put(u);
    else if (!u->json)
        fprintf(stderr, "dry run: %u users would be put at %s/%s\n", u->file.users.n, u->place, u->list);
    if (problems_failed(&u->problems))
        return;
    what_to_click(u, click, sizeof click);
    if (click[0] != '\0' && !u->json)
        fprintf(stderr, "to do: %s\n", click);
    if (u->wait)
        wait_for_all(u);
}

static void open_gate(struct upload *u)
{
    const struct sluice_flag *flag;

    if (flag_gate_open(&u->gate, u->app.plan, u->flag, sizeof u->flag, &u->problems) != 0)
        return;
    flag = u->gate.flag;
    if (flag->struct_size < sizeof *flag || flag->put_list == NULL)
        problem_add(&u->problems, u->gate.spec->origin, NULL, "this gate is too old to take a list");
    else if (!flag->lists(u->gate.self, u->place, sizeof u->place))
        problem_add(&u->problems, u->gate.spec->origin, "give the gate lists: s3://bucket/prefix",
                    "the gate of the flag %s does not say where lists are", u->flag);
}

static void print_report(struct upload *u)
{
    static const char *const words[] = {"not asked", "reached", "not reached"};
    char click[800] = "";
    json_t *report;

    what_to_click(u, click, sizeof click);
    report = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:b, s:s, s:s, s:s, s:s}", "flag", u->flag,
                       "list", u->list, "place", u->place, "users", (json_int_t)u->file.users.n, "duplicates",
                       (json_int_t)u->file.duplicates, "blank", (json_int_t)u->file.blank, "leaving",
                       (json_int_t)u->look.leaving, "dry_run", u->dry_run, "uploaded", u->uploaded, "to_do",
                       click, "wait", words[u->waited], "version", u->waiting.version, "missing",
                       u->waited == 2 ? u->waiting.why : "");
    if (u->waiting.report != NULL)
        (void)json_object_set(report, "workers", u->waiting.report);
    json_report_print(report, &u->problems);
    json_decref(report);
}

static int upload_run(struct upload *u)
{
    problems_init(&u->problems);
    json_report_begin();
    if (app_load(&u->app, u->files.items, u->files.n, u->env, (struct plan_flags){.no_files = 1},
                 &u->problems) == 0)
        read_file(u);
    if (!problems_failed(&u->problems))
        open_gate(u);
    if (!problems_failed(&u->problems))
        upload_and_wait(u);
    if (!problems_failed(&u->problems) && u->json)
        print_report(u);
    if (u->problems.n > 0 || problems_failed(&u->problems))
        app_report(&u->problems, u->json && problems_failed(&u->problems));
    return problems_failed(&u->problems) ? EXIT_FAILED : u->waited == 2 ? EXIT_FINDINGS : EXIT_OK;
}

/* The name of the list: becomes a part of an address. */
static int take_name(struct upload *u, const struct cli_command *command)
{
    const char *slash = strrchr(u->user_file, '/');
    const char *name = u->name != NULL ? u->name : slash != NULL ? slash + 1 : u->user_file;
    size_t i, len = strlen(name);

    for (i = 0; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
              (name[i] >= '0' && name[i] <= '9') || (i > 0 && strchr("._-", name[i]) != NULL)))
            break;
    if (len == 0 || i < len || len > 200)
        return cli_misuse(
            command, "a list's name has letters, digits and ._- only, not '%s'; give one with --name", name);
    (void)snprintf(u->list, sizeof u->list, "%s", name);
    return CLI_GO_ON;
}

static int take_rest(struct upload *u, const struct cli_command *command)
{
    struct sluice_error err;

    if (u->files.n == 0)
        return cli_misuse(command, "no config is given; name it with -c FILE");
    if (u->user_file == NULL)
        return cli_misuse(command, "no users are given; name their file with --user-file FILE");
    if (u->flag_name != NULL && snprintf(u->flag, sizeof u->flag, "%s", u->flag_name) >= (int)sizeof u->flag)
        return cli_misuse(command, "a flag's name has at most 255 bytes");
    u->timeout_ms = WAIT_MS;
    if (u->timeout_text != NULL &&
        (!option_parse_duration(u->timeout_text, &u->timeout_ms) || u->timeout_ms <= 0))
        return cli_misuse(command, "--timeout takes a duration such as 10m, not '%s'", u->timeout_text);
    if (!u->wait && (u->timeout_text != NULL || u->workers.n > 0 || u->token_file != NULL))
        return cli_misuse(command, "--timeout, --worker and --token-file are of --wait");
    if (u->wait && u->dry_run)
        return cli_misuse(command, "a dry run uploads nothing that could be waited for");
    error_clear(&err);
    if (u->token_file != NULL && run_read_token(u->token_file, u->token, sizeof u->token, &err) != 0)
        return cli_misuse(command, "%s", err.message);
    return take_name(u, command);
}

int flag_upload_main(int argc, char **argv)
{
    struct upload u = {.json = 0};
    const struct cli_option options[] = {
        CLI_CONFIG(&u.files),
        CLI_ENV(&u.env),
        {.name = "--flag",
         .metavar = "NAME",
         .value = &u.flag_name,
         .help = "the flag [the one of the config]"},
        {.name = "--user-file", .metavar = "FILE", .value = &u.user_file, .help = "ids, one a line"},
        {.name = "--name", .metavar = "FILE.csv", .value = &u.name, .help = "of the list [that of the file]"},
        {.name = "--dry-run", .flag = &u.dry_run, .help = "upload nothing, say what would be"},
        {.name = "--replace", .flag = &u.replace, .help = "even if users of the list are not in the file"},
        {.name = "--wait", .flag = &u.wait, .help = "until the flag lets all users through"},
        {.name = "--worker",
         .metavar = "URL",
         .list = &u.workers,
         .help = "of --wait: and until this worker decides on that version, too"},
        {.name = "--token-file",
         .metavar = "FILE",
         .value = &u.token_file,
         .help = "of --worker: bearer token"},
        {.name = "--timeout", .metavar = "DURATION", .value = &u.timeout_text, .help = "of --wait [10m]"},
        CLI_JSON(&u.json),
    };
    const struct cli_command command = {
        .name = "flag upload",
        .summary =
            "Puts a file of users where the segments of a feature flag find their lists, and says what to "
            "click.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .more = "Where that is says the option lists of the gate that reads the flag.\n"
                "exit codes: 0 ok, 1 failed, 2 misuse, 3 uploaded, but --wait's time was over",
    };
    int code = cli_parse(&command, argc, argv, NULL);

    if (code == CLI_GO_ON)
        code = take_rest(&u, &command);
    if (code != CLI_GO_ON)
        return code;
    code = upload_run(&u);
    flag_gate_close(&u.gate);
    json_decref(u.waiting.report);
    flag_file_release(&u.file);
    app_free(&u.app);
    problems_release(&u.problems);
    return code;
}
