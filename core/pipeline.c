/* pipeline: making, starting and stopping; see pipeline.h. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pipeline_private.h"

/* Arena blocks kept from batch to batch: about what a full batch of usual records takes. */
#define BATCH_KEEP (6u << 20)

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

static struct instance *find_instance(void *context, const struct instance_spec *spec)
{
    struct pipeline *p = context;
    size_t i;

    for (i = 0; i < p->spec->n_instances; i++)
        if (p->specs[i] == spec)
            return p->instances[i];
    return NULL;
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
    p->source = find_instance(p, p->spec->source);
    p->decoder = find_instance(p, p->spec->decoder);
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

static uint32_t add_lane(void *context, const char *name, const struct sluice_str *attributes, uint64_t n);
static void lose_lane(void *context, uint32_t lane);

/* --- stages ---------------------------------------------------------------------- */

/* Gates in front that decide on peeked fields alone; two-phase ones hold something and
 * belong to the worker that ends the record. */
static int is_cheap(const struct gate_expr *e)
{
    size_t i;

    if (e->op == GATE_LEAF)
        return (e->leaf->plugin->desc.flags & SLUICE_TWO_PHASE) == 0;
    for (i = 0; i < e->n; i++)
        if (!is_cheap(e->children[i]))
            return 0;
    return 1;
}

static size_t count_head(const struct stage_spec *stages, size_t n)
{
    size_t i = 0;

    while (i < n && stages[i].gate != NULL && is_cheap(stages[i].gate))
        i++;
    return i;
}

static double rate_of(const struct pipeline *p, const struct instance *instance)
{
    size_t i;

    for (i = 0; i < p->spec->n_instances; i++)
        if (p->instances[i] == instance)
            return p->specs[i]->rate_limit;
    return 0;
}

static void init_stage(struct pipeline *p, struct stage *s, const struct stage_spec *spec, struct instance *instance)
{
    int64_t now = clock_steady_ms();
    double rate = 0;

    memset(s, 0, sizeof *s);
    s->gate = spec;
    s->instance = instance;
    s->name = instance != NULL ? instance_name(instance) : "gate";
    if (spec != NULL && spec->gate->op == GATE_LEAF)
        s->name = spec->gate->leaf->name;
    if (instance != NULL) {
        s->is_sink = instance_plugin(instance)->desc.kind == SLUICE_SINK;
        rate = rate_of(p, instance);
    }
    limit_init(&s->limit, rate, rate, now);
    breaker_init(&s->breaker, p->spec->breaker);
}

static size_t add_stages(struct pipeline *p, struct step *step, const struct stage_spec *specs, size_t from, size_t n)
{
    for (; from < n; from++) {
        struct stage *s = &step->stages[step->n_stages++];

        if (specs[from].gate != NULL)
            init_stage(p, s, &specs[from], NULL);
        else
            init_stage(p, s, NULL, find_instance(p, specs[from].enricher));
    }
    return step->n_stages;
}

/* decoder, pipeline stages, the step's own stages, sink */
static int make_step(struct pipeline *p, struct step *step, const struct step_spec *spec, size_t head_of_step)
{
    const struct pipeline_spec *ps = p->spec;
    size_t head = ps->n_stages > 0 ? p->n_head : 0;

    step->name = spec->name == NULL ? "" : spec->name;
    step->stages = calloc(2 + ps->n_stages + spec->n_stages, sizeof *step->stages);
    if (step->stages == NULL)
        return -1;
    init_stage(p, &step->stages[step->n_stages++], NULL, p->decoder);
    add_stages(p, step, ps->stages, head, ps->n_stages);
    add_stages(p, step, spec->stages, head_of_step, spec->n_stages);
    init_stage(p, &step->stages[step->n_stages++], NULL, find_instance(p, spec->sink));
    return 0;
}

static int make_head(struct pipeline *p, const struct stage_spec *stages)
{
    size_t i;

    p->head = calloc(p->n_head + 1, sizeof(struct gate_eval *));
    if (p->head == NULL)
        return -1;
    for (i = 0; i < p->n_head; i++) {
        p->head[i] = gate_eval_new(stages[i].gate, stages[i].unavailable, find_instance, p, p->spec->batch_records);
        if (p->head[i] == NULL)
            return -1;
    }
    return 0;
}

static int make_steps(struct pipeline *p)
{
    const struct pipeline_spec *ps = p->spec;
    const struct stage_spec *head = ps->stages;
    size_t i, in_step = 0;

    p->n_head = count_head(ps->stages, ps->n_stages);
    if (ps->n_stages == 0 && ps->n_steps == 1) {
        head = ps->steps[0].stages;
        p->n_head = in_step = count_head(head, ps->steps[0].n_stages);
    }
    p->steps = calloc(ps->n_steps, sizeof *p->steps);
    if (p->steps == NULL || make_head(p, head) != 0)
        return -1;
    for (i = 0; i < ps->n_steps; i++) {
        p->n_steps++;
        if (make_step(p, &p->steps[i], &ps->steps[i], in_step) != 0)
            return -1;
        p->n_gate_stages += p->steps[i].n_stages;
    }
    return 0;
}

/* --- workers --------------------------------------------------------------------- */

static struct sluice_batch *new_batch(const struct pipeline *p)
{
    struct sluice_batch *b = calloc(1, sizeof *b);

    if (b != NULL && batch_init(b, p->spec->batch_records, p->env.n_fields, BATCH_KEEP) != 0) {
        free(b);
        b = NULL;
    }
    return b;
}

static void free_batch(struct sluice_batch *b)
{
    if (b == NULL)
        return;
    batch_release(b);
    free(b);
}

static int make_worker_gates(struct pipeline *p, struct worker *w)
{
    size_t at = 0, s, i;

    w->gates = calloc(p->n_gate_stages + 1, sizeof(struct gate_eval *));
    if (w->gates == NULL)
        return -1;
    for (s = 0; s < p->n_steps; s++)
        for (i = 0; i < p->steps[s].n_stages; i++, at++) {
            const struct stage_spec *gate = p->steps[s].stages[i].gate;

            if (gate == NULL)
                continue;
            w->gates[at] = gate_eval_new(gate->gate, gate->unavailable, find_instance, p, p->spec->batch_records);
            if (w->gates[at] == NULL)
                return -1;
        }
    return 0;
}

static int make_worker(struct pipeline *p, struct worker *w, uint32_t index)
{
    uint64_t cap = p->spec->batch_records;

    w->pipeline = p;
    w->index = index;
    w->inbox = new_batch(p);
    w->work = new_batch(p);
    w->refs = calloc(cap, sizeof(struct sluice_record *));
    w->verdicts = calloc(cap, sizeof *w->verdicts);
    w->answers = calloc(cap, sizeof *w->answers);
    w->outcomes = calloc(cap, sizeof *w->outcomes);
    if (w->inbox == NULL || w->work == NULL || w->refs == NULL || w->verdicts == NULL || w->answers == NULL ||
        w->outcomes == NULL)
        return -1;
    return make_worker_gates(p, w);
}

static void free_worker(struct pipeline *p, struct worker *w)
{
    size_t i;

    free_batch(w->inbox);
    free_batch(w->work);
    free(w->refs);
    free(w->verdicts);
    free(w->answers);
    free(w->outcomes);
    for (i = 0; w->gates != NULL && i < p->n_gate_stages; i++)
        gate_eval_free(w->gates[i]);
    free(w->gates);
}

static int make_workers(struct pipeline *p)
{
    uint32_t i, n = 1;
    size_t s;

    for (s = 0; s < p->spec->n_steps; s++)
        if (p->spec->steps[s].sink->writers > n)
            n = p->spec->steps[s].sink->writers;
    p->workers = calloc(n, sizeof *p->workers);
    if (p->workers == NULL)
        return -1;
    for (i = 0; i < n; i++) {
        p->n_workers++;
        if (make_worker(p, &p->workers[i], i) != 0)
            return -1;
    }
    return 0;
}

/* --- the whole --------------------------------------------------------------------- */

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
        uint32_t flags = ps->steps[i].sink->plugin->desc.flags;

        spec.commutative &= (flags & SLUICE_COMMUTATIVE) != 0;
        spec.idempotent &= (flags & SLUICE_IDEMPOTENT) != 0;
    }
    p->flow = flow_new(&spec);
    p->waiting = calloc(ps->max_in_flight, sizeof(struct parcel *));
    return p->flow == NULL || p->waiting == NULL ? -1 : 0;
}

static int make_scratch(struct pipeline *p)
{
    uint64_t cap = p->spec->batch_records;

    p->poll_batch = new_batch(p);
    p->answers = calloc(2 * cap, sizeof *p->answers);
    p->refs = calloc(cap, sizeof(struct sluice_record *));
    p->verdicts = calloc(cap, sizeof *p->verdicts);
    return p->poll_batch == NULL || p->answers == NULL || p->refs == NULL || p->verdicts == NULL ? -1 : 0;
}

static int make_sync(struct pipeline *p)
{
    pthread_condattr_t attr;
    int failed;

    if (pthread_condattr_init(&attr) != 0)
        return -1;
    failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 || pthread_mutex_init(&p->lock, NULL) != 0 ||
             pthread_cond_init(&p->space, &attr) != 0 || pthread_cond_init(&p->work, &attr) != 0;
    pthread_condattr_destroy(&attr);
    return failed ? -1 : 0;
}

static int build(struct pipeline *p, struct problems *problems)
{
    if (declare_order_key(p) != 0 || sort_specs(p) != 0)
        goto no_memory;
    if (make_instances(p, problems) != 0)
        return -1;
    if (make_steps(p) != 0 || make_flow(p) != 0 || make_scratch(p) != 0 || make_workers(p) != 0 ||
        pipeline_metrics_init(p) != 0)
        goto no_memory;
    return 0;
no_memory:
    problem_add(problems, p->spec->origin, NULL, "no memory for pipeline '%s'", p->spec->name);
    return -1;
}

struct pipeline *pipeline_new(const struct pipeline_spec *spec, struct metrics *metrics, struct state_db *state,
                              struct problems *problems)
{
    struct pipeline *p = calloc(1, sizeof *p);

    if (p == NULL || make_sync(p) != 0) {
        free(p);
        problem_add(problems, spec->origin, NULL, "no memory for pipeline '%s'", spec->name);
        return NULL;
    }
    p->spec = spec;
    p->metrics = metrics;
    p->state = state;
    p->ready_tail = &p->ready;
    p->env = (struct instance_env){.pipeline_name = spec->name,
                                   .metrics = metrics,
                                   .state = state,
                                   .lane_open = add_lane,
                                   .lane_lost = lose_lane,
                                   .lane_context = p};
    limit_init(&p->poll_limit, spec->rate_limit, spec->rate_limit / 10, clock_steady_ms());
    if (build(p, problems) != 0) {
        pipeline_free(p);
        return NULL;
    }
    if (state != NULL)
        p->has_letters = dead_letter_count(state, spec->name);
    return p;
}

static void free_lanes(struct pipeline *p)
{
    uint32_t i;
    size_t a;

    for (i = 0; i < p->n_lanes; i++) {
        for (a = 0; a < p->lanes[i]->n_attributes * 2; a++)
            free(p->lanes[i]->attributes[a]);
        free(p->lanes[i]->attributes);
        free(p->lanes[i]->name);
        free(p->lanes[i]);
    }
    free(p->lanes);
    free(p->settled);
}

static void free_parcels(struct pipeline *p)
{
    struct parcel *next;
    uint64_t i;

    for (; p->ready != NULL; p->ready = next) {
        next = p->ready->next;
        parcel_free(p->ready);
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
        free_worker(p, &p->workers[i]);
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
    free_batch(p->poll_batch);
    free(p->answers);
    free(p->refs);
    free(p->verdicts);
    free_lanes(p);
    for (i = 0; i < p->env.n_fields; i++)
        free(p->env.fields[i]);
    pthread_cond_destroy(&p->space);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* --- lanes ------------------------------------------------------------------------- */

static struct lane_info *new_lane(const char *name, const struct sluice_str *attributes, uint64_t n)
{
    struct lane_info *lane = calloc(1, sizeof *lane);
    uint64_t i;

    if (lane == NULL)
        return NULL;
    lane->name = strdup(name);
    lane->attributes = calloc(2 * n + 1, sizeof(char *));
    if (lane->name != NULL && lane->attributes != NULL) {
        for (i = 0; i < 2 * n; i++)
            if ((lane->attributes[i] = strndup(attributes[i].data, attributes[i].len)) == NULL)
                break;
        lane->n_attributes = n;
        if (i == 2 * n)
            return lane;
    }
    for (i = 0; lane->attributes != NULL && i < 2 * n; i++)
        free(lane->attributes[i]);
    free(lane->attributes);
    free(lane->name);
    free(lane);
    return NULL;
}

/* Room for one more lane in both arrays. */
static int grow_lanes(struct pipeline *p)
{
    struct lane_info **lanes = realloc(p->lanes, (p->n_lanes + 1) * sizeof *lanes);
    struct lane_mark *settled;

    if (lanes == NULL)
        return -1;
    p->lanes = lanes;
    settled = realloc(p->settled, (p->n_lanes + 1) * sizeof *settled);
    if (settled == NULL)
        return -1;
    memset(&settled[p->n_lanes], 0, sizeof *settled);
    p->settled = settled;
    return 0;
}

static uint32_t open_lane(struct pipeline *p, const char *name, const struct sluice_str *attributes, uint64_t n)
{
    struct lane_info *lane;
    uint32_t i;

    for (i = 0; i < p->n_lanes; i++)
        if (strcmp(p->lanes[i]->name, name) == 0)
            return flow_lane(p->flow, i + 1) == 0 ? i + 1 : 0;
    if (grow_lanes(p) != 0 || flow_lane(p->flow, p->n_lanes + 1) != 0 || (lane = new_lane(name, attributes, n)) == NULL)
        return 0;
    p->lanes[p->n_lanes++] = lane;
    return p->n_lanes;
}

/* Called inside poll and start, so on the source's thread, which owns poll_batch. */
static uint32_t add_lane(void *context, const char *name, const struct sluice_str *attributes, uint64_t n)
{
    struct pipeline *p = context;
    uint32_t id;

    if (name == NULL || p->flow == NULL)
        return 0;
    pthread_mutex_lock(&p->lock);
    id = open_lane(p, name, attributes, n);
    p->poll_batch->lanes = (const struct lane_info *const *)p->lanes;
    p->poll_batch->n_lanes = p->n_lanes;
    pthread_mutex_unlock(&p->lock);
    return id;
}

static void lose_lane(void *context, uint32_t lane)
{
    struct pipeline *p = context;

    pthread_mutex_lock(&p->lock);
    flow_lane_lost(p->flow, lane);
    pipeline_drop_returned(p);
    pthread_mutex_unlock(&p->lock);
}

/* --- running ----------------------------------------------------------------------- */

int pipeline_start(struct pipeline *p)
{
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
    return -1;
}

void pipeline_drain(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = 1;
    flow_stop(p->flow);
    pthread_cond_broadcast(&p->space);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    instance_cancel(p->source);
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
