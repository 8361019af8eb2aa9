/* queue_source: the queues of a plan: its sources and sinks that can say how full theirs is. */
#ifndef SLUICE_CORE_QUEUE_SOURCE_H
#define SLUICE_CORE_QUEUE_SOURCE_H

#include <sluice/queue.h>

#include "instance.h"

struct queue_source {
    const struct pipeline_spec *pipeline;
    const struct instance_spec *spec;
    struct instance *instance;
    struct instance_env env;
    const struct sluice_queue *queue;
    /* of the last look */
    char *name, *url, *dead_name, *dead_why; /* dead_name NULL: none; dead_why NULL: it was read */
    int64_t waiting, in_work, delayed, dead_waiting, dead_in_work;
    int failed; /* no memory while it was read */
};

struct queue_sources {
    struct queue_source *items;
    size_t n;
};

/* pipeline: only this one's, or NULL.  0; -1 with problems. */
int queue_sources_find(struct queue_sources *s, const struct plan *plan, const char *pipeline,
                       struct problems *p);
void queue_sources_release(struct queue_sources *s);
/* Looks at all of them.  0; -1 with a problem for each that could not be read. */
int queue_sources_read(struct queue_sources *s, uint32_t timeout_ms, struct problems *p);
/* Nothing waits, is in work or delayed. */
int queue_source_is_empty(const struct queue_source *s);
int queue_sources_are_empty(const struct queue_sources *s);

#endif
