/* run_loop: the main thread while pipelines work: signals, progress, the drain. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "log.h"
#include "run.h"

#define TICK_MS 20
#define PROGRESS_LINE_MS 500
#define PROGRESS_LOG_MS 10000
#define ABORT_GRACE_MS 2000

static sigset_t run_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void run_block_signals(void)
{
    sigset_t set = run_signals();

    sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int next_signal(void)
{
    sigset_t set = run_signals();
    struct timespec tick = {0, TICK_MS * 1000000L};
    int sig = sigtimedwait(&set, NULL, &tick);

    return sig > 0 ? sig : 0;
}

static int all_over(struct run *r)
{
    size_t i;

    for (i = 0; i < r->n; i++) {
        enum pipeline_state s = pipeline_state(r->pipelines[i]);

        if (s != PIPELINE_DONE && s != PIPELINE_FAILED)
            return 0;
    }
    return 1;
}

static void say(const char *event, const char *text)
{
    struct log_field fields[] = {LOG_TEXT("message", text)};

    log_event(SLUICE_INFO, event, fields, 1);
}

/* Each line of text as an event of its own. */
static void say_lines(uint32_t level, const char *event, char *text)
{
    char *line, *rest = text;

    while ((line = strsep(&rest, "\n")) != NULL)
        if (*line != '\0') {
            struct log_field fields[] = {LOG_TEXT("message", line)};

            log_event(level, event, fields, 1);
        }
}

static void format_left(const struct pipeline_progress *p, char *out, size_t cap)
{
    double part, left;

    out[0] = '\0';
    if (p->size <= 0 || p->position <= 0 || p->position > p->size || p->elapsed_ms <= 0)
        return;
    part = p->position / p->size;
    left = (double)p->elapsed_ms / 1000.0 * (1 - part) / part;
    (void)snprintf(out, cap, ", %.0f %%, %d:%02d left", part * 100, (int)left / 60, (int)left % 60);
}

static void show_progress(struct run *r)
{
    struct pipeline_progress p;
    struct strbuf line;
    char left[64];
    size_t i;

    strbuf_init(&line, 4096);
    for (i = 0; i < r->n; i++) {
        pipeline_progress(r->pipelines[i], &p);
        format_left(&p, left, sizeof left);
        strbuf_printf(&line, "%s%s: %" PRIu64 " in, %" PRIu64 " written, %.0f/s%s", i > 0 ? " | " : "",
                      pipeline_spec(r->pipelines[i])->name, p.counts.in, p.counts.written,
                      p.elapsed_ms > 0 ? (double)p.counts.in * 1000.0 / (double)p.elapsed_ms : 0.0, left);
    }
    log_progress(strbuf_text(&line));
    strbuf_release(&line);
}

static void log_progress_event(struct run *r, const char *event)
{
    struct pipeline_progress p;
    size_t i;

    for (i = 0; i < r->n; i++) {
        struct log_field fields[8];
        uint32_t n = 0;

        pipeline_progress(r->pipelines[i], &p);
        fields[n++] = LOG_TEXT("pipeline", pipeline_spec(r->pipelines[i])->name);
        fields[n++] = LOG_TEXT("state", pipeline_state_name(pipeline_state(r->pipelines[i])));
        fields[n++] = LOG_NUMBER("in", p.counts.in);
        fields[n++] = LOG_NUMBER("written", p.counts.written);
        fields[n++] = LOG_NUMBER("gated", p.counts.gated);
        fields[n++] = LOG_NUMBER("dead", p.counts.dead);
        fields[n++] = LOG_NUMBER("returned", p.counts.returned);
        fields[n++] = LOG_NUMBER("in_flight", p.counts.in_flight);
        log_event(SLUICE_INFO, event, fields, n);
    }
}

static void drain_all(struct run *r)
{
    size_t i;

    say("drain", "told to stop: finishing what is in work; a second signal leaves at once");
    for (i = 0; i < r->n; i++)
        pipeline_drain(r->pipelines[i]);
}

/* The deadline passed: say who blocks, and make the calls return. */
static void give_up(struct run *r)
{
    struct strbuf doing;
    size_t i;

    strbuf_init(&doing, 1u << 20);
    for (i = 0; i < r->n; i++)
        if (pipeline_state(r->pipelines[i]) != PIPELINE_DONE)
            pipeline_doing(r->pipelines[i], &doing);
    say("drain_late",
        "the drain missed its deadline (option drain); what is unsettled comes again at the next start");
    if (doing.data != NULL)
        say_lines(SLUICE_WARN, "drain_late", doing.data);
    strbuf_release(&doing);
    for (i = 0; i < r->n; i++)
        pipeline_abort(r->pipelines[i]);
}

void run_leave_now(void)
{
    static const char text[] = "sluice run: left at once; what was unsettled comes again at the next start\n";

    log_stop();
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(EXIT_FAILED);
}

struct loop {
    int64_t drain_until; /* 0: not draining */
    int64_t abort_until; /* 0: not aborted */
    int64_t next_line, next_log;
    int late;
};

static void on_signal(struct run *r, struct loop *l, int sig)
{
    if (sig == SIGHUP) {
        run_reload(r);
    } else if (l->drain_until == 0) {
        l->drain_until = clock_steady_ms() + r->app.plan->drain_ms;
        drain_all(r);
    } else {
        run_leave_now();
    }
}

static void on_tick(struct run *r, struct loop *l, int64_t now)
{
    if (now >= l->next_line) {
        show_progress(r);
        l->next_line = now + PROGRESS_LINE_MS;
    }
    if (now >= l->next_log) {
        log_progress_event(r, "progress");
        l->next_log = now + PROGRESS_LOG_MS;
    }
    if (l->drain_until != 0 && l->abort_until == 0 && now >= l->drain_until) {
        give_up(r);
        l->late = 1;
        l->abort_until = now + ABORT_GRACE_MS;
    }
    if (l->abort_until != 0 && now >= l->abort_until)
        run_leave_now(); /* a plugin does not come back: its thread cannot be ended */
}

int run_loop(struct run *r)
{
    struct loop l = {0};
    int sig;

    l.next_log = clock_steady_ms() + PROGRESS_LOG_MS;
    while (!all_over(r)) {
        sig = next_signal();
        if (sig != 0)
            on_signal(r, &l, sig);
        on_tick(r, &l, clock_steady_ms());
    }
    log_progress(NULL);
    log_progress_event(r, "pipeline_end");
    return l.late;
}
