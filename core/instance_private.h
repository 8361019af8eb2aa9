/* instance_private: what instance.c and instance_host.c share. */
#ifndef SLUICE_CORE_INSTANCE_PRIVATE_H
#define SLUICE_CORE_INSTANCE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "instance.h"
#include "limit.h"

#define INSTANCE_MAX_METRICS 32u

/* One metric of a plugin and the series used so far, most of them one. */
struct instance_series {
    struct instance_series *next;
    char *label; /* NULL: the unlabelled one */
    struct metric_series *series;
};

struct instance_metric {
    struct metric_family *family;
    int labelled;
    struct instance_series *series;
    uint32_t n_series;
};

struct instance {
    const struct instance_spec *spec;
    struct instance_env *env;
    void *self;
    struct sluice_host host;
    int creating;          /* inside create: fields and metrics may be declared */
    atomic_int started;    /* between start and stop */
    atomic_int cancelled;  /* from cancel to resume or stop */
    pthread_mutex_t stats; /* held while stats runs, so that stop comes after it */
    pthread_mutex_t work;  /* held around work calls of a plugin that is not PARALLEL */
    pthread_mutex_t lock;  /* guards what follows */
    pthread_cond_t wake;   /* cancelled */
    struct instance_metric metrics[INSTANCE_MAX_METRICS];
    uint32_t n_metrics;
    struct limit log_limit;
    uint64_t log_suppressed;
    char *state_owner; /* "pipeline/instance" */
};

int instance_host_init(struct instance *i); /* 0, or -1: no memory */
void instance_host_release(struct instance *i);

#endif
