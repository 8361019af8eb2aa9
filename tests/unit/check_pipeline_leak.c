/* Two hundred lives of a pipeline in one process leave descriptors, threads and heap as they
 * were (I7). */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "interposed_alloc.h"
#include "one_suite.h"
#include "toy.h"

#define LIVES 200

static struct toy_run run;
static char text_space[100][64];
static const char *text_list[100];

static unsigned entries(const char *dir)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

/* Blocks in use; with a sanitizer in their place, that one counts them. */
static long blocks(void)
{
#ifdef ALLOC_INTERPOSED
    return interposed_alloc_live();
#else
    return 0;
#endif
}

static struct sluice_verdict some_of_all(uint64_t position, uint32_t attempts)
{
    switch (position % 5) {
    case 0:
        return attempts == 0 ? (struct sluice_verdict){SLUICE_RETRY, 1, "busy", NULL}
                             : (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL};
    case 1:
        return (struct sluice_verdict){SLUICE_REJECT, 0, "bad", NULL};
    case 2:
        return (struct sluice_verdict){SLUICE_DROP, 0, "unwanted", NULL};
    default:
        return (struct sluice_verdict){SLUICE_OK, 0, NULL, NULL};
    }
}

/* Every third is stopped in the middle. */
static void live(int life)
{
    toy_reset();
    toy.texts = text_list;
    toy.n_texts = 100;
    toy.sink = some_of_all;
    toy.endless = life % 3 == 0;
    toy_open(&run,
             "  p: {source: {plugin: toy}, stages: [{gate: {plugin: toy}}], sink: {plugin: toy, writers: 3}, "
             "batch: {records: 7, linger: 0s}, retry: {min: 1ms, max: 1ms}}\n");
    toy_start(&run);
    if (life % 3 != 0)
        toy_wait(&run);
    toy_close(&run);
}

START_TEST(two_hundred_lives_leave_nothing_behind)
{
    unsigned i, fds = 0, threads = 0;
    long heap = 0;
    int life;

    for (i = 0; i < 100; i++) {
        (void)snprintf(text_space[i], sizeof text_space[i], "{\"user_id\":\"u%u\"}", i % 9);
        text_list[i] = text_space[i];
    }
    for (life = 0; life < LIVES; life++) {
        live(life);
        if (life == 20) { /* what is made once and kept is there by now */
            fds = entries("/proc/self/fd");
            threads = entries("/proc/self/task");
            heap = blocks();
        }
    }
    ck_assert_uint_eq(entries("/proc/self/fd"), fds);
    ck_assert_uint_eq(entries("/proc/self/task"), threads);
    ck_assert_int_le(blocks(), heap + 5);
}
END_TEST

ONE_SUITE("pipeline_leak", 120, two_hundred_lives_leave_nothing_behind)
