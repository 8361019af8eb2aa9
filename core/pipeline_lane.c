/* pipeline_lane: the lanes of a pipeline's source, by name and id.
 *
 * Entries are made once and stay, since records point at them. */
#include <stdlib.h>
#include <string.h>

#include "pipeline_private.h"

static struct lane_info *new_lane(const char *name, const struct sluice_str *attributes, uint64_t n)
{
    struct lane_info *lane = calloc(1, sizeof *lane);
    uint64_t i;

    if (lane == NULL)
        return NULL;
    lane->name = strdup(name);
    lane->attributes = calloc(2 * n + 1, sizeof(char *));
    if (lane->name != NULL && lane->attributes != NULL) {
        for (i = 0; i < 2 * n; i++)
            if ((lane->attributes[i] = strndup(attributes[i].data, attributes[i].len)) == NULL)
                break;
        lane->n_attributes = n;
        if (i == 2 * n)
            return lane;
    }
    for (i = 0; lane->attributes != NULL && i < 2 * n; i++)
        free(lane->attributes[i]);
    free(lane->attributes);
    free(lane->name);
    free(lane);
    return NULL;
}

/* Room for one more lane in both arrays. */
static int grow_lanes(struct pipeline *p)
{
    struct lane_info **lanes = realloc(p->lanes, (p->n_lanes + 1) * sizeof *lanes);
    struct lane_mark *settled;

    if (lanes == NULL)
        return -1;
    p->lanes = lanes;
    settled = realloc(p->settled, (p->n_lanes + 1) * sizeof *settled);
    if (settled == NULL)
        return -1;
    memset(&settled[p->n_lanes], 0, sizeof *settled);
    p->settled = settled;
    return 0;
}

static uint32_t open_lane(struct pipeline *p, const char *name, const struct sluice_str *attributes,
                          uint64_t n)
{
    struct lane_info *lane;
    uint32_t i;

    for (i = 0; i < p->n_lanes; i++)
        if (strcmp(p->lanes[i]->name, name) == 0)
            return flow_lane(p->flow, i + 1) == 0 ? i + 1 : 0;
    if (grow_lanes(p) != 0 || flow_lane(p->flow, p->n_lanes + 1) != 0 ||
        (lane = new_lane(name, attributes, n)) == NULL)
        return 0;
    p->lanes[p->n_lanes++] = lane;
    return p->n_lanes;
}

/* Called inside poll and start, so on the source's thread, which owns poll_batch. */
uint32_t pipeline_add_lane(void *context, const char *name, const struct sluice_str *attributes, uint64_t n)
{
    struct pipeline *p = context;
    uint32_t id;

    if (name == NULL || p->flow == NULL)
        return 0;
    pthread_mutex_lock(&p->lock);
    id = open_lane(p, name, attributes, n);
    p->poll_batch->lanes = (const struct lane_info *const *)p->lanes;
    p->poll_batch->n_lanes = p->n_lanes;
    pthread_mutex_unlock(&p->lock);
    return id;
}

void pipeline_lose_lane(void *context, uint32_t lane)
{
    struct pipeline *p = context;

    pthread_mutex_lock(&p->lock);
    flow_lane_lost(p->flow, lane);
    if (lane > 0 && lane <= p->n_lanes)
        p->lanes[lane - 1]->generation++;
    pipeline_drop_returned(p);
    pthread_mutex_unlock(&p->lock);
}

void pipeline_free_lanes(struct pipeline *p)
{
    uint32_t i;
    size_t a;

    for (i = 0; i < p->n_lanes; i++) {
        for (a = 0; a < p->lanes[i]->n_attributes * 2; a++)
            free(p->lanes[i]->attributes[a]);
        free(p->lanes[i]->attributes);
        free(p->lanes[i]->name);
        free(p->lanes[i]);
    }
    free(p->lanes);
    free(p->settled);
}
