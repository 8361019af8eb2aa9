/* conformance: does a plugin keep the promises of sluice/plugin.h?
 *
 * Each case runs in a child process of its own, against a mock host that records
 * every service call and can let any of them fail.  The parent never loads the
 * plugin, so nothing that a plugin does can end the report. */
#ifndef SLUICE_CORE_CONFORMANCE_H
#define SLUICE_CORE_CONFORMANCE_H

#include <stddef.h>
#include <stdint.h>

struct conformance_request {
    const char *file;        /* the .so; NULL: only list */
    const char *config;      /* a file with the block to test with; NULL: the plugin's example */
    const char *const *sets; /* "key=value", over the block */
    size_t n_sets;
    const char *const *only; /* names of cases; none: all */
    size_t n_only;
    const char *records; /* a file whose lines are records to test with, or NULL */
    uint64_t seed;
    int json;
};

/* Runs the cases and prints the report.  The exit code of the program. */
int conformance_run(const struct conformance_request *request);
/* Prints every case with its one line. */
void conformance_list(int json);

#endif
