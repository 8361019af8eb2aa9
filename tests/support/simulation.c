/* simulation: the event loop: source, time, settling, rebalances, stops, deaths. */
#include "simulation.h"

#include <stdarg.h>
#include <string.h>

#include "simulation_private.h"

#define EVENTS_WITH_FAULTS 400u
#define EVENTS_TO_DRAIN 20000u

uint64_t sim_random(struct sim *s, uint64_t bound)
{
    /* xorshift64*, not the code under test */
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (s->random * 0x2545f4914f6cdd1du >> 20) % bound;
}

int sim_chance(struct sim *s, uint32_t per_mille)
{
    return !s->calm && per_mille > 0 && sim_random(s, 1000) < per_mille;
}

void sim_note(struct sim *s, const char *fmt, ...)
{
    va_list args;

    if (s->trace == NULL)
        return;
    fprintf(s->trace, "%6lld ms  ", (long long)s->now_ms);
    va_start(args, fmt);
    vfprintf(s->trace, fmt, args);
    va_end(args);
    fputc('\n', s->trace);
}

void sim_broken(struct sim *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(s->why, s->cap, fmt, args);
    va_end(args);
    longjmp(s->out, 1);
}

/* The source gives out everything that it has not forgotten, from the first on. */
static void own(struct sim *s, uint32_t lane)
{
    struct sim_lane *l = &s->lanes[lane];
    uint64_t i;

    l->owned = 1;
    l->epoch++;
    l->cursor = s->spec.any_order ? 1 : l->committed + 1;
    l->entered = l->cursor - 1;
    for (i = 0; i < l->n; i++)
        l->records[i].outstanding = l->records[i].owed = 0;
    MUST(s, flow_lane(s->flow, lane + 1) == 0, "lane %u is refused", lane + 1);
}

static void lose(struct sim *s, uint32_t lane)
{
    s->lanes[lane].owned = 0;
    s->lanes[lane].epoch++;
    flow_lane_lost(s->flow, lane + 1);
    sim_give_up(s, lane + 1);
}

static uint64_t sum_of(const struct flow_count *table)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; table[i].reason != NULL; i++)
        sum += table[i].n;
    return sum;
}

static void end_life(struct sim *s)
{
    MUST(s, sum_of(flow_gated_by(s->flow)) == s->want.gated && sum_of(flow_dead_by(s->flow)) == s->want.dead,
         "the reasons do not add up");
    flow_free(s->flow);
    s->flow = NULL;
}

/* Everything but the truth is gone. */
static void begin_life(struct sim *s)
{
    struct flow_counts none = {0};
    uint32_t i;

    s->spec.seed++;
    s->want = none;
    s->stopped = s->dies = 0;
    s->paused_since_ms = -1;
    s->paused_ms = 0;
    s->n_held = s->at_held = s->n_settling = s->n_tombs = 0;
    s->arrivals = 0;
    memset(s->lives, 0, sizeof s->lives);
    memset(s->workers, 0, sizeof s->workers);
    s->flow = flow_new(&s->spec);
    MUST(s, s->flow != NULL, "no memory");
    flow_lanes_apart(s->flow, s->asks_lanes);
    for (i = 0; i < s->n_lanes; i++) {
        own(s, i);
        if (sim_chance(s, s->faults.rebalance))
            lose(s, i);
    }
}

static void settle_at_source(struct sim *s, uint32_t i)
{
    uint32_t lane = s->settling[i].lane - 1;

    sim_note(s, "settled lane %u at %llu", lane + 1, (unsigned long long)s->settling[i].mark.next);
    sim_world_settle(s, lane, &s->settling[i].mark);
}

static int still_owned(const struct sim *s, uint32_t i)
{
    const struct sim_lane *l = &s->lanes[s->settling[i].lane - 1];

    return l->owned && l->epoch == s->settling[i].epoch;
}

static void die(struct sim *s)
{
    uint32_t i;

    sim_note(s, "death");
    s->stats->kills++;
    for (i = 0; i < s->n_settling; i++) /* some got through, and nobody heard of it */
        if (still_owned(s, i) && sim_random(s, 2))
            settle_at_source(s, i);
    end_life(s);
    begin_life(s);
}

/* What failed is offered again: itself, or for a prefix a later mark. */
static void offered(struct sim *s, uint32_t lane, uint64_t n)
{
    struct sim_lane *l = &s->lanes[lane];
    uint64_t i;

    for (i = s->spec.any_order ? n : 1; i <= n; i++)
        l->records[i - 1].owed = 0;
}

static void check_owed(struct sim *s)
{
    uint32_t lane;
    uint64_t i;

    for (lane = 0; lane < s->n_lanes; lane++)
        for (i = 0; i < s->lanes[lane].n && s->lanes[lane].owned; i++)
            MUST(s, !s->lanes[lane].records[i].owed, "the failed settle of %u/%llu is forgotten", lane + 1,
                 (unsigned long long)i + 1);
}

static void settle_begin(struct sim *s)
{
    while (s->n_settling < SIM_ACKS &&
           flow_take_ack(s->flow, &s->settling[s->n_settling].lane, &s->settling[s->n_settling].mark)) {
        uint32_t i = s->n_settling++, lane = s->settling[i].lane - 1;

        MUST(s, lane < s->n_lanes && s->lanes[lane].owned, "lane %u is settled and is not owned (I5)",
             lane + 1);
        MUST(s, s->lanes[lane].records[s->settling[i].mark.next - 1].ended_epoch == s->lanes[lane].epoch,
             "lane %u settles %llu of an earlier ownership (I5)", lane + 1,
             (unsigned long long)s->settling[i].mark.next);
        s->settling[i].epoch = s->lanes[lane].epoch;
        offered(s, lane, s->settling[i].mark.next);
    }
    if (s->n_settling < SIM_ACKS)
        check_owed(s);
}

/* Each may fail alone; one that failed may have been applied all the same. */
static void settle_end(struct sim *s)
{
    uint32_t i;

    for (i = 0; i < s->n_settling; i++) {
        int fails = !still_owned(s, i) || sim_chance(s, s->faults.settle);

        if (!fails || (still_owned(s, i) && sim_random(s, 2)))
            settle_at_source(s, i);
        if (fails) {
            sim_note(s, "settling of lane %u failed", s->settling[i].lane);
            s->stats->settle_failures++;
            flow_ack_failed(s->flow, s->settling[i].lane, &s->settling[i].mark);
            if (still_owned(s, i))
                s->lanes[s->settling[i].lane - 1].records[s->settling[i].mark.next - 1].owed = 1;
        }
    }
    s->n_settling = 0;
}

/* The record of a poll goes in: past the gate at once, or as a ticket. */
static void enter(struct sim *s, struct sim_record *r, uint32_t epoch)
{
    struct lane_mark mark = {.next = r->n, .position = r->n * 10, .ordinal = r->n};
    struct sim_lane *l = &s->lanes[r->lane];
    uint32_t ticket;

    MUST(s, flow_reserve(s->flow, r->lane + 1, 1) == 0, "no memory");
    if (l->owned && l->epoch == epoch && !s->stopped)
        l->entered = r->n;
    if (r->head_gated && !s->stopped && !sim_chance(s, s->faults.hold)) {
        sim_note(s, "gated %u/%llu", r->lane + 1, (unsigned long long)r->n);
        flow_pass(s->flow, r->lane + 1, &mark, "gated");
        s->want.in++;
        s->want.gated++;
        r->ended_epoch = epoch;
        return;
    }
    sim_note(s, "enters %u/%llu key %llu", r->lane + 1, (unsigned long long)r->n, (unsigned long long)r->key);
    ticket = flow_arrive(s->flow, r->lane + 1, &mark, r->key, r->bytes, s->now_ms);
    MUST(s, (ticket != 0) == !s->stopped, "record %u/%llu got ticket %u", r->lane + 1,
         (unsigned long long)r->n, ticket);
    if (ticket == 0)
        return;
    sim_arrived(s, r, epoch, ticket);
    sim_place(s, sim_live(s, ticket));
}

/* Polled before its lane was lost, and the lane is owned again: it comes again. */
static int is_outlived(const struct sim *s, uint32_t i)
{
    const struct sim_lane *l = &s->lanes[s->held[i]->lane];

    return l->owned && l->epoch != s->held_epoch[i];
}

static void enter_held(struct sim *s)
{
    while (s->at_held < s->n_held) {
        if (is_outlived(s, s->at_held)) {
            s->stats->again_in_poll++;
            s->at_held++;
            continue;
        }
        if (s->enters_one_by_one && !s->stopped && flow_room(s->flow) == 0)
            return;
        MUST(s, !s->enters_one_by_one || s->stopped || s->want.bytes < s->spec.memory_bytes,
             "there is room in a full memory");
        enter(s, s->held[s->at_held], s->held_epoch[s->at_held]);
        s->at_held++;
        if (s->enters_one_by_one)
            return;
    }
    s->n_held = s->at_held = 0;
}

static struct sim_record *next_of(struct sim *s, uint32_t lane)
{
    struct sim_lane *l = &s->lanes[lane];
    struct sim_record *r;

    while (l->owned && l->cursor <= l->n) {
        r = &l->records[l->cursor++ - 1];
        if (!s->spec.any_order || (!r->settled && !r->outstanding))
            return r;
    }
    if (s->spec.any_order)
        l->cursor = 1;
    return NULL;
}

static int is_left_out(struct sim *s, uint32_t lane)
{
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < s->n_held; i++)
        n += s->held[i]->lane == lane;
    return s->asks_lanes && s->lanes[lane].owned && sim_lane_full(s, lane, n);
}

static void poll(struct sim *s)
{
    uint64_t room = s->stopped ? 0 : flow_room(s->flow), most = s->enters_one_by_one ? s->batch : room;
    uint32_t lane = (uint32_t)sim_random(s, s->n_lanes), tries;
    struct sim_record *r;
    int left_out = 0;

    if (s->n_held > 0) {
        enter_held(s);
        return;
    }
    if (room == 0) {
        s->stats->full += !s->stopped;
        return;
    }
    MUST(s, s->want.bytes < s->spec.memory_bytes, "there is room in a full memory");
    for (tries = 0; tries < SIM_BATCH && s->n_held < most && s->n_held < SIM_BATCH; tries++) {
        if (is_left_out(s, lane)) {
            left_out = 1;
            lane = (uint32_t)sim_random(s, s->n_lanes);
            continue;
        }
        r = next_of(s, lane);
        if (r == NULL || sim_random(s, 4) == 0)
            lane = (uint32_t)sim_random(s, s->n_lanes);
        if (r == NULL)
            continue;
        r->outstanding = 1;
        s->held[s->n_held] = r;
        s->held_epoch[s->n_held++] = s->lanes[r->lane].epoch;
    }
    s->stats->lane_waits += left_out && s->n_held > 0;
    if (sim_chance(s, s->faults.rebalance) && s->lanes[lane].owned) {
        sim_note(s, "lane %u is lost within a poll", lane + 1);
        lose(s, lane);
    }
    enter_held(s);
}

static void rebalance(struct sim *s)
{
    uint32_t lane = (uint32_t)sim_random(s, s->n_lanes);

    s->stats->rebalances++;
    if (s->lanes[lane].owned) {
        sim_note(s, "lane %u is lost", lane + 1);
        lose(s, lane);
    } else {
        if (!s->calm)
            sim_world_elsewhere(s, lane, sim_random(s, 4));
        sim_note(s, "lane %u is gained at %llu", lane + 1, (unsigned long long)s->lanes[lane].committed);
        own(s, lane);
    }
}

static void stop(struct sim *s)
{
    sim_note(s, "stop");
    s->stats->stops++;
    s->stopped = 1;
    flow_stop(s->flow);
    sim_give_up(s, 0);
}

/* Time passes, by a little or up to the next record that is due. */
static void tick(struct sim *s)
{
    uint32_t due = flow_due_in_ms(s->flow, s->now_ms), ticket;
    struct live *l;
    int bury;

    s->now_ms += sim_random(s, 3) == 0 && due != UINT32_MAX ? due : (int64_t)sim_random(s, 60);
    while ((ticket = flow_due(s->flow, s->now_ms, &bury)) != 0) {
        l = sim_live(s, ticket);
        MUST(s, l->state == (bury ? LIVE_UNBURIED : LIVE_WAITING), "ticket %u is due and does not wait",
             ticket);
        MUST(s, l->not_before_ms <= s->now_ms, "record %u/%llu comes back too early", l->record->lane + 1,
             (unsigned long long)l->record->n);
        MUST(s, flow_step(s->flow, ticket) == l->step && flow_attempts(s->flow, ticket) == l->attempts,
             "record %u/%llu comes back at another step or attempt", l->record->lane + 1,
             (unsigned long long)l->record->n);
        s->want.waiting--;
        sim_place(s, l);
        if (bury)
            l->state = LIVE_BURYING; /* its worker stores the letter, in its own time */
    }
}

/* A message whose time at the source ran out is delivered again while it is in work. */
static void expire(struct sim *s)
{
    struct sim_lane *l = &s->lanes[sim_random(s, s->n_lanes)];

    l->records[sim_random(s, l->n)].outstanding = 0;
}

/* The destination goes away, or is back. */
static void outage(struct sim *s)
{
    s->stats->pauses++;
    if (s->paused_since_ms < 0) {
        flow_pause(s->flow, s->now_ms);
        s->paused_since_ms = s->now_ms;
    } else {
        flow_resume(s->flow, s->now_ms);
        s->paused_ms += s->now_ms - s->paused_since_ms;
        s->paused_since_ms = -1;
    }
}

static void event(struct sim *s)
{
    uint64_t what = sim_random(s, 16);

    s->stats->events++;
    if (sim_chance(s, s->faults.kill) || (s->stopped && sim_random(s, 20) == 0))
        die(s);
    else if (sim_chance(s, s->faults.stop) && !s->stopped)
        stop(s);
    else if (sim_chance(s, s->faults.rebalance))
        rebalance(s);
    else if (sim_chance(s, s->faults.pause))
        outage(s);
    else if (sim_chance(s, s->faults.expire) && s->spec.any_order)
        expire(s);
    else if (what < 4)
        poll(s);
    else if (what < 11)
        sim_work(s, (uint32_t)sim_random(s, s->n_workers));
    else if (what < 13)
        tick(s);
    else if (what < 15 && s->n_settling > 0)
        settle_end(s);
    else if (what < 15)
        settle_begin(s);
    else
        s->burials_fail = sim_chance(s, s->faults.burial);
    if (s->dies) {
        s->stats->partial++;
        die(s);
    }
    sim_check(s);
    s->digest = (s->digest ^ s->random ^ s->want.in << 32 ^ s->want.written) * 0x100000001b3u;
}

static void drain(struct sim *s)
{
    uint32_t i, lane;

    sim_note(s, "the faults stop");
    s->calm = 1;
    s->burials_fail = 0;
    if (s->stopped)
        die(s);
    for (i = 0; i < EVENTS_TO_DRAIN && !(sim_world_empty(s) && s->want.in_flight == 0); i++) {
        for (lane = 0; lane < s->n_lanes; lane++)
            if (!s->lanes[lane].owned)
                own(s, lane);
        event(s);
    }
    MUST(s, i < EVENTS_TO_DRAIN, "it does not drain: %llu in flight, %llu waiting (I8)",
         (unsigned long long)s->want.in_flight, (unsigned long long)s->want.waiting);
}

int sim_run(uint64_t seed, FILE *trace, char *why, size_t cap, struct sim_stats *stats, uint64_t *digest)
{
    struct sim s;
    uint32_t i;
    int failed;

    memset(&s, 0, sizeof s);
    s.random = (seed + 1) * 0x9e3779b97f4a7c15u;
    s.trace = trace;
    s.why = why;
    s.cap = cap;
    s.stats = stats;
    s.digest = *digest;
    failed = setjmp(s.out);
    if (!failed) {
        for (i = 0; i < 8; i++)
            sim_random(&s, 2);
        sim_world_make(&s);
        begin_life(&s);
        for (i = 0; i < EVENTS_WITH_FAULTS; i++)
            event(&s);
        drain(&s);
        end_life(&s);
        sim_world_end(&s);
        *digest = s.digest;
    }
    flow_free(s.flow);
    return failed ? -1 : 0;
}
