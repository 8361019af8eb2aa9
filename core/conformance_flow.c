/* conformance_flow: a source in a small pipeline with trouble down-stream: records
 * are settled by prefix, at random moments, and the process is "restarted" between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "conformance_seen.h"

#define FLOW_RECORDS 100000u
#define FLOW_LIVES 12u
#define FLOW_FETCH 777u /* bytes at a time, a divisor of nothing */

/* A life: polls, settles random prefixes, ends without settling the rest.  Returns how
 * many were settled. */
static size_t live_once(struct conf *c, struct mock *m, struct seen *s, unsigned polls)
{
    struct poll_result r;
    size_t settled = 0;
    unsigned i;

    for (i = 0; i < polls && s->n < s->most; i++) {
        seen_poll(m, s, 1 + conf_random(c) % 128, 5, &r);
        if (r.code == SLUICE_END && settled == s->n)
            break;
        if (s->n > settled && conf_random(c) % 4 != 0) {
            size_t k = settled + 1 + conf_random(c) % (s->n - settled);

            if (seen_settle(m, s, k) == SLUICE_OK)
                settled = k;
        }
    }
    return settled;
}

/* Every record of the reference is seen in one of the lives. */
static void loses_nothing(struct conf *c)
{
    struct seen all, life;
    struct mock *m;
    unsigned char *found;
    size_t i, settled, first = 0;
    unsigned lives;

    conf_write_samples(c, FLOW_RECORDS);
    m = mock_new(c, "reference");
    mock_start(m);
    seen_init(c, &all);
    all.most = 2 * FLOW_RECORDS;
    (void)seen_poll_all(m, &all, 256);
    mock_free(m);
    if (all.n == 0)
        conf_skip(c, "it delivers no record here; set it up by --config");
    m = mock_new(c, "a");
    found = calloc(all.n, 1);
    CONF_REQUIRE(c, found != NULL, "the suite is out of memory");
    for (lives = 0; lives < FLOW_LIVES; lives++) {
        size_t at = first;

        mock_start(m);
        seen_init(c, &life);
        life.most = all.most;
        settled = live_once(c, m, &life, lives == FLOW_LIVES - 1 ? FLOW_RECORDS : 200);
        /* Records come in the order of the reference, from somewhere at or before what was settled. */
        for (i = 0; i < life.n; i++) {
            if (at >= all.n || life.records[i].hash != all.records[at].hash)
                for (at = 0; at < all.n; at++)
                    if (life.records[i].hash == all.records[at].hash &&
                        life.records[i].position == all.records[at].position)
                        break;
            if (at >= all.n)
                continue;
            found[at] = 1;
            if (i + 1 == settled)
                first = at + 1;
            at++;
        }
        mock_stop(m);
        seen_release(&life);
    }
    for (i = 0; i < all.n; i++)
        CONF_REQUIRE(c, found[i], "record %zu of %zu never came in %u lives", i, all.n, FLOW_LIVES);
    mock_free(m);
}

static const struct sluice_option *find_option(const struct conf *c, const char *name)
{
    uint32_t i;

    for (i = 0; i < c->plugin->desc.n_options; i++)
        if (strcmp(c->plugin->options[i].name, name) == 0)
            return &c->plugin->options[i];
    return NULL;
}

/* Fetches the whole of the last record that was polled and compares it with the reference. */
static void fetch_one(struct conf *c, struct mock *m, const struct sluice_record *r, const struct seen *all)
{
    struct seen_record found = {0, 0, r->position, r->next, r->ordinal, SEEN_HASH_START};
    struct sluice_error err;
    char part[FLOW_FETCH];
    uint64_t at = 0;
    int64_t n;

    mock_error(&err);
    while ((n = c->plugin->ops.source.fetch(m->self, r->lane_id, r->position, at, part, sizeof part, &err)) >
           0) {
        CONF_REQUIRE(c, n <= (int64_t)sizeof part && at + (uint64_t)n <= r->size,
                     "fetch gave %lld bytes at %llu of a record of %llu", (long long)n,
                     (unsigned long long)at, (unsigned long long)r->size);
        found.hash = seen_hash(found.hash, part, (uint64_t)n);
        at += (uint64_t)n;
    }
    CONF_REQUIRE(c, n == 0, "fetch failed at byte %llu: %s", (unsigned long long)at, mock_said(&err));
    CONF_REQUIRE(c, at == r->size, "fetch ended after %llu of %llu bytes", (unsigned long long)at,
                 (unsigned long long)r->size);
    found.lane_hash = seen_lane_hash(r);
    CONF_REQUIRE(c, seen_find(all, &found) != NULL,
                 "the bytes that fetch gave for position %llu are not those of the record",
                 (unsigned long long)r->position);
}

static const struct seen *fetch_reference;

static void fetch_oversize(struct mock *m, const struct sluice_batch *batch)
{
    uint64_t i;

    for (i = 0; i < batch->n; i++)
        if (batch->records[i].size > batch->records[i].payload.len)
            fetch_one(m->c, m, &batch->records[i], fetch_reference);
}

/* With the smallest max_record there is, everything is oversize, and fetch gives it whole. */
static void fetches_oversize(struct conf *c)
{
    const struct sluice_option *o = find_option(c, "max_record");
    struct seen all, short_ones;
    struct poll_result r;
    struct problems p;
    struct mock *m;
    struct sluice_error err;
    char override[64];

    if (o == NULL || o->min == NULL || c->plugin->ops.source.fetch == NULL)
        conf_skip(c, "it has no option max_record with a minimum, or no fetch");
    m = mock_new(c, "a");
    mock_start(m);
    seen_init(c, &all);
    (void)seen_poll_all(m, &all, 64);
    mock_free(m);
    if (all.n == 0)
        conf_skip(c, "it delivers no record here; set it up by --config");
    (void)snprintf(override, sizeof override, "max_record: %s\n", o->min);
    problems_init(&p);
    CONF_REQUIRE(c, mock_try(c, "a", conf_config_try(c, override, NULL, &p), &m, &err) == SLUICE_OK,
                 "its own minimum of max_record is refused");
    mock_start(m);
    seen_init(c, &short_ones);
    fetch_reference = &all;
    short_ones.look = fetch_oversize;
    do
        seen_poll(m, &short_ones, 16, 20, &r);
    while (r.code == SLUICE_OK && r.n > 0);
    CONF_REQUIRE(c, short_ones.n > 0, "nothing is delivered when every record is oversize");
    mock_free(m);
}

/* Records are out and none is settled, as when nothing goes on down-stream. */
static void stops_when_full(struct conf *c)
{
    struct mock *m = mock_new(c, "a");
    struct sluice_error err;
    struct seen s;
    int64_t before;
    int i;

    mock_start(m);
    seen_init(c, &s);
    (void)seen_poll_all(m, &s, 64);
    for (i = 0; i < 3 && c->plugin->ops.source.keepalive != NULL; i++) {
        mock_error(&err);
        (void)c->plugin->ops.source.keepalive(m->self, &err);
    }
    before = clock_steady_ms();
    mock_stop(m);
    CONF_REQUIRE(c, clock_steady_ms() - before < 6000, "stop took %lld ms with %zu records unsettled",
                 (long long)(clock_steady_ms() - before), s.n);
    mock_free(m);
}

const struct conf_case conf_flow_cases[] = {
    {"flow-loses-nothing", "delivers each of 100,000 records over 12 lives and random settles", CONF_SOURCE,
     120, loses_nothing},
    {"fetch-oversize", "gives the whole of each oversize record by fetch", CONF_SOURCE, 0, fetches_oversize},
    {"stop-when-full", "stops within its deadline while nothing is settled", CONF_SOURCE, 0, stops_when_full},
    {NULL, NULL, 0, 0, NULL},
};
