/* simulation_work: workers that take batches through gates, enrichers and sinks.
 *
 * A batch moves one phase an event, so that losses, stops and deaths fall between an
 * effect and its verdict.  The sink keeps its contract: in order within a key, unless
 * it is commutative. */
#include "simulation_private.h"

void sim_place(struct sim *s, struct live *l)
{
    l->state = LIVE_BOX;
    l->turn = s->turns++;
    /* Records of a key meet in one worker, unless nobody minds. */
    l->worker =
        (uint32_t)((s->spec.commutative ? sim_random(s, UINT32_MAX) : l->record->key / 1024) % s->n_workers);
}

/* The worker's records of a state, in their turn; the lowest step of them. */
static uint32_t gather(struct sim *s, uint32_t worker, enum live_state state, int in_call, struct live **out,
                       uint32_t *step)
{
    struct live *l;
    uint32_t n = 0, i;

    *step = SIM_STEPS;
    for (l = s->lives; l < s->lives + s->spec.max_in_flight; l++) {
        if (l->state != state || l->worker != worker || (in_call && !l->in_call))
            continue;
        for (i = n++; i > 0 && out[i - 1]->turn > l->turn; i--)
            out[i] = out[i - 1];
        out[i] = l;
        *step = l->step < *step ? l->step : *step;
    }
    return n;
}

static int take_batch(struct sim *s, uint32_t worker)
{
    struct live *box[SIM_IN_FLIGHT];
    uint32_t step, n = gather(s, worker, LIVE_BOX, 0, box, &step), i;

    for (i = 0; i < n && i < s->batch; i++)
        box[i]->state = LIVE_BATCH;
    return n > 0;
}

/* A gate or enricher ends the try of the record; 0: it goes on to the sink. */
static uint32_t before_sink(struct sim *s, const struct live *l)
{
    enum fate fate = l->record->steps[l->step].fate;

    if (sim_chance(s, s->faults.hold / 4))
        return SLUICE_UNKNOWN;
    if (sim_chance(s, s->faults.retry / 4))
        return SLUICE_RETRY;
    if (fate == FATE_GATED)
        return sim_random(s, 2) ? SLUICE_DROP : SLUICE_DENY;
    return fate == FATE_POISON && sim_random(s, 2) ? SLUICE_REJECT : 0;
}

static void enrich(struct sim *s, uint32_t worker)
{
    struct live *batch[SIM_IN_FLIGHT];
    uint32_t step, n = gather(s, worker, LIVE_BATCH, 0, batch, &step), i, code;

    for (i = 0; i < n; i++) {
        if (batch[i]->step != step || !sim_may_run(s, batch[i]))
            continue;
        code = before_sink(s, batch[i]);
        batch[i]->in_call = code == 0;
        if (code != 0)
            sim_verdict(s, batch[i], code, 0);
        else
            s->workers[worker].phase = PHASE_SINK;
    }
}

/* Nobody of the key may stand before the record in this step outside the call. */
static void check_order(struct sim *s, const struct live *l)
{
    const struct live *o;

    for (o = s->lives; o < s->lives + s->spec.max_in_flight && !s->spec.commutative; o++)
        MUST(s,
             o->state == LIVE_NONE || o->state == LIVE_GONE || o->record->key != l->record->key ||
                 o->record->lane != l->record->lane || o->arrival >= l->arrival || o->step > l->step ||
                 o->in_call || sim_is_lost(s, o) || sim_is_lost(s, l),
             "record %u/%llu of the key overtakes %llu in step %u", l->record->lane + 1,
             (unsigned long long)l->record->n, (unsigned long long)o->record->n, l->step);
}

/* What the sink does with one record; breaks the call off (1) when the process dies. */
static int sink_one(struct sim *s, struct live *l, int behind, int cut)
{
    struct sim_record *r = l->record;
    struct sim_step *t = &r->steps[l->step];
    int apply = t->fate == FATE_PLAIN;

    l->retry_after_ms = 0;
    l->verdict = t->fate == FATE_POISON ? SLUICE_REJECT : SLUICE_OK;
    if (behind || cut || sim_chance(s, s->faults.retry)) {
        l->verdict = cut ? SLUICE_DISCONNECTED : SLUICE_RETRY;
        l->retry_after_ms = sim_random(s, 3) == 0 ? (uint32_t)sim_random(s, 800) : 0;
        apply = apply && cut && !behind && sim_random(s, 2);
        l->allowance += (uint32_t)apply;
    } else if (sim_chance(s, s->faults.unsure)) {
        l->verdict = SLUICE_UNSURE;
        apply = apply && sim_random(s, 2);
        l->allowance += (uint32_t)apply;
    } else if (sim_chance(s, s->faults.defect)) {
        l->verdict = sim_random(s, 2) ? SLUICE_NONE : SLUICE_CANCELLED;
        apply = 0;
    }
    if (!apply)
        return 0;
    check_order(s, l);
    sim_note(s, "applied %u/%llu step %u", r->lane + 1, (unsigned long long)r->n, l->step);
    MUST(s, l->allowance > 0, "record %u/%llu step %u is written again without need (I2)", r->lane + 1,
         (unsigned long long)r->n, l->step);
    l->allowance--;
    sim_world_apply(s, r, l->step, l->payload);
    s->dies = sim_chance(s, s->faults.partial);
    return s->dies;
}

static int comes_again(const struct sim *s, uint32_t code)
{
    return code == SLUICE_RETRY || code == SLUICE_DISCONNECTED || code == SLUICE_CANCELLED ||
           (code == SLUICE_UNSURE && s->spec.idempotent);
}

static int is_behind(const struct sim *s, struct live *const *call, uint32_t i)
{
    uint32_t j;

    for (j = 0; j < i && !s->spec.commutative; j++)
        if (call[j]->record->key == call[i]->record->key && comes_again(s, call[j]->verdict))
            return 1;
    return 0;
}

static void sink(struct sim *s, uint32_t worker)
{
    struct live *call[SIM_IN_FLIGHT];
    uint32_t step, n = gather(s, worker, LIVE_BATCH, 1, call, &step), i, kept = 0;
    int cut = 0;

    /* An enricher may have held an earlier one back. */
    for (i = 0; i < n; i++) {
        call[i]->in_call = sim_may_run(s, call[i]);
        if (call[i]->in_call)
            call[kept++] = call[i];
    }
    s->workers[worker].phase = kept > 0 ? PHASE_VERDICT : PHASE_ENRICH;
    if (kept > 0 && sim_chance(s, s->faults.disconnected)) {
        s->stats->disconnected++;
        s->workers[worker].phase = PHASE_SINK; /* the stage is paused; called again later */
        return;
    }
    for (i = 0; i < kept; i++) {
        cut = cut || sim_chance(s, s->faults.disconnected / 4);
        if (sink_one(s, call[i], is_behind(s, call, i), cut))
            return;
    }
}

static void verdicts(struct sim *s, uint32_t worker)
{
    struct live *call[SIM_IN_FLIGHT];
    uint32_t step, n = gather(s, worker, LIVE_BATCH, 1, call, &step), i;

    s->workers[worker].phase = PHASE_ENRICH;
    for (i = 0; i < n; i++) {
        call[i]->in_call = 0;
        sim_verdict(s, call[i], call[i]->verdict, call[i]->retry_after_ms);
    }
}

static void bury(struct sim *s, struct live *l)
{
    /* (Not for any order: of two copies of a message one may be settled by now.) */
    if (!s->burials_fail && !sim_is_lost(s, l) && !s->spec.any_order && sim_chance(s, s->faults.partial)) {
        l->record->steps[l->step].letter = LETTER_OPEN; /* stored, and nobody heard of it */
        s->dies = 1;
        return;
    }
    sim_bury(s, l, !s->burials_fail);
}

void sim_work(struct sim *s, uint32_t worker)
{
    struct live *list[SIM_IN_FLIGHT];
    uint32_t step;

    if (gather(s, worker, LIVE_BURYING, 0, list, &step) > 0)
        bury(s, list[0]);
    else if (gather(s, worker, LIVE_BATCH, 0, list, &step) == 0)
        s->workers[worker].phase = take_batch(s, worker) ? PHASE_ENRICH : s->workers[worker].phase;
    else if (s->workers[worker].phase == PHASE_ENRICH)
        enrich(s, worker);
    else if (s->workers[worker].phase == PHASE_SINK)
        sink(s, worker);
    else
        verdicts(s, worker);
}
