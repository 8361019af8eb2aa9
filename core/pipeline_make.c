/* pipeline_make: the steps, stages and workers of a pipeline, from its spec. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pipeline_private.h"

/* Arena blocks kept from batch to batch: about what a full batch of usual records takes. */
#define BATCH_KEEP (6u << 20)

struct instance *pipeline_instance(void *context, const struct instance_spec *spec)
{
    struct pipeline *p = context;
    size_t i;

    for (i = 0; i < p->spec->n_instances; i++)
        if (p->specs[i] == spec)
            return p->instances[i];
    return NULL;
}

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

static void init_stage(struct pipeline *p, struct stage *s, const struct stage_spec *spec,
                       struct instance *instance)
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

static size_t add_stages(struct pipeline *p, struct step *step, const struct stage_spec *specs, size_t from,
                         size_t n)
{
    for (; from < n; from++) {
        struct stage *s = &step->stages[step->n_stages++];

        if (specs[from].gate != NULL)
            init_stage(p, s, &specs[from], NULL);
        else
            init_stage(p, s, NULL, pipeline_instance(p, specs[from].enricher));
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
    init_stage(p, &step->stages[step->n_stages++], NULL, pipeline_instance(p, spec->sink));
    return 0;
}

static int make_head(struct pipeline *p, const struct stage_spec *stages)
{
    size_t i;

    p->head = calloc(p->n_head + 1, sizeof(struct gate_eval *));
    if (p->head == NULL)
        return -1;
    for (i = 0; i < p->n_head; i++) {
        p->head[i] = gate_eval_new(stages[i].gate, stages[i].unavailable, pipeline_instance, p,
                                   p->spec->batch_records);
        if (p->head[i] == NULL)
            return -1;
    }
    return 0;
}

int pipeline_make_steps(struct pipeline *p)
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

struct sluice_batch *pipeline_new_batch(const struct pipeline *p)
{
    struct sluice_batch *b = calloc(1, sizeof *b);

    if (b != NULL && batch_init(b, p->spec->batch_records, p->env.n_fields, BATCH_KEEP) != 0) {
        free(b);
        b = NULL;
    }
    return b;
}

void pipeline_free_batch(struct sluice_batch *b)
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
            w->gates[at] =
                gate_eval_new(gate->gate, gate->unavailable, pipeline_instance, p, p->spec->batch_records);
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
    w->ready_tail = &w->ready;
    w->inbox = pipeline_new_batch(p);
    w->work = pipeline_new_batch(p);
    w->refs = calloc(cap, sizeof(struct sluice_record *));
    w->verdicts = calloc(cap, sizeof *w->verdicts);
    w->answers = calloc(cap, sizeof *w->answers);
    w->outcomes = calloc(cap, sizeof *w->outcomes);
    if (w->inbox == NULL || w->work == NULL || w->refs == NULL || w->verdicts == NULL || w->answers == NULL ||
        w->outcomes == NULL)
        return -1;
    return make_worker_gates(p, w);
}

void pipeline_free_worker(struct pipeline *p, struct worker *w)
{
    struct parcel *next;
    size_t i;

    for (; w->ready != NULL; w->ready = next) {
        next = w->ready->next;
        parcel_free(w->ready);
    }
    pipeline_free_batch(w->inbox);
    pipeline_free_batch(w->work);
    free(w->refs);
    free(w->verdicts);
    free(w->answers);
    free(w->outcomes);
    for (i = 0; w->gates != NULL && i < p->n_gate_stages; i++)
        gate_eval_free(w->gates[i]);
    free(w->gates);
}

int pipeline_make_workers(struct pipeline *p)
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
