/* conformance_source: polls, cancel, keepalive, full lanes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "conformance_host.h"
#include "conformance_seen.h"

static void delivers(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct seen s;

    seen_init(c, &s);
    (void)seen_poll_all(m, &s, 64);
    seen_need(c, &s);
    mock_free(m);
}

static void poll_respects_max(struct conf *c)
{
    static const uint64_t sizes[] = {1, 3, 7, 64};
    struct seen s;
    size_t i;

    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct mock *m = seen_begin(c);
        struct poll_result r;

        seen_init(c, &s);
        seen_poll(m, &s, sizes[i], 50, &r);
        CONF_REQUIRE(c, r.offered <= sizes[i], "poll was asked for at most %llu records and gave %llu",
                     (unsigned long long)sizes[i], (unsigned long long)r.offered);
        mock_free(m);
    }
}

static void poll_respects_timeout(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct poll_result r;
    struct seen s;
    int i;

    seen_init(c, &s);
    (void)seen_poll_all(m, &s, 64);
    for (i = 0; i < 3; i++) {
        int64_t before = clock_steady_ms(), took;

        seen_poll(m, &s, 16, 50, &r);
        took = clock_steady_ms() - before;
        CONF_REQUIRE(c, took < 800, "poll had 50 ms and took %lld ms", (long long)took);
    }
    mock_free(m);
}

static void poll_codes_are_legal(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct poll_result r;
    struct seen s;
    int i;

    seen_init(c, &s);
    for (i = 0; i < 50; i++) {
        seen_poll(m, &s, 16, 5, &r);
        CONF_REQUIRE(c,
                     r.code == SLUICE_OK || r.code == SLUICE_END || r.code == SLUICE_DISCONNECTED ||
                         r.code == SLUICE_CANCELLED || r.code == SLUICE_FATAL,
                     "poll answered %s", mock_code(r.code));
        if (r.code == SLUICE_END)
            CONF_REQUIRE(c, (c->plugin->desc.flags & SLUICE_FINITE) != 0,
                         "poll answered END and the plugin does not say SLUICE_FINITE");
    }
    mock_free(m);
}

static void positions_are_in_order(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct seen s;
    size_t i, j;

    seen_init(c, &s);
    (void)seen_poll_all(m, &s, 16);
    seen_need(c, &s);
    for (i = 0; i < s.n; i++)
        for (j = i; j > 0 && i - j < 300; j--) {
            const struct seen_record *a = &s.records[j - 1], *b = &s.records[i];

            if (a->lane != b->lane)
                continue;
            CONF_REQUIRE(c, a->position != b->position, "two records of lane %u have the position %llu",
                         b->lane, (unsigned long long)b->position);
            CONF_REQUIRE(c, a->next < b->next, "`next` does not grow in lane %u: %llu, then %llu", b->lane,
                         (unsigned long long)a->next, (unsigned long long)b->next);
            CONF_REQUIRE(c, a->ordinal == 0 || b->ordinal == 0 || a->ordinal < b->ordinal,
                         "ordinals do not grow in lane %u", b->lane);
        }
    mock_free(m);
}

static void bytes_stay_until_next_poll(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct seen s;

    seen_init(c, &s);
    s.compare_late = 1; /* seen_poll reads the bytes at once and again before it goes on */
    (void)seen_poll_all(m, &s, 16);
    seen_need(c, &s);
    mock_free(m);
}

static void two_runs_are_equal(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct seen a, b;
    size_t i;

    seen_init(c, &a);
    seen_init(c, &b);
    (void)seen_poll_all(m, &a, 16);
    seen_need(c, &a);
    mock_free(m);
    m = seen_begin(c);
    (void)seen_poll_all(m, &b, 64);
    for (i = 0; i < a.n; i++)
        CONF_REQUIRE(c, seen_find(&b, &a.records[i]) != NULL,
                     "record %zu was not settled and is not delivered again after a restart", i);
    mock_free(m);
}

static void end_stays(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct poll_result r;
    struct seen s;
    int i;

    seen_init(c, &s);
    if (seen_poll_all(m, &s, 64) != SLUICE_END)
        conf_skip(c, "it has no end here");
    for (i = 0; i < 5; i++) {
        seen_poll(m, &s, 16, 5, &r);
        CONF_REQUIRE(c, r.code == SLUICE_END && r.n == 0, "poll answered END and then %s with %llu records",
                     mock_code(r.code), (unsigned long long)r.n);
    }
    mock_free(m);
}

static void short_batch_loses_nothing(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct poll_result r;
    struct seen all, some;
    size_t i;
    int idle = 0;

    seen_init(c, &all);
    seen_init(c, &some);
    (void)seen_poll_all(m, &all, 64);
    seen_need(c, &all);
    mock_free(m);
    m = seen_begin(c);
    while (idle < 3 && some.n <= all.n) {
        atomic_store(&mock_world.batch_room, conf_random(c) % 3);
        seen_poll(m, &some, 16, 5, &r);
        if (r.code == SLUICE_END)
            break;
        idle = r.n == 0 && atomic_load(&mock_world.batch_room) > 0 ? idle + 1 : 0;
    }
    atomic_store(&mock_world.batch_room, UINT64_MAX);
    for (i = 0; i < all.n; i++)
        CONF_REQUIRE(c, seen_find(&some, &all.records[i]) != NULL,
                     "record %zu is lost when batch_add takes fewer than offered", i);
    mock_free(m);
}

struct blocked {
    struct mock *m;
    struct seen s;
    struct poll_result r;
    _Atomic int entered;
};

static void *poll_long(void *context)
{
    struct blocked *b = context;

    atomic_store(&b->entered, 1);
    seen_poll(b->m, &b->s, 16, 15000, &b->r);
    return NULL;
}

static void cancel_ends_poll(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct blocked b = {.m = m};
    struct timespec moment = {0, 100 * 1000 * 1000};
    pthread_t thread;
    int64_t before, took;

    seen_init(c, &b.s);
    (void)seen_poll_all(m, &b.s, 64);
    CONF_REQUIRE(c, pthread_create(&thread, NULL, poll_long, &b) == 0, "the suite has no thread");
    while (!atomic_load(&b.entered))
        (void)sched_yield();
    (void)nanosleep(&moment, NULL); /* so that the call blocks, as a rule */
    before = clock_steady_ms();
    mock_cancel(m);
    (void)pthread_join(thread, NULL);
    took = clock_steady_ms() - before;
    CONF_REQUIRE(c, took < 2000, "poll went on for %lld ms after cancel", (long long)took);
    mock_stop(m);
    mock_start(m);
    mock_free(m);
}

static void keepalive_fetches_nothing(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct sluice_error err;
    uint64_t before;
    uint32_t code;
    int i;

    if (c->plugin->ops.source.keepalive == NULL)
        conf_skip(c, "it has no keepalive");
    before = atomic_load(&mock_world.offered);
    for (i = 0; i < 10; i++) {
        mock_error(&err);
        m->in_keepalive = 1;
        code = c->plugin->ops.source.keepalive(m->self, &err);
        m->in_keepalive = 0;
        CONF_REQUIRE(c, code == SLUICE_OK, "keepalive answered %s: %s", mock_code(code), mock_said(&err));
    }
    CONF_REQUIRE(c, atomic_load(&mock_world.offered) == before, "keepalive delivered records");
    mock_free(m);
}

static void poll_survives_no_memory(struct conf *c)
{
    struct mock *m;
    struct seen all, s;
    struct poll_result r;
    uint64_t n;
    size_t i;

    m = seen_begin(c);
    seen_init(c, &all);
    (void)seen_poll_all(m, &all, 64);
    seen_need(c, &all);
    mock_free(m);
    for (n = 1; n < 40; n++) {
        int failed;

        m = seen_begin(c);
        seen_init(c, &s);
        if (conf_alloc_fail(c, n) != 0)
            conf_skip(c, "allocations cannot be made to fail on this machine");
        seen_poll(m, &s, 16, 5, &r);
        failed = conf_alloc_failed();
        (void)conf_alloc_fail(c, 0);
        if (r.code != SLUICE_FATAL) {
            (void)seen_poll_all(m, &s, 64);
            for (i = 0; i < all.n; i++)
                CONF_REQUIRE(c, seen_find(&s, &all.records[i]) != NULL,
                             "record %zu is lost when an allocation fails in poll", i);
        }
        mock_free(m);
        seen_release(&s);
        if (!failed)
            break;
    }
    if (n == 1)
        conf_skip(c, "poll allocates nothing");
}

static uint64_t of_lane(const struct seen *s, size_t from, uint32_t lane)
{
    uint64_t n = 0;

    for (; from < s->n; from++)
        n += s->records[from].lane == lane;
    return n;
}

/* Full from the first record on, then from the third of each poll on, then never. */
static void full_lanes_wait(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct seen all, s;
    struct poll_result r;
    size_t from, i;
    int polls;

    seen_init(c, &all);
    (void)seen_poll_all(m, &all, 64);
    seen_need(c, &all);
    mock_free(m);
    m = seen_begin(c);
    seen_init(c, &s);
    atomic_store(&mock_world.lane_window, 0);
    seen_poll(m, &s, 64, 5, &r);
    if (atomic_load(&mock_world.lane_asked) == 0)
        conf_skip(c, "it does not ask lane_full: it is not polled while any lane is full");
    CONF_REQUIRE(c, s.n == 0, "it delivered %zu records of lanes that are full", s.n);
    atomic_store(&mock_world.lane_window, 2);
    for (polls = 0; polls < 5; polls++) {
        from = s.n;
        seen_poll(m, &s, 2, 5, &r);
        for (i = from; i < s.n; i++)
            CONF_REQUIRE(c, of_lane(&s, from, s.records[i].lane) <= 2,
                         "it delivered %llu records of a lane that had room for 2",
                         (unsigned long long)of_lane(&s, from, s.records[i].lane));
    }
    atomic_store(&mock_world.lane_window, UINT64_MAX);
    (void)seen_poll_all(m, &s, 64);
    for (i = 0; i < all.n; i++)
        CONF_REQUIRE(c, seen_find(&s, &all.records[i]) != NULL, "record %zu is lost when its lane is full",
                     i);
    mock_free(m);
}

const struct conf_case conf_source_cases[] = {
    {"delivers", "delivers at least one record", CONF_SOURCE, 0, delivers},
    {"poll-respects-max", "gives at most max records", CONF_SOURCE, 0, poll_respects_max},
    {"poll-respects-timeout", "comes back from poll in time when there is nothing", CONF_SOURCE, 0,
     poll_respects_timeout},
    {"poll-codes-are-legal", "answers poll with a code of a source", CONF_SOURCE, 0, poll_codes_are_legal},
    {"positions-are-in-order", "has unique positions and a `next` that grows in each lane", CONF_SOURCE, 0,
     positions_are_in_order},
    {"bytes-stay", "keeps a record's bytes until the next poll", CONF_SOURCE, 0, bytes_stay_until_next_poll},
    {"unsettled-comes-again", "delivers again after a restart what was not settled", CONF_SOURCE, 0,
     two_runs_are_equal},
    {"end-stays", "stays at the end once it said END", CONF_SOURCE, 0, end_stays},
    {"short-batch", "loses nothing when the batch takes fewer records", CONF_SOURCE, 0,
     short_batch_loses_nothing},
    {"cancel-ends-poll", "comes back from a blocked poll soon after cancel", CONF_SOURCE, 30,
     cancel_ends_poll},
    {"keepalive-fetches-nothing", "delivers nothing by keepalive", CONF_SOURCE, 0, keepalive_fetches_nothing},
    {"full-lanes-wait", "delivers nothing of a full lane, and loses nothing of it", CONF_SOURCE, 60,
     full_lanes_wait},
    {"poll-survives-no-memory", "loses nothing when an allocation fails in poll", CONF_SOURCE, 60,
     poll_survives_no_memory},
    {NULL, NULL, 0, 0, NULL},
};
