/* flow: the state machine of a pipeline.
 *
 * It knows every record between the source and its end: what may enter, what
 * waits, what is tried again and when, what is dead, what may be settled.  It has
 * no threads, clock or I/O: events come in with the time, decisions go out.  The
 * caller serialises (pipeline.c holds one lock around it; tests call it alone).
 *
 *            arrive            verdict OK, last step
 *   (source) ------> RUNNING ------------------------> written
 *              pass     |  ^   DROP, DENY, all steps -> gated
 *   gated <----         |  | due
 *                       |  |
 *              RETRY    v  |        REJECT, attempts spent
 *                     WAITING      RUNNING -----------> BURYING --buried--> dead
 *                                                        ^   | failed: waits, due
 *                                                        +---+
 *   lane lost, or stop: RUNNING, WAITING, BURYING --------> returned (never settled)
 *
 * Invariants (asserted by the simulation after each event):
 *   in = written + gated + dead + returned + in flight;
 *   a lane settles only its contiguous done prefix, only while it is owned;
 *   a record counts as dead only after the dead-letter store has it. */
#ifndef SLUICE_CORE_FLOW_H
#define SLUICE_CORE_FLOW_H

#include <stdint.h>

#include "lane.h"
#include "plan.h"
#include "retry.h"

#define FLOW_MAX_REASONS 64u /* further reasons are counted as "other" */
#define FLOW_MAX_REASON 40u  /* letters of a reason */
#define FLOW_MAX_IN_FLIGHT ((1u << 20) - 2u)

struct flow_spec {
    uint32_t n_steps;
    uint32_t any_order;   /* the source settles records one by one */
    uint32_t commutative; /* later records of a key may pass one that waits */
    uint32_t idempotent;  /* UNSURE may be tried again */
    uint64_t max_in_flight;
    uint64_t memory_bytes;
    uint64_t lane_window;
    struct retry_spec retry;
    uint64_t seed;
};

/* What the caller has to do with the record now. */
enum flow_next {
    FLOW_STALE,    /* the ticket is not in this state: ignore the event */
    FLOW_FINISHED, /* written or gated: free it */
    FLOW_STEP,     /* run its next step (flow_step) */
    FLOW_WAIT,     /* keep a copy; flow_due gives the ticket back */
    FLOW_BURY,     /* store the dead letter, then flow_buried */
    FLOW_RETURNED  /* nobody wants it any more: free it, conclude as "released" */
};

struct flow_count {
    const char *reason;
    uint64_t n;
};

struct flow_counts {
    uint64_t in;
    uint64_t written;
    uint64_t gated;
    uint64_t dead;
    uint64_t returned;
    uint64_t in_flight;
    uint64_t bytes;           /* in flight, as they came */
    uint64_t document_bytes;  /* of what was made of them */
    uint64_t waiting;         /* of in flight: for a retry, a gate or a dead-letter store */
    uint64_t retries;         /* verdicts RETRY so far */
    uint64_t burial_failures; /* dead letters that could not be stored, so far */
    uint64_t unburied;        /* records whose dead letter could not be stored yet */
};

struct flow;

/* Place of a ticket in an array of max_in_flight members. */
static inline uint32_t flow_place(uint32_t ticket)
{
    return (ticket & ((1u << 20) - 1u)) - 1u;
}

struct flow *flow_new(const struct flow_spec *spec); /* NULL: no memory */
void flow_free(struct flow *f);

/* How many records may enter now; 0: full, or dead letters cannot be stored, or windows are
 * used up: that of any lane, and then all that may enter may be of one lane; with lanes
 * apart, only if those of all lanes are.  Bytes are looked at before a poll, so memory_bytes
 * may be passed by the records of one poll. */
uint64_t flow_room(const struct flow *f);
/* What was made of the records in flight takes so many bytes more of the memory now. */
void flow_documents(struct flow *f, uint64_t bytes);
/* The source keeps to flow_lane_full (1), so a lane at its window holds back only itself. */
void flow_lanes_apart(struct flow *f, int apart);
/* 1 while the lane, with n more records on their way to it, has reached its window, and of
 * a lane that is lost or never was. */
int flow_lane_full(const struct flow *f, uint32_t lane, uint64_t n);
/* Records that entered the lane since the oldest open one; 0 for a source of any order. */
uint64_t flow_lane_span(const struct flow *f, uint32_t lane);
/* Lanes are 1, 2, …; announces one (again, after it was lost).  -1: no memory. */
int flow_lane(struct flow *f, uint32_t lane);
/* Room for n records in the lane; before pass and arrive.  -1: no memory. */
int flow_reserve(struct flow *f, uint32_t lane, uint64_t n);
/* A record that a gate denied: in and done. */
void flow_pass(struct flow *f, uint32_t lane, const struct lane_mark *mark, const char *reason);
/* A record that goes on.  Returns its ticket (> 0), or 0: full, or stopped; then no
 * later one of the poll may enter or pass before it. */
uint32_t flow_arrive(struct flow *f, uint32_t lane, const struct lane_mark *mark, uint64_t order,
                     uint64_t bytes, int64_t now_ms);
/* May the record run now, or must it wait behind an earlier one of its key?  Asked
 * before each step, and before its sink if an enricher may have held one back.
 * FLOW_STEP | FLOW_WAIT | FLOW_RETURNED | FLOW_STALE. */
enum flow_next flow_may_run(struct flow *f, uint32_t ticket);
/* Is the record in flight, or returned and not yet out of flow_returned? */
int flow_knows(const struct flow *f, uint32_t ticket);
/* Step the record is at, and how often it was tried. */
uint32_t flow_step(const struct flow *f, uint32_t ticket);
uint32_t flow_attempts(const struct flow *f, uint32_t ticket);
/* The end of a try of the current step.  code: OK, DROP, DENY, RETRY, REJECT, UNSURE; UNKNOWN,
 * DISCONNECTED, CANCELLED, FATAL: waits and spends no attempt (returned if the flow stops). */
enum flow_next flow_verdict(struct flow *f, uint32_t ticket, uint32_t code, const char *reason,
                            uint32_t retry_after_ms, int64_t now_ms);
/* An outage began, or is over: meanwhile no record's deadline runs. */
void flow_pause(struct flow *f, int64_t now_ms);
void flow_resume(struct flow *f, int64_t now_ms);
/* The dead letter is stored (ok) or could not be. */
enum flow_next flow_buried(struct flow *f, uint32_t ticket, int ok, const char *reason, int64_t now_ms);
/* A ticket whose waiting is over; *bury says that it still has to be buried.  0: none. */
uint32_t flow_due(struct flow *f, int64_t now_ms, int *bury);
/* Milliseconds until flow_due has one; UINT32_MAX: nothing waits. */
uint32_t flow_due_in_ms(const struct flow *f, int64_t now_ms);

/* The next thing to settle; 1, or 0: nothing.  any_order: one record a call. */
int flow_take_ack(struct flow *f, uint32_t *lane, struct lane_mark *mark);
/* The source could not settle it: it is offered again. */
void flow_ack_failed(struct flow *f, uint32_t lane, const struct lane_mark *mark);

/* The source lost the lane: its records are returned; waiting ones come out of
 * flow_returned so that their copies can be freed. */
void flow_lane_lost(struct flow *f, uint32_t lane);
/* Stop: nothing waits any more, nothing enters (arrive: 0, pass: ignored).  Waiting
 * records are returned, and so are those behind them. */
void flow_stop(struct flow *f);
/* Tickets of returned records whose copies the caller still holds; 0: none. */
uint32_t flow_returned(struct flow *f);

void flow_counts(const struct flow *f, struct flow_counts *out);
/* Counts by reason; entries with reason NULL end the array of FLOW_MAX_REASONS + 1. */
const struct flow_count *flow_gated_by(const struct flow *f);
const struct flow_count *flow_dead_by(const struct flow *f);
/* A reason is a token, [a-z0-9_]{1,40}, so that it can be a label; others count as "other",
 * and so do those beyond the FLOW_MAX_REASONS - 1 first ones of a table. */
int flow_reason_valid(const char *reason);
/* The first that was no token, cut; "" so far none.  Were there too many? */
const char *flow_bad_reason(const struct flow *f);
int flow_reasons_full(const struct flow *f);
/* Milliseconds since the oldest record in flight arrived; 0: none. */
int64_t flow_oldest_ms(const struct flow *f, int64_t now_ms);

#endif
