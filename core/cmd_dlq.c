/* cmd_dlq: sluice dlq list | show: dead letters, also while a run is going on.
 *
 * Invariant: reads only.  What comes from records reaches a terminal without control
 * characters; --payload alone gives the bytes as they are. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "cli.h"
#include "command.h"
#include "dlq_print.h"

#define JSON_MAX (16u * 1024u * 1024u)

struct dlq {
    struct cli_list files;
    const char *env, *state_dir, *pipeline, *reason, *user, *limit;
    int json, all, payload;
    uint64_t n;
    int failed; /* a letter could not be printed */
};

/* A plain number; 0 if it is none. */
static uint64_t parse_number(const char *text)
{
    uint64_t n = 0;

    if (strlen(text) > 18)
        return 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return 0;
        n = n * 10 + (uint64_t)(*text - '0');
    }
    return n;
}

static int print_json(struct dlq *d, int64_t id, const struct dead_letter *l, int whole)
{
    struct strbuf out;

    strbuf_init(&out, JSON_MAX);
    dlq_letter_json(&out, id, l, whole);
    if (out.failed) {
        fprintf(stderr, "sluice dlq: letter %" PRId64 " is too large for --json, or there is no memory\n",
                id);
        d->failed = 1;
    } else {
        (void)fwrite(out.data, 1, out.len, stdout);
    }
    strbuf_release(&out);
    return d->failed || ferror(stdout);
}

static int list_one(void *context, int64_t id, const struct dead_letter *l)
{
    struct dlq *d = context;

    d->n++;
    if (d->json) {
        fputs(d->n == 1 ? "\n" : ",\n", stdout);
        return print_json(d, id, l, 0);
    }
    dlq_print_row(id, l);
    return ferror(stdout);
}

static int show_one(void *context, int64_t id, const struct dead_letter *l)
{
    struct dlq *d = context;

    d->n++;
    if (d->json) {
        (void)print_json(d, id, l, 1);
        putchar('\n');
    } else {
        dlq_print_letter(id, l);
    }
    return 1;
}

static int count_one(void *context, int64_t id, const struct dead_letter *l)
{
    (void)id;
    (void)l;
    ((struct dlq *)context)->n++;
    return 1;
}

/* The payload as it is, a piece at a time. */
static int write_payload(struct state_db *db, int64_t id, struct sluice_error *err)
{
    const uint64_t piece = 1024u * 1024u;
    char *buf = malloc(piece);
    uint64_t at = 0;
    int64_t n = -1;

    if (buf == NULL) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
        return 0;
    }
    while ((n = dead_letter_read(db, id, at, buf, piece, err)) > 0) {
        if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
            break;
        at += (uint64_t)n;
    }
    free(buf);
    return n >= 0;
}

/* What was printed must have arrived. */
static int finish_output(struct dlq *d)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return d->failed ? EXIT_FAILED : EXIT_OK;
    fprintf(stderr, "sluice dlq: cannot write: %s\n", strerror(errno));
    return EXIT_FAILED;
}

static int list_letters(struct dlq *d, struct state_db *db, struct sluice_error *err)
{
    struct dead_letter_filter filter = {.pipeline = d->pipeline,
                                        .reason = d->reason,
                                        .order_key = d->user,
                                        .limit = d->limit == NULL ? 0 : parse_number(d->limit),
                                        .resolved = d->all};

    if (d->json)
        fputs("{\"letters\":[", stdout);
    if (dead_letter_list(db, &filter, list_one, d, err) != SLUICE_OK) {
        fprintf(stderr, "sluice dlq: %s\n", err->message);
        return EXIT_FAILED;
    }
    if (d->json)
        printf("%s],\"count\":%" PRIu64 "}\n", d->n > 0 ? "\n" : "", d->n);
    else
        fprintf(stderr, "%" PRIu64 " dead letter%s\n", d->n, d->n == 1 ? "" : "s");
    return finish_output(d);
}

static int show_letter(struct dlq *d, struct state_db *db, uint64_t id, struct sluice_error *err)
{
    struct dead_letter_filter filter = {.id = (int64_t)id, .resolved = 1};

    if (dead_letter_list(db, &filter, d->payload ? count_one : show_one, d, err) != SLUICE_OK) {
        fprintf(stderr, "sluice dlq: %s\n", err->message);
        return EXIT_FAILED;
    }
    if (d->n == 0) {
        fprintf(stderr, "sluice dlq: there is no dead letter %" PRIu64 " in %s\n", id, state_db_dir(db));
        return EXIT_FAILED;
    }
    if (d->payload && !write_payload(db, (int64_t)id, err)) {
        fprintf(stderr, "sluice dlq: %s\n", err->message);
        return EXIT_FAILED;
    }
    return finish_output(d);
}

/* state_dir of the config; NULL: told. */
static char *configured_dir(const struct dlq *d)
{
    struct plan_flags flags = {.no_files = 1};
    struct problems problems;
    struct app app;
    char *dir = NULL;

    memset(&app, 0, sizeof app);
    problems_init(&problems);
    if (app_load(&app, d->files.items, d->files.n, d->env, flags, &problems) != 0) {
        app_report(&problems, d->json);
    } else if (app.plan->state_dir == NULL) {
        fputs("sluice dlq: the config has no state_dir, so there is no place for dead letters\n", stderr);
    } else {
        dir = strdup(app.plan->state_dir);
        if (dir == NULL)
            fputs("sluice dlq: no memory\n", stderr);
    }
    app_free(&app);
    problems_release(&problems);
    return dir;
}

static int dlq_main(struct dlq *d, const struct cli_command *command, const char *verb, const char *id)
{
    struct sluice_error err;
    struct state_db *db;
    char *dir;
    int rc;

    if ((d->files.n == 0) == (d->state_dir == NULL))
        return cli_misuse(command, "give the config with -c FILE, or the folder with --state-dir DIR");
    if (d->limit != NULL && parse_number(d->limit) == 0)
        return cli_misuse(command, "--limit takes a number above 0, not '%s'", d->limit);
    if (strcmp(verb, "show") == 0 && parse_number(id) == 0)
        return cli_misuse(command, "'%s' is no number of a letter; `sluice dlq list` shows them", id);
    dir = d->state_dir != NULL ? strdup(d->state_dir) : configured_dir(d);
    if (dir == NULL)
        return EXIT_FAILED;
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    db = state_db_open(dir, STATE_READ, &err);
    free(dir);
    if (db == NULL) {
        fprintf(stderr, "sluice dlq: %s\n", err.message);
        return EXIT_FAILED;
    }
    rc = strcmp(verb, "list") == 0 ? list_letters(d, db, &err) : show_letter(d, db, parse_number(id), &err);
    state_db_close(db);
    return rc;
}

#define WHERE_OPTIONS                                                                                        \
    CLI_CONFIG(&d.files), CLI_ENV(&d.env),                                                                   \
    {                                                                                                        \
        .name = "--state-dir", .metavar = "DIR", .value = &d.state_dir,                                      \
        .help = "the folder itself, without a config"                                                        \
    }

int cmd_dlq(int argc, char **argv)
{
    struct dlq d;
    struct cli_list words;
    const struct cli_option list_options[] = {
        WHERE_OPTIONS,
        {.name = "--pipeline", .metavar = "NAME", .value = &d.pipeline, .help = "only of this pipeline"},
        {.name = "--reason", .metavar = "REASON", .value = &d.reason, .help = "only with this reason"},
        {.name = "--user", .metavar = "ID", .value = &d.user, .help = "only of this user"},
        {.name = "--limit", .metavar = "N", .value = &d.limit, .help = "at most N, oldest first"},
        {.name = "--all", .flag = &d.all, .help = "also those that were resolved"},
        CLI_JSON(&d.json),
    };
    const struct cli_option show_options[] = {
        WHERE_OPTIONS,
        {.name = "--payload", .flag = &d.payload, .help = "only the payload, byte for byte"},
        CLI_JSON(&d.json),
    };
    const struct cli_command list = {
        "dlq list", NULL, "list dead letters", list_options, sizeof list_options / sizeof *list_options, 0,
        0,          NULL};
    const struct cli_command show = {
        "dlq show", "ID", "show one dead letter", show_options, sizeof show_options / sizeof *show_options, 1,
        1,          NULL};
    const struct cli_command *command;
    int rc;

    memset(&d, 0, sizeof d);
    memset(&words, 0, sizeof words);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts("usage: sluice dlq list | show ID\n\n`sluice dlq list --help` and `sluice dlq show --help` tell "
             "more.");
        return EXIT_OK;
    }
    if (argc < 2 || (strcmp(argv[1], "list") != 0 && strcmp(argv[1], "show") != 0)) {
        fputs("usage: sluice dlq list | show ID\n", stderr);
        return EXIT_USAGE;
    }
    command = strcmp(argv[1], "list") == 0 ? &list : &show;
    rc = cli_parse(command, argc - 1, argv + 1, &words);
    if (rc != CLI_GO_ON)
        return rc;
    return dlq_main(&d, command, argv[1], words.n > 0 ? words.items[0] : "");
}
