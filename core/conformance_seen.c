/* conformance_seen: see conformance_seen.h. */
#include "conformance_seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t seen_hash(uint64_t hash, const void *data, uint64_t len)
{
    const unsigned char *p = data;
    uint64_t i;

    for (i = 0; i < len; i++)
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t hash_bytes(const void *data, uint64_t len)
{
    return seen_hash(SEEN_HASH_START, data, len);
}

uint32_t seen_lane_hash(const struct sluice_record *r)
{
    return (uint32_t)hash_bytes(r->lane->name, strlen(r->lane->name));
}

void seen_init(struct conf *c, struct seen *s)
{
    memset(s, 0, sizeof *s);
    s->c = c;
    s->most = SEEN_MOST;
}

void seen_release(struct seen *s)
{
    free(s->records);
    memset(s, 0, sizeof *s);
}

static void keep(struct seen *s, const struct sluice_record *r)
{
    struct seen_record *more;

    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : s->cap * 2;
        more = reallocarray(s->records, s->cap, sizeof *more);
        if (more == NULL)
            conf_fail(s->c, "the suite is out of memory");
        s->records = more;
    }
    more = &s->records[s->n++];
    more->lane = r->lane_id;
    more->lane_hash = seen_lane_hash(r);
    more->position = r->position;
    more->next = r->next;
    more->ordinal = r->ordinal;
    more->hash = hash_bytes(r->payload.data, r->payload.len);
}

void seen_poll(struct mock *m, struct seen *s, uint64_t max, uint32_t timeout_ms, struct poll_result *r)
{
    struct conf *c = m->c;
    struct sluice_batch batch;
    struct sluice_error err;
    uint64_t before = atomic_load(&mock_world.offered), i;
    size_t first = s->n;

    /* Room for more than max, to see one that gives more. */
    if (batch_init(&batch, max + 64, mock_world.n_fields, 0) != 0)
        conf_fail(c, "the suite is out of memory");
    batch.lanes = (const struct lane_info *const *)m->lanes;
    batch.n_lanes = m->n_lanes;
    m->polled = &batch;
    mock_error(&err);
    (void)snprintf(c->shared->doing, sizeof c->shared->doing, "poll");
    r->code = m->plugin->ops.source.poll(m->self, &batch, max, timeout_ms, &err);
    (void)snprintf(c->shared->doing, sizeof c->shared->doing, "%s", "");
    m->polled = NULL;
    r->n = batch.n;
    r->offered = atomic_load(&mock_world.offered) - before;
    for (i = 0; i < batch.n; i++)
        keep(s, &batch.records[i]);
    if (s->look != NULL)
        s->look(m, &batch);
    for (i = 0; s->compare_late && i < batch.n; i++)
        CONF_REQUIRE(c,
                     s->records[first + i].hash ==
                         hash_bytes(batch.records[i].payload.data, batch.records[i].payload.len),
                     "the bytes of record %llu changed before the next poll", (unsigned long long)i);
    batch_release(&batch);
}

uint32_t seen_poll_all(struct mock *m, struct seen *s, uint64_t max)
{
    struct poll_result r = {SLUICE_OK, 0, 0};
    int idle = 0;

    while (idle < 3 && s->n < s->most) {
        seen_poll(m, s, max, 20, &r);
        if (r.code == SLUICE_END || r.code == SLUICE_FATAL)
            break;
        idle = r.n == 0 ? idle + 1 : 0;
    }
    return r.code;
}

/* The acks of the first n: the last of each lane, or each of them. */
static uint32_t make_acks(struct mock *m, const struct seen *s, size_t n, struct sluice_ack *acks)
{
    uint32_t n_acks = 0, lane;
    size_t i;

    if ((m->plugin->desc.flags & SLUICE_ANY_ORDER) != 0) {
        for (i = 0; i < n; i++)
            acks[n_acks++] = (struct sluice_ack){s->records[i].lane, 0, s->records[i].next,
                                                 s->records[i].position, s->records[i].ordinal};
        return n_acks;
    }
    for (lane = 1; lane <= m->n_lanes; lane++)
        for (i = n; i > 0; i--)
            if (s->records[i - 1].lane == lane) {
                acks[n_acks++] = (struct sluice_ack){lane, 0, s->records[i - 1].next,
                                                     s->records[i - 1].position, s->records[i - 1].ordinal};
                break;
            }
    return n_acks;
}

uint32_t seen_settle(struct mock *m, const struct seen *s, size_t n)
{
    struct sluice_ack *items = calloc(n + MOCK_MAX_LANES, sizeof *items);
    struct sluice_acks acks = {0, sizeof *items, items};
    struct sluice_error err;
    uint32_t code;

    if (items == NULL)
        conf_fail(m->c, "the suite is out of memory");
    if (s != NULL)
        acks.n = make_acks(m, s, n, items);
    mock_error(&err);
    (void)snprintf(m->c->shared->doing, sizeof m->c->shared->doing, "settle");
    code = m->plugin->ops.source.settle(m->self, &acks, &err);
    (void)snprintf(m->c->shared->doing, sizeof m->c->shared->doing, "%s", "");
    free(items);
    return code;
}

const struct seen_record *seen_find(const struct seen *s, const struct seen_record *r)
{
    size_t i;

    for (i = 0; i < s->n; i++)
        if (s->records[i].lane_hash == r->lane_hash && s->records[i].position == r->position &&
            s->records[i].hash == r->hash)
            return &s->records[i];
    return NULL;
}

struct mock *seen_begin(struct conf *c)
{
    struct mock *m = mock_new(c, "a");

    mock_start(m);
    return m;
}

void seen_need(struct conf *c, const struct seen *s)
{
    if (s->n == 0)
        conf_skip(c, "it delivers no record here; set it up by --config");
}
