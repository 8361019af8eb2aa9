/* pipeline_lane: the lanes of a pipeline's source, by name and id.
 *
 * Entries are made once and stay, since records point at them. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
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

/* Room for one more lane in the arrays. */
static int grow_lanes(struct pipeline *p)
{
    struct lane_info **lanes = realloc(p->lanes, (p->n_lanes + 1) * sizeof *lanes);
    struct lane_mark *settled;
    uint64_t *polled_of;

    if (lanes == NULL)
        return -1;
    p->lanes = lanes;
    settled = realloc(p->settled, (p->n_lanes + 1) * sizeof *settled);
    if (settled == NULL)
        return -1;
    memset(&settled[p->n_lanes], 0, sizeof *settled);
    p->settled = settled;
    polled_of = realloc(p->polled_of, (p->n_lanes + 1) * sizeof *polled_of);
    if (polled_of == NULL)
        return -1;
    polled_of[p->n_lanes] = 0;
    p->polled_of = polled_of;
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

/* Called inside start, poll and keepalive, so on the source's thread, which owns poll_batch. */
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

/* Counts what the poll has added since it was asked last. */
static void count_polled(struct pipeline *p)
{
    for (; p->polled_at < p->poll_batch->n; p->polled_at++)
        p->polled_of[p->poll_batch->records[p->polled_at].lane_id - 1]++;
}

uint32_t pipeline_lane_is_full(void *context, uint32_t lane)
{
    struct pipeline *p = context;
    int full = 1;

    pthread_mutex_lock(&p->lock);
    if (!p->asks_lanes)
        flow_lanes_apart(p->flow, 1);
    p->asks_lanes = 1;
    count_polled(p);
    if (lane > 0 && lane <= p->n_lanes)
        full = flow_lane_full(p->flow, lane, p->polled_of[lane - 1]);
    pthread_mutex_unlock(&p->lock);
    return (uint32_t)full;
}

void pipeline_polled_none(struct pipeline *p)
{
    if (p->polled_of != NULL) /* no lane yet */
        memset(p->polled_of, 0, p->n_lanes * sizeof *p->polled_of);
    p->polled_at = 0;
}

void pipeline_polled_less(struct pipeline *p, uint64_t at)
{
    if (at < p->polled_at)
        p->polled_of[p->poll_batch->records[at].lane_id - 1]--;
}

static void say_windows_broken(const struct pipeline *p, const char *lane)
{
    struct log_field fields[] = {LOG_TEXT("pipeline", p->spec->name),
                                 LOG_TEXT("instance", instance_name(p->source)), LOG_TEXT("lane", lane)};

    log_event(SLUICE_WARN, "full_lane_delivered", fields, 3);
}

/* One that asks before each poll passes a window by one poll at most.  One that passes it by
 * more delivers of full lanes, and is held back from now on as one that never asks. */
void pipeline_check_windows(struct pipeline *p)
{
    uint64_t i, most = p->poll_batch->cap, span;

    if (!p->asks_lanes || p->breaks_lanes)
        return;
    count_polled(p);
    for (i = 0; i < p->poll_batch->n; i++) {
        const struct sluice_record *r = &p->poll_batch->records[i];

        span = flow_lane_span(p->flow, r->lane_id) + p->polled_of[r->lane_id - 1];
        if (r->generation != r->lane->generation || span < most || span - most < p->spec->lane_window)
            continue;
        p->breaks_lanes = 1;
        flow_lanes_apart(p->flow, 0);
        say_windows_broken(p, r->lane->name);
        return;
    }
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
    free(p->polled_of);
}
