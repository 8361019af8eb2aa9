/* graph_lines: walk, write, sort, compare. */
#include "graph_lines.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "graph_digest.h"
#include "plugin_host_private.h"

#define SHOWN 12u /* a message of Check has to stay below 8 KiB */
#define SHOWN_BYTES 300

struct lines {
    struct graph_digest digest;
    struct strbuf text;
};

static uint32_t lines_add(struct lines *l, int failed)
{
    ck_assert_int_eq(failed, 0);
    strbuf_puts(&l->text, strbuf_text(&l->digest.line));
    strbuf_putc(&l->text, '\n');
    return SLUICE_OK;
}

static uint32_t lines_node(void *context, const struct sluice_graph_node *node)
{
    struct lines *l = context;

    return lines_add(l, graph_digest_node(&l->digest, node));
}

static uint32_t lines_edge(void *context, const struct sluice_graph_edge *edge)
{
    struct lines *l = context;

    return lines_add(l, graph_digest_edge(&l->digest, edge));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Cuts text into its lines, sorted; the lines live in text. */
static char **cut(char *text, size_t *n)
{
    char **lines = NULL, *save = NULL, *line;

    *n = 0;
    for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        if ((*n & (*n - 1)) == 0) {
            lines = realloc(lines, (*n == 0 ? 1 : *n * 2) * sizeof *lines);
            ck_assert_ptr_nonnull(lines);
        }
        lines[(*n)++] = line;
    }
    if (*n > 1)
        qsort(lines, *n, sizeof *lines, by_text);
    return lines;
}

char *graph_lines_sort(const char *text)
{
    char *copy = strdup(text), **lines;
    struct strbuf out;
    size_t n, i;

    ck_assert_ptr_nonnull(copy);
    lines = cut(copy, &n);
    strbuf_init(&out, (size_t)1 << 30);
    strbuf_puts(&out, "");
    for (i = 0; i < n; i++)
        strbuf_printf(&out, "%s\n", lines[i]);
    free(lines);
    free(copy);
    copy = strdup(strbuf_text(&out));
    strbuf_release(&out);
    return copy;
}

char *graph_lines(struct plugin_host *sink, const char *user)
{
    const struct sluice_graph *graph =
        sink->plugin->lifecycle.extension(plugin_host_self(sink), SLUICE_GRAPH_ID);
    struct lines l;
    struct sluice_graph_visitor visitor = {sizeof visitor, 0, &l, lines_node, lines_edge};
    struct sluice_error err;
    char *out;

    ck_assert_ptr_nonnull(graph);
    ck_assert_int_eq(graph_digest_init(&l.digest), 0);
    strbuf_init(&l.text, (size_t)1 << 30);
    error_clear(&err);
    ck_assert_msg(graph->walk(plugin_host_self(sink), user, &visitor, &err) == SLUICE_OK, "%s", err.message);
    out = graph_lines_sort(strbuf_text(&l.text));
    strbuf_release(&l.text);
    graph_digest_release(&l.digest);
    return out;
}

void graph_lines_expect(const char *got, const char *want)
{
    char *a, *b, **x, **y;
    size_t n, m, i = 0, j = 0, differences = 0;
    struct strbuf diff;

    if (strcmp(got, want) == 0)
        return;
    a = strdup(got);
    b = strdup(want);
    x = cut(a, &n);
    y = cut(b, &m);
    strbuf_init(&diff, 1 << 20);
    while (i < n || j < m) {
        int order = i == n ? 1 : j == m ? -1 : strcmp(x[i], y[j]);

        if (order != 0 && ++differences <= SHOWN)
            strbuf_printf(&diff, "%s %.*s\n", order < 0 ? "too much:" : "missing: ", SHOWN_BYTES,
                          order < 0 ? x[i] : y[j]);
        i += order <= 0;
        j += order >= 0;
    }
    ck_abort_msg("the graphs differ in %zu lines:\n%s", differences, strbuf_text(&diff));
}
