/* audit_baseline: keeping, reading back, judging. */
#include "audit_baseline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "file_write.h"
#include "json_report.h"

#define FORMAT "sluice-audit-1"

/* NULL: no memory; a report with a hole is none. */
static json_t *audit_json_checks(const struct graph_audit *a)
{
    json_t *checks = json_array();
    size_t i, j;
    int holes = 0;

    for (i = 0; i < AUDIT_CHECKS; i++) {
        const struct audit_finding *f = &a->findings[i];
        json_t *examples = json_array();

        for (j = 0; j < f->n; j++)
            /* an example may be cut inside a character */
            holes |= json_array_append_new(examples,
                                           json_report_text(f->examples[j], strlen(f->examples[j]))) != 0;
        holes |= json_array_append_new(checks,
                                       json_pack("{s:s, s:s, s:s, s:I, s:o}", "check", audit_checks[i].name,
                                                 "grade", audit_checks[i].critical ? "CRITICAL" : "WARN",
                                                 "text", audit_checks[i].text, "count", (json_int_t)f->count,
                                                 "examples", examples)) != 0;
    }
    if (!holes)
        return checks;
    json_decref(checks);
    return NULL;
}

json_t *audit_json(const struct graph_audit *a, const char *graph)
{
    char fingerprint[GRAPH_DIGEST_TEXT], time[32];
    json_t *counts = json_object();
    size_t i;

    graph_digest_text(&a->digest, fingerprint);
    clock_format(a->now_ms, time, sizeof time);
    for (i = 0; i < AUDIT_COUNTS; i++)
        (void)json_object_set_new(counts, audit_count_names[i], json_integer((json_int_t)a->counts[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "format", FORMAT, "time", time, "graph", graph,
                     "health", graph_audit_health(a), "fingerprint", fingerprint, "counts", counts, "checks",
                     audit_json_checks(a));
}

/* --- the file -------------------------------------------------------------------- */

int audit_baseline_save(const char *path, json_t *audit, struct sluice_error *err)
{
    char *text = json_dumps(audit, JSON_INDENT(2)), why[sizeof err->message] = "no memory";
    size_t len = text == NULL ? 0 : strlen(text);
    int failed = -1;

    if (text != NULL) {
        text[len] = '\n'; /* in place of the NUL */
        failed = file_write(&file_calls_system, path, text, len + 1, 0644, why, sizeof why);
    }
    if (failed)
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s", why);
    free(text);
    return failed;
}

static uint64_t audit_number(const json_t *object, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(object, name));

    return n < 0 ? 0 : (uint64_t)n;
}

int audit_baseline_load(const char *path, struct audit_baseline *b, struct sluice_error *err)
{
    json_error_t why;
    json_t *audit = json_load_file(path, JSON_REJECT_DUPLICATES, &why), *check;
    const char *format = json_string_value(json_object_get(audit, "format"));
    size_t i, j;

    memset(b, 0, sizeof *b);
    if (audit == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "cannot read the baseline %s: %s", path, why.text);
        return -1;
    }
    if (format == NULL || strcmp(format, FORMAT) != 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "%s is no baseline of `sluice audit --save`", path);
        json_decref(audit);
        return -1;
    }
    for (i = 0; i < AUDIT_COUNTS; i++)
        b->counts[i] = audit_number(json_object_get(audit, "counts"), audit_count_names[i]);
    json_array_foreach(json_object_get(audit, "checks"), j, check)
    {
        const char *name = json_string_value(json_object_get(check, "check"));

        for (i = 0; name != NULL && i < AUDIT_CHECKS; i++)
            if (strcmp(name, audit_checks[i].name) == 0)
                b->findings[i] = audit_number(check, "count");
    }
    b->has_users_file = json_is_object(json_object_get(audit, "users_file"));
    b->users_unique = audit_number(json_object_get(audit, "users_file"), "unique");
    b->users_in_graph = audit_number(json_object_get(audit, "users_file"), "in_graph");
    json_decref(audit);
    return 0;
}

int audit_users_load(const char *path, struct key_table *users, struct sluice_error *err)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int first = 1, added, failed = 0;

    if (file == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "cannot read %s: %s", path, strerror(errno));
        return -1;
    }
    while (!failed && (len = getline(&line, &cap, file)) >= 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' '))
            line[--len] = '\0';
        if (len > 0 && !(first && strcmp(line, "user_id") == 0))
            failed = key_table_add(users, (struct sluice_str){line, (uint64_t)len}, &added) == KEY_NONE;
        first = 0;
    }
    if (ferror(file) || failed)
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "cannot read %s: %s", path,
                          failed ? "no memory" : strerror(errno));
    failed |= ferror(file);
    free(line);
    (void)fclose(file);
    return failed ? -1 : 0;
}

uint64_t audit_users_seen(const struct key_table *users)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < users->n; i++)
        n += users->entries[i].bits & 1u;
    return n;
}

/* --- the comparison ---------------------------------------------------------------- */

static void audit_expect(struct audit_expectation *e, const char *name, int held, const char *fmt, uint64_t x,
                         uint64_t y)
{
    e->name = name;
    e->held = held;
/* Both formats take two numbers. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(e->text, sizeof e->text, fmt, x, y);
#pragma GCC diagnostic pop
}

static void audit_expect_not_less(struct audit_expectation *e, const char *name,
                                  const struct graph_audit *after, const struct audit_baseline *before,
                                  enum audit_count count)
{
    audit_expect(e, name, after->counts[count] >= before->counts[count],
                 "%" PRIu64 " before, %" PRIu64 " now", before->counts[count], after->counts[count]);
}

static void audit_expect_users(struct audit_expectation *e, const struct graph_audit *after,
                               const struct audit_baseline *before)
{
    uint64_t now = after->counts[AUDIT_USERS], low = before->counts[AUDIT_USERS], high = UINT64_MAX;

    if (after->wanted != NULL && before->has_users_file) {
        low += before->users_unique - before->users_in_graph;
        high = low;
        if (before->users_unique != after->wanted->n) {
            audit_expect(e, "users", 0,
                         "the users file has %" PRIu64 " ids, that of the baseline had %" PRIu64
                         ": compare with the same file",
                         after->wanted->n, before->users_unique);
            return;
        }
    } else if (after->wanted != NULL) {
        high = low + after->wanted->n; /* how many were there before is not known */
        if (low < after->wanted->n)
            low = after->wanted->n;
    }
    if (high == low)
        audit_expect(e, "users", now == low,
                     "%" PRIu64 " now, %" PRIu64 " expected (before and file together)", now, low);
    else
        audit_expect(e, "users", now >= low && now <= high, "%" PRIu64 " now, at least %" PRIu64 " expected",
                     now, low);
}

uint32_t audit_compare_judge(const struct graph_audit *after, const struct audit_baseline *before,
                             struct audit_expectation *out)
{
    uint64_t hierarchy = after->counts[AUDIT_WITH_HIERARCHY], ids = after->counts[AUDIT_WITH_CATEGORY_ID];
    uint64_t worse = 0, seen;
    uint32_t n = 0;
    size_t i;

    audit_expect_users(&out[n++], after, before);
    if (after->wanted != NULL) {
        seen = audit_users_seen(after->wanted);
        audit_expect(&out[n++], "users_of_file", seen == after->wanted->n,
                     "%" PRIu64 " of %" PRIu64 " users of the file are in the graph", seen, after->wanted->n);
    }
    audit_expect_not_less(&out[n++], "products", after, before, AUDIT_PRODUCTS);
    audit_expect_not_less(&out[n++], "purchased", after, before, AUDIT_PURCHASED);
    audit_expect_not_less(&out[n++], "in_category", after, before, AUDIT_IN_CATEGORY);
    audit_expect_not_less(&out[n++], "category_ids", after, before, AUDIT_WITH_CATEGORY_ID);
    audit_expect(&out[n++], "hierarchy", ids == 0 || hierarchy == ids,
                 "%" PRIu64 " products with a hierarchy, %" PRIu64 " with a category id", hierarchy, ids);
    audit_expect(&out[n++], "future", after->findings[AUDIT_FUTURE].count == 0,
                 "%" PRIu64 " edges in the future (%" PRIu64 " before)", after->findings[AUDIT_FUTURE].count,
                 before->findings[AUDIT_FUTURE]);
    for (i = 0; i < AUDIT_CHECKS; i++)
        if (audit_checks[i].critical && after->findings[i].count > before->findings[i])
            worse++;
    audit_expect(&out[n++], "no_new_critical", worse == 0,
                 "%" PRIu64 " CRITICAL checks found more than before (%" PRIu64 " findings now)", worse,
                 graph_audit_found(after, 1));
    return n;
}
