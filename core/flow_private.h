/* flow_private: the slots of flow.c and the heap and key chains over them. */
#ifndef SLUICE_CORE_FLOW_PRIVATE_H
#define SLUICE_CORE_FLOW_PRIVATE_H

#include "flow.h"

#define FLOW_NONE UINT32_MAX
#define FLOW_INDEX_BITS 20u
#define FLOW_INDEX_MASK ((1u << FLOW_INDEX_BITS) - 1u)

enum slot_state {
    SLOT_FREE,
    SLOT_RUNNING,
    SLOT_WAITING,  /* in the heap */
    SLOT_PARKED,   /* behind an earlier record of its key */
    SLOT_BURYING,  /* the caller stores its dead letter */
    SLOT_UNBURIED, /* in the heap: the dead letter could not be stored */
    SLOT_GONE      /* returned; the caller still holds a copy */
};

struct flow_slot {
    enum slot_state state;
    uint32_t incarnation; /* of the ticket: tells a stale one */
    uint32_t lane;
    uint32_t generation; /* of the lane when it arrived */
    uint32_t step;
    uint32_t attempts;
    int any_dead;
    int any_written;
    uint32_t reason;      /* last reason it was gated for */
    uint32_t dead_reason; /* first reason it died for */
    int unburied;         /* its dead letter could not be stored so far */
    uint32_t heap_at;     /* place in the heap */
    uint32_t next;        /* free list, returned list */
    uint32_t key_next;    /* chain of records that hold their key */
    int holds_key;
    uint64_t arrival;  /* grows over the whole flow */
    uint64_t sequence; /* in its lane */
    uint64_t order;
    uint64_t bytes;
    struct lane_mark mark;
    int64_t arrived_ms;
    int64_t first_ms; /* end of the first try of this step that failed, without pauses */
    int64_t due_ms;
};

struct flow_ack {
    uint32_t lane;
    uint32_t generation; /* of the lane */
    struct lane_mark mark;
};

#define FLOW_KEY_BUCKETS 1024u

struct flow {
    struct flow_spec spec;
    struct random_state random;
    struct flow_slot *slots;
    uint32_t n_slots; /* ever used; the rest is untouched */
    uint32_t free_list;
    uint32_t returned_list;
    uint32_t *heap;
    uint32_t n_heap;
    uint32_t buckets[FLOW_KEY_BUCKETS];
    struct lane *lanes; /* by id - 1 */
    uint32_t n_lanes;
    uint32_t next_lane;    /* where flow_take_ack goes on */
    struct flow_ack *acks; /* any_order: a ring */
    uint64_t acks_cap, acks_head, acks_tail;
    uint64_t arrivals;
    uint32_t n_gone; /* returned, but their slots are not free yet */
    int stopped;
    int lanes_apart;                    /* a full lane holds back only itself */
    int64_t paused_since_ms, paused_ms; /* -1: not paused; all pauses that are over */
    struct flow_counts counts;
    char bad_reason[64];
    int reasons_full;
    struct flow_count gated_by[FLOW_MAX_REASONS + 1];
    struct flow_count dead_by[FLOW_MAX_REASONS + 1];
};

static inline uint32_t flow_index(const struct flow *f, const struct flow_slot *s)
{
    return (uint32_t)(s - f->slots);
}
uint32_t flow_ticket(const struct flow *f, uint32_t index);
/* The record leaves the flow; its slot stays its own until flow_slot_free. */
void flow_slot_leave(struct flow *f, struct flow_slot *s, int returned);
void flow_slot_free(struct flow *f, struct flow_slot *s);

/* heap: waiting slots by due_ms, then arrival */
void flow_heap_push(struct flow *f, uint32_t index, int64_t due_ms);
void flow_heap_remove(struct flow *f, uint32_t index);

/* keys: in an ordered pipeline a record that failed holds its key until it ends */
void flow_key_hold(struct flow *f, uint32_t index);
/* Takes it out; returns the earliest parked one of the key, or FLOW_NONE. */
uint32_t flow_key_release(struct flow *f, uint32_t index);
/* Does an earlier record hold the key? */
int flow_key_blocked(const struct flow *f, uint32_t index);

/* The time as deadlines see it: it stands still in a pause. */
int64_t flow_working_ms(const struct flow *f, int64_t now_ms);

/* A record to settle, for a source of any order; needs room (flow_reserve). */
void flow_push_ack(struct flow *f, uint32_t lane, const struct lane_mark *mark);

/* Counts a reason; returns its place.  Without room or memory for it: that of "other". */
void flow_free_reasons(struct flow_count *table);
uint32_t flow_count_reason(struct flow *f, struct flow_count *table, const char *reason, uint64_t n);

#endif
