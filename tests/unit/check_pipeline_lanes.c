/* A pipeline whose source has several lanes: a full one waits alone, a lost one begins anew,
 * and whoever looks meanwhile sees numbers that add up. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "one_suite.h"
#include "toy.h"

#define LANES 3u
#define PER_LANE 300u
#define FOR_EVER_MS 3600000u
#define FINE ((struct sluice_verdict){SLUICE_OK, 0, NULL, NULL})

static struct toy_run run;
static char texts[LANES][PER_LANE][64];
static atomic_int open_now;

/* The source's side; of its thread alone but for the atomics. */
static struct {
    uint32_t id; /* 0: not owned */
    uint64_t at;
    atomic_ulong delivered, committed;
} lanes[LANES];
static int asks, most_a_poll;
static uint64_t random_now;
static unsigned rebalances, broken_settles;

static uint64_t random_below_of(uint64_t bound)
{
    random_now ^= random_now << 13;
    random_now ^= random_now >> 7;
    random_now ^= random_now << 17;
    return random_now % bound;
}

static void setup(void)
{
    uint32_t l, i;

    toy_reset();
    memset(&lanes, 0, sizeof lanes);
    atomic_store(&open_now, 0);
    asks = 1;
    most_a_poll = 4;
    random_now = 88172645463325252u;
    rebalances = broken_settles = 0;
    for (l = 0; l < LANES; l++)
        for (i = 0; i < PER_LANE; i++)
            (void)snprintf(texts[l][i], sizeof texts[l][i], "{\"user_id\":\"u%u-%u\"}", l, i);
}

/* Positions are unique over the lanes, so that the toy's counts by position serve. */
static uint64_t position_of(uint32_t lane, uint64_t n)
{
    return lane * PER_LANE + n;
}

static uint32_t lane_at(uint64_t position)
{
    return (uint32_t)(position / PER_LANE);
}

static void own(const struct sluice_host *host, uint32_t l)
{
    static const char *const names[LANES] = {"a", "b", "c"};

    lanes[l].id = host->lane_open(host, names[l], NULL, 0);
    ck_assert_uint_gt(lanes[l].id, 0);
    lanes[l].at = atomic_load(&lanes[l].committed);
}

static void lose(const struct sluice_host *host, uint32_t l)
{
    host->lane_lost(host, lanes[l].id);
    lanes[l].id = 0;
}

static uint64_t add(const struct sluice_host *host, struct sluice_batch *batch, uint32_t l)
{
    struct sluice_item item = {.struct_size = sizeof item,
                               .lane = lanes[l].id,
                               .data = texts[l][lanes[l].at],
                               .len = strlen(texts[l][lanes[l].at]),
                               .size = strlen(texts[l][lanes[l].at]),
                               .position = position_of(l, lanes[l].at),
                               .next = lanes[l].at + 1,
                               .ordinal = lanes[l].at + 1};

    if (host->batch_add(batch, &item, 1, sizeof item) == 0)
        return 0;
    lanes[l].at++;
    if (lanes[l].at > atomic_load(&lanes[l].delivered))
        atomic_store(&lanes[l].delivered, lanes[l].at);
    return 1;
}

/* A few records of each lane that it owns, unless that is full and it asks. */
static uint32_t poll_lanes(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                           uint32_t call, struct sluice_error *err)
{
    uint64_t n = 0, i;
    uint32_t l;

    (void)at;
    (void)err;
    for (l = 0; l < LANES; l++) {
        if (call == 0)
            own(host, l);
        for (i = 0; i < (uint64_t)most_a_poll && lanes[l].id != 0 && lanes[l].at < PER_LANE; i++)
            if (asks && host->lane_full(host, lanes[l].id) && asks == 1)
                break;
            else
                n += add(host, batch, l);
    }
    return n > 0 ? SLUICE_OK : host->wait(host, 2) ? SLUICE_CANCELLED : SLUICE_OK;
}

/* Its host marks the lane of the ack by id. */
static void note_settle(const struct sluice_ack *ack)
{
    uint32_t l = lane_at(ack->position);
    uint64_t n;

    if (lanes[l].id != ack->lane || ack->next < atomic_load(&lanes[l].committed))
        broken_settles++; /* not the owner, or backwards */
    for (n = atomic_load(&lanes[l].committed); n < ack->next; n++)
        if (atomic_load(&toy.writes[position_of(l, n)]) == 0)
            broken_settles++; /* beyond what is done */
    atomic_store(&lanes[l].committed, ack->next);
}

static struct sluice_verdict first_of_a_is_slow(uint64_t position, uint32_t attempts)
{
    (void)attempts;
    return position == 0 && !atomic_load(&open_now) ? (struct sluice_verdict){SLUICE_RETRY, 5, "slow", NULL}
                                                    : FINE;
}

static void begin(const char *pipelines)
{
    toy.poll = poll_lanes;
    toy.on_settle = note_settle;
    toy_open(&run, pipelines);
    toy_start(&run);
}

static int others_are_settled(void *context)
{
    (void)context;
    return atomic_load(&lanes[1].committed) == PER_LANE && atomic_load(&lanes[2].committed) == PER_LANE;
}

static int all_are_settled(void *context)
{
    return atomic_load(&lanes[0].committed) == PER_LANE && others_are_settled(context);
}

static void end(void)
{
    ck_assert_uint_eq(broken_settles, 0);
    toy_close(&run);
}

#define WINDOW_OF_8                                                                                          \
    "  p: {source: {plugin: toy}, sink: {plugin: toy}, commit_interval: 1ms, lane_window: 8, retry: "        \
    "{attempts: 1000000, min: 1ms, max: 5ms, deadline: 1h}, breaker: {failures: 0}}\n"

START_TEST(a_full_lane_waits_and_the_others_go_on)
{
    toy.sink = first_of_a_is_slow;
    begin(WINDOW_OF_8);
    toy_until(others_are_settled, NULL);
    ck_assert_uint_eq(atomic_load(&lanes[0].delivered), 8);
    ck_assert_uint_eq(atomic_load(&lanes[0].committed), 0);
    atomic_store(&open_now, 1);
    toy_until(all_are_settled, NULL);
    end();
}
END_TEST

static int first_of_a_was_tried_often(void *context)
{
    (void)context;
    return toy_counts(&run, 0).retries > 10;
}

START_TEST(a_source_that_does_not_ask_is_not_polled_while_a_lane_is_full_and_loses_nothing)
{
    asks = 0;
    toy.sink = first_of_a_is_slow;
    begin(WINDOW_OF_8);
    toy_until(first_of_a_was_tried_often, NULL);
    ck_assert_uint_le(atomic_load(&lanes[0].delivered), 8 + 2); /* of the polls that four a lane pass it by */
    ck_assert_uint_lt(atomic_load(&lanes[1].committed), PER_LANE);
    atomic_store(&open_now, 1);
    toy_until(all_are_settled, NULL);
    end();
}
END_TEST

START_TEST(a_source_that_asks_and_does_not_listen_is_held_back_and_loses_nothing)
{
    asks = 2;
    toy.sink = first_of_a_is_slow;
    begin("  p: {source: {plugin: toy}, sink: {plugin: toy}, commit_interval: 1ms, lane_window: 8, batch: "
          "{records: 16}, retry: {attempts: 1000000, min: 1ms, max: 5ms, deadline: 1h}, breaker: {failures: "
          "0}}\n");
    toy_until(first_of_a_was_tried_often, NULL);
    ck_assert_uint_le(atomic_load(&lanes[0].delivered), 8 + 2 * 16); /* one poll to see it */
    ck_assert_uint_lt(atomic_load(&lanes[1].committed), PER_LANE);
    atomic_store(&open_now, 1);
    toy_until(all_are_settled, NULL);
    end();
}
END_TEST

/* ---- rebalances ---- */

static void rebalance(const struct sluice_host *host)
{
    uint32_t l = (uint32_t)random_below_of(LANES);

    if (lanes[l].id == 0) {
        own(host, l);
        return;
    }
    if (random_below_of(3) > 0)
        return;
    lose(host, l);
    rebalances++;
    if (random_below_of(2) == 0)
        own(host, l); /* at once, perhaps before all of a poll has entered */
}

static uint32_t poll_with_rebalances(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                                     uint32_t call, struct sluice_error *err)
{
    uint32_t code;

    if (call > 0 && random_below_of(2) == 0)
        rebalance(host);
    code = poll_lanes(host, batch, at, call, err);
    if (random_below_of(4) == 0)
        rebalance(host);
    return code;
}

static struct sluice_verdict often_later(uint64_t position, uint32_t attempts)
{
    return (position + attempts) % 7 == 0 ? (struct sluice_verdict){SLUICE_RETRY, 1, "later", NULL} : FINE;
}

/* The value of a sample line of the text that begins so; -1 without it. */
static double sample(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    double value;

    return at == NULL || sscanf(at + strlen(name), " %lf", &value) != 1 ? -1 : value;
}

static unsigned scrapes, sums_wrong;
static atomic_int scraping;

static void check_sum(const char *text, const char *const *names)
{
    double v[6];
    int i;

    for (i = 0; i < 6; i++)
        v[i] = sample(text, names[i]);
    scrapes++;
    sums_wrong += v[0] < 0 || v[0] != v[1] + v[2] + v[3] + v[4] + v[5];
}

static void *scrape(void *unused)
{
    static const char *const metrics[] = {"\nsluice_records_in_total{pipeline=\"p\"}",
                                          "\nsluice_records_total{pipeline=\"p\",class=\"written\"}",
                                          "\nsluice_records_total{pipeline=\"p\",class=\"gated\"}",
                                          "\nsluice_records_total{pipeline=\"p\",class=\"dead\"}",
                                          "\nsluice_records_total{pipeline=\"p\",class=\"returned\"}",
                                          "\nsluice_records_in_flight{pipeline=\"p\"}"};
    static const char *const json[] = {
        "\"in\":", "\"written\":", "\"gated\":", "\"dead\":", "\"returned\":", "\"in_flight\":"};
    struct strbuf text;

    while (atomic_load(&scraping)) {
        strbuf_init(&text, (size_t)1 << 20);
        metrics_render(run.metrics, &text);
        check_sum(text.data, metrics);
        strbuf_release(&text);
        strbuf_init(&text, (size_t)1 << 20);
        pipeline_json(run.pipelines[0], &text);
        for (char *c = text.data; *c != '\0'; c++)
            if (*c == ':')
                *c = ' '; /* for sample() */
        for (char *c = text.data; *c != '\0'; c++)
            if (c[0] == '"' && c[1] == ' ')
                c[1] = ':';
        check_sum(text.data, json);
        strbuf_release(&text);
    }
    return unused;
}

static void with_rebalances(const char *pipelines)
{
    pthread_t scraper;
    uint32_t l, i;

    toy.sink = often_later;
    toy.on_keepalive = rebalance;
    scrapes = sums_wrong = 0;
    toy_open(&run, pipelines);
    toy.poll = poll_with_rebalances;
    toy.on_settle = note_settle;
    atomic_store(&scraping, 1);
    ck_assert_int_eq(pthread_create(&scraper, NULL, scrape, NULL), 0);
    toy_start(&run);
    toy_until(all_are_settled, NULL);
    atomic_store(&scraping, 0);
    pthread_join(scraper, NULL);
    pipeline_drain(run.pipelines[0]);
    toy_wait(&run);
    ck_assert_uint_eq(sums_wrong, 0);
    ck_assert_uint_gt(scrapes, 2);
    ck_assert_uint_gt(rebalances, 5);
    ck_assert_uint_gt(toy_counts(&run, 0).returned, 0);
    for (l = 0; l < LANES; l++)
        for (i = 0; i < PER_LANE; i++)
            ck_assert_uint_ge(atomic_load(&toy.writes[position_of(l, i)]), 1);
    end();
}

START_TEST(lanes_lost_and_opened_again_lose_nothing_and_every_scrape_adds_up)
{
    with_rebalances(
        "  p: {source: {plugin: toy}, sink: {plugin: toy}, commit_interval: 1ms, lane_window: 8, "
        "retry: {attempts: 1000000, min: 1ms, max: 5ms, deadline: 1h}, breaker: {failures: 0}}\n");
}
END_TEST

START_TEST(so_do_lanes_that_are_lost_while_a_poll_waits_for_room)
{
    most_a_poll = 16;
    with_rebalances(
        "  p: {source: {plugin: toy}, sink: {plugin: toy}, commit_interval: 1ms, max_in_flight: 8, "
        "batch: {records: 64}, retry: {attempts: 1000000, min: 1ms, max: 5ms, deadline: 1h}, breaker: "
        "{failures: 0}}\n");
}
END_TEST

ONE_SUITE_WITH("pipeline_lanes", 60, setup, NULL, a_full_lane_waits_and_the_others_go_on,
               a_source_that_does_not_ask_is_not_polled_while_a_lane_is_full_and_loses_nothing,
               a_source_that_asks_and_does_not_listen_is_held_back_and_loses_nothing,
               lanes_lost_and_opened_again_lose_nothing_and_every_scrape_adds_up,
               so_do_lanes_that_are_lost_while_a_poll_waits_for_room)
