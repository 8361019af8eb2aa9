/* job_print: see its header.
 *
 * Invariant: what came from outside reaches a terminal without control characters. */
#include "job_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "dlq_print.h"

void job_progress(const struct job *j, int64_t now_ms, struct job_progress *out)
{
    uint64_t added = job_added(j);
    int64_t until = job_state_is_over(j->state) ? j->changed_ms : now_ms;
    double seconds = (double)(until - j->created_ms) / 1000.0;

    out->ended = j->users[JOB_USER_DONE] + j->users[JOB_USER_FAILED] + j->users[JOB_USER_SKIPPED];
    /* Duplicates of the source are no users: once all is added, what was added counts. */
    out->of =
        j->state == JOB_RUNNING && j->total > 0 && (uint64_t)j->total > added ? (uint64_t)j->total : added;
    out->percent = out->of > 0 ? 100.0 * (double)out->ended / (double)out->of : 0;
    if (out->of == 0 && job_state_is_over(j->state))
        out->percent = 100;
    out->rate = seconds > 0 ? (double)out->ended / seconds : 0;
    out->seconds_left = -1;
    if (job_state_is_over(j->state) || (out->of > 0 && out->ended == out->of))
        out->seconds_left = 0;
    else if (out->rate > 0 && out->of > 0)
        out->seconds_left = (double)(out->of - out->ended) / out->rate;
}

static void put(const char *text)
{
    dlq_print_safe(sluice_str_of(text), UINT64_MAX);
}

static void put_time(int64_t ms)
{
    char text[32];

    clock_format(ms, text, sizeof text);
    printf("%.10s %.8s", text, text + 11);
}

static void put_left(double seconds)
{
    if (seconds < 0)
        fputs("-", stdout);
    else if (seconds < 120)
        printf("%.0f s", seconds);
    else if (seconds < 7200)
        printf("%.0f min", seconds / 60);
    else
        printf("%.1f h", seconds / 3600);
}

void job_print_row(const struct job *j, int64_t now_ms)
{
    struct job_progress p;

    job_progress(j, now_ms, &p);
    printf("%-45s %-9s %5.1f %%  %" PRIu64 "/%" PRIu64, j->id, job_state_name(j->state), p.percent, p.ended,
           p.of);
    if (j->users[JOB_USER_FAILED] > 0)
        printf("  %" PRIu64 " failed", j->users[JOB_USER_FAILED]);
    fputs("  ", stdout);
    put_time(j->created_ms);
    putchar('\n');
}

static void print_head(const struct job *j)
{
    printf("job       %s\nstate     %s", j->id, job_state_name(j->state));
    if (j->owner[0] != '\0') {
        fputs(", sent by ", stdout);
        put(j->owner);
    }
    if (j->error[0] != '\0') {
        fputs("\nerror     ", stdout);
        put(j->error);
    }
    fputs("\nsource    ", stdout);
    put(j->kind);
    fputs(j->source[0] != '\0' ? " " : "", stdout);
    put(j->source);
    fputs("\nmade      ", stdout);
    put_time(j->created_ms);
    fputs(j->requester[0] != '\0' ? " by " : "", stdout);
    put(j->requester);
    fputs("\nchanged   ", stdout);
    put_time(j->changed_ms);
    putchar('\n');
}

void job_print(const struct job *j, int64_t now_ms)
{
    struct job_progress p;
    uint32_t i;

    job_progress(j, now_ms, &p);
    print_head(j);
    printf("users     %" PRIu64, job_added(j));
    if (j->total >= 0 && (uint64_t)j->total != job_added(j))
        printf(" (the source has %" PRId64 ")", j->total);
    for (i = 0; i < JOB_USER_STATES; i++)
        printf("%s%s %" PRIu64, i == 0 ? ": " : ", ", job_user_state_name((enum job_user_state)i),
               j->users[i]);
    for (i = 0; i < j->n_steps; i++) {
        printf("%s", i == 0 ? "\nloaded    " : ", ");
        put(j->steps[i][0] != '\0' ? j->steps[i] : "users");
        printf(" %" PRIu64, j->loaded[i]);
    }
    printf("\nprogress  %.1f %%, %.1f users/s", p.percent, p.rate);
    if (!job_state_is_over(j->state)) {
        fputs(", left: ", stdout);
        put_left(p.seconds_left);
    }
    putchar('\n');
}

static void json_text(struct strbuf *out, const char *name, const char *text)
{
    strbuf_printf(out, ",\"%s\":", name);
    strbuf_json(out, text, strlen(text));
}

static void json_time(struct strbuf *out, const char *name, int64_t ms)
{
    char text[32];

    clock_format(ms, text, sizeof text);
    json_text(out, name, text);
}

static void json_progress(const struct job *j, int64_t now_ms, struct strbuf *out)
{
    struct job_progress p;

    job_progress(j, now_ms, &p);
    strbuf_printf(out, ",\"ended\":%" PRIu64 ",\"percent\":%.2f,\"rate\":%.3f", p.ended, p.percent, p.rate);
    if (p.seconds_left < 0)
        strbuf_puts(out, ",\"seconds_left\":null");
    else
        strbuf_printf(out, ",\"seconds_left\":%.1f", p.seconds_left);
}

void job_json(const struct job *j, int64_t now_ms, struct strbuf *out)
{
    uint32_t i;

    strbuf_puts(out, "{\"id\":");
    strbuf_json(out, j->id, strlen(j->id));
    json_text(out, "state", job_state_name(j->state));
    json_text(out, "kind", j->kind);
    json_text(out, "source", j->source);
    json_text(out, "requester", j->requester);
    json_text(out, "sender", j->owner);
    json_text(out, "error", j->error);
    json_time(out, "created_at", j->created_ms);
    json_time(out, "changed_at", j->changed_ms);
    strbuf_printf(out, ",\"rate_limit\":%.9g,\"lookback_days\":%" PRIu32 ",\"force\":%s,\"total\":", j->rate,
                  j->lookback_days, j->force ? "true" : "false");
    if (j->total >= 0)
        strbuf_printf(out, "%" PRId64, j->total);
    else
        strbuf_puts(out, "null");
    strbuf_puts(out, ",\"users\":{");
    for (i = 0; i < JOB_USER_STATES; i++)
        strbuf_printf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",",
                      job_user_state_name((enum job_user_state)i), j->users[i]);
    strbuf_puts(out, "},\"steps\":[");
    for (i = 0; i < j->n_steps; i++) {
        strbuf_puts(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        strbuf_json(out, j->steps[i], strlen(j->steps[i]));
        strbuf_printf(out, ",\"loaded\":%" PRIu64 "}", j->loaded[i]);
    }
    strbuf_puts(out, "]");
    json_progress(j, now_ms, out);
    strbuf_puts(out, "}");
}

void job_print_user(const struct job_user *u)
{
    put(u->user);
    printf("\t%s\t", job_user_state_name(u->state));
    put(u->step);
    putchar('\t');
    put(u->reason);
    putchar('\n');
}

void job_user_json(const struct job *j, const struct job_user *u, struct strbuf *out)
{
    const char *apart = "";
    uint32_t i;

    strbuf_puts(out, "{\"user\":");
    strbuf_json(out, u->user, strlen(u->user));
    json_text(out, "state", job_user_state_name(u->state));
    json_text(out, "step", u->step);
    json_text(out, "reason", u->reason);
    strbuf_printf(out, ",\"retries\":%" PRIu32, u->retries);
    json_time(out, "changed_at", u->changed_ms);
    strbuf_puts(out, ",\"loaded\":[");
    for (i = 0; i < j->n_steps; i++)
        if ((u->loaded >> i & 1) != 0) {
            strbuf_puts(out, apart);
            strbuf_json(out, j->steps[i], strlen(j->steps[i]));
            apart = ",";
        }
    strbuf_puts(out, "]}");
}
