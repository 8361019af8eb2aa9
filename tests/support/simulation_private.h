/* simulation_private: the truth, the life and the model of one seed. */
#ifndef SLUICE_TESTS_SIMULATION_PRIVATE_H
#define SLUICE_TESTS_SIMULATION_PRIVATE_H

#include <setjmp.h>

#include <sluice/abi.h>

#include "flow.h"
#include "simulation.h"

#define SIM_LANES 4u
#define SIM_PER_LANE 16u
#define SIM_STEPS 3u
#define SIM_IN_FLIGHT 24u
#define SIM_WORKERS 4u
#define SIM_BATCH 6u
#define SIM_ACKS 3u

/* What is meant for a record in a step; PLAIN may die of faults, the others end as they must. */
enum fate { FATE_PLAIN, FATE_POISON, FATE_GATED };
enum ending { NOT_ENDED, ENDED_WRITTEN, ENDED_GATED, ENDED_DEAD };
enum letter { NO_LETTER, LETTER_OPEN, LETTER_RESOLVED };

/* The truth of one record in one step. */
struct sim_step {
    enum fate fate;
    enum ending ending; /* as the flow was last told */
    enum letter letter;
    uint32_t applied; /* effects at the destination */
    uint64_t value;   /* of the effect */
};

struct sim_record {
    uint32_t lane;
    uint64_t n; /* 1, 2, … in its lane; also what settles it */
    uint64_t key;
    uint64_t bytes;
    int head_gated;
    int settled;          /* any order */
    int outstanding;      /* life: delivered and not given back */
    int owed;             /* life: its settling failed and must be asked for again */
    uint32_t ended_epoch; /* of its lane, when it ended last */
    struct sim_step steps[SIM_STEPS];
};

struct sim_lane {
    struct sim_record records[SIM_PER_LANE];
    uint64_t n;
    uint64_t committed; /* prefix: what the source forgot */
    /* life */
    int owned;
    uint32_t epoch;   /* grows at each loss and gain */
    uint64_t cursor;  /* next to deliver */
    uint64_t entered; /* last that entered the flow in this epoch */
};

enum live_state { LIVE_NONE, LIVE_BOX, LIVE_BATCH, LIVE_WAITING, LIVE_UNBURIED, LIVE_BURYING, LIVE_GONE };

/* A record in flight, as the model sees it. */
struct live {
    enum live_state state;
    uint32_t ticket;
    struct sim_record *record;
    uint64_t payload;
    uint32_t epoch; /* of its lane; UINT32_MAX: the lane was lost when it came */
    uint64_t arrival;
    uint32_t step, attempts;
    int64_t first_failed_ms;
    int64_t not_before_ms, not_after_ms;
    int parked;
    int holds_key;
    int any_dead, any_written;
    int unburied;
    uint32_t allowance; /* effects that this delivery may still have in this step (I2) */
    uint32_t worker;
    uint64_t turn; /* place in its worker's box */
    int in_call;   /* part of the sink call that is out */
    uint32_t verdict, retry_after_ms;
};

enum phase { PHASE_ENRICH, PHASE_SINK, PHASE_VERDICT };

struct sim_worker {
    enum phase phase;
};

/* Chances in 1000. */
struct sim_faults {
    uint32_t pause, kill, stop, rebalance, retry, hold, defect, unsure, disconnected, partial, burial, settle,
        expire;
};

struct sim {
    uint64_t random;
    FILE *trace;
    char *why;
    size_t cap;
    jmp_buf out;
    struct sim_stats *stats;
    uint64_t digest;
    struct sim_faults faults;
    int calm; /* no faults any more */
    /* truth */
    struct flow_spec spec;
    uint32_t n_lanes, n_workers, batch;
    int enters_one_by_one;
    int asks_lanes; /* the source leaves full lanes out */
    struct sim_lane lanes[SIM_LANES];
    /* life */
    struct flow *flow;
    int64_t now_ms;
    int stopped;
    int burials_fail;
    int64_t paused_since_ms, paused_ms; /* an outage; -1: none */
    int dies;
    uint64_t turns;
    struct live lives[SIM_IN_FLIGHT];
    struct sim_worker workers[SIM_WORKERS];
    struct sim_record *held[SIM_BATCH]; /* of a poll, not entered yet */
    uint32_t held_epoch[SIM_BATCH];
    uint32_t n_held, at_held;
    struct {
        uint32_t lane, epoch;
        struct lane_mark mark;
    } settling[SIM_ACKS];
    uint32_t n_settling;
    struct { /* returned by a stop: nobody of the key may overtake them */
        uint64_t key, arrival;
    } tombs[SIM_IN_FLIGHT];
    uint32_t n_tombs;
    uint64_t arrivals;
    struct flow_counts want;
};

/* simulation.c */
uint64_t sim_random(struct sim *s, uint64_t bound); /* [0, bound) */
int sim_chance(struct sim *s, uint32_t per_mille);  /* never while calm */
void sim_note(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_broken(struct sim *s, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));
#define MUST(s, what, ...)                                                                                   \
    do {                                                                                                     \
        if (!(what))                                                                                         \
            sim_broken(s, __VA_ARGS__);                                                                      \
    } while (0)

/* simulation_world.c: the truth */
void sim_world_make(struct sim *s);
int sim_world_empty(const struct sim *s); /* the source has forgotten everything */
void sim_world_settle(struct sim *s, uint32_t lane, const struct lane_mark *mark);
void sim_world_apply(struct sim *s, struct sim_record *r, uint32_t step, uint64_t payload);
void sim_world_elsewhere(struct sim *s, uint32_t lane, uint64_t n); /* another owner moves on */
void sim_world_end(struct sim *s);                                  /* after the drain: I1, I2, I4 */
uint64_t sim_payload(const struct sim_record *r);

/* simulation_model.c: what the flow must answer */
struct live *sim_live(struct sim *s, uint32_t ticket); /* breaks if there is none */
int sim_is_lost(const struct sim *s, const struct live *l);
void sim_arrived(struct sim *s, struct sim_record *r, uint32_t epoch, uint32_t ticket);
int sim_may_run(struct sim *s, struct live *l);
void sim_verdict(struct sim *s, struct live *l, uint32_t code, uint32_t retry_after_ms);
void sim_bury(struct sim *s, struct live *l, int ok);
void sim_give_up(struct sim *s, uint32_t lane);              /* 0: all; waiting ones, after a loss or stop */
int sim_lane_full(struct sim *s, uint32_t lane, uint64_t n); /* n more are on their way */
void sim_check(struct sim *s);                               /* after each event */

/* simulation_work.c: the workers */
void sim_work(struct sim *s, uint32_t worker);
void sim_place(struct sim *s, struct live *l);

#endif
