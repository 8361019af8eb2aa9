/* published: every operation is sequentially consistent; the argument in the header
 * needs one order that all threads agree on. */
#include "published.h"

#include <time.h>

void published_init(struct published *p, void *first)
{
    atomic_init(&p->now, first);
    atomic_init(&p->epoch, 0);
    atomic_init(&p->readers[0], 0);
    atomic_init(&p->readers[1], 0);
}

void *published_enter(struct published *p, unsigned *ticket)
{
    for (;;) {
        unsigned epoch = atomic_load(&p->epoch);

        atomic_fetch_add(&p->readers[epoch & 1u], 1);
        if (atomic_load(&p->epoch) == epoch) {
            *ticket = epoch & 1u;
            return atomic_load(&p->now);
        }
        atomic_fetch_sub(&p->readers[epoch & 1u], 1);
    }
}

void published_leave(struct published *p, unsigned ticket)
{
    atomic_fetch_sub(&p->readers[ticket], 1);
}

void *published_swap(struct published *p, void *next)
{
    struct timespec moment = {0, 50000};
    void *old = atomic_exchange(&p->now, next);
    unsigned epoch = atomic_fetch_add(&p->epoch, 1);

    while (atomic_load(&p->readers[epoch & 1u]) != 0)
        (void)nanosleep(&moment, NULL);
    return old;
}
