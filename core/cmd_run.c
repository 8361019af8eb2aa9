/* cmd_run: runs the pipelines of a config until they end or are told to stop. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "expect.h"
#include "log.h"
#include "run.h"

#define FAILED_JOIN_MS 15000u /* its instances have 5 s each to stop */

static int open_state(struct run *r, struct problems *p)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct origin nowhere = {NULL, 0, 0};

    if (r->app.plan->state_dir == NULL)
        return 0;
    r->state = state_db_open(r->app.plan->state_dir, STATE_RUN, &err);
    if (r->state != NULL)
        return 0;
    problem_add(p, nowhere, NULL, "state_dir %s: %s", r->app.plan->state_dir, err.message);
    return -1;
}

static int make_pipelines(struct run *r, struct problems *p)
{
    size_t i;

    r->pipelines = calloc(r->app.plan->n_pipelines, sizeof(struct pipeline *));
    r->metrics = metrics_new();
    if (r->pipelines == NULL || r->metrics == NULL) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "no memory");
        return -1;
    }
    for (i = 0; i < r->app.plan->n_pipelines; i++) {
        r->pipelines[i] = pipeline_new(&r->app.plan->pipelines[i], r->metrics, r->state, p);
        if (r->pipelines[i] != NULL)
            r->n++;
        else
            break;
    }
    return problems_failed(p) ? -1 : 0;
}

static void start_log(const struct plan *plan)
{
    uint32_t level = SLUICE_INFO;

    (void)log_parse_level(plan->log_level, &level);
    if (log_start(strcmp(plan->log_format, "json") == 0 ? LOG_JSON : LOG_LOGFMT, level, STDERR_FILENO) != 0)
        log_set_level(level);
}

static void print_json(const struct run *r, struct strbuf *out)
{
    size_t i;

    strbuf_puts(out, "{\"pipelines\":[");
    for (i = 0; i < r->n; i++) {
        if (i > 0)
            strbuf_putc(out, ',');
        pipeline_json(r->pipelines[i], out);
    }
    strbuf_puts(out, "]}\n");
}

static void print_summary(const struct run *r)
{
    struct strbuf out;
    size_t i;

    strbuf_init(&out, 16u << 20);
    if (r->json)
        print_json(r, &out);
    else
        for (i = 0; i < r->n; i++)
            pipeline_report(r->pipelines[i], &out);
    fputs(strbuf_text(&out), stdout);
    if (fflush(stdout) != 0)
        fprintf(stderr, "sluice run: the summary could not be written: %s\n", strerror(errno));
    strbuf_release(&out);
}

static void release(struct run *r)
{
    size_t i;

    run_admin_stop(r);
    run_backfill_stop(r);
    for (i = 0; i < r->n; i++)
        pipeline_free(r->pipelines[i]);
    free(r->pipelines);
    run_jobs_close(r);
    state_db_close(r->state);
    metrics_free(r->metrics);
    app_free(&r->app);
}

#define HEAP_TRIM (16 << 20)
#define HEAP_MMAP (4 << 20)

/* A source's buffers come and go by the megabyte.  Left to itself the allocator gives each back to the
 * kernel and faults the next one in anew, page by page: measured as a quarter of the CPU time of reading
 * Kafka.  What is kept in turn is what is in use at full rate anyway. */
static void keep_heap(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_TRIM);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_MMAP);
}

/* Everything before the first thread of a pipeline; 0, or -1 with problems. */
static int prepare(struct run *r, struct problems *p)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plan_flags flags = {0};

    if (app_load(&r->app, r->files.items, r->files.n, r->env, flags, p) != 0 || open_state(r, p) != 0 ||
        run_jobs_open(r, p) != 0 || make_pipelines(r, p) != 0 ||
        expect_verify(r->app.plan, EXPECT_MS, p) != 0)
        return -1;
    run_jobs_join(r);
    if (run_backfill_start(r, &err) != 0) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "backfill: %s", err.message);
        return -1;
    }
    if (run_admin_start(r, &err) != 0) {
        problem_add(p, (struct origin){NULL, 0, 0}, NULL, "http: %s", err.message);
        return -1;
    }
    return 0;
}

static int end_code(struct run *r)
{
    size_t i;

    if (r->drained_late)
        return EXIT_FAILED;
    for (i = 0; i < r->n; i++)
        if (pipeline_state(r->pipelines[i]) == PIPELINE_FAILED)
            return EXIT_FAILED;
    return EXIT_OK;
}

static int run_all(struct run *r)
{
    size_t i;
    int code;

    r->started_ms = clock_steady_ms();
    run_admin_say(r);
    for (i = 0; i < r->n; i++)
        (void)pipeline_start(r->pipelines[i]); /* one that cannot start has failed; the others work */
    r->drained_late = run_loop(r);
    for (i = 0; i < r->n; i++) {
        if (pipeline_state(r->pipelines[i]) != PIPELINE_FAILED) {
            pipeline_join(r->pipelines[i]);
            continue;
        }
        pipeline_abort(r->pipelines[i]); /* nobody waits for what it still does */
        if (pipeline_join_for(r->pipelines[i], FAILED_JOIN_MS) != 0)
            run_leave_now(); /* a plugin does not come back, and its thread cannot be ended */
    }
    log_progress(NULL);
    code = end_code(r);
    log_stop();
    print_summary(r);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct run r;
    struct problems problems;
    const struct cli_option options[] = {CLI_CONFIG(&r.files), CLI_ENV(&r.env), CLI_JSON(&r.json)};
    const struct cli_command command = {.name = "run",
                                        .summary =
                                            "run the pipelines; SIGTERM drains, a second one leaves fast",
                                        .options = options,
                                        .n = sizeof options / sizeof options[0]};
    int code;

    memset(&r, 0, sizeof r);
    code = cli_parse(&command, argc, argv, NULL);
    if (code != CLI_GO_ON)
        return code;
    if (r.files.n == 0)
        return cli_misuse(&command, "which config? give -c FILE");
    run_block_signals();
    keep_heap();
    problems_init(&problems);
    if (prepare(&r, &problems) != 0) {
        app_report(&problems, r.json);
        code = EXIT_FAILED;
    } else {
        problems_print(&problems, stderr); /* warnings */
        start_log(r.app.plan);
        code = run_all(&r);
    }
    release(&r);
    problems_release(&problems);
    return code;
}
