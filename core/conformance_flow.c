/* conformance_flow: a source in a small pipeline with trouble down-stream: records
 * are settled by prefix, at random moments, and the process is "restarted" between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance_seen.h"

#define FLOW_RECORDS 12000u

/* A life: polls, settles random prefixes, ends without settling the rest.  Returns how
 * many were settled. */
static size_t live_once(struct conf *c, struct mock *m, struct seen *s, unsigned polls)
{
    struct poll_result r;
    size_t settled = 0;
    unsigned i;

    for (i = 0; i < polls && s->n < SEEN_MOST; i++) {
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
    (void)seen_poll_all(m, &all, 256);
    mock_free(m);
    if (all.n == 0)
        conf_skip(c, "it delivers no record here; set it up by --config");
    m = mock_new(c, "a");
    found = calloc(all.n, 1);
    CONF_REQUIRE(c, found != NULL, "the suite is out of memory");
    for (lives = 0; lives < 12; lives++) {
        size_t at = first;

        mock_start(m);
        seen_init(c, &life);
        settled = live_once(c, m, &life, lives == 11 ? 100000 : 40);
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
        CONF_REQUIRE(c, found[i], "record %zu of %zu never came in 12 lives", i, all.n);
    mock_free(m);
}

const struct conf_case conf_flow_cases[] = {
    {"flow-loses-nothing", "delivers each of 12,000 records over 12 lives and random settles", CONF_SOURCE,
     120, loses_nothing},
    {NULL, NULL, 0, 0, NULL},
};
