/* graph_lines: a graph as text, so that a test can say what differs.
 *
 * The lines are those of docs/reference/fingerprint.md, sorted, one to a row. */
#ifndef SLUICE_TESTS_GRAPH_LINES_H
#define SLUICE_TESTS_GRAPH_LINES_H

#include "plugin_host.h"

/* The graph of a started sink; free() it.  user: only this one's neighbourhood, or NULL. */
char *graph_lines(struct plugin_host *sink, const char *user);
/* The same lines in order; free() it. */
char *graph_lines_sort(const char *text);
/* Fails the test with the lines that only one of the two has. */
void graph_lines_expect(const char *got, const char *want);

#endif
