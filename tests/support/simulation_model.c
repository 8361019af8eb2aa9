/* simulation_model: what the flow must answer, worked out from its promises alone. */
#include "simulation_private.h"

#define HOLD_MS 500
#define REBURY_MS 1000

static const char *const next_names[] = {"stale", "finished", "step", "wait", "bury", "returned"};

struct live *sim_live(struct sim *s, uint32_t ticket)
{
    uint32_t place = (ticket & 0xfffffu) - 1;

    MUST(s,
         place < s->spec.max_in_flight && s->lives[place].state != LIVE_NONE &&
             s->lives[place].ticket == ticket,
         "ticket %u stands for no record", ticket);
    return &s->lives[place];
}

int sim_is_lost(const struct sim *s, const struct live *l)
{
    const struct sim_lane *lane = &s->lanes[l->record->lane];

    return !lane->owned || lane->epoch != l->epoch;
}

void sim_arrived(struct sim *s, struct sim_record *r, uint32_t epoch, uint32_t ticket)
{
    uint32_t place = (ticket & 0xfffffu) - 1;
    struct live *l = &s->lives[place], none = {.state = LIVE_BOX};

    MUST(s, place < s->spec.max_in_flight && l->state == LIVE_NONE, "ticket %u is given out twice", ticket);
    *l = none;
    l->ticket = ticket;
    l->record = r;
    l->payload = sim_payload(r);
    l->epoch = epoch;
    l->arrival = s->arrivals++;
    l->allowance = 1;
    s->want.in++;
    s->want.in_flight++;
    s->want.bytes += r->bytes;
}

/* Does an earlier record of the key hold it, or did a stop return one? */
static int is_blocked(const struct sim *s, const struct live *l)
{
    const struct live *o;
    uint32_t i;

    if (s->spec.commutative)
        return 0;
    for (o = s->lives; o < s->lives + s->spec.max_in_flight; o++)
        if (o->state != LIVE_NONE && o->state != LIVE_GONE && o->holds_key &&
            o->record->key == l->record->key && o->arrival < l->arrival)
            return 1;
    for (i = 0; i < s->n_tombs; i++)
        if (s->tombs[i].key == l->record->key && s->tombs[i].arrival < l->arrival)
            return 1;
    return 0;
}

/* The record is out of the flow. */
static void leave(struct sim *s, struct live *l)
{
    s->want.in_flight--;
    s->want.bytes -= l->record->bytes;
    if (l->unburied)
        s->want.unburied--;
    l->unburied = 0;
    l->state = LIVE_NONE;
}

static void returned(struct sim *s, struct live *l)
{
    s->want.returned++;
    l->record->outstanding = 0;
    if (s->stopped) {
        s->tombs[s->n_tombs].key = l->record->key;
        s->tombs[s->n_tombs++].arrival = l->arrival;
    }
    leave(s, l);
}

static void finished(struct sim *s, struct live *l)
{
    if (l->any_dead)
        s->want.dead++;
    else if (l->any_written)
        s->want.written++;
    else
        s->want.gated++;
    s->stats->dead += (uint64_t)l->any_dead;
    l->record->ended_epoch = l->epoch;
    leave(s, l);
}

static void waits(struct sim *s, struct live *l, int64_t not_before_ms, int64_t not_after_ms)
{
    l->state = LIVE_WAITING;
    l->parked = is_blocked(s, l);
    l->holds_key = !s->spec.commutative;
    l->not_before_ms = not_before_ms;
    l->not_after_ms = not_after_ms;
    s->want.waiting++;
    s->stats->parked += (uint64_t)l->parked;
}

static void expect(struct sim *s, const struct live *l, enum flow_next got, enum flow_next want,
                   const char *event)
{
    sim_note(s, "%s of %u/%llu step %u: %s", event, l->record->lane + 1, (unsigned long long)l->record->n,
             l->step, next_names[got]);
    MUST(s, got == want, "%s of %u/%llu (step %u, %u attempts): %s and not %s", event, l->record->lane + 1,
         (unsigned long long)l->record->n, l->step, l->attempts, next_names[got], next_names[want]);
}

int sim_may_run(struct sim *s, struct live *l)
{
    int lost = sim_is_lost(s, l), blocked = is_blocked(s, l);
    enum flow_next want = lost         ? FLOW_RETURNED
                          : !blocked   ? FLOW_STEP
                          : s->stopped ? FLOW_RETURNED
                                       : FLOW_WAIT;

    MUST(s, l->payload == sim_payload(l->record), "a copy was mixed with another (I3)");
    expect(s, l, flow_may_run(s->flow, l->ticket), want, "may run");
    if (want == FLOW_RETURNED)
        returned(s, l);
    else if (want == FLOW_WAIT)
        waits(s, l, 0, 0);
    return want == FLOW_STEP;
}

static enum flow_next end_step(struct sim *s, struct live *l, enum ending ending)
{
    l->record->steps[l->step].ending = ending;
    l->any_dead |= ending == ENDED_DEAD;
    l->any_written |= ending == ENDED_WRITTEN;
    l->attempts = 0;
    l->allowance = 1;
    l->state = LIVE_BATCH;
    return ++l->step < s->spec.n_steps ? FLOW_STEP : FLOW_FINISHED;
}

static int64_t working_ms(const struct sim *s)
{
    return s->now_ms - s->paused_ms - (s->paused_since_ms >= 0 ? s->now_ms - s->paused_since_ms : 0);
}

/* Counts the failed try; what has to follow. */
static enum flow_next try_again(struct sim *s, struct live *l)
{
    const struct retry_spec *retry = &s->spec.retry;

    s->want.retries++;
    if (l->attempts++ == 0)
        l->first_failed_ms = working_ms(s);
    if (l->attempts >= retry->attempts)
        return FLOW_BURY;
    if (retry->deadline_ms > 0 && working_ms(s) - l->first_failed_ms >= (int64_t)retry->deadline_ms)
        return FLOW_BURY;
    return s->stopped ? FLOW_RETURNED : FLOW_WAIT;
}

static int64_t longest_back_off(const struct sim *s, const struct live *l)
{
    uint64_t ms = (uint64_t)s->spec.retry.min_ms << (l->attempts - 1);

    return (int64_t)(ms < s->spec.retry.max_ms ? ms : s->spec.retry.max_ms);
}

static int is_hold(uint32_t code)
{
    return code == SLUICE_UNKNOWN || code == SLUICE_DISCONNECTED || code == SLUICE_CANCELLED;
}

static enum flow_next expected(struct sim *s, struct live *l, uint32_t code)
{
    if (sim_is_lost(s, l))
        return FLOW_RETURNED;
    if (code == SLUICE_OK)
        return end_step(s, l, ENDED_WRITTEN);
    if (code == SLUICE_DROP || code == SLUICE_DENY)
        return end_step(s, l, ENDED_GATED);
    if (is_hold(code))
        return s->stopped ? FLOW_RETURNED : FLOW_WAIT;
    if (code == SLUICE_RETRY || (code == SLUICE_UNSURE && s->spec.idempotent))
        return try_again(s, l);
    return FLOW_BURY;
}

void sim_verdict(struct sim *s, struct live *l, uint32_t code, uint32_t retry_after_ms)
{
    struct sim_step *t = &l->record->steps[l->step];
    int64_t wait_ms = retry_after_ms;
    enum flow_next want = expected(s, l, code), got;

    if (code == SLUICE_OK && want != FLOW_RETURNED && t->letter == LETTER_OPEN)
        t->letter = LETTER_RESOLVED;
    s->stats->retries += code == SLUICE_RETRY;
    s->stats->unsure += code == SLUICE_UNSURE;
    s->stats->holds += is_hold(code) ? 1 : 0;
    got = flow_verdict(s->flow, l->ticket, code, code == SLUICE_OK ? NULL : "verdict", retry_after_ms,
                       s->now_ms);
    sim_note(s, "verdict %u, not before %u ms", code, retry_after_ms);
    expect(s, l, got, want, "verdict");
    if (want == FLOW_RETURNED) {
        returned(s, l);
    } else if (want == FLOW_FINISHED) {
        finished(s, l);
    } else if (want == FLOW_BURY) {
        l->state = LIVE_BURYING;
        l->holds_key = !s->spec.commutative;
    } else if (want == FLOW_WAIT && is_hold(code)) {
        wait_ms = wait_ms > 0 ? wait_ms : HOLD_MS;
        l->first_failed_ms += wait_ms;
        waits(s, l, s->now_ms + wait_ms, s->now_ms + wait_ms);
    } else if (want == FLOW_WAIT) {
        waits(s, l, s->now_ms + wait_ms, s->now_ms + wait_ms + longest_back_off(s, l));
    }
}

void sim_bury(struct sim *s, struct live *l, int ok)
{
    struct sim_step *t = &l->record->steps[l->step];
    enum flow_next want;

    if (sim_is_lost(s, l))
        want = FLOW_RETURNED; /* its letter is taken back */
    else if (ok)
        want = end_step(s, l, ENDED_DEAD);
    else
        want = s->stopped ? FLOW_RETURNED : FLOW_WAIT;
    t->letter = want == FLOW_STEP || want == FLOW_FINISHED ? LETTER_OPEN : t->letter;
    s->want.burial_failures += !ok && !sim_is_lost(s, l);
    s->stats->burial_failures += !ok;
    expect(s, l, flow_buried(s->flow, l->ticket, ok, "dead", s->now_ms), want,
           ok ? "burial" : "failed burial");
    if (want == FLOW_RETURNED) {
        returned(s, l);
    } else if (want == FLOW_WAIT) {
        s->want.unburied += !l->unburied;
        l->unburied = 1;
        l->state = LIVE_UNBURIED;
        l->not_before_ms = l->not_after_ms = s->now_ms + REBURY_MS;
        l->parked = 0;
        s->want.waiting++;
    } else {
        if (l->unburied)
            s->want.unburied--;
        l->unburied = 0;
        if (want == FLOW_FINISHED)
            finished(s, l);
    }
}

void sim_give_up(struct sim *s, uint32_t lane)
{
    uint32_t n = 0, ticket;
    struct live *l;

    for (l = s->lives; l < s->lives + s->spec.max_in_flight; l++)
        if ((l->state == LIVE_WAITING || l->state == LIVE_UNBURIED) &&
            (lane == 0 || l->record->lane + 1 == lane)) {
            s->want.waiting--;
            returned(s, l);
            l->state = LIVE_GONE;
            n++;
        }
    while ((ticket = flow_returned(s->flow)) != 0) {
        l = sim_live(s, ticket);
        MUST(s, l->state == LIVE_GONE, "ticket %u is given back and did not wait", ticket);
        l->state = LIVE_NONE;
        n--;
    }
    MUST(s, n == 0, "%u records that waited are not given back", n);
}

static void check_counts(struct sim *s)
{
    const struct flow_counts *w = &s->want;
    struct flow_counts c;

    flow_counts(s->flow, &c);
    MUST(s, c.in == c.written + c.gated + c.dead + c.returned + c.in_flight,
         "in %llu is not the sum of its ends (I11)", (unsigned long long)c.in);
    MUST(s,
         c.in == w->in && c.written == w->written && c.gated == w->gated && c.dead == w->dead &&
             c.returned == w->returned && c.in_flight == w->in_flight,
         "the classes are counted wrong: in %llu written %llu gated %llu dead %llu returned %llu",
         (unsigned long long)c.in, (unsigned long long)c.written, (unsigned long long)c.gated,
         (unsigned long long)c.dead, (unsigned long long)c.returned);
    MUST(s,
         c.bytes == w->bytes && c.waiting == w->waiting && c.retries == w->retries &&
             c.burial_failures == w->burial_failures && c.unburied == w->unburied,
         "bytes, waiting, retries or burials are counted wrong");
    MUST(s, c.in_flight <= s->spec.max_in_flight, "%llu records in flight", (unsigned long long)c.in_flight);
}

/* Records that entered since the oldest open one. */
static uint64_t span_of(const struct sim *s, uint32_t lane)
{
    const struct live *l;
    uint64_t oldest = UINT64_MAX;

    for (l = s->lives; l < s->lives + s->spec.max_in_flight; l++)
        if (l->state != LIVE_NONE && l->state != LIVE_GONE && l->record->lane == lane && !sim_is_lost(s, l) &&
            l->record->n < oldest)
            oldest = l->record->n;
    return oldest == UINT64_MAX ? 0 : s->lanes[lane].entered - oldest + 1;
}

int sim_lane_full(struct sim *s, uint32_t lane, uint64_t n)
{
    int full = !s->lanes[lane].owned || (!s->spec.any_order && span_of(s, lane) + n >= s->spec.lane_window);

    MUST(s, flow_lane_full(s->flow, lane + 1, n) == full, "lane %u is %sfull", lane + 1, full ? "not " : "");
    return full;
}

/* May anything enter now?  (What any order has not settled is not modelled.) */
static void check_door(struct sim *s)
{
    uint32_t lane, owned = 0, full = 0;
    int open;

    if (s->stopped) { /* what was returned keeps its lane where it is */
        MUST(s, flow_room(s->flow) == 0, "the door of a stopped flow is open");
        return;
    }
    for (lane = 0; lane < s->n_lanes; lane++) {
        owned += s->lanes[lane].owned != 0;
        full += s->lanes[lane].owned && sim_lane_full(s, lane, 0);
    }
    open = s->want.unburied == 0 && s->want.bytes < s->spec.memory_bytes &&
           s->want.in_flight < s->spec.max_in_flight;
    if (s->asks_lanes && owned > 0)
        open = open && full < owned;
    else
        open = open && full == 0;
    MUST(s, s->spec.any_order || (flow_room(s->flow) > 0) == open, "the door is %s with %u of %u lanes full",
         open ? "shut" : "open", full, owned);
}

static void check_windows(struct sim *s)
{
    const struct live *l;
    uint64_t span;

    if (s->spec.any_order)
        return;
    for (l = s->lives; l < s->lives + s->spec.max_in_flight; l++) {
        if (l->state == LIVE_NONE || l->state == LIVE_GONE || sim_is_lost(s, l))
            continue;
        span = s->lanes[l->record->lane].entered - l->record->n + 1;
        MUST(s, span <= s->spec.lane_window, "lane %u is %llu records beyond its oldest open one",
             l->record->lane + 1, (unsigned long long)span);
        MUST(s, l->record->n > s->lanes[l->record->lane].committed,
             "record %u/%llu was settled in flight (I5)", l->record->lane + 1,
             (unsigned long long)l->record->n);
    }
}

void sim_check(struct sim *s)
{
    const struct live *l;
    uint32_t due = flow_due_in_ms(s->flow, s->now_ms);

    check_counts(s);
    check_windows(s);
    check_door(s);
    for (l = s->lives; l < s->lives + s->spec.max_in_flight; l++)
        if ((l->state == LIVE_WAITING || l->state == LIVE_UNBURIED) && (!l->parked || !is_blocked(s, l)))
            MUST(s, l->not_after_ms <= s->now_ms ? due == 0 : s->now_ms + (int64_t)due <= l->not_after_ms,
                 "record %u/%llu oversleeps", l->record->lane + 1, (unsigned long long)l->record->n);
    MUST(s, s->want.unburied == 0 || flow_room(s->flow) == 0,
         "the door is open over an unstored dead letter");
}
