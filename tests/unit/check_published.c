/* check_published: nobody sees what was taken back.  Each thing says whether it is dead;
 * readers must never find one that is. */
#include <pthread.h>
#include <sched.h>

#include "one_suite.h"
#include "../../plugins/common/published.h"

#define READERS 4
#define SWAPS 2000

struct thing {
    atomic_int dead;
};

struct shared {
    struct published p;
    atomic_int stop;
    atomic_uint seen_dead, reads;
};

static void *reader(void *context)
{
    struct shared *s = context;

    while (!atomic_load(&s->stop)) {
        unsigned ticket;
        const struct thing *t = published_enter(&s->p, &ticket);

        if (atomic_load(&t->dead))
            atomic_fetch_add(&s->seen_dead, 1);
        (void)sched_yield();
        if (atomic_load(&t->dead))
            atomic_fetch_add(&s->seen_dead, 1);
        published_leave(&s->p, ticket);
        atomic_fetch_add(&s->reads, 1);
    }
    return NULL;
}

START_TEST(a_reader_never_holds_what_a_swap_gave_back)
{
    static struct thing things[SWAPS + 1];
    struct shared s;
    pthread_t threads[READERS];
    unsigned reads;
    int i;

    published_init(&s.p, &things[0]);
    atomic_init(&s.stop, 0);
    atomic_init(&s.seen_dead, 0);
    atomic_init(&s.reads, 0);
    for (i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reader, &s), 0);
    for (i = 1; i <= SWAPS; i++) {
        struct thing *old;

        /* Each swap happens among readers, not before or after them. */
        for (reads = atomic_load(&s.reads); atomic_load(&s.reads) == reads;)
            (void)sched_yield();
        old = published_swap(&s.p, &things[i]);
        ck_assert_ptr_eq(old, &things[i - 1]);
        atomic_store(&old->dead, 1);
    }
    atomic_store(&s.stop, 1);
    for (i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(atomic_load(&s.seen_dead), 0);
}
END_TEST

ONE_SUITE("published", 60, a_reader_never_holds_what_a_swap_gave_back)
