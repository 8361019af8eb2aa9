/* lane: what of one lane is done, and up to where without a gap.
 *
 * Records enter in the order of the source.  Each is done at once (gated) or open
 * until lane_done.  Invariant: the settled mark is that of the last record before
 * the oldest open one; it only moves forward while the lane is owned.  Neighbouring
 * records that were done as they came share an entry, so memory follows the records
 * that were open: at most two entries for each since the oldest open one. */
#ifndef SLUICE_CORE_LANE_H
#define SLUICE_CORE_LANE_H

#include <stdint.h>

/* What settle tells the source of a record. */
struct lane_mark {
    uint64_t next;
    uint64_t position;
    uint64_t ordinal;
    uint32_t generation; /* of the lane, in a mark that was taken to be settled */
    uint32_t reserved;
};

struct lane_entry {
    struct lane_mark mark;
    uint64_t arrival; /* records that entered before it */
    uint32_t open;
    uint32_t reserved;
};

struct lane {
    struct lane_entry *ring; /* a power of two */
    uint64_t cap;
    uint64_t head; /* absolute index of the oldest entry */
    uint64_t tail; /* one past the newest */
    uint64_t arrived;
    uint64_t open;
    struct lane_mark settled;
    int moved;           /* settled moved since lane_take */
    uint32_t generation; /* grows when the lane is lost */
    int lost;
};

void lane_init(struct lane *l);
void lane_release(struct lane *l);
/* Makes room for n more records; 0, or -1: no memory. */
int lane_reserve(struct lane *l, uint64_t n);
/* An open record; returns its sequence number.  Needs room. */
uint64_t lane_enter(struct lane *l, const struct lane_mark *mark);
/* A record that is done as it comes.  Needs room. */
void lane_pass(struct lane *l, const struct lane_mark *mark);
/* The open record is done. */
void lane_done(struct lane *l, uint64_t sequence);
/* Records that entered since the oldest open one; 0 if none is open. */
uint64_t lane_span(const struct lane *l);
/* 1 and the mark if there is something new to settle. */
int lane_take(struct lane *l, struct lane_mark *mark);
/* The source could not settle the mark: offer it, or a later one, again.  A mark of
 * an earlier ownership is forgotten: another owner may have moved on. */
void lane_untake(struct lane *l, const struct lane_mark *mark);
/* Gives up everything in it; what was taken before stays settled. */
void lane_lose(struct lane *l);
/* The lane is owned (again).  What entered between is given up too. */
void lane_gain(struct lane *l);

#endif
