/* queue_report: the table, a line for --watch, and the same as JSON. */
#include "queue_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json_report.h"

static int printed(struct problems *p)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    problem_add(p, (struct origin){NULL, 0, 0}, NULL, "cannot write the report: %s", strerror(errno));
    return -1;
}

static const char *number_text(int64_t n, char out[24])
{
    if (n < 0)
        (void)snprintf(out, 24, "?");
    else
        (void)snprintf(out, 24, "%" PRId64, n);
    return out;
}

static void print_dead(const struct queue_source *s)
{
    char waiting[24], in_work[24];

    if (s->dead_name == NULL)
        return;
    if (s->dead_why != NULL)
        printf("  dead letters: %s, not read: %s\n", s->dead_name, s->dead_why);
    else
        printf("  dead letters: %s, %s waiting, %s in work\n", s->dead_name,
               number_text(s->dead_waiting, waiting), number_text(s->dead_in_work, in_work));
}

static void print_table(const struct queue_sources *s)
{
    char a[24], b[24], c[24];
    size_t i;

    printf("%-40s %12s %12s %12s\n", "queue", "waiting", "in work", "delayed");
    for (i = 0; i < s->n; i++) {
        const struct queue_source *q = &s->items[i];

        printf("%-40s %12s %12s %12s\n", q->name, number_text(q->waiting, a), number_text(q->in_work, b),
               number_text(q->delayed, c));
        print_dead(q);
    }
}

static json_t *number_json(int64_t n)
{
    return n < 0 ? json_null() : json_integer((json_int_t)n);
}

static json_t *dead_json(const struct queue_source *s)
{
    if (s->dead_name == NULL)
        return json_null();
    return json_pack("{s:s, s:o, s:o, s:s?}", "name", s->dead_name, "waiting", number_json(s->dead_waiting),
                     "in_work", number_json(s->dead_in_work), "problem", s->dead_why);
}

static json_t *queue_json(const struct queue_source *s)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:o}", "pipeline", s->pipeline->name,
                     "instance", s->spec->name, "queue", s->name, "url", s->url == NULL ? "" : s->url,
                     "waiting", number_json(s->waiting), "in_work", number_json(s->in_work), "delayed",
                     number_json(s->delayed), "empty", queue_source_is_empty(s), "dead_letters",
                     dead_json(s));
}

int queue_print(const struct queue_sources *s, int json, struct problems *p)
{
    json_t *list, *all;
    size_t i;

    if (!json) {
        print_table(s);
        return printed(p);
    }
    json_report_begin();
    list = json_array();
    for (i = 0; i < s->n; i++)
        (void)json_array_append_new(list, queue_json(&s->items[i]));
    all = json_pack("{s:b, s:o}", "empty", queue_sources_are_empty(s), "queues", list);
    json_report_print(all, p);
    json_decref(all);
    return printed(p);
}

int queue_print_lines(const struct queue_sources *s, struct problems *p)
{
    char a[24], b[24], c[24], clock[16] = "";
    time_t now = time(NULL);
    struct tm parts;
    size_t i;

    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(clock, sizeof clock, "%H:%M:%SZ", &parts);
    for (i = 0; i < s->n; i++) {
        const struct queue_source *q = &s->items[i];

        printf("%s %s: %s waiting, %s in work, %s delayed", clock, q->name, number_text(q->waiting, a),
               number_text(q->in_work, b), number_text(q->delayed, c));
        if (q->dead_name != NULL && q->dead_why == NULL)
            printf(", %s dead", number_text(q->dead_waiting, a));
        putchar('\n');
    }
    return printed(p);
}
