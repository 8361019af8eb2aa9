/* toy: plugins whose behaviour a test scripts, and a pipeline made of them.
 *
 * The source delivers the texts it is given, one lane "toy", position = place in
 * the list; gate, enricher and sink ask the test's own functions.  A pipeline runs in
 * the test's process, with a real state folder. */
#ifndef SLUICE_TESTS_TOY_H
#define SLUICE_TESTS_TOY_H

#include <stdatomic.h>

#include <sluice/plugin.h>

#include "module.h"
#include "pipeline.h"

#define TOY_MAX 4096u

/* What happens to one record; attempts counts from 0.  Called under a lock. */
typedef struct sluice_verdict (*toy_answer)(uint64_t position, uint32_t attempts);
/* What a whole call answers; NONE: ask for each record. */
typedef uint32_t (*toy_call)(uint32_t call, uint32_t n, struct sluice_error *err);

/* Instead of a poll that delivers: adds what it likes; NONE: the poll goes on as always.
 * at is the place of the next text. */
typedef uint32_t (*toy_poll_fn)(const struct sluice_host *host, struct sluice_batch *batch, uint64_t *at,
                                uint32_t call, struct sluice_error *err);

struct toy {
    const char *const *texts;
    uint64_t n_texts;
    uint64_t oversize; /* > 0: each payload claims this size, fetch makes it up */
    int endless;       /* no END: the source waits for more */
    toy_answer gate, enrich, sink, sink2;
    toy_call sink_call;
    toy_poll_fn poll;
    toy_call settle_call, start_call, gate_call, decode_call; /* start: of the sink; n is 0 */
    void (*on_write)(struct sluice_record *const *records, uint32_t n);
    void (*on_settle)(const struct sluice_ack *ack); /* of each that settle answers OK for */
    void (*on_keepalive)(const struct sluice_host *host);
    const struct sluice_host *host; /* of the sink */
    /* What happened, by position. */
    atomic_uint writes[TOY_MAX], writes2[TOY_MAX];
    atomic_uint calls;
    atomic_uint largest;  /* batch handed to the sink */
    atomic_ulong settled; /* highest next */
    atomic_uint settles_backwards;
    atomic_ulong polled;
    atomic_uint polls, settles, keepalives, starts, decides, decodes;
    atomic_uint settles_cancelled; /* the host said "cancelled" inside settle */
    char life[32];                 /* in order: source stopped "S", sink flushed "f", sink stopped "K" */
    atomic_uint concluded_ok, concluded_back;
};

extern struct toy toy; /* each forked test has its own; toy_reset between tests in one process */
void toy_reset(void);

extern const struct sluice_module
    toy_module; /* all kinds: toy (the decoder cannot peek); sink: toy2, serial */

struct toy_run {
    struct registry *registry;
    struct config *config;
    struct plan *plan;
    struct metrics *metrics;
    struct state_db *state;
    struct pipeline *pipelines[4];
    size_t n;
    char *dir;
};

/* The body of `pipelines:` as YAML; the test fails with words if it is refused. */
void toy_open(struct toy_run *r, const char *pipelines);
void toy_start(struct toy_run *r);
/* Until every pipeline is done or failed, or the test fails after 20 s. */
void toy_wait(struct toy_run *r);
/* Until fn says 1, or the test fails after 20 s. */
void toy_until(int (*fn)(void *), void *context);
void toy_close(struct toy_run *r); /* aborts what still runs */
struct flow_counts toy_counts(struct toy_run *r, size_t i);
/* Unresolved dead letters of that reason (NULL: any). */
unsigned toy_letters(struct toy_run *r, const char *reason);

#endif
