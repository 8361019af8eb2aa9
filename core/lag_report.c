/* lag_report: the table, and the same as JSON. */
#include "lag_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json_report.h"

static const char *const states[] = {"unknown", "active", "moving", "empty", "absent"};

static const char *lag_state(const struct lag_source *s)
{
    return s->state < sizeof states / sizeof states[0] ? states[s->state] : "unknown";
}

static const char *lag_verdict(const struct lag_source *s, int64_t limit)
{
    return !lag_source_active(s) ? "not active" : lag_source_total(s) > limit ? "above the limit" : "ok";
}

static void lag_print_source(const struct lag_source *s, int64_t limit)
{
    size_t i;

    printf("%s/%s: group %s %s, %" PRIu64 " members, %" PRId64 " behind: %s\n", s->pipeline->name,
           s->spec->name, s->group, lag_state(s), s->members, lag_source_total(s), lag_verdict(s, limit));
    printf("  %-40s %9s %14s %14s %12s\n", "topic", "partition", "committed", "end", "behind");
    for (i = 0; i < s->n_parts; i++) {
        const struct lag_part *at = &s->parts[i];

        printf("  %-40s %9" PRIu32, at->topic, at->partition);
        if (at->committed < 0)
            printf(" %14s", "none");
        else
            printf(" %14" PRId64, at->committed);
        printf(" %14" PRId64 " %12" PRId64 "\n", at->end, lag_part_behind(at));
    }
}

static json_t *lag_part_json(const struct lag_part *at)
{
    json_t *committed = at->committed < 0 ? json_null() : json_integer(at->committed);

    return json_pack("{s:s, s:I, s:o, s:I, s:I, s:I}", "topic", at->topic, "partition",
                     (json_int_t)at->partition, "committed", committed, "begin", (json_int_t)at->begin, "end",
                     (json_int_t)at->end, "lag", (json_int_t)lag_part_behind(at));
}

static json_t *lag_source_json(const struct lag_source *s, int64_t limit)
{
    json_t *parts = json_array();
    size_t i;

    for (i = 0; i < s->n_parts; i++)
        (void)json_array_append_new(parts, lag_part_json(&s->parts[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:s, s:o}", "pipeline", s->pipeline->name, "source",
                     s->spec->name, "group", s->group, "state", lag_state(s), "active", lag_source_active(s),
                     "members", (json_int_t)s->members, "lag", (json_int_t)lag_source_total(s), "verdict",
                     lag_verdict(s, limit), "partitions", parts);
}

int lag_print(const struct lag_sources *s, int64_t limit, int json, struct problems *p)
{
    json_t *list, *all;
    size_t i;

    if (json) {
        json_report_begin();
        list = json_array();
        for (i = 0; i < s->n; i++)
            (void)json_array_append_new(list, lag_source_json(&s->items[i], limit));
        all = json_pack("{s:o}", "sources", list);
        json_report_print(all, p);
        json_decref(all);
    } else {
        for (i = 0; i < s->n; i++)
            lag_print_source(&s->items[i], limit);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    problem_add(p, (struct origin){NULL, 0, 0}, NULL, "cannot write the report: %s", strerror(errno));
    return -1;
}
