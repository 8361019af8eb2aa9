/* problem: collects findings, and prints them in order of place.
 *
 * Invariant: a problem owns all its text, the file name too, so that it outlives
 * the config it is about.  A finding that cannot be kept sets lost, which counts
 * as an error: nothing that is wrong goes unnoticed for want of memory. */
#include "problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

#define PROBLEM_MAX_TEXT 4096u
#define PROBLEMS_MAX 1000u /* more of them help nobody */
#define NEAREST_MAX 64u

void problems_init(struct problems *p)
{
    memset(p, 0, sizeof *p);
}

static void problem_release(struct problem *item)
{
    free((char *)(uintptr_t)item->origin.file);
    free(item->message);
    free(item->hint);
}

void problems_release(struct problems *p)
{
    size_t i;

    for (i = 0; i < p->n; i++)
        problem_release(&p->items[i]);
    free(p->items);
    problems_init(p);
}

static int problems_room(struct problems *p)
{
    struct problem *grown;
    size_t cap;

    if (p->n < p->cap)
        return 1;
    if (p->n >= PROBLEMS_MAX)
        return 0;
    cap = p->cap == 0 ? 8 : p->cap * 2;
    grown = realloc(p->items, cap * sizeof *grown);
    if (grown == NULL)
        return 0;
    p->items = grown;
    p->cap = cap;
    return 1;
}

/* Was the same already said of the same place?  (A value may be used by many aliases.) */
static int problem_known(const struct problems *p, const struct problem *item)
{
    const struct problem *other;
    size_t i;

    for (i = 0; i < p->n; i++) {
        other = &p->items[i];
        if (other->origin.line == item->origin.line && other->origin.column == item->origin.column &&
            other->warning == item->warning && strcmp(other->message, item->message) == 0 &&
            (other->origin.file == NULL) == (item->origin.file == NULL) &&
            (item->origin.file == NULL || strcmp(other->origin.file, item->origin.file) == 0))
            return 1;
    }
    return 0;
}

static char *copy_or_null(const char *text, int *failed)
{
    char *copy;

    if (text == NULL)
        return NULL;
    copy = strdup(text);
    if (copy == NULL)
        *failed = 1;
    return copy;
}

static void problem_keep(struct problems *p, struct origin at, int warning, const char *hint, const char *fmt,
                         va_list args) __attribute__((format(printf, 5, 0)));
static void problem_keep(struct problems *p, struct origin at, int warning, const char *hint, const char *fmt,
                         va_list args)
{
    struct problem item;
    struct strbuf text;
    int failed = 0;

    strbuf_init(&text, PROBLEM_MAX_TEXT);
    strbuf_vprintf(&text, fmt, args);
    if (text.failed && text.data == NULL)
        strbuf_clear(&text);
    memset(&item, 0, sizeof item);
    item.origin = at;
    item.origin.file = copy_or_null(at.file, &failed);
    item.warning = warning;
    item.message = strbuf_take(&text);
    item.hint = copy_or_null(hint, &failed);
    if (!failed && item.message != NULL && problem_known(p, &item)) {
        problem_release(&item);
        return;
    }
    if (failed || item.message == NULL || !problems_room(p)) {
        problem_release(&item);
        p->lost = 1;
        return;
    }
    p->items[p->n++] = item;
    if (!warning)
        p->errors++;
}

void problem_add(struct problems *p, struct origin at, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_keep(p, at, 0, hint, fmt, args);
    va_end(args);
}

void problem_warn(struct problems *p, struct origin at, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_keep(p, at, 1, hint, fmt, args);
    va_end(args);
}

int problems_failed(const struct problems *p)
{
    return p->errors > 0 || p->lost;
}

/* By file, line, column; those of one place as they were found. */
static int problem_order(const void *a, const void *b)
{
    const struct problem *x = *(const struct problem *const *)a;
    const struct problem *y = *(const struct problem *const *)b;
    int files;

    if (x->origin.file == NULL || y->origin.file == NULL) {
        if (x->origin.file != y->origin.file)
            return x->origin.file == NULL ? -1 : 1;
    } else {
        files = strcmp(x->origin.file, y->origin.file);
        if (files != 0)
            return files;
    }
    if (x->origin.line != y->origin.line)
        return x->origin.line < y->origin.line ? -1 : 1;
    if (x->origin.column != y->origin.column)
        return x->origin.column < y->origin.column ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void problem_print(const struct problem *item, FILE *out)
{
    if (item->origin.file != NULL && item->origin.line > 0)
        fprintf(out, "%s:%u:%u: ", item->origin.file, item->origin.line, item->origin.column);
    else if (item->origin.file != NULL)
        fprintf(out, "%s: ", item->origin.file);
    fprintf(out, "%s: %s\n", item->warning ? "warning" : "error", item->message);
    if (item->hint != NULL)
        fprintf(out, "    %s\n", item->hint);
}

void problems_print(const struct problems *p, FILE *out)
{
    const struct problem **order = calloc(p->n + 1, sizeof(struct problem *));
    size_t i;

    if (order != NULL) {
        for (i = 0; i < p->n; i++)
            order[i] = &p->items[i];
        qsort(order, p->n, sizeof(struct problem *), problem_order);
    }
    for (i = 0; i < p->n; i++)
        problem_print(order != NULL ? order[i] : &p->items[i], out);
    free(order);
    if (p->lost)
        fprintf(out, "error: there is more to say than fits (over %u findings, or no memory)\n",
                PROBLEMS_MAX);
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b; both shorter than NEAREST_MAX. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2], *spare;
    size_t i, j, best;

    for (j = 0; j <= b_len; j++)
        last[j] = j;
    memcpy(before, last, sizeof rows[0]);
    for (i = 1; i <= a_len; i++) {
        now[0] = i;
        for (j = 1; j <= b_len; j++) {
            best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_len];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    const char *nearest = NULL;
    size_t len = strlen(word), best, i, other, distance;

    if (len == 0 || len >= NEAREST_MAX)
        return NULL;
    best = len < 3 ? 1 : (len + 2) / 3;
    best++;
    for (i = 0; i < n; i++) {
        other = strlen(names[i]);
        if (other >= NEAREST_MAX || (other > len ? other - len : len - other) >= best)
            continue;
        distance = edit_distance(word, len, names[i], other);
        if (distance < best && distance < other) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
