/* graph_repair: see graph_repair.h. */
#include "graph_repair.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dlq_print.h"

int graph_repair_init(struct graph_repair *r, int dry_run, int print)
{
    memset(r, 0, sizeof *r);
    r->dry_run = dry_run;
    r->print = print;
    strbuf_init(&r->user, (size_t)1 << 20);
    r->edges = json_array();
    return r->edges == NULL ? -1 : 0;
}

void graph_repair_release(struct graph_repair *r)
{
    strbuf_release(&r->user);
    json_decref(r->edges);
    r->edges = NULL;
}

/* What would make "the edge of a user and a category" or "the category of a product" mean two things. */
int graph_repair_allowed(const struct graph_audit *audit, const struct sluice_graph *graph,
                         struct sluice_error *err)
{
    uint64_t twice =
        audit->findings[AUDIT_DUPLICATE_NODE].count + audit->findings[AUDIT_DUPLICATE_EDGE].count;

    if (!SLUICE_GRAPH_HAS(graph, repair)) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL, "this sink cannot repair its graph");
        return -1;
    }
    if (twice > 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL,
                          "%" PRIu64
                          " nodes or edges stand there twice (duplicate_node, duplicate_edge): nothing was "
                          "repaired; merge them first",
                          twice);
        return -1;
    }
    if (audit->shared > 0) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL,
                          "%" PRIu64
                          " products stand in several categories (category_link): nothing was repaired; "
                          "leave each of them one IN_CATEGORY edge first",
                          audit->shared);
        return -1;
    }
    return 0;
}

static int repair_absent(const struct sluice_graph_edge *edge)
{
    return edge->count == 0 && edge->n_receipts == 0;
}

static void repair_line(const struct graph_repair *r, const char *what,
                        const struct sluice_graph_edge *before, const struct sluice_graph_edge *after)
{
    printf("%s%s  user ", r->dry_run ? "would be " : "", what);
    dlq_print_safe(after->from, UINT64_MAX);
    fputs("  ", stdout);
    dlq_print_safe(after->to, UINT64_MAX);
    printf("  frequency %" PRId64 " -> %" PRId64 "\n", before->count, after->count);
}

static int repair_list(struct graph_repair *r, const char *what, const struct sluice_graph_edge *before,
                       const struct sluice_graph_edge *after)
{
    if (json_array_size(r->edges) >= REPAIR_LISTED)
        return 0;
    return json_array_append_new(
        r->edges, json_pack("{s:s, s:s%, s:s%, s:I, s:I}", "change", what, "user_id", after->from.data,
                            (size_t)after->from.len, "category_id", after->to.data, (size_t)after->to.len,
                            "before", (json_int_t)before->count, "after", (json_int_t)after->count));
}

static uint32_t repair_changed(void *context, const struct sluice_graph_edge *before,
                               const struct sluice_graph_edge *after)
{
    struct graph_repair *r = context;
    const char *what = "rewritten";

    if (repair_absent(before)) {
        what = "made";
        r->made++;
    } else if (repair_absent(after)) {
        what = "removed";
        r->removed++;
    } else {
        r->rewritten++;
    }
    if (r->users == 0 ||
        !sluice_str_equal(after->from, (struct sluice_str){strbuf_text(&r->user), (uint64_t)r->user.len})) {
        r->users++;
        strbuf_clear(&r->user);
        strbuf_add(&r->user, after->from.data, (size_t)after->from.len);
    }
    if (r->print)
        repair_line(r, what, before, after);
    else if (repair_list(r, what, before, after) != 0)
        return SLUICE_RETRY;
    return r->user.failed ? SLUICE_RETRY : SLUICE_OK;
}

uint32_t graph_repair_run(struct graph_repair *r, const struct sluice_graph *graph, void *self,
                          struct sluice_error *err)
{
    const struct sluice_graph_repair repair = {
        .struct_size = sizeof repair, .dry_run = r->dry_run != 0, .context = r, .changed = repair_changed};
    uint32_t code = graph->repair(self, &repair, err);

    if (code != SLUICE_OK && err->message[0] == '\0')
        (void)sluice_fail(err, code, NULL, "no memory for the report of the repair");
    return code;
}

uint64_t graph_repair_count(const struct graph_repair *r)
{
    return r->made + r->rewritten + r->removed;
}

void graph_repair_print(const struct graph_repair *r)
{
    printf("%s: %" PRIu64 " SHOPS_IN edges of %" PRIu64 " users %s: %" PRIu64 " made, %" PRIu64
           " rewritten, %" PRIu64 " removed\n\n",
           r->dry_run ? "dry run" : "repair", graph_repair_count(r), r->users,
           r->dry_run ? "would change" : "changed", r->made, r->rewritten, r->removed);
}

json_t *graph_repair_json(const struct graph_repair *r)
{
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:O}", "dry_run", r->dry_run, "users",
                     (json_int_t)r->users, "made", (json_int_t)r->made, "rewritten", (json_int_t)r->rewritten,
                     "removed", (json_int_t)r->removed, "listed", (json_int_t)json_array_size(r->edges),
                     "edges", r->edges);
}
