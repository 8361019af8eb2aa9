/* metric_internal: what metric.c and metric_render.c share. */
#ifndef SLUICE_CORE_METRIC_INTERNAL_H
#define SLUICE_CORE_METRIC_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "metric.h"

#define METRIC_BUCKETS 256u

struct metric_series {
    struct metric_series *in_bucket;
    struct metric_series *next; /* in the order they were made */
    char *values[METRIC_MAX_LABELS];
    uint32_t kind;
    _Atomic uint64_t bits; /* counter: the number; gauge: the bits of a double */
};

struct metric_family {
    struct metric_family *next;
    struct metrics *metrics;
    uint32_t kind;
    uint32_t n_labels;
    char *name;
    char *help;
    char *labels[METRIC_MAX_LABELS];
    struct metric_series *buckets[METRIC_BUCKETS];
    struct metric_series *first, *last;
    uint32_t n_series;
};

struct metric_collector {
    struct metric_collector *next;
    metric_collect fn;
    void *context;
};

struct metrics {
    pthread_mutex_t lock;        /* families, series */
    pthread_mutex_t render_lock; /* collectors; held over a rendering, so that two don't mix */
    struct metric_family *first, *last;
    struct metric_collector *collectors;
};

/* 1 if the names are legal and follow Prometheus' habits (promtool check metrics). */
int metric_names_valid(uint32_t kind, const char *name, const char *const *labels, uint32_t n_labels);

#endif
