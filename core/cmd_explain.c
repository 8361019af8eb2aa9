/* cmd_explain: `sluice explain user ID`: everything that is known of one user.
 *
 * Invariant: reads only; a part that cannot be shown (a graph that does not open, a
 * gate that does not start) is told and does not hide the others. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "cli.h"
#include "command.h"
#include "dead_letter.h"
#include "dlq_print.h"
#include "explain_gates.h"
#include "explain_user.h"
#include "graph_source.h"
#include "json_report.h"

#define SHOWN_LETTERS 10u
#define LETTER_JSON_MAX ((size_t)4 << 20)

struct explain {
    struct cli_list files;
    const char *env, *user;
    int json;
    struct explain_style style;
    struct problems problems;
    struct app app;
    struct state_db *state;
    struct graph_sources sources;
    json_t *report, *graphs, *gates, *letters;
    uint64_t n_letters;
};

static void explain_graph(struct explain *e, struct graph_source *source)
{
    struct explain_user user;
    struct sluice_error err;
    char name[256];

    (void)snprintf(name, sizeof name, "%s/%s", source->pipeline->name, source->spec->name);
    if (graph_source_open(source, &e->problems) != 0)
        return;
    explain_user_init(&user);
    error_clear(&err);
    if (explain_user_load(&user, source->graph, source->self, e->user, &err) != SLUICE_OK)
        problem_add(&e->problems, source->spec->origin, NULL, "%s", err.message);
    else if (e->json)
        (void)json_array_append_new(e->graphs, explain_json(&user, name));
    else
        explain_print(&user, name, &e->style);
    explain_user_release(&user);
    graph_source_close(source);
}

static void explain_gate_line(struct explain *e, const struct explain_gate *gate, int last)
{
    if (e->json) {
        (void)json_array_append_new(e->gates, json_pack("{s:s, s:s?, s:s, s:s, s:s?}", "pipeline",
                                                        gate->pipeline, "step", gate->step, "gate",
                                                        gate->gate, "says", gate->says, "why", gate->why));
        return;
    }
    printf("%s%s%s%s: %s %s", e->style.ascii ? (last ? "`- " : "|- ") : (last ? "└─ " : "├─ "),
           gate->pipeline, gate->step == NULL ? "" : "/", gate->step == NULL ? "" : gate->step, gate->gate,
           gate->says);
    if (gate->why != NULL) {
        fputs(" (", stdout);
        dlq_print_safe(sluice_str_of(gate->why), UINT64_MAX);
        putchar(')');
    }
    putchar('\n');
}

static void explain_gate_list(struct explain *e)
{
    struct explain_gates gates;
    size_t i;

    if (explain_gates_ask(&gates, e->app.plan, e->user, e->state, &e->problems) == 0) {
        if (!e->json)
            fputs(gates.n == 0 ? "\nno pipeline has a gate\n" : "\ngates, asked now\n", stdout);
        for (i = 0; i < gates.n; i++)
            explain_gate_line(e, &gates.items[i], i + 1 == gates.n);
    }
    explain_gates_release(&gates);
}

static int explain_letter(void *context, int64_t id, const struct dead_letter *letter)
{
    struct explain *e = context;

    e->n_letters++;
    if (e->json) {
        struct strbuf text;

        strbuf_init(&text, LETTER_JSON_MAX);
        dlq_letter_json(&text, id, letter, 0);
        if (text.failed || json_array_append_new(e->letters, json_loadb(text.data, text.len, 0, NULL)) != 0)
            problem_add(&e->problems, (struct origin){NULL, 0, 0}, NULL,
                        "no memory for the dead letter %" PRId64, id);
        strbuf_release(&text);
    } else if (e->style.full || e->n_letters <= SHOWN_LETTERS) {
        dlq_print_row(id, letter);
    }
    return 0;
}

static void explain_letters(struct explain *e)
{
    const struct dead_letter_filter filter = {.order_key = e->user};
    struct sluice_error err;

    if (!e->json)
        fputs("\ndead letters of this user\n", stdout);
    if (e->state == NULL) {
        if (!e->json)
            puts("none: nothing has run with this state_dir yet");
        return;
    }
    error_clear(&err);
    if (dead_letter_list(e->state, &filter, explain_letter, e, &err) != SLUICE_OK)
        problem_add(&e->problems, (struct origin){NULL, 0, 0}, NULL, "%s", err.message);
    else if (!e->json && e->n_letters == 0)
        puts("none");
    else if (!e->json && !e->style.full && e->n_letters > SHOWN_LETTERS)
        printf("and %" PRIu64 " more (--full shows all)\n", e->n_letters - SHOWN_LETTERS);
}

/* The state of a run, if there was one. */
static void explain_state(struct explain *e)
{
    const char *dir = e->app.plan->state_dir;
    struct sluice_error err;

    if (dir == NULL || access(dir, F_OK) != 0)
        return;
    error_clear(&err);
    e->state = state_db_open(dir, STATE_READ, &err);
    if (e->state == NULL)
        problem_add(&e->problems, (struct origin){NULL, 0, 0}, NULL, "%s", err.message);
}

static void explain_all(struct explain *e)
{
    size_t i;

    explain_state(e);
    if (graph_sources_find(&e->sources, e->app.plan, NULL, &e->problems) == 0) {
        for (i = 0; i < e->sources.n; i++)
            explain_graph(e, &e->sources.items[i]);
        if (e->sources.n == 0 && !e->json)
            puts("no sink of the config holds a purchase graph");
    }
    explain_gate_list(e);
    explain_letters(e);
    if (!e->json)
        return;
    (void)json_object_set_new(e->report, "user_id", json_string(e->user));
    (void)json_object_set(e->report, "graphs", e->graphs);
    (void)json_object_set(e->report, "gates", e->gates);
    (void)json_object_set(e->report, "dead_letters", e->letters);
    json_report_print(e->report, &e->problems);
}

static int explain_run(struct explain *e)
{
    int failed;

    problems_init(&e->problems);
    json_report_begin();
    e->report = json_object();
    e->graphs = json_array();
    e->gates = json_array();
    e->letters = json_array();
    if (app_load(&e->app, e->files.items, e->files.n, e->env, (struct plan_flags){.no_files = 1},
                 &e->problems) == 0)
        explain_all(e);
    if (fflush(stdout) != 0 || ferror(stdout))
        problem_add(&e->problems, (struct origin){NULL, 0, 0}, NULL, "cannot write the report: %s",
                    strerror(errno));
    failed = problems_failed(&e->problems);
    if (e->problems.n > 0 || failed)
        app_report(&e->problems, 0);
    graph_sources_release(&e->sources);
    state_db_close(e->state);
    json_decref(e->report);
    json_decref(e->graphs);
    json_decref(e->gates);
    json_decref(e->letters);
    app_free(&e->app);
    problems_release(&e->problems);
    return failed ? EXIT_FAILED : EXIT_OK;
}

int cmd_explain(int argc, char **argv)
{
    struct explain e = {.json = 0};
    struct cli_list words = {.n = 0};
    const struct cli_option options[] = {
        CLI_CONFIG(&e.files),
        CLI_ENV(&e.env),
        {.name = "--full", .flag = &e.style.full, .help = "show long lists whole"},
        {.name = "--ascii", .flag = &e.style.ascii, .help = "draw with plain characters"},
        CLI_JSON(&e.json),
    };
    const struct cli_command command = {
        .name = "explain",
        .words = "user ID",
        .summary = "Shows one user: what the graph holds and from which receipts, what the gates say now,\n"
                   "and the dead letters.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .min_words = 2,
        .max_words = 2,
        .more = "exit codes: 0 shown, 1 some part could not be, 2 misuse",
    };
    int code = cli_parse(&command, argc, argv, &words);

    if (code != CLI_GO_ON)
        return code;
    if (strcmp(words.items[0], "user") != 0)
        return cli_misuse(&command, "only a user can be explained: sluice explain user ID");
    if (e.files.n == 0)
        return cli_misuse(&command, "no config is given; name it with -c FILE");
    e.user = words.items[1];
    return explain_run(&e);
}
