/* pipeline: making, starting and stopping; see pipeline.h. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pipeline_private.h"

/* Sources come first and sinks last, so that starting from the end opens the way
 * from its end. */
static int kind_rank(uint32_t kind)
{
    switch (kind) {
    case SLUICE_SOURCE:
        return 0;
    case SLUICE_DECODER:
        return 1;
    case SLUICE_SINK:
        return 3;
    default:
        return 2;
    }
}

static int sort_specs(struct pipeline *p)
{
    size_t n = p->spec->n_instances, i, at = 0;
    int rank;

    p->specs = calloc(n, sizeof(struct instance_spec *));
    p->instances = calloc(n, sizeof(struct instance *));
    if (p->specs == NULL || p->instances == NULL)
        return -1;
    for (rank = 0; rank <= 3; rank++)
        for (i = 0; i < n; i++)
            if (kind_rank(p->spec->instances[i]->plugin->desc.kind) == rank)
                p->specs[at++] = p->spec->instances[i];
    return 0;
}

static int make_instances(struct pipeline *p, struct problems *problems)
{
    size_t i;

    for (i = 0; i < p->spec->n_instances; i++) {
        p->instances[i] = instance_new(p->specs[i], &p->env, problems);
        if (p->instances[i] == NULL)
            return -1;
    }
    p->source = pipeline_instance(p, p->spec->source);
    p->decoder = pipeline_instance(p, p->spec->decoder);
    return 0;
}

/* The order key is a peeked field as those of the gates; the host declares it first. */
static int declare_order_key(struct pipeline *p)
{
    p->env.fields[0] = strdup(p->spec->order_key);
    p->order_slot = 0;
    p->env.n_fields = 1;
    return p->env.fields[0] == NULL ? -1 : 0;
}

static int make_flow(struct pipeline *p)
{
    const struct pipeline_spec *ps = p->spec;
    struct flow_spec spec = {.n_steps = (uint32_t)ps->n_steps,
                             .any_order = (ps->source->plugin->desc.flags & SLUICE_ANY_ORDER) != 0,
                             .commutative = 1,
                             .idempotent = 1,
                             .max_in_flight = ps->max_in_flight,
                             .memory_bytes = ps->memory_bytes,
                             .lane_window = ps->lane_window,
                             .retry = ps->retry,
                             .seed = (uint64_t)clock_now_ms() * 0x9e3779b97f4a7c15u};
    size_t i;

    for (i = 0; i < ps->n_steps; i++) {
        const struct step *step = &p->steps[i];
        uint32_t flags = instance_flags(step->stages[step->n_stages - 1].instance);

        spec.commutative &= (flags & SLUICE_COMMUTATIVE) != 0;
        spec.idempotent &= (flags & SLUICE_IDEMPOTENT) != 0;
    }
    p->minds_order = !spec.commutative;
    p->flow = flow_new(&spec);
    p->waiting = calloc(ps->max_in_flight, sizeof(struct parcel *));
    return p->flow == NULL || p->waiting == NULL ? -1 : 0;
}

static int make_routing(const struct pipeline *p, struct routing *t)
{
    uint64_t cap = p->spec->batch_records;

    t->batch = pipeline_new_batch(p);
    t->answers = calloc(2 * cap, sizeof *t->answers);
    t->refs = calloc(cap, sizeof(struct sluice_record *));
    t->verdicts = calloc(cap, sizeof *t->verdicts);
    return t->batch == NULL || t->answers == NULL || t->refs == NULL || t->verdicts == NULL ? -1 : 0;
}

static void free_routing(struct routing *t)
{
    pipeline_free_batch(t->batch);
    free(t->answers);
    free(t->refs);
    free(t->verdicts);
}

static int make_scratch(struct pipeline *p)
{
    int failed = make_routing(p, &p->polled) != 0 || make_routing(p, &p->again) != 0;

    p->poll_batch = p->polled.batch;
    return failed ? -1 : 0;
}

static int make_sync(struct pipeline *p)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
             pthread_mutex_init(&p->lock, NULL) != 0 || pthread_cond_init(&p->space, &attr) != 0 ||
             pthread_cond_init(&p->work, &attr) != 0;
    pthread_condattr_destroy(&attr);
    return failed ? -1 : 0;
}

static int build(struct pipeline *p, struct problems *problems)
{
    if (declare_order_key(p) != 0 || pipeline_make_jobs(p) != 0 || sort_specs(p) != 0)
        goto no_memory;
    if (make_instances(p, problems) != 0)
        return -1;
    if (pipeline_make_steps(p) != 0 || make_flow(p) != 0 || make_scratch(p) != 0 ||
        pipeline_make_workers(p) != 0 || pipeline_metrics_init(p) != 0)
        goto no_memory;
    return 0;
no_memory:
    problem_add(problems, p->spec->origin, NULL, "no memory for pipeline '%s'", p->spec->name);
    return -1;
}

/* The pipeline's limit or its source's, whichever is lower; 0: none. */
static double poll_rate(const struct pipeline_spec *spec)
{
    double own = spec->source->rate_limit, whole = spec->rate_limit;

    return own > 0 && (whole <= 0 || own < whole) ? own : whole;
}

struct pipeline *pipeline_new(const struct pipeline_spec *spec, struct metrics *metrics,
                              struct state_db *state, struct problems *problems)
{
    struct pipeline *p = calloc(1, sizeof *p);
    double rate;

    if (p == NULL || make_sync(p) != 0) {
        free(p);
        problem_add(problems, spec->origin, NULL, "no memory for pipeline '%s'", spec->name);
        return NULL;
    }
    p->spec = spec;
    p->metrics = metrics;
    p->state = state;
    p->held_tail = &p->held;
    p->env = (struct instance_env){.pipeline_name = spec->name,
                                   .metrics = metrics,
                                   .state = state,
                                   .lane_open = pipeline_add_lane,
                                   .lane_lost = pipeline_lose_lane,
                                   .lane_full = pipeline_lane_is_full,
                                   .lane_context = p};
    rate = poll_rate(spec);
    /* One record more than the burst is kept, or a thread that wakes late would lose its time at
     * low rates; and it begins with one, so that the first burst is no gift. */
    limit_init(&p->poll_limit, rate, rate / 10 + 1, clock_steady_ms());
    p->poll_limit.tokens = 1;
    if (build(p, problems) != 0) {
        pipeline_free(p);
        return NULL;
    }
    if (state != NULL && dead_letter_count(state, spec->name) > 0)
        pipeline_note_letter(p, UINT64_MAX - 1);
    return p;
}

static void free_parcels(struct pipeline *p)
{
    struct parcel *next;
    uint64_t i;

    for (; p->held != NULL; p->held = next) {
        next = p->held->next;
        parcel_free(p->held);
    }
    for (i = 0; p->waiting != NULL && i < p->spec->max_in_flight; i++)
        parcel_free(p->waiting[i]);
    free(p->waiting);
}

void pipeline_free(struct pipeline *p)
{
    size_t i;

    if (p == NULL)
        return;
    if (p->metrics != NULL)
        metrics_remove_collect(p->metrics, p);
    for (i = 0; i < p->n_workers; i++)
        pipeline_free_worker(p, &p->workers[i]);
    free(p->workers);
    for (i = 0; p->head != NULL && i < p->n_head; i++)
        gate_eval_free(p->head[i]);
    free(p->head);
    for (i = 0; i < p->n_steps; i++)
        free(p->steps[i].stages);
    free(p->steps);
    for (i = 0; p->instances != NULL && i < p->spec->n_instances; i++)
        instance_free(p->instances[i]);
    free(p->instances);
    free(p->specs);
    free_parcels(p);
    flow_free(p->flow);
    free_routing(&p->polled);
    free_routing(&p->again);
    pipeline_free_lanes(p);
    pipeline_free_jobs(p);
    for (i = 0; i < p->env.n_fields; i++)
        free(p->env.fields[i]);
    pthread_cond_destroy(&p->space);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void pipeline_watch(struct pipeline *p, pipeline_watcher watcher, void *context)
{
    p->watcher = watcher;
    p->watcher_context = context;
}

int pipeline_start(struct pipeline *p)
{
    struct sluice_error err;
    uint32_t i;

    p->started_ms = clock_steady_ms();
    for (i = 0; i < p->n_workers; i++) {
        if (pthread_create(&p->workers[i].thread, NULL, pipeline_worker_main, &p->workers[i]) != 0)
            break;
        p->workers[i].started = 1;
    }
    if (i == p->n_workers && pthread_create(&p->thread, NULL, pipeline_source_main, p) == 0) {
        p->running = 1;
        return 0;
    }
    pthread_mutex_lock(&p->lock);
    p->workers_quit = 1;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (i = 0; i < p->n_workers; i++)
        if (p->workers[i].started)
            pthread_join(p->workers[i].thread, NULL);
    error_clear(&err);
    (void)sluice_fail(&err, SLUICE_FATAL, NULL, "no thread could be started");
    pipeline_fail(p, p->spec->name, &err);
    return -1;
}

/* Only a start or a poll is to return early: later calls of the source settle what is
 * done, so its thread clears the flag (pipeline_source.c) once nobody sets it any more. */
void pipeline_drain(struct pipeline *p)
{
    enum pipeline_state state;
    size_t i;

    pthread_mutex_lock(&p->lock);
    state = p->state_now;
    p->stopping = 1;
    p->cancelling++;
    flow_stop(p->flow);
    pthread_cond_broadcast(&p->space);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    if (state == PIPELINE_RUNNING)
        instance_cancel(p->source);
    for (i = 0; state == PIPELINE_STARTING && i < p->spec->n_instances; i++)
        instance_cancel(p->instances[i]);
    pthread_mutex_lock(&p->lock);
    p->cancelling--;
    pthread_cond_broadcast(&p->space);
    pthread_mutex_unlock(&p->lock);
}

void pipeline_abort(struct pipeline *p)
{
    size_t i;

    atomic_store(&p->aborting, 1);
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->space);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (i = 0; i < p->spec->n_instances; i++)
        instance_cancel(p->instances[i]);
}

void pipeline_join(struct pipeline *p)
{
    if (p->running)
        pthread_join(p->thread, NULL);
    p->running = 0;
}

int pipeline_join_for(struct pipeline *p, uint32_t ms)
{
    struct timespec until;

    if (!p->running)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000) + 1;
    if (pthread_clockjoin_np(p->thread, NULL, CLOCK_MONOTONIC, &until) != 0)
        return -1;
    p->running = 0;
    return 0;
}

enum pipeline_state pipeline_state(struct pipeline *p)
{
    enum pipeline_state s;

    pthread_mutex_lock(&p->lock);
    s = p->state_now;
    pthread_mutex_unlock(&p->lock);
    return s;
}

const struct pipeline_spec *pipeline_spec(const struct pipeline *p)
{
    return p->spec;
}
