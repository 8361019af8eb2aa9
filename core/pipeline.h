/* pipeline: source -> decoder -> stages -> sink, with its threads.
 *
 * One thread polls the source, asks the cheap gates and settles; one worker a
 * writer decodes, runs the stages and writes.  All bookkeeping is the flow's, under
 * one lock; no plugin is called with that lock held.  Pipelines share nothing
 * but the process, so one that fails leaves the others alone. */
#ifndef SLUICE_CORE_PIPELINE_H
#define SLUICE_CORE_PIPELINE_H

#include "flow.h"
#include "job.h"
#include "metric.h"
#include "plan.h"
#include "state_db.h"
#include "strbuf.h"

enum pipeline_state {
    PIPELINE_STARTING, /* instances start; tried again while the other side is away */
    PIPELINE_RUNNING,
    PIPELINE_DRAINING, /* asked to stop, or the source is at its end */
    PIPELINE_DONE,     /* everything settled */
    PIPELINE_FAILED    /* cannot go on; see pipeline_error */
};

struct pipeline;

/* Makes all instances (create).  metrics and state are shared and outlive it.  NULL with problems. */
struct pipeline *pipeline_new(const struct pipeline_spec *spec, struct metrics *metrics,
                              struct state_db *state, struct problems *p);
void pipeline_free(struct pipeline *p); /* only when not running */

/* Before the start: where a pipeline with `job` reports to.  Without it nobody hears.  The ledger
 * outlives it. */
void pipeline_report_to(struct pipeline *p, struct job_ledger *ledger);

int pipeline_start(struct pipeline *p);  /* starts the threads; 0, or -1 */
void pipeline_drain(struct pipeline *p); /* [any] stop polling, finish what is in work */
void pipeline_abort(struct pipeline *p); /* [any] give up what blocks; after a missed deadline */
void pipeline_join(struct pipeline *p);  /* waits for its threads */
int pipeline_join_for(struct pipeline *p, uint32_t ms); /* 0, or -1: they did not end in time */

/* The end of a record, for who follows each of them (a backfill). */
enum pipeline_end_class { PIPELINE_WRITTEN, PIPELINE_GATED, PIPELINE_DEAD };
struct pipeline_end {
    enum pipeline_end_class end;
    const struct sluice_record *record;
    const char *reason, *detail; /* of gated and dead; detail may be NULL */
};
/* Called from any thread of the pipeline, under its lock: it must neither wait nor call the
 * pipeline.  A record is told once, and before the source may forget it; with steps, at the end
 * of the last one. */
typedef void (*pipeline_watcher)(void *context, const struct pipeline_end *end);
void pipeline_watch(struct pipeline *p, pipeline_watcher watcher, void *context); /* before pipeline_start */

enum pipeline_state pipeline_state(struct pipeline *p);
const char *pipeline_state_name(enum pipeline_state s);
const struct pipeline_spec *pipeline_spec(const struct pipeline *p);
/* 1 if it is working and nothing is wrong; else 0 and reasons, a line each. */
int pipeline_ready(struct pipeline *p, struct strbuf *reasons);
void pipeline_error(struct pipeline *p, char *out, size_t cap);

struct pipeline_progress {
    struct flow_counts counts;
    int64_t elapsed_ms;    /* since it ran */
    double position, size; /* of the source, bytes, if it tells; else 0 */
};
void pipeline_progress(struct pipeline *p, struct pipeline_progress *out);
/* One JSON object: state, counts, reasons, stages, lanes. */
void pipeline_json(struct pipeline *p, struct strbuf *out);
/* Counts by class and reason, for people. */
void pipeline_report(struct pipeline *p, struct strbuf *out);
/* What each thread is doing and for how long, and the ages of what is in flight. */
void pipeline_doing(struct pipeline *p, struct strbuf *out);
/* Re-reads gate lists.  Appends what was done. */
void pipeline_reload_gates(struct pipeline *p, struct strbuf *said);

#endif
