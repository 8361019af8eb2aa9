/* metric_render: the Prometheus text of all families.
 *
 * Invariant: what is written passes `promtool check metrics`: names are checked
 * when a family is made, values are escaped here. */
#include "metric_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/host.h>

static int name_legal(const char *name)
{
    const char *s;

    if (name == NULL || !(name[0] >= 'a' && name[0] <= 'z'))
        return 0;
    for (s = name; *s != '\0'; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_'))
            return 0;
    return 1;
}

static int word_in(const char *word, size_t len, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strlen(*list) == len && memcmp(*list, word, len) == 0)
            return 1;
    return 0;
}

/* Base units only, and no word that says the type. */
static int words_good(const char *name)
{
    static const char *const bad[] = {"ms",        "milliseconds",
                                      "us",        "microseconds",
                                      "ns",        "nanoseconds",
                                      "s",         "sec",
                                      "minutes",   "hours",
                                      "days",      "weeks",
                                      "min",       "b",
                                      "kb",        "mb",
                                      "gb",        "tb",
                                      "pb",        "m",
                                      "h",         "d",
                                      "kilobytes", "megabytes",
                                      "gigabytes", "bits",
                                      "percent",   "counter",
                                      "gauge",     "histogram",
                                      "summary",   NULL};
    const char *end;

    for (;;) {
        end = strchr(name, '_');
        if (word_in(name, end == NULL ? strlen(name) : (size_t)(end - name), bad))
            return 0;
        if (end == NULL)
            return 1;
        name = end + 1;
    }
}

static int last_word_is(const char *name, const char *const *list)
{
    const char *tail = strrchr(name, '_');

    return tail != NULL && word_in(tail + 1, strlen(tail + 1), list);
}

int metric_names_valid(uint32_t kind, const char *name, const char *const *labels, uint32_t n_labels)
{
    static const char *const of_histograms[] = {"bucket", "count", "sum", "info", NULL};
    static const char *const of_counters[] = {"total", NULL};
    static const char *const reserved[] = {"le", "quantile", NULL};
    uint32_t i, j;

    if ((kind != SLUICE_COUNTER && kind != SLUICE_GAUGE) || n_labels > METRIC_MAX_LABELS)
        return 0;
    if (!name_legal(name) || !words_good(name))
        return 0;
    if (kind == SLUICE_GAUGE && (last_word_is(name, of_histograms) || last_word_is(name, of_counters)))
        return 0;
    for (i = 0; i < n_labels; i++) {
        if (!name_legal(labels[i]) || word_in(labels[i], strlen(labels[i]), reserved))
            return 0;
        for (j = 0; j < i; j++)
            if (strcmp(labels[i], labels[j]) == 0)
                return 0;
    }
    return 1;
}

int metrics_on_collect(struct metrics *m, metric_collect fn, void *context)
{
    struct metric_collector *c = malloc(sizeof *c), **at;

    if (c == NULL)
        return -1;
    c->fn = fn;
    c->context = context;
    c->next = NULL;
    pthread_mutex_lock(&m->render_lock);
    for (at = &m->collectors; *at != NULL; at = &(*at)->next)
        continue;
    *at = c;
    pthread_mutex_unlock(&m->render_lock);
    return 0;
}

void metrics_remove_collect(struct metrics *m, void *context)
{
    struct metric_collector **at, *c;

    pthread_mutex_lock(&m->render_lock);
    for (at = &m->collectors; *at != NULL;) {
        c = *at;
        if (c->context == context) {
            *at = c->next;
            free(c);
        } else {
            at = &c->next;
        }
    }
    pthread_mutex_unlock(&m->render_lock);
}

/* quote: '"' in label values, '\0' in help. */
static void render_text(struct strbuf *out, const char *text, char quote)
{
    size_t left = strlen(text), n;

    for (; left > 0; text += n, left -= n) {
        n = utf8_length(text, left);
        if (n == 0) {
            strbuf_puts(out, "\xef\xbf\xbd");
            n = 1;
        } else if (*text == '\n') {
            strbuf_puts(out, "\\n");
        } else if (*text == '\\' || (quote != '\0' && *text == quote)) {
            strbuf_putc(out, '\\');
            strbuf_putc(out, *text);
        } else {
            strbuf_add(out, text, n);
        }
    }
}

/* The shortest text that reads back as the same number. */
static void render_double(struct strbuf *out, double value)
{
    char text[40];
    int digits;

    if (isnan(value)) {
        strbuf_puts(out, "NaN");
        return;
    }
    if (isinf(value)) {
        strbuf_puts(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    strbuf_puts(out, text);
}

static void render_series(const struct metric_family *f, const struct metric_series *s, struct strbuf *out)
{
    uint32_t i;

    strbuf_puts(out, f->name);
    for (i = 0; i < f->n_labels; i++) {
        strbuf_printf(out, "%s%s=\"", i == 0 ? "{" : ",", f->labels[i]);
        render_text(out, s->values[i], '"');
        strbuf_putc(out, '"');
    }
    strbuf_puts(out, f->n_labels > 0 ? "} " : " ");
    if (f->kind == SLUICE_COUNTER)
        strbuf_printf(out, "%" PRIu64, atomic_load_explicit(&s->bits, memory_order_relaxed));
    else
        render_double(out, metric_value(s));
    strbuf_putc(out, '\n');
}

void metrics_render(struct metrics *m, struct strbuf *out)
{
    const struct metric_collector *c;
    const struct metric_family *f;
    const struct metric_series *s;

    pthread_mutex_lock(&m->render_lock);
    for (c = m->collectors; c != NULL; c = c->next)
        c->fn(c->context);
    pthread_mutex_lock(&m->lock);
    for (f = m->first; f != NULL; f = f->next) {
        if (f->first == NULL)
            continue;
        strbuf_printf(out, "# HELP %s ", f->name);
        render_text(out, f->help, '\0');
        strbuf_printf(out, "\n# TYPE %s %s\n", f->name, f->kind == SLUICE_COUNTER ? "counter" : "gauge");
        for (s = f->first; s != NULL; s = s->next)
            render_series(f, s, out);
    }
    pthread_mutex_unlock(&m->lock);
    pthread_mutex_unlock(&m->render_lock);
}
