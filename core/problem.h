/* problem: findings about a config or a plugin, collected so that `check` can
 * show all of them at once. */
#ifndef SLUICE_CORE_PROBLEM_H
#define SLUICE_CORE_PROBLEM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where a value came from.  file is interned by the config and lives as long. */
struct origin {
    const char *file; /* NULL: none (a default, the command line) */
    uint32_t line;    /* from 1 */
    uint32_t column;  /* from 1, in characters */
};

struct problem {
    struct origin origin;
    int warning;   /* 1: told, but nothing is refused */
    char *message; /* what is wrong, and what was expected */
    char *hint;    /* what to do, or NULL */
};

struct problems {
    struct problem *items;
    size_t n;
    size_t cap;
    size_t errors; /* those that are not warnings */
    int lost;      /* 1: memory ran out and a finding is missing; counts as an error */
};

void problems_init(struct problems *p);
void problems_release(struct problems *p);
/* hint may be NULL. */
void problem_add(struct problems *p, struct origin at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void problem_warn(struct problems *p, struct origin at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int problems_failed(const struct problems *p);
/* "file:line:column: error: message\n    hint" a finding, in order of place. */
void problems_print(const struct problems *p, FILE *out);
/* Of the n names the one nearest to word, if near enough to be meant; else NULL. */
const char *nearest_name(const char *word, const char *const *names, size_t n);

#endif
