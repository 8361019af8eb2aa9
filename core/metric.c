/* metric: families and series, and the numbers in them.
 *
 * Invariant: a series, once made, stays where it is until metrics_free, so its
 * pointer may be kept; its number is one atomic word.  Families and series are
 * only ever added, under the lock. */
#include "metric_internal.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/host.h>

static int same_text(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

struct metrics *metrics_new(void)
{
    struct metrics *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    if (pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return NULL;
    }
    if (pthread_mutex_init(&m->render_lock, NULL) != 0) {
        pthread_mutex_destroy(&m->lock);
        free(m);
        return NULL;
    }
    return m;
}

static void series_free(struct metric_series *s, uint32_t n_labels)
{
    uint32_t i;

    for (i = 0; i < n_labels; i++)
        free(s->values[i]);
    free(s);
}

static void family_free(struct metric_family *f)
{
    struct metric_series *s, *next;
    uint32_t i;

    for (s = f->first; s != NULL; s = next) {
        next = s->next;
        series_free(s, f->n_labels);
    }
    for (i = 0; i < f->n_labels; i++)
        free(f->labels[i]);
    free(f->name);
    free(f->help);
    free(f);
}

void metrics_free(struct metrics *m)
{
    struct metric_family *f, *next;
    struct metric_collector *c, *after;

    if (m == NULL)
        return;
    for (f = m->first; f != NULL; f = next) {
        next = f->next;
        family_free(f);
    }
    for (c = m->collectors; c != NULL; c = after) {
        after = c->next;
        free(c);
    }
    pthread_mutex_destroy(&m->render_lock);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* "x" and "x_total" are one counter: counters always show as x_total. */
static char *family_name(uint32_t kind, const char *name)
{
    static const char suffix[] = "_total";
    size_t len = strlen(name), tail = sizeof suffix - 1;
    char *full;

    if (kind != SLUICE_COUNTER || (len > tail && strcmp(name + len - tail, suffix) == 0))
        return strdup(name);
    full = malloc(len + sizeof suffix);
    if (full == NULL)
        return NULL;
    memcpy(full, name, len);
    memcpy(full + len, suffix, sizeof suffix);
    return full;
}

static struct metric_family *family_new(struct metrics *m, uint32_t kind, char *name, const char *help,
                                        const char *const *labels, uint32_t n_labels)
{
    struct metric_family *f = calloc(1, sizeof *f);
    uint32_t i;

    if (f == NULL) {
        free(name);
        return NULL;
    }
    f->metrics = m;
    f->kind = kind;
    f->name = name;
    f->help = strdup(help);
    for (i = 0; i < n_labels; i++) {
        f->labels[i] = strdup(labels[i]);
        f->n_labels = i + 1;
        if (f->labels[i] == NULL)
            break;
    }
    if (f->help == NULL || i < n_labels) {
        family_free(f);
        return NULL;
    }
    if (m->last == NULL)
        m->first = f;
    else
        m->last->next = f;
    m->last = f;
    return f;
}

static int family_matches(const struct metric_family *f, uint32_t kind, const char *const *labels,
                          uint32_t n_labels)
{
    uint32_t i;

    if (f->kind != kind || f->n_labels != n_labels)
        return 0;
    for (i = 0; i < n_labels; i++)
        if (strcmp(f->labels[i], labels[i]) != 0)
            return 0;
    return 1;
}

struct metric_family *metric_family(struct metrics *m, uint32_t kind, const char *name, const char *help,
                                    const char *const *labels, uint32_t n_labels)
{
    struct metric_family *f;
    char *full;

    if (m == NULL || name == NULL || help == NULL || help[0] == '\0' ||
        !metric_names_valid(kind, name, labels, n_labels))
        return NULL;
    full = family_name(kind, name);
    if (full == NULL)
        return NULL;
    pthread_mutex_lock(&m->lock);
    for (f = m->first; f != NULL; f = f->next)
        if (strcmp(f->name, full) == 0)
            break;
    if (f != NULL) {
        free(full);
        if (!family_matches(f, kind, labels, n_labels))
            f = NULL;
    } else {
        f = family_new(m, kind, full, help, labels, n_labels);
    }
    pthread_mutex_unlock(&m->lock);
    return f;
}

/* FNV-1a over the values, each with its NUL. */
static uint32_t values_hash(const char *const *values, uint32_t n)
{
    uint32_t h = 2166136261u, i;
    const char *s;

    for (i = 0; i < n; i++) {
        for (s = values[i] == NULL ? "" : values[i]; *s != '\0'; s++)
            h = (h ^ (unsigned char)*s) * 16777619u;
        h *= 16777619u;
    }
    return h;
}

static struct metric_series *series_find(const struct metric_family *f, const char *const *values,
                                         uint32_t hash)
{
    struct metric_series *s;
    uint32_t i;

    for (s = f->buckets[hash % METRIC_BUCKETS]; s != NULL; s = s->in_bucket) {
        for (i = 0; i < f->n_labels; i++)
            if (!same_text(s->values[i], values[i]))
                break;
        if (i == f->n_labels)
            return s;
    }
    return NULL;
}

static struct metric_series *series_new(struct metric_family *f, const char *const *values, uint32_t hash)
{
    struct metric_series *s = calloc(1, sizeof *s);
    uint32_t i;

    if (s == NULL)
        return NULL;
    s->kind = f->kind;
    for (i = 0; i < f->n_labels; i++) {
        s->values[i] = strdup(values[i] == NULL ? "" : values[i]);
        if (s->values[i] == NULL) {
            series_free(s, f->n_labels);
            return NULL;
        }
    }
    s->in_bucket = f->buckets[hash % METRIC_BUCKETS];
    f->buckets[hash % METRIC_BUCKETS] = s;
    if (f->last == NULL)
        f->first = s;
    else
        f->last->next = s;
    f->last = s;
    f->n_series++;
    return s;
}

struct metric_series *metric_series(struct metric_family *f, const char *const *values)
{
    static const char *const others[METRIC_MAX_LABELS] = {"other", "other", "other", "other"};
    struct metric_series *s;
    uint32_t hash;

    if (f == NULL)
        return NULL;
    hash = values_hash(values, f->n_labels);
    pthread_mutex_lock(&f->metrics->lock);
    s = series_find(f, values, hash);
    if (s == NULL && f->n_series >= METRIC_MAX_SERIES) {
        values = others;
        hash = values_hash(values, f->n_labels);
        s = series_find(f, values, hash);
    }
    if (s == NULL)
        s = series_new(f, values, hash);
    pthread_mutex_unlock(&f->metrics->lock);
    return s;
}

static double bits_to_double(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t double_to_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void metric_add(struct metric_series *s, uint64_t n)
{
    uint64_t old;

    if (s == NULL)
        return;
    if (s->kind == SLUICE_COUNTER) {
        atomic_fetch_add_explicit(&s->bits, n, memory_order_relaxed);
        return;
    }
    old = atomic_load_explicit(&s->bits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&s->bits, &old,
                                                  double_to_bits(bits_to_double(old) + (double)n),
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

void metric_set(struct metric_series *s, double value)
{
    if (s == NULL)
        return;
    if (s->kind != SLUICE_COUNTER)
        atomic_store_explicit(&s->bits, double_to_bits(value), memory_order_relaxed);
    else if (value >= 0 && value < 18446744073709551616.0)
        atomic_store_explicit(&s->bits, (uint64_t)value, memory_order_relaxed);
}

double metric_value(const struct metric_series *s)
{
    uint64_t bits;

    if (s == NULL)
        return 0;
    bits = atomic_load_explicit(&s->bits, memory_order_relaxed);
    return s->kind == SLUICE_COUNTER ? (double)bits : bits_to_double(bits);
}

double metrics_lookup(struct metrics *m, const char *name, const char *const *values, uint32_t n_labels)
{
    struct metric_family *f;
    double value = 0;

    pthread_mutex_lock(&m->lock);
    for (f = m->first; f != NULL; f = f->next)
        if (f->n_labels == n_labels && strcmp(f->name, name) == 0)
            value = metric_value(series_find(f, values, values_hash(values, n_labels)));
    pthread_mutex_unlock(&m->lock);
    return value;
}
