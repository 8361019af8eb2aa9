/* pipeline_oversize: records above max_record: never held, streamed from the source into the
 * dead-letter store while their poll lasts. */
#include <stdio.h>

#include "clock.h"
#include "pipeline_private.h"

int pipeline_is_oversize(const struct pipeline *p, const struct sluice_record *r)
{
    return r->size > r->payload.len || r->payload.len > p->spec->max_record;
}

/* The dead letter of an oversize record, read from the source piece by piece. */
struct fetching {
    struct pipeline *pipeline;
    const struct sluice_record *record;
};

static int64_t fetch_more(void *context, uint64_t offset, void *out, uint64_t cap, struct sluice_error *err)
{
    struct fetching *f = context;
    const struct sluice_source_ops *ops = &instance_plugin(f->pipeline->source)->ops.source;
    int64_t got;

    if (ops->fetch == NULL) {
        (void)sluice_fail(err, SLUICE_FATAL, NULL,
                          "source '%s' delivered an oversize record but cannot fetch it",
                          instance_name(f->pipeline->source));
        return -1;
    }
    /* Not instance_enter: this is the one thread that calls the source, and the store that
     * asks holds a lock which settle takes inside that one. */
    got = ops->fetch(instance_self(f->pipeline->source), f->record->lane_id, f->record->position, offset, out,
                     cap, err);
    return got;
}

/* Its bytes are only to be had until the next poll, so this waits until it is stored. */
void pipeline_bury_oversize(struct pipeline *p, struct sluice_record *r)
{
    struct fetching fetching = {p, r};
    struct dead_letter letter;
    struct sluice_error err;
    char detail[128];
    uint32_t code;
    int returned;

    (void)snprintf(detail, sizeof detail, "the record has %llu bytes, max_record allows %llu",
                   (unsigned long long)r->size, (unsigned long long)p->spec->max_record);
    letter = (struct dead_letter){.pipeline = p->spec->name,
                                  .step = p->steps[0].name,
                                  .stage = instance_name(p->source),
                                  .lane = r->lane->name,
                                  .position = r->position,
                                  .ordinal = r->ordinal,
                                  .reason = "too_large",
                                  .detail = detail,
                                  .time_ms = clock_now_ms(),
                                  .order_key = r->fields[p->order_slot],
                                  .key = r->key,
                                  .payload = r->payload,
                                  .size = r->size,
                                  .headers = r->headers,
                                  .n_headers = r->n_headers};
    source_doing(p, "dead letter");
    pipeline_note_letter(p, r->position);
    for (;;) {
        error_clear(&err);
        code = dead_letter_put(p->state, &letter, 1, fetch_more, &fetching, &err);
        returned = 0;
        pthread_mutex_lock(&p->lock);
        (void)snprintf(p->bury_error, sizeof p->bury_error, "%s", code == SLUICE_OK ? "" : err.message);
        if (code == SLUICE_OK && pipeline_note_job(p, r, 0, JOB_EVENT_FAILED, "too_large", detail) != 0)
            code = SLUICE_RETRY;
        if (code == SLUICE_OK) {
            enum flow_next next = flow_buried(p->flow, r->ticket, 1, "too_large", clock_steady_ms());

            returned = next == FLOW_RETURNED;
            pipeline_tell(p, next, PIPELINE_DEAD, &(struct ending){r, letter.stage, letter.reason, detail});
            pipeline_end_all_steps(p, r->ticket, next, SLUICE_REJECT, "too_large");
        }
        pthread_mutex_unlock(&p->lock);
        if (returned)
            pipeline_take_back(p, r, 0);
        if (code == SLUICE_OK)
            break;
        pipeline_tick(p);
        pipeline_keep_alive(p);
        if (pipeline_pause_source(p, 1000)) {
            pthread_mutex_lock(&p->lock);
            (void)flow_buried(p->flow, r->ticket, 0, NULL, 0);
            pthread_mutex_unlock(&p->lock);
            break;
        }
    }
    source_doing(p, NULL);
}
