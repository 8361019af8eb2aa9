#include "backfill_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The host of a URL, and the first part of its path. */
static int split_url(const char *url, char *host, size_t host_cap, char *first, size_t first_cap)
{
    const char *at = strstr(url, "://"), *slash;

    if (at == NULL)
        return 0;
    at += 3;
    slash = at + strcspn(at, "/");
    (void)snprintf(host, host_cap, "%.*s", (int)(slash - at), at);
    if (*slash == '/')
        slash++;
    (void)snprintf(first, first_cap, "%.*s", (int)strcspn(slash, "/?"), slash);
    return 1;
}

/* sqs.REGION.amazonaws.com, REGION.queue.amazonaws.com and their kin of other partitions. */
static void read_region(const char *host, char *out, size_t cap)
{
    const char *at = host, *end;

    if (strstr(host, ".amazonaws.com") == NULL)
        return;
    if (strncmp(host, "sqs.", 4) == 0 || strncmp(host, "sqs-fips.", 9) == 0)
        at = strchr(host, '.') + 1;
    end = at + strcspn(at, ".");
    if (memchr(at, '-', (size_t)(end - at)) != NULL)
        (void)snprintf(out, cap, "%.*s", (int)(end - at), at);
}

static const char *scalar(const struct config_value *map, const char *key)
{
    const struct config_value *v = config_get(map, key);

    return v != NULL && v->type == CONFIG_SCALAR && !v->secret ? v->text : NULL;
}

void backfill_queue_read(const char *url, const struct config_value *queue, struct backfill_queue *out)
{
    char host[256], first[64];
    const char *text;

    memset(out, 0, sizeof *out);
    if (url == NULL)
        url = scalar(queue, "queue_url");
    if (url == NULL) {
        text = scalar(queue, "path");
        (void)snprintf(out->name, sizeof out->name, "sink %s of the config%s%s",
                       scalar(queue, "plugin") != NULL ? scalar(queue, "plugin") : "?",
                       text != NULL ? ": " : "", text != NULL ? text : "");
        return;
    }
    (void)snprintf(out->name, sizeof out->name, "%s", url);
    if (!split_url(url, host, sizeof host, first, sizeof first))
        return;
    read_region(host, out->region, sizeof out->region);
    if (strlen(first) == 12 && strspn(first, "0123456789") == 12)
        (void)snprintf(out->account, sizeof out->account, "%s", first);
    text = scalar(queue, "aws_region");
    if (out->region[0] == '\0' && text != NULL)
        (void)snprintf(out->region, sizeof out->region, "%s", text);
}

void backfill_report_time(double seconds, char *out, size_t cap)
{
    uint64_t s = seconds < 0 ? 0 : seconds > 1e15 ? UINT64_C(1000000000000000) : (uint64_t)(seconds + 0.5);

    if (s >= 3600)
        (void)snprintf(out, cap, "%" PRIu64 ":%02u:%02u", s / 3600, (unsigned)(s / 60 % 60),
                       (unsigned)(s % 60));
    else
        (void)snprintf(out, cap, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
}

/* How long the users take at the asked rate; < 0: nobody knows. */
static double estimate(const struct backfill_report *r)
{
    return r->job->rate > 0 ? (double)r->list->users / r->job->rate : -1;
}

void backfill_report_plan(const struct backfill_report *r, FILE *out)
{
    const struct backfill_list *list = r->list;
    char time[48];
    uint64_t i;

    fprintf(out, "users       %" PRIu64 ", from %s\n", list->users, r->from);
    fprintf(out, "left out    %" PRIu64 " duplicates, %" PRIu64 " invalid ids, %" PRIu64 " blank lines%s\n",
            list->duplicates, list->invalid, list->blank, list->header > 0 ? ", 1 header line" : "");
    for (i = 0; i < list->n_bad; i++)
        fprintf(out, "  line %" PRIu64 ": \"%s\": %s\n", list->bad[i].line, list->bad[i].text,
                list->bad[i].detail);
    if (list->invalid > list->n_bad)
        fprintf(out, "  and %" PRIu64 " more\n", list->invalid - list->n_bad);
    if (estimate(r) >= 0) {
        backfill_report_time(estimate(r) + 0.499, time, sizeof time); /* up to the next second */
        fprintf(out, "rate        %g users a second: %s in all\n", r->job->rate, time);
    } else {
        fprintf(out, "rate        no limit\n");
    }
    fprintf(out, "queue       %s\n", r->queue->name);
    fprintf(out, "region      %s\n",
            r->queue->region[0] != '\0' ? r->queue->region
                                        : "not in the queue's URL: that of the environment or the config");
    fprintf(out, "account     %s\n",
            r->queue->account[0] != '\0' ? r->queue->account : "not in the queue's URL");
    fprintf(out, "lookback    %" PRId64 " days%s\n", r->job->lookback_days,
            r->job->force ? ", forced: also users who were loaded lately" : "");
    fprintf(out, "job         %s\n", r->job->id);
}

static void set_text(json_t *o, const char *key, const char *text)
{
    (void)json_object_set_new(o, key, text != NULL && text[0] != '\0' ? json_string(text) : json_null());
}

static json_t *bad_json(const struct backfill_list *list)
{
    json_t *all = json_array();
    uint64_t i;

    for (i = 0; i < list->n_bad; i++)
        (void)json_array_append_new(all, json_pack("{s:I, s:s, s:s}", "line", (json_int_t)list->bad[i].line,
                                                   "text", list->bad[i].text, "detail", list->bad[i].detail));
    return all;
}

json_t *backfill_report_json(const struct backfill_report *r)
{
    const struct backfill_list *list = r->list;
    json_t *o =
        json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:b}", "job_id", r->job->id, "dry_run",
                  r->dry_run, "users", (json_int_t)list->users, "duplicates", (json_int_t)list->duplicates,
                  "invalid", (json_int_t)list->invalid, "blank", (json_int_t)list->blank, "header",
                  (json_int_t)list->header, "rate_limit", r->job->rate, "lookback_days",
                  (json_int_t)r->job->lookback_days, "force", r->job->force);

    if (o == NULL)
        return NULL;
    (void)json_object_set_new(o, "invalid_ids", bad_json(list));
    (void)json_object_set_new(o, "estimated_seconds", estimate(r) < 0 ? json_null() : json_real(estimate(r)));
    set_text(o, "from", r->from);
    set_text(o, "queue", r->queue->name);
    set_text(o, "region", r->queue->region);
    set_text(o, "account", r->queue->account);
    if (r->dry_run)
        return o;
    (void)json_object_set_new(o, "sent", json_integer((json_int_t)r->state.sent));
    (void)json_object_set_new(o, "failed", json_integer((json_int_t)r->state.failed));
    (void)json_object_set_new(o, "unsent", json_integer((json_int_t)r->unsent));
    (void)json_object_set_new(o, "seconds", json_real((double)r->elapsed_ms / 1000.0));
    (void)json_object_set_new(o, "signal", json_integer(r->signal));
    set_text(o, "resume_file", r->resume_file);
    set_text(o, "resume_command", r->resume_command);
    set_text(o, "error", r->error);
    return o;
}
