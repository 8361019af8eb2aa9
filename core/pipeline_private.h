/* pipeline_private: what the parts of a pipeline share.
 *
 *   pipeline.c         making, starting, stopping, asking
 *   pipeline_make.c    steps, stages and workers from the spec
 *   pipeline_lane.c    the source's lanes
 *   pipeline_source.c  the source's thread: start, poll, drain, stop
 *   pipeline_judge.c   what a polled batch says of itself: peek, head gates
 *   pipeline_route.c   what becomes of its records: denied, held, handed over
 *   pipeline_oversize.c  records that are too large to be held
 *   pipeline_tick.c    between polls: what is due, settling, staying alive
 *   pipeline_worker.c  a worker's thread: batches through the steps
 *   pipeline_stage.c   one call of an enricher or sink: pause, breaker, bisection
 *   pipeline_end.c     the end of records: verdicts to the flow, waiting, burial
 *   pipeline_log.c     a log line at the end of each record and step
 *   pipeline_job.c     the ledger of jobs hears what became of users
 *   pipeline_report.c  what it says of itself */
#ifndef SLUICE_CORE_PIPELINE_PRIVATE_H
#define SLUICE_CORE_PIPELINE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "breaker.h"
#include "dead_letter.h"
#include "gate_eval.h"
#include "instance.h"
#include "job.h"
#include "limit.h"
#include "parcel.h"
#include "pipeline.h"
#include "record.h"

#define BURY_MARK UINT32_MAX

/* An enricher, gate stage or sink, shared by the workers. */
struct stage {
    const char *name;
    const struct stage_spec *gate; /* a gate stage, or NULL */
    struct instance *instance;     /* an enricher or sink, or NULL */
    int is_sink;
    struct breaker breaker; /* under the pipeline's lock, as all below */
    struct limit limit;
    int64_t paused_since_ms; /* 0: not paused */
    char paused_why[432];
    uint64_t calls, records, busy_ms;
};

/* Why a record ends as a dead letter. */
struct ending {
    struct sluice_record *record;
    const char *stage;
    const char *reason;
    const char *detail;
};

#define EARLY_AT_ONCE 64u

/* A chain of stages that ends in a sink. */
struct step {
    const char *name; /* "" for the only one */
    struct stage *stages;
    size_t n_stages; /* the last one is the sink */
};

/* A batch before the cheap gates, with the scratch of deciding it. */
struct routing {
    struct sluice_batch *batch;
    struct gate_answer *answers; /* one a record, and as many for one gate */
    struct sluice_record **refs;
    struct sluice_verdict *verdicts;
    struct ending early[EARLY_AT_ONCE]; /* to be buried together */
    uint32_t n_early;
};

struct worker {
    struct pipeline *pipeline;
    uint32_t index;
    pthread_t thread;
    int started;
    /* The source's thread fills inbox; the worker swaps it against work. */
    struct sluice_batch *inbox;
    struct sluice_batch *work;
    uint64_t copied_bytes, document_bytes; /* in the arena of work: of the records, and the rest */
    int64_t inbox_since_ms;                /* when its first record came */
    struct parcel *ready, **ready_tail;    /* due, looking for room in the inbox; before all that is new */
    int idle;
    /* Scratch of one batch, allocated once. */
    struct sluice_record **refs, **rest;
    struct sluice_verdict *verdicts, *part;
    struct gate_answer *answers;
    uint32_t *outcomes;       /* by place in the batch, for two-phase gates */
    struct gate_eval **gates; /* one a gate stage, in the order of the steps */
    /* What it is doing, for the report of a missed deadline. */
    const char *doing_stage, *doing_call;
    uint32_t doing_n;
    int64_t doing_since_ms;
};

struct pipeline {
    const struct pipeline_spec *spec;
    struct instance_env env;
    const struct instance_spec **specs; /* those of spec, source first, sinks last */
    struct instance **instances;        /* parallel to specs */
    size_t n_started;
    struct instance *source;
    struct instance *decoder;
    struct metrics *metrics;
    struct state_db *state;

    struct gate_eval **head; /* the cheap gates, of the source's thread */
    size_t n_head;
    struct step *steps;
    size_t n_steps;
    size_t n_gate_stages; /* in all steps */
    int minds_order;      /* some sink is not commutative */
    uint32_t order_slot;

    pthread_mutex_t lock;
    pthread_cond_t space; /* the source's thread: room, due, stop */
    pthread_cond_t work;  /* the workers: something in an inbox, stop */
    pthread_t thread;
    int running; /* threads exist */
    enum pipeline_state state_now;
    int stopping;            /* no more polls */
    int ended;               /* the source said END */
    uint32_t n_paused;       /* stages */
    uint64_t document_bytes; /* of all workers */
    int workers_quit;
    atomic_int aborting;
    char error[512];
    struct flow *flow;
    struct parcel **waiting;          /* by slot */
    uint64_t n_ready;                 /* parcels that look for room in an inbox */
    struct parcel *held, **held_tail; /* due, to be asked about at the cheap gates again */
    struct worker *workers;
    uint32_t n_workers;
    struct sluice_batch *poll_batch;
    struct routing polled; /* of poll_batch */
    struct routing again;  /* of held records; they may be released while polled ones wait for room */
    struct limit poll_limit;
    int64_t poll_at; /* steady; the source is away until then */
    int cancelling;  /* calls of the source's cancel that are under way */

    struct lane_info **lanes;  /* by id - 1; grows, entries stay */
    struct lane_mark *settled; /* by id - 1: last accepted by the source */
    uint64_t *polled_of;       /* by id - 1: records of poll_batch that did not enter yet */
    uint64_t polled_at;        /* place in poll_batch up to where polled_of counts */
    uint32_t n_lanes;
    int asks_lanes;    /* the source asks lane_full */
    int breaks_lanes;  /* … and delivered of full lanes all the same */
    int64_t settle_at; /* steady; when to settle next */
    const char *source_doing;
    int64_t source_since_ms;
    int told_reason, told_reasons; /* logged: one that is no token, and that there are too many */
    char settle_error[432];        /* "" while settling works */
    char bury_error[432];          /* "" while the dead-letter store works */
    atomic_ullong letters_below;   /* unresolved letters have lower positions: others need no look-up */
    pipeline_watcher watcher;      /* or NULL */
    void *watcher_context;
    struct pipeline_jobs *jobs; /* NULL: its records belong to no job */
    int64_t started_ms;         /* steady */
    int64_t done_ms;
    struct metric_series *m_in, *m_written, *m_gated, *m_dead, *m_returned, *m_in_flight, *m_bytes,
        *m_waiting, *m_retries, *m_state;
    struct metric_series *m_job_reports[3], *m_job_waiting;
    struct metric_family *f_gated, *f_dead, *f_stage_calls, *f_stage_records, *f_stage_seconds,
        *f_stage_paused;
};

/* pipeline_make.c: 0, or -1: no memory */
struct instance *pipeline_instance(void *pipeline, const struct instance_spec *spec);
int pipeline_make_steps(struct pipeline *p);
int pipeline_make_workers(struct pipeline *p);
void pipeline_free_worker(struct pipeline *p, struct worker *w);
struct sluice_batch *pipeline_new_batch(const struct pipeline *p);
void pipeline_free_batch(struct sluice_batch *b);

/* pipeline_lane.c: lane_open, lane_lost and lane_full of the instances' env */
uint32_t pipeline_add_lane(void *pipeline, const char *name, const struct sluice_str *attributes, uint64_t n);
void pipeline_lose_lane(void *pipeline, uint32_t lane);
uint32_t pipeline_lane_is_full(void *pipeline, uint32_t lane);
/* The same count of what a poll brought and did not enter yet: begins, a record leaves it,
 * and whether the source kept to lane_full.  Lock held. */
void pipeline_polled_none(struct pipeline *p);
void pipeline_polled_less(struct pipeline *p, uint64_t at);
void pipeline_check_windows(struct pipeline *p);
void pipeline_free_lanes(struct pipeline *p);

/* pipeline_source.c */
void *pipeline_source_main(void *pipeline);
void source_doing(struct pipeline *p, const char *what);
/* The source's thread waits; 1 as soon as the pipeline stops or gives up. */
int pipeline_pause_source(struct pipeline *p, uint32_t ms);

/* pipeline_route.c */
void pipeline_route(struct pipeline *p); /* poll_batch */
/* The same for records that waited before the cheap gates admitted them. */
void pipeline_route_held(struct pipeline *p);
/* Its letter is stored: it is dead in all steps that are left.  Lock held. */
void pipeline_end_all_steps(struct pipeline *p, uint32_t ticket, enum flow_next next, uint32_t code,
                            const char *reason);

/* pipeline_judge.c: the answer for each record of a batch; 0, or -1: a gate failed for good */
int pipeline_judge(struct pipeline *p, struct routing *t);

/* pipeline_oversize.c */
int pipeline_is_oversize(const struct pipeline *p, const struct sluice_record *r);
void pipeline_bury_oversize(struct pipeline *p, struct sluice_record *r);

/* pipeline_tick.c */
void pipeline_wait_space(struct pipeline *p, uint32_t ms); /* lock held */
/* May a record of this key that is new be placed now?  Lock held. */
int pipeline_has_place(struct pipeline *p, uint64_t order);
/* Copies a record with its ticket into an inbox; 0, or -1: no room or memory now.  Lock held. */
int pipeline_place(struct pipeline *p, const struct sluice_record *r);
void pipeline_tick(struct pipeline *p);
void pipeline_settle_all(struct pipeline *p);
void pipeline_keep_alive(struct pipeline *p);
int pipeline_is_over(struct pipeline *p); /* failed, or told to give up */
int pipeline_is_over_locked(struct pipeline *p);
/* Gives what was due and found no room back to the source. */
void pipeline_return_parcels(struct pipeline *p);

/* pipeline_worker.c */
void *pipeline_worker_main(void *worker);
/* Counts what its stages made of the batch so far.  Lock held. */
void worker_count_documents(struct worker *w);

/* pipeline_stage.c: the answer OK means that every record has a verdict other than
 * NONE, SPLIT and DISCONNECTED; FATAL: the pipeline must stop, the verdicts stand too. */
uint32_t stage_call(struct worker *w, struct stage *s, struct sluice_record **records, uint32_t n,
                    struct sluice_verdict *verdicts, struct sluice_error *err);
/* Waits on behalf of a paused stage; 1 if the pipeline gives up meanwhile. */
int pipeline_pause(struct pipeline *p, uint32_t ms);

/* pipeline_end.c */
/* Ends or forwards records after a stage.  Those that may go on in the same step (OK or
 * ADMIT when last is 0) are kept: refs and *n shrink to them. */
void pipeline_conclude(struct pipeline *p, struct stage *s, int last, struct sluice_record **refs,
                       uint32_t *n, const struct sluice_verdict *verdicts);
/* Stores dead letters, then tells the flow; records in state BURYING. */
void pipeline_bury(struct pipeline *p, struct ending *endings, uint32_t n);
/* The letter of a record whose lane was lost while it was stored: whoever owns the lane now
 * decides about the record. */
void pipeline_take_back(struct pipeline *p, const struct sluice_record *r, uint32_t step);
/* There may be a letter at this position now. */
void pipeline_note_letter(struct pipeline *p, uint64_t position);
/* Keeps a copy of a record that waits.  Called with the lock held. */
void pipeline_keep(struct pipeline *p, const struct sluice_record *r, const char *stage, const char *reason,
                   const char *detail);
void pipeline_drop_returned(struct pipeline *p); /* lock held */
/* Tells the watcher of a record that the flow says is at its end; lock held. */
void pipeline_tell(struct pipeline *p, enum flow_next next, enum pipeline_end_class end,
                   const struct ending *e);
void pipeline_fail(struct pipeline *p, const char *who, const struct sluice_error *err);

/* pipeline_log.c: does nothing without `log_records`. */
enum pipeline_outcome { OUTCOME_WRITTEN, OUTCOME_GATED, OUTCOME_DEAD, OUTCOME_RETRY };
void pipeline_log_end(const struct pipeline *p, const struct sluice_record *r, uint32_t step,
                      enum pipeline_outcome outcome, const struct ending *why);
/* pipeline_job.c.  Notes are taken with the lock held, with the event that the flow hears;
 * 0, or -1: no memory, then the event may not be told.  Without `job` they do nothing. */
int pipeline_make_jobs(struct pipeline *p); /* after the order key; 0, or -1 */
void pipeline_free_jobs(struct pipeline *p);
int pipeline_is_job_field(const struct pipeline *p, uint32_t slot);
int pipeline_note_job(struct pipeline *p, const struct sluice_record *r, uint32_t step, enum job_event event,
                      const char *reason, const char *detail);
/* The same from the verdict that ends a step; any other verdict is no news. */
int pipeline_note_job_end(struct pipeline *p, const struct sluice_record *r, uint32_t step,
                          const struct stage *s, const struct sluice_verdict *v);
/* A gate before the steps denied it: skipped in all of them. */
int pipeline_note_job_denied(struct pipeline *p, const struct sluice_record *r, const char *reason,
                             const char *detail);
int pipeline_jobs_full(const struct pipeline *p); /* too many notes wait: poll nothing; lock held */
/* Memory for one note more, so that it cannot fail; 0, or -1. */
int pipeline_reserve_note(struct pipeline *p);
/* In the critical section that takes acks: 1: the notes so far are those that pipeline_send_notes
 * sends; 0: it has to be called first, nothing may be settled.  [source's thread, lock held] */
int pipeline_take_notes(struct pipeline *p);
int pipeline_send_notes(struct pipeline *p);         /* 0, or -1: they wait.  [source's thread] */
int pipeline_jobs_waiting(const struct pipeline *p); /* 1: the last report failed */
void pipeline_jobs_ready(const struct pipeline *p, struct strbuf *reasons); /* lock held */
int pipeline_jobs_metrics(struct pipeline *p);
void pipeline_jobs_collect(struct pipeline *p); /* lock held */

/* pipeline_report.c */
int pipeline_metrics_init(struct pipeline *p);
void pipeline_collect(void *pipeline);

/* pipeline_flags.c: ,"flags":[{"gate":…,"flag":…,"version":…}]  [any] */
void pipeline_flags_json(struct pipeline *p, struct strbuf *out);

#endif
