/* conformance_settle: what a source forgets, and what comes again after a restart. */
#include "conformance_host.h"
#include "conformance_seen.h"

static void settle_nothing(struct conf *c)
{
    struct mock *m = seen_begin(c);

    CONF_REQUIRE(c, seen_settle(m, NULL, 0) == SLUICE_OK, "settle of nothing failed");
    mock_free(m);
}

static void settle_prefixes(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct poll_result r;
    struct seen s;
    size_t settled = 0;

    seen_init(c, &s);
    do {
        size_t k;

        seen_poll(m, &s, 16, 5, &r);
        if (s.n == settled)
            break;
        k = settled + 1 + conf_random(c) % (s.n - settled);
        CONF_REQUIRE(c, seen_settle(m, &s, k) == SLUICE_OK, "settle of the first %zu records failed", k);
        settled = k;
    } while (r.code == SLUICE_OK && s.n < 5000);
    seen_need(c, &s);
    mock_free(m);
}

static void settled_is_durable(struct conf *c)
{
    struct mock *m = seen_begin(c);
    struct seen all, rest;
    size_t i, half, again = 0;

    seen_init(c, &all);
    seen_init(c, &rest);
    (void)seen_poll_all(m, &all, 16);
    seen_need(c, &all);
    half = all.n / 2;
    CONF_REQUIRE(c, half == 0 || seen_settle(m, &all, half) == SLUICE_OK,
                 "settle of the first %zu records failed", half);
    mock_free(m);
    m = seen_begin(c);
    (void)seen_poll_all(m, &rest, 16);
    for (i = half; i < all.n; i++)
        CONF_REQUIRE(c, seen_find(&rest, &all.records[i]) != NULL,
                     "record %zu was not settled and is not delivered after a restart", i);
    for (i = 0; i < half; i++)
        again += seen_find(&rest, &all.records[i]) != NULL;
    mock_free(m);
    if (half > 0 && again == half)
        conf_skip(c, "it starts at the beginning after each restart");
    CONF_REQUIRE(c, again == 0, "%zu of %zu settled records are delivered again after a restart", again,
                 half);
}

const struct conf_case conf_settle_cases[] = {
    {"settle-nothing", "takes a settle of nothing", CONF_SOURCE, 0, settle_nothing},
    {"settle-prefixes", "settles any prefix of what it delivered", CONF_SOURCE, 0, settle_prefixes},
    {"settled-is-durable", "forgets what was settled, over a restart, and nothing else", CONF_SOURCE, 0,
     settled_is_durable},
    {NULL, NULL, 0, 0, NULL},
};
