/* cmd_audit: `sluice audit`: what a graph holds, what is wrong with it, and what changed
 * since a baseline; with --repair what can be put right.
 *
 * Invariant: reads only, but for --repair without --dry-run.  stdout has the report and
 * nothing else. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "audit_baseline.h"
#include "cli.h"
#include "clock.h"
#include "command.h"
#include "dlq_print.h"
#include "graph_repair.h"
#include "graph_source.h"
#include "json_report.h"

struct audit {
    struct cli_list files;
    const char *env, *pipeline, *save, *compare, *users_file;
    int json, fingerprint, repair, dry_run;
    struct problems problems;
    struct app app;
    struct graph_sources sources;
    struct key_table users;
    struct audit_baseline before;
    json_t *reports;
    int findings; /* exit 3 */
};

static int audit_fail(struct audit *a, const struct sluice_error *err)
{
    problem_add(&a->problems, (struct origin){NULL, 0, 0}, NULL, "%s", err->message);
    return -1;
}

static void print_example(const char *text)
{
    fputs("             ", stdout);
    dlq_print_safe(sluice_str_of(text), UINT64_MAX);
    putchar('\n');
}

static void print_report(const struct graph_audit *a, const char *name)
{
    char fingerprint[GRAPH_DIGEST_TEXT];
    size_t i, j;

    graph_digest_text(&a->digest, fingerprint);
    printf("graph %s: %s\n\n", name, graph_audit_health(a));
    for (i = 0; i < AUDIT_COUNTS; i++) {
        printf("  %-26s %12" PRIu64, audit_count_names[i], a->counts[i]);
        if (i >= AUDIT_WITH_NAME && a->counts[AUDIT_PRODUCTS] > 0)
            printf("  %5.1f %%", 100.0 * (double)a->counts[i] / (double)a->counts[AUDIT_PRODUCTS]);
        putchar('\n');
    }
    putchar('\n');
    for (i = 0; i < AUDIT_CHECKS; i++) {
        const struct audit_finding *f = &a->findings[i];

        printf("  %-8s  %-22s %8" PRIu64 "  %s\n",
               f->count == 0              ? "ok"
               : audit_checks[i].critical ? "CRITICAL"
                                          : "WARN",
               audit_checks[i].name, f->count, audit_checks[i].text);
        for (j = 0; j < f->n; j++)
            print_example(f->examples[j]);
    }
    printf("\n  fingerprint %s\n", fingerprint);
}

static void print_compare(const struct graph_audit *a, const struct audit_baseline *b,
                          const struct audit_expectation *e, uint32_t n)
{
    size_t i;

    printf("\n  %-26s %12s %12s %12s\n", "since the baseline", "before", "now", "difference");
    for (i = 0; i < AUDIT_COUNTS; i++)
        printf("  %-26s %12" PRIu64 " %12" PRIu64 " %+12" PRId64 "\n", audit_count_names[i], b->counts[i],
               a->counts[i], (int64_t)(a->counts[i] - b->counts[i]));
    putchar('\n');
    for (i = 0; i < n; i++)
        printf("  %-6s  %-16s %s\n", e[i].held ? "ok" : "FAILED", e[i].name, e[i].text);
}

static json_t *compare_json(const struct graph_audit *a, const struct audit_baseline *b,
                            const struct audit_expectation *e, uint32_t n)
{
    json_t *counts = json_object(), *expectations = json_array();
    size_t i;

    for (i = 0; i < AUDIT_COUNTS; i++)
        (void)json_object_set_new(counts, audit_count_names[i],
                                  json_pack("{s:I, s:I, s:I}", "before", (json_int_t)b->counts[i], "now",
                                            (json_int_t)a->counts[i], "difference",
                                            (json_int_t)(a->counts[i] - b->counts[i])));
    for (i = 0; i < n; i++)
        (void)json_array_append_new(expectations, json_pack("{s:s, s:b, s:s}", "expectation", e[i].name,
                                                            "held", e[i].held, "text", e[i].text));
    return json_pack("{s:o, s:o}", "counts", counts, "expectations", expectations);
}

/* Prints, keeps and compares one audit. */
static int audit_tell(struct audit *a, const struct graph_audit *audit, const struct graph_repair *repair,
                      const char *name)
{
    struct audit_expectation expectations[AUDIT_EXPECTATIONS];
    json_t *report = audit_json(audit, name);
    struct sluice_error err;
    uint32_t n = 0, i;
    int failed = 0;

    error_clear(&err);
    if (report == NULL) {
        (void)sluice_fail(&err, SLUICE_FATAL, NULL, "no memory for the report");
        return audit_fail(a, &err);
    }
    if (a->repair) {
        (void)json_object_set_new(report, "repair", graph_repair_json(repair));
        a->findings |= a->dry_run && graph_repair_count(repair) > 0;
    }
    if (a->users_file != NULL)
        (void)json_object_set_new(report, "users_file",
                                  json_pack("{s:I, s:I}", "unique", (json_int_t)a->users.n, "in_graph",
                                            (json_int_t)audit_users_seen(&a->users)));
    if (a->save != NULL && audit_baseline_save(a->save, report, &err) != 0)
        failed = audit_fail(a, &err);
    if (!a->json)
        print_report(audit, name);
    if (a->compare != NULL) {
        n = audit_compare_judge(audit, &a->before, expectations);
        for (i = 0; i < n; i++)
            a->findings |= !expectations[i].held;
        if (a->json)
            (void)json_object_set_new(report, "compare", compare_json(audit, &a->before, expectations, n));
        else
            print_compare(audit, &a->before, expectations, n);
    } else {
        a->findings |= graph_audit_found(audit, 1) > 0;
    }
    if (json_array_append_new(a->reports, report) != 0) {
        (void)sluice_fail(&err, SLUICE_FATAL, NULL, "no memory for the report");
        failed = audit_fail(a, &err);
    }
    return failed;
}

/* Looks at the whole graph; the audit is to be released in any case. */
static int audit_look(struct audit *a, struct graph_audit *audit, const struct graph_source *source)
{
    struct sluice_error err;

    error_clear(&err);
    if (graph_audit_init(audit, clock_now_ms()) != 0) {
        (void)sluice_fail(&err, SLUICE_FATAL, NULL, "no memory, or no SHA-256 in libcrypto");
        return audit_fail(a, &err);
    }
    audit->wanted = a->users_file == NULL ? NULL : &a->users;
    return graph_audit_walk(audit, source->graph, source->self, &err) == SLUICE_OK ? 0 : audit_fail(a, &err);
}

#define LOOKS 3

/* Puts right what can be, and looks again.  A walk beside writers may see an edge twice, so what forbids
 * a repair has to be seen more than once. */
static int audit_repair(struct audit *a, struct graph_audit *audit, struct graph_repair *repair,
                        const struct graph_source *source)
{
    struct sluice_error err;
    int looks = 1;

    error_clear(&err);
    while (graph_repair_allowed(audit, source->graph, &err) != 0) {
        if (looks++ == LOOKS)
            return audit_fail(a, &err);
        graph_audit_release(audit);
        if (audit_look(a, audit, source) != 0)
            return -1;
    }
    if (graph_repair_run(repair, source->graph, source->self, &err) != SLUICE_OK)
        return audit_fail(a, &err);
    if (!a->json)
        graph_repair_print(repair);
    if (a->dry_run || graph_repair_count(repair) == 0)
        return 0;
    graph_audit_release(audit);
    return audit_look(a, audit, source);
}

static int audit_source(struct audit *a, struct graph_source *source)
{
    struct graph_audit audit;
    struct graph_repair repair;
    struct sluice_error err;
    char name[256], text[GRAPH_DIGEST_TEXT];
    int failed;

    error_clear(&err);
    (void)snprintf(name, sizeof name, "%s/%s", source->pipeline->name, source->spec->name);
    if (graph_source_open(source, &a->problems) != 0)
        return -1;
    if (graph_repair_init(&repair, a->dry_run, !a->json) != 0) {
        graph_source_close(source);
        (void)sluice_fail(&err, SLUICE_FATAL, NULL, "no memory for the report");
        return audit_fail(a, &err);
    }
    failed = audit_look(a, &audit, source);
    if (!failed && a->repair)
        failed = audit_repair(a, &audit, &repair, source);
    if (!failed && a->fingerprint && !a->json) {
        graph_digest_text(&audit.digest, text);
        if (a->sources.n > 1)
            printf("%s  %s\n", text, name);
        else
            printf("%s\n", text);
    } else if (!failed) {
        failed = audit_tell(a, &audit, &repair, name);
    }
    graph_audit_release(&audit);
    graph_repair_release(&repair);
    graph_source_close(source);
    return failed;
}

static void audit_prepare(struct audit *a)
{
    const struct origin nowhere = {NULL, 0, 0};
    struct sluice_error err;

    error_clear(&err);
    if (graph_sources_find(&a->sources, a->app.plan, a->pipeline, &a->problems) != 0)
        return;
    if (a->sources.n == 0)
        problem_add(&a->problems, nowhere, NULL, "no sink of the config holds a purchase graph");
    if (a->sources.n > 1 && (a->save != NULL || a->compare != NULL))
        problem_add(&a->problems, nowhere, "choose one with --pipeline NAME",
                    "the config has %zu graphs; a baseline is of one", a->sources.n);
    if (a->users_file != NULL && audit_users_load(a->users_file, &a->users, &err) != 0)
        (void)audit_fail(a, &err);
    if (a->compare != NULL && audit_baseline_load(a->compare, &a->before, &err) != 0)
        (void)audit_fail(a, &err);
}

static int audit_run(struct audit *a)
{
    size_t i;

    problems_init(&a->problems);
    key_table_init(&a->users);
    json_report_begin();
    a->reports = json_array();
    if (app_load(&a->app, a->files.items, a->files.n, a->env, (struct plan_flags){.no_files = 1},
                 &a->problems) == 0)
        audit_prepare(a);
    if (!problems_failed(&a->problems))
        for (i = 0; i < a->sources.n; i++)
            (void)audit_source(a, &a->sources.items[i]);
    if (a->json && !problems_failed(&a->problems)) {
        json_t *all = a->sources.n == 1 ? json_incref(json_array_get(a->reports, 0))
                                        : json_pack("{s:O}", "graphs", a->reports);

        json_report_print(all, &a->problems);
        json_decref(all);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        problem_add(&a->problems, (struct origin){NULL, 0, 0}, NULL, "cannot write the report: %s",
                    strerror(errno));
    if (a->problems.n > 0 || problems_failed(&a->problems))
        app_report(&a->problems, a->json && problems_failed(&a->problems));
    return problems_failed(&a->problems) ? EXIT_FAILED : a->findings ? EXIT_FINDINGS : EXIT_OK;
}

int cmd_audit(int argc, char **argv)
{
    struct audit a = {.json = 0};
    const struct cli_option options[] = {
        CLI_CONFIG(&a.files),
        CLI_ENV(&a.env),
        {.name = "--pipeline",
         .letter = 'p',
         .metavar = "NAME",
         .value = &a.pipeline,
         .help = "only the graph of this pipeline"},
        {.name = "--fingerprint", .flag = &a.fingerprint, .help = "print only the digest of the graph"},
        {.name = "--save", .metavar = "FILE", .value = &a.save, .help = "keep the report as a baseline"},
        {.name = "--compare",
         .metavar = "FILE",
         .value = &a.compare,
         .help = "compare with a baseline and judge what a backfill should have done"},
        {.name = "--users-file",
         .metavar = "FILE",
         .value = &a.users_file,
         .help = "the users of the backfill, one id a line; give it to --save and --compare alike"},
        {.name = "--repair",
         .flag = &a.repair,
         .help = "rewrite SHOPS_IN edges that differ from PURCHASED and the present categories"},
        {.name = "--dry-run",
         .flag = &a.dry_run,
         .help = "with --repair: show what would change, change nothing"},
        CLI_JSON(&a.json),
    };
    const struct cli_command command = {
        .name = "audit",
        .summary = "Counts and checks the purchase graph that the pipelines write.",
        .options = options,
        .n = sizeof options / sizeof *options,
        .more = "With --json one graph is one object; several are in the list \"graphs\".\n"
                "exit codes: 0 nothing CRITICAL (with --compare: all expectations hold; with --dry-run: "
                "nothing to repair), 1 failed, 2 misuse, 3 findings",
    };
    int code = cli_parse(&command, argc, argv, NULL);

    if (code != CLI_GO_ON)
        return code;
    if (a.files.n == 0)
        return cli_misuse(&command, "no config is given; name it with -c FILE");
    if (a.fingerprint && (a.save != NULL || a.compare != NULL))
        return cli_misuse(&command,
                          "--fingerprint prints only the digest; --save and --compare hold it anyway");
    if (a.dry_run && !a.repair)
        return cli_misuse(&command, "--dry-run goes with --repair; an audit changes nothing anyway");
    if (a.fingerprint && a.repair)
        return cli_misuse(&command, "--fingerprint prints only the digest; --repair tells it, too");
    code = audit_run(&a);
    graph_sources_release(&a.sources);
    key_table_release(&a.users);
    json_decref(a.reports);
    app_free(&a.app);
    problems_release(&a.problems);
    return code;
}
