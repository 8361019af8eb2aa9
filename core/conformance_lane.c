/* conformance_lane: the mock host's lanes, and the batch that a source fills.
 *
 * Invariant: names and attributes are copies; a source may free its own at once. */
#include <stdlib.h>
#include <string.h>

#include "conformance_services.h"

static char **copy_pairs(const struct sluice_str *pairs, uint64_t n)
{
    char **copies = calloc(2 * n + 1, sizeof *copies);
    uint64_t i;

    for (i = 0; copies != NULL && i < 2 * n; i++)
        copies[i] = pairs[i].data == NULL ? strdup("") : strndup(pairs[i].data, pairs[i].len);
    return copies;
}

uint32_t mock_lane_open(const struct sluice_host *host, const char *name, const struct sluice_str *attributes,
                        uint64_t n)
{
    struct mock *m = mock_of(host);
    struct lane_info *lane;
    uint32_t i;

    if (m->polled == NULL && !m->in_keepalive && !m->in_start)
        conf_fail(m->c, "called lane_open outside of start, poll and keepalive");
    if (name == NULL || name[0] == '\0')
        conf_fail(m->c, "opened a lane without a name");
    for (i = 0; i < m->n_lanes; i++)
        if (strcmp(m->lanes[i]->name, name) == 0)
            return i + 1;
    if (m->n_lanes == MOCK_MAX_LANES || mock_service_fails())
        return 0;
    lane = calloc(1, sizeof *lane);
    if (lane == NULL || (lane->name = strdup(name)) == NULL ||
        (lane->attributes = copy_pairs(attributes, n)) == NULL)
        return 0;
    lane->n_attributes = n;
    m->lanes[m->n_lanes++] = lane;
    if (m->polled != NULL)
        m->polled->n_lanes = m->n_lanes;
    return m->n_lanes;
}

void mock_lane_lost(const struct sluice_host *host, uint32_t lane)
{
    struct mock *m = mock_of(host);

    if (lane == 0 || lane > m->n_lanes)
        conf_fail(m->c, "lost the lane %u, which was never opened", lane);
}

/* Full from mock_world.lane_window records of the poll on. */
uint32_t mock_lane_full(const struct sluice_host *host, uint32_t lane)
{
    struct mock *m = mock_of(host);
    uint64_t i, n = 0;

    if (m->polled == NULL && !m->in_keepalive)
        conf_fail(m->c, "called lane_full outside of poll and keepalive");
    if (lane == 0 || lane > m->n_lanes)
        conf_fail(m->c, "asked about the lane %u, which was never opened", lane);
    atomic_fetch_add(&mock_world.lane_asked, 1);
    for (i = 0; m->polled != NULL && i < m->polled->n; i++)
        n += m->polled->records[i].lane_id == lane;
    return n >= atomic_load(&mock_world.lane_window);
}

uint64_t mock_batch_add(struct sluice_batch *batch, const struct sluice_item *items, uint64_t n,
                        uint64_t stride)
{
    uint64_t room = atomic_load(&mock_world.batch_room), taken;

    atomic_fetch_add(&mock_world.offered, n);
    taken = batch_add(batch, items, n < room ? n : room, stride);
    atomic_store(&mock_world.batch_room, room - taken);
    return taken;
}

void mock_lanes_release(struct mock *m)
{
    uint32_t i;
    uint64_t j;

    for (i = 0; i < m->n_lanes; i++) {
        for (j = 0; j < 2 * m->lanes[i]->n_attributes; j++)
            free(m->lanes[i]->attributes[j]);
        free(m->lanes[i]->attributes);
        free(m->lanes[i]->name);
        free(m->lanes[i]);
    }
}
