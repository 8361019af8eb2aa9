/* pipeline_report: what a pipeline says of itself: metrics, JSON, text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "pipeline_private.h"

const char *pipeline_state_name(enum pipeline_state s)
{
    switch (s) {
    case PIPELINE_STARTING:
        return "starting";
    case PIPELINE_RUNNING:
        return "running";
    case PIPELINE_DRAINING:
        return "draining";
    case PIPELINE_DONE:
        return "done";
    case PIPELINE_FAILED:
    default:
        return "failed";
    }
}

static struct metric_series *series(struct pipeline *p, uint32_t kind, const char *name, const char *help,
                                    const char *class)
{
    const char *labels[2] = {"pipeline", "class"}, *values[2] = {p->spec->name, class};
    struct metric_family *f = metric_family(p->metrics, kind, name, help, labels, class == NULL ? 1 : 2);

    return f == NULL ? NULL : metric_series(f, values);
}

static struct metric_family *family(struct pipeline *p, uint32_t kind, const char *name, const char *help,
                                    const char *label)
{
    const char *labels[2] = {"pipeline", label};

    return metric_family(p->metrics, kind, name, help, labels, 2);
}

int pipeline_metrics_init(struct pipeline *p)
{
    static const char records_help[] = "Records that reached their end, by class.";

    if (p->metrics == NULL)
        return 0;
    p->m_in = series(p, SLUICE_COUNTER, "sluice_records_in_total", "Records taken from the source.", NULL);
    p->m_written = series(p, SLUICE_COUNTER, "sluice_records_total", records_help, "written");
    p->m_gated = series(p, SLUICE_COUNTER, "sluice_records_total", records_help, "gated");
    p->m_dead = series(p, SLUICE_COUNTER, "sluice_records_total", records_help, "dead");
    p->m_returned = series(p, SLUICE_COUNTER, "sluice_records_total", records_help, "returned");
    p->m_in_flight =
        series(p, SLUICE_GAUGE, "sluice_records_in_flight", "Records between source and end.", NULL);
    p->m_bytes = series(p, SLUICE_GAUGE, "sluice_in_flight_bytes", "Memory of the records in flight.", NULL);
    p->m_waiting = series(p, SLUICE_GAUGE, "sluice_records_waiting",
                          "Records in flight that wait for a retry, a gate or the dead-letter store.", NULL);
    p->m_retries = series(p, SLUICE_COUNTER, "sluice_retries_total", "Tries that ended in a retry.", NULL);
    p->m_state = series(p, SLUICE_GAUGE, "sluice_pipeline_up", "1 while the pipeline is running.", NULL);
    p->f_gated = family(p, SLUICE_COUNTER, "sluice_gated_total", "Gated records by reason.", "reason");
    p->f_dead = family(p, SLUICE_COUNTER, "sluice_dead_total", "Dead-lettered records by reason.", "reason");
    p->f_stage_calls = family(p, SLUICE_COUNTER, "sluice_stage_calls_total", "Calls of a stage.", "stage");
    p->f_stage_records =
        family(p, SLUICE_COUNTER, "sluice_stage_records_total", "Records handed to a stage.", "stage");
    p->f_stage_seconds =
        family(p, SLUICE_GAUGE, "sluice_stage_busy_seconds", "Time spent inside a stage so far.", "stage");
    p->f_stage_paused = family(p, SLUICE_GAUGE, "sluice_stage_paused", "1 while a stage is paused.", "stage");
    if (p->m_in == NULL || p->m_written == NULL || p->m_state == NULL || p->f_stage_paused == NULL ||
        pipeline_jobs_metrics(p) != 0)
        return -1;
    return metrics_on_collect(p->metrics, pipeline_collect, p);
}

static void set_by_label(struct pipeline *p, struct metric_family *f, const char *label, double value)
{
    const char *values[2] = {p->spec->name, label};

    if (f != NULL)
        metric_set(metric_series(f, values), value);
}

static void collect_reasons(struct pipeline *p, struct metric_family *f, const struct flow_count *c)
{
    for (; c->reason != NULL; c++)
        if (c->n > 0)
            set_by_label(p, f, c->reason, (double)c->n);
}

static void collect_stages(struct pipeline *p)
{
    size_t s, i;

    for (s = 0; s < p->n_steps; s++)
        for (i = 0; i < p->steps[s].n_stages; i++) {
            const struct stage *stage = &p->steps[s].stages[i];

            if (stage->instance == NULL || (s > 0 && i == 0)) /* the decoder once */
                continue;
            set_by_label(p, p->f_stage_calls, stage->name, (double)stage->calls);
            set_by_label(p, p->f_stage_records, stage->name, (double)stage->records);
            set_by_label(p, p->f_stage_seconds, stage->name, (double)stage->busy_ms / 1000.0);
            set_by_label(p, p->f_stage_paused, stage->name, stage->paused_since_ms != 0);
        }
}

/* One moment for all numbers of the pipeline: in = written + gated + dead + returned +
 * in flight holds in each scrape. */
void pipeline_collect(void *context)
{
    struct pipeline *p = context;
    struct flow_counts c;
    size_t i;

    pthread_mutex_lock(&p->lock);
    flow_counts(p->flow, &c);
    metric_set(p->m_in, (double)c.in);
    metric_set(p->m_written, (double)c.written);
    metric_set(p->m_gated, (double)c.gated);
    metric_set(p->m_dead, (double)c.dead);
    metric_set(p->m_returned, (double)c.returned);
    metric_set(p->m_in_flight, (double)c.in_flight);
    metric_set(p->m_bytes, (double)(c.bytes + c.document_bytes));
    metric_set(p->m_waiting, (double)c.waiting);
    metric_set(p->m_retries, (double)c.retries);
    metric_set(p->m_state, p->state_now == PIPELINE_RUNNING);
    collect_reasons(p, p->f_gated, flow_gated_by(p->flow));
    collect_reasons(p, p->f_dead, flow_dead_by(p->flow));
    collect_stages(p);
    pipeline_jobs_collect(p);
    pthread_mutex_unlock(&p->lock);
    for (i = 0; i < p->spec->n_instances; i++)
        instance_stats(p->instances[i]);
}

int pipeline_ready(struct pipeline *p, struct strbuf *reasons)
{
    size_t before = reasons->len, s, i;

    pthread_mutex_lock(&p->lock);
    if (p->state_now == PIPELINE_STARTING || p->state_now == PIPELINE_FAILED)
        strbuf_printf(reasons, "%s: %s%s%s\n", p->spec->name, pipeline_state_name(p->state_now),
                      p->error[0] != '\0' ? ": " : "", p->error);
    if (p->bury_error[0] != '\0')
        strbuf_printf(reasons, "%s: dead letters cannot be stored: %s\n", p->spec->name, p->bury_error);
    if (p->settle_error[0] != '\0')
        strbuf_printf(reasons, "%s: the source cannot settle: %s\n", p->spec->name, p->settle_error);
    pipeline_jobs_ready(p, reasons);
    for (s = 0; s < p->n_steps; s++)
        for (i = 0; i < p->steps[s].n_stages; i++)
            if (p->steps[s].stages[i].paused_since_ms != 0)
                strbuf_printf(reasons, "%s: '%s' is paused: %s\n", p->spec->name, p->steps[s].stages[i].name,
                              p->steps[s].stages[i].paused_why);
    pthread_mutex_unlock(&p->lock);
    return reasons->len == before;
}

void pipeline_error(struct pipeline *p, char *out, size_t cap)
{
    pthread_mutex_lock(&p->lock);
    (void)snprintf(out, cap, "%s", p->error);
    pthread_mutex_unlock(&p->lock);
}

void pipeline_progress(struct pipeline *p, struct pipeline_progress *out)
{
    const char *plugin = p->spec->source->plugin->desc.name;
    const char *values[2] = {p->spec->name, p->spec->source->name};
    char name[96];

    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&p->lock);
    flow_counts(p->flow, &out->counts);
    out->elapsed_ms = (p->done_ms != 0 ? p->done_ms : clock_steady_ms()) - p->started_ms;
    pthread_mutex_unlock(&p->lock);
    if (p->metrics == NULL)
        return;
    instance_stats(p->source);
    (void)snprintf(name, sizeof name, "sluice_source_%s_position_bytes", plugin);
    out->position = metrics_lookup(p->metrics, name, values, 2);
    (void)snprintf(name, sizeof name, "sluice_source_%s_size_bytes", plugin);
    out->size = metrics_lookup(p->metrics, name, values, 2);
}

static void json_reasons(struct strbuf *out, const char *key, const struct flow_count *c)
{
    int first = 1;

    strbuf_printf(out, ",\"%s\":{", key);
    for (; c->reason != NULL; c++) {
        if (c->n == 0)
            continue;
        if (!first)
            strbuf_putc(out, ',');
        first = 0;
        strbuf_json(out, c->reason, strlen(c->reason));
        strbuf_printf(out, ":%" PRIu64, c->n);
    }
    strbuf_putc(out, '}');
}

static void json_stages(struct pipeline *p, struct strbuf *out)
{
    size_t s, i;
    int first = 1;

    strbuf_puts(out, ",\"stages\":[");
    for (s = 0; s < p->n_steps; s++)
        for (i = 0; i < p->steps[s].n_stages; i++) {
            const struct stage *stage = &p->steps[s].stages[i];

            if (!first)
                strbuf_putc(out, ',');
            first = 0;
            strbuf_puts(out, "{\"name\":");
            strbuf_json(out, stage->name, strlen(stage->name));
            strbuf_puts(out, ",\"step\":");
            strbuf_json(out, p->steps[s].name, strlen(p->steps[s].name));
            strbuf_printf(
                out, ",\"calls\":%" PRIu64 ",\"records\":%" PRIu64 ",\"busy_seconds\":%.3f,\"paused\":%s",
                stage->calls, stage->records, (double)stage->busy_ms / 1000.0,
                stage->paused_since_ms != 0 ? "true" : "false");
            if (stage->paused_since_ms != 0) {
                strbuf_puts(out, ",\"paused_why\":");
                strbuf_json(out, stage->paused_why, strlen(stage->paused_why));
            }
            strbuf_putc(out, '}');
        }
    strbuf_putc(out, ']');
}

static void json_lanes(struct pipeline *p, struct strbuf *out)
{
    uint32_t i;

    strbuf_puts(out, ",\"lanes\":[");
    for (i = 0; i < p->n_lanes; i++) {
        strbuf_puts(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        strbuf_json(out, p->lanes[i]->name, strlen(p->lanes[i]->name));
        strbuf_printf(out, ",\"settled\":%" PRIu64 ",\"ordinal\":%" PRIu64 "}", p->settled[i].next,
                      p->settled[i].ordinal);
    }
    strbuf_putc(out, ']');
}

void pipeline_json(struct pipeline *p, struct strbuf *out)
{
    struct flow_counts c;

    pthread_mutex_lock(&p->lock);
    flow_counts(p->flow, &c);
    strbuf_puts(out, "{\"name\":");
    strbuf_json(out, p->spec->name, strlen(p->spec->name));
    strbuf_printf(out, ",\"state\":\"%s\"", pipeline_state_name(p->state_now));
    if (p->error[0] != '\0') {
        strbuf_puts(out, ",\"error\":");
        strbuf_json(out, p->error, strlen(p->error));
    }
    strbuf_printf(out,
                  ",\"in\":%" PRIu64 ",\"written\":%" PRIu64 ",\"gated\":%" PRIu64 ",\"dead\":%" PRIu64
                  ",\"returned\":%" PRIu64 ",\"in_flight\":%" PRIu64 ",\"in_flight_bytes\":%" PRIu64
                  ",\"waiting\":%" PRIu64 ",\"retries\":%" PRIu64 ",\"oldest_seconds\":%.3f",
                  c.in, c.written, c.gated, c.dead, c.returned, c.in_flight, c.bytes + c.document_bytes,
                  c.waiting, c.retries, (double)flow_oldest_ms(p->flow, clock_steady_ms()) / 1000.0);
    json_reasons(out, "gated_by", flow_gated_by(p->flow));
    json_reasons(out, "dead_by", flow_dead_by(p->flow));
    json_stages(p, out);
    json_lanes(p, out);
    pthread_mutex_unlock(&p->lock);
    pipeline_flags_json(p, out); /* asks plugins: not under the lock */
    strbuf_putc(out, '}');
}

static void report_reasons(struct strbuf *out, const struct flow_count *c)
{
    for (; c->reason != NULL; c++)
        if (c->n > 0)
            strbuf_printf(out, "      %-24s %12" PRIu64 "\n", c->reason, c->n);
}

void pipeline_report(struct pipeline *p, struct strbuf *out)
{
    struct pipeline_progress progress;
    struct flow_counts c;

    pipeline_progress(p, &progress);
    c = progress.counts;
    pthread_mutex_lock(&p->lock);
    strbuf_printf(out, "%s: %s, %" PRIu64 " records in %.1f s", p->spec->name,
                  pipeline_state_name(p->state_now), c.in, (double)progress.elapsed_ms / 1000.0);
    if (c.in == 0 && p->state_now == PIPELINE_DONE)
        strbuf_puts(out, " (nothing new: the source was settled up to its end)");
    if (p->error[0] != '\0')
        strbuf_printf(out, "\n  why: %s", p->error);
    strbuf_printf(out, "\n  written                      %12" PRIu64 "\n", c.written);
    strbuf_printf(out, "  gated                        %12" PRIu64 "\n", c.gated);
    report_reasons(out, flow_gated_by(p->flow));
    strbuf_printf(out, "  dead-lettered                %12" PRIu64 "\n", c.dead);
    report_reasons(out, flow_dead_by(p->flow));
    if (c.returned > 0)
        strbuf_printf(out, "  returned to the source       %12" PRIu64 "\n", c.returned);
    if (c.in_flight > 0)
        strbuf_printf(out, "  still in flight              %12" PRIu64 "\n", c.in_flight);
    if (c.retries > 0)
        strbuf_printf(out, "  retries                      %12" PRIu64 "\n", c.retries);
    pthread_mutex_unlock(&p->lock);
}

void pipeline_doing(struct pipeline *p, struct strbuf *out)
{
    int64_t now = clock_steady_ms();
    struct flow_counts c;
    uint32_t i;

    pthread_mutex_lock(&p->lock);
    flow_counts(p->flow, &c);
    strbuf_printf(out,
                  "%s: %" PRIu64 " records in flight (%" PRIu64 " bytes), %" PRIu64
                  " of them waiting, the oldest for %.1f s\n",
                  p->spec->name, c.in_flight, c.bytes + c.document_bytes, c.waiting,
                  (double)flow_oldest_ms(p->flow, now) / 1000.0);
    if (p->source_doing != NULL)
        strbuf_printf(out, "%s: source '%s' is in %s for %.1f s\n", p->spec->name, instance_name(p->source),
                      p->source_doing, (double)(now - p->source_since_ms) / 1000.0);
    for (i = 0; i < p->n_workers; i++) {
        const struct worker *w = &p->workers[i];

        if (w->doing_stage != NULL)
            strbuf_printf(out, "%s: worker %u is in %s of '%s' for %.1f s with %u records\n", p->spec->name,
                          i, w->doing_call, w->doing_stage, (double)(now - w->doing_since_ms) / 1000.0,
                          w->doing_n);
        else
            strbuf_printf(out, "%s: worker %u is %s\n", p->spec->name, i, w->idle ? "idle" : "between calls");
    }
    pthread_mutex_unlock(&p->lock);
    (void)pipeline_ready(p, out);
}

void pipeline_reload_gates(struct pipeline *p, struct strbuf *said)
{
    struct sluice_error err;
    size_t i;
    uint32_t code;

    for (i = 0; i < p->spec->n_instances; i++) {
        struct instance *g = p->instances[i];
        const struct plugin *plugin = instance_plugin(g);

        if (plugin->desc.kind != SLUICE_GATE || plugin->ops.gate.reload == NULL ||
            pipeline_state(p) != PIPELINE_RUNNING)
            continue;
        error_clear(&err);
        code = plugin->ops.gate.reload(instance_self(g), &err);
        strbuf_printf(said, "%s: gate '%s': %s\n", p->spec->name, instance_name(g),
                      code == SLUICE_OK ? "re-read" : err.message);
    }
}
