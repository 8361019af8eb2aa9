/* published: a pointer that many threads read without a lock and one replaces.
 *
 * Invariant: what published_swap returns is seen by no reader any more, so it can be
 * freed at once.  Readers announce themselves in one of two counters, chosen by the
 * epoch, and look again whether the epoch still holds; a swap moves the epoch on and
 * waits for the old counter to reach 0.  A reader in front of a swap is therefore
 * always counted where the swap looks. */
#ifndef SLUICE_PLUGINS_PUBLISHED_H
#define SLUICE_PLUGINS_PUBLISHED_H

#include <stdatomic.h>
#include <stdint.h>

struct published {
    _Atomic(void *) now;
    atomic_uint epoch;
    atomic_uint readers[2];
};

void published_init(struct published *p, void *first);
/* Between enter and leave, on one thread, the thing stays.  Do not keep it for long:
 * a swap waits. */
void *published_enter(struct published *p, unsigned *ticket);
void published_leave(struct published *p, unsigned ticket);
/* Replaces; returns what stood there.  One thread at a time. */
void *published_swap(struct published *p, void *next);

#endif
