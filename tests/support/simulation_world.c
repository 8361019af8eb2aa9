/* simulation_world: what survives a death, and what must hold of it at the end. */
#include "simulation_private.h"

uint64_t sim_payload(const struct sim_record *r)
{
    return (r->lane * 1000u + r->n) * 0x9e3779b97f4a7c15u;
}

static void make_spec(struct sim *s)
{
    struct flow_spec *spec = &s->spec;

    spec->n_steps = 1 + (uint32_t)sim_random(s, SIM_STEPS);
    spec->any_order = sim_random(s, 4) == 0;
    spec->commutative = (uint32_t)sim_random(s, 2);
    spec->idempotent = (uint32_t)sim_random(s, 2);
    spec->max_in_flight = 1 + sim_random(s, SIM_IN_FLIGHT);
    spec->memory_bytes = 1 + sim_random(s, 400);
    spec->lane_window = 1 + sim_random(s, SIM_PER_LANE);
    spec->retry.attempts = 1 + (uint32_t)sim_random(s, 8);
    spec->retry.min_ms = (uint32_t)sim_random(s, 50);
    spec->retry.max_ms = (uint32_t)sim_random(s, 300);
    spec->retry.deadline_ms = sim_random(s, 3) == 0 ? 50 + (uint32_t)sim_random(s, 400) : 0;
    spec->seed = sim_random(s, UINT64_MAX);
    s->n_workers = 1 + (uint32_t)sim_random(s, SIM_WORKERS);
    s->batch = 1 + (uint32_t)sim_random(s, SIM_BATCH);
    s->enters_one_by_one = (int)sim_random(s, 2);
    s->asks_lanes = (int)sim_random(s, 2);
}

static void make_record(struct sim *s, uint32_t lane, uint64_t n, uint64_t keys)
{
    struct sim_record *r = &s->lanes[lane].records[n - 1];
    uint32_t i;

    r->lane = lane;
    r->n = n;
    r->key = 7 + 1024 * sim_random(s, keys); /* all in one bucket */
    r->bytes = 1 + sim_random(s, 40);
    r->head_gated = sim_random(s, 5) == 0;
    for (i = 0; i < SIM_STEPS; i++)
        if (r->head_gated)
            r->steps[i].fate = FATE_GATED;
        else if (sim_random(s, 8) == 0)
            r->steps[i].fate = FATE_POISON;
        else if (sim_random(s, 8) == 0)
            r->steps[i].fate = FATE_GATED;
}

static uint32_t often(struct sim *s, uint64_t most)
{
    return sim_random(s, 3) == 0 ? 0 : (uint32_t)sim_random(s, most);
}

void sim_world_make(struct sim *s)
{
    uint64_t keys = 1 + sim_random(s, 6), n;
    uint32_t lane;

    make_spec(s);
    s->faults.pause = often(s, 40);
    s->faults.kill = often(s, 12);
    s->faults.stop = often(s, 12);
    s->faults.rebalance = often(s, 60);
    s->faults.retry = often(s, 300);
    s->faults.hold = often(s, 300);
    s->faults.defect = often(s, 30);
    s->faults.unsure = often(s, 150);
    s->faults.disconnected = often(s, 200);
    s->faults.partial = often(s, 40);
    s->faults.burial = often(s, 300);
    s->faults.settle = often(s, 400);
    s->faults.expire = often(s, 50);
    s->n_lanes = 1 + (uint32_t)sim_random(s, SIM_LANES);
    for (lane = 0; lane < s->n_lanes; lane++) {
        s->lanes[lane].n = 1 + sim_random(s, SIM_PER_LANE);
        for (n = 1; n <= s->lanes[lane].n; n++)
            make_record(s, lane, n, keys);
        s->stats->records += s->lanes[lane].n;
    }
}

static int is_forgotten(const struct sim *s, const struct sim_record *r)
{
    return s->spec.any_order ? r->settled : r->n <= s->lanes[r->lane].committed;
}

int sim_world_empty(const struct sim *s)
{
    uint32_t lane;
    uint64_t n;

    for (lane = 0; lane < s->n_lanes; lane++)
        for (n = 0; n < s->lanes[lane].n; n++)
            if (!is_forgotten(s, &s->lanes[lane].records[n]))
                return 0;
    return 1;
}

/* May the source forget it?  What the gates deny needs no end. */
static int has_ended(const struct sim *s, const struct sim_record *r)
{
    uint32_t i;

    for (i = 0; i < s->spec.n_steps; i++)
        if (r->steps[i].fate != FATE_GATED && r->steps[i].ending == NOT_ENDED)
            return 0;
    return 1;
}

void sim_world_settle(struct sim *s, uint32_t lane, const struct lane_mark *mark)
{
    struct sim_lane *l = &s->lanes[lane];
    uint64_t n;

    MUST(s, mark->next >= 1 && mark->next <= l->n, "lane %u settles %llu, which it never had", lane + 1,
         (unsigned long long)mark->next);
    MUST(s, mark->position == mark->next * 10 && mark->ordinal == mark->next,
         "a mark was mixed with another");
    if (s->spec.any_order) {
        MUST(s, has_ended(s, &l->records[mark->next - 1]), "record %u/%llu is settled before its end (I1)",
             lane + 1, (unsigned long long)mark->next);
        l->records[mark->next - 1].settled = 1;
        return;
    }
    MUST(s, mark->next >= l->committed, "lane %u settles %llu after %llu (I5)", lane + 1,
         (unsigned long long)mark->next, (unsigned long long)l->committed);
    for (n = l->committed + 1; n <= mark->next; n++)
        MUST(s, has_ended(s, &l->records[n - 1]), "record %u/%llu is settled before its end (I1, I5)",
             lane + 1, (unsigned long long)n);
    l->committed = mark->next;
}

void sim_world_apply(struct sim *s, struct sim_record *r, uint32_t step, uint64_t payload)
{
    struct sim_step *t = &r->steps[step];

    MUST(s, payload == sim_payload(r), "record %u/%llu is written with another's bytes (I3)", r->lane + 1,
         (unsigned long long)r->n);
    MUST(s, t->fate == FATE_PLAIN, "record %u/%llu step %u is written and never should be", r->lane + 1,
         (unsigned long long)r->n, step);
    t->applied++;
    t->value = payload;
}

static void end_elsewhere(struct sim *s, struct sim_record *r)
{
    struct sim_step *t;

    for (t = r->steps; t < r->steps + s->spec.n_steps; t++) {
        if (t->fate == FATE_PLAIN) {
            sim_world_apply(s, r, (uint32_t)(t - r->steps), sim_payload(r));
            t->ending = ENDED_WRITTEN;
            t->letter = t->letter == NO_LETTER ? NO_LETTER : LETTER_RESOLVED;
        } else if (t->fate == FATE_POISON) {
            t->ending = ENDED_DEAD;
            t->letter = LETTER_OPEN;
        } else {
            t->ending = ENDED_GATED;
        }
    }
}

void sim_world_elsewhere(struct sim *s, uint32_t lane, uint64_t n)
{
    struct sim_lane *l = &s->lanes[lane];
    uint64_t i;

    for (i = 0; i < l->n && n > 0; i++) {
        if (is_forgotten(s, &l->records[i]))
            continue;
        end_elsewhere(s, &l->records[i]);
        l->records[i].settled = 1;
        l->committed = i + 1;
        n--;
    }
}

static void check_step(struct sim *s, const struct sim_record *r, uint32_t i)
{
    const struct sim_step *t = &r->steps[i];
    const char *at = "ends";

    sim_note(s, "record %u/%llu step %u: ending %d, letter %d, applied %u", r->lane + 1,
             (unsigned long long)r->n, i, t->ending, t->letter, t->applied);
    if (t->fate == FATE_POISON)
        MUST(s, t->ending == ENDED_DEAD && t->letter == LETTER_OPEN && t->applied == 0,
             "poison %u/%llu %s without a dead letter (I1)", r->lane + 1, (unsigned long long)r->n, at);
    else if (t->fate == FATE_GATED)
        MUST(s, t->applied == 0 && (t->ending != ENDED_DEAD || t->letter == LETTER_OPEN),
             "gated %u/%llu %s otherwise (I1)", r->lane + 1, (unsigned long long)r->n, at);
    else if (t->ending == ENDED_WRITTEN)
        MUST(s, t->applied > 0 && t->value == sim_payload(r) && t->letter != LETTER_OPEN,
             "record %u/%llu %s as written, and with a dead letter or without an effect (I1, I4)",
             r->lane + 1, (unsigned long long)r->n, at);
    else
        MUST(s, t->ending == ENDED_DEAD && t->letter == LETTER_OPEN, "record %u/%llu %s nowhere (I1)",
             r->lane + 1, (unsigned long long)r->n, at);
}

void sim_world_end(struct sim *s)
{
    uint32_t lane, i;
    uint64_t n;

    for (lane = 0; lane < s->n_lanes; lane++)
        for (n = 0; n < s->lanes[lane].n; n++)
            for (i = 0; i < s->spec.n_steps; i++)
                check_step(s, &s->lanes[lane].records[n], i);
}
