/* conformance_host: a host for one instance under test. */
#ifndef SLUICE_CORE_CONFORMANCE_HOST_H
#define SLUICE_CORE_CONFORMANCE_HOST_H

#include <pthread.h>

#include "conformance_private.h"

#define MOCK_MAX_LANES 256u
#define MOCK_MAX_BATCH 256u
#define MOCK_GUARD 16u /* bytes behind each verdict that a plugin must not touch */

/* Services that every instance of the case shares. */
struct mock_world {
    _Atomic uint64_t service_calls; /* those that may fail: text, nodes, lanes, state */
    _Atomic uint64_t service_fail;  /* the number of the one that fails; 0: none */
    _Atomic unsigned fail_percent;  /* of all of them, for the long run */
    _Atomic int64_t clock_offset;   /* wall clock, ms */
    _Atomic uint64_t batch_room;    /* records that batch_add still takes */
    _Atomic uint64_t offered;       /* records that were offered to batch_add */
    _Atomic uint64_t lane_window;   /* records of a lane in one poll from which it is full */
    _Atomic uint64_t lane_asked;    /* calls of lane_full */
    char *fields[RECORD_MAX_FIELDS];
    uint32_t n_fields;
    struct strbuf log; /* everything logged */
    pthread_mutex_t lock;
};

extern struct mock_world mock_world;
/* Called right before the next create; NULL: nothing. */
extern void (*mock_before_create)(struct conf *c);

struct mock {
    struct conf *c;
    const struct plugin *plugin;
    struct sluice_host host;
    struct sluice_config *config;
    void *self;
    int creating, started;
    _Atomic int cancelled;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    char name[32], state_dir[4096];
    struct lane_info *lanes[MOCK_MAX_LANES];
    uint32_t n_lanes;
    struct sluice_batch *polled; /* the batch of the poll that runs */
    int in_start, in_keepalive;
};

void mock_world_init(struct conf *c);
/* create; *m only if it answered OK.  config is taken. */
uint32_t mock_try(struct conf *c, const char *name, struct sluice_config *config, struct mock **m,
                  struct sluice_error *err);
struct mock *mock_new(struct conf *c, const char *name); /* must succeed, with conf_config */
void mock_free(struct mock *m);                          /* stop if started, destroy */
uint32_t mock_try_start(struct mock *m, struct sluice_error *err);
void mock_start(struct mock *m); /* must succeed */
void mock_stop(struct mock *m);  /* must succeed */
/* Skips the case if a call answered DISCONNECTED: nothing can be said without the other side. */
void mock_need_service(struct conf *c, uint32_t code, struct sluice_error *err);
void mock_cancel(struct mock *m);
void mock_error(struct sluice_error *err);
/* The error's message, or "no message". */
const char *mock_said(struct sluice_error *err);
const char *mock_code(uint32_t code); /* "REJECT" */

/* --- records for the calls of decoders, gates, enrichers and sinks --------------- */

struct work {
    struct mock *m;
    struct sluice_batch batch;
    struct lane_info lane;
    const struct lane_info *lanes[1];
    struct sluice_verdicts verdicts;
    unsigned char *verdict_bytes;
    struct sluice_item item;
};

void work_init(struct mock *m, struct work *w);
void work_release(struct work *w);
void work_clear(struct work *w);
void work_add(struct work *w, struct sluice_str payload); /* with document and fields as its kind gets them */
void work_samples(struct work *w, uint64_t from, uint32_t n);
/* The call of the kind over the first n records, from record at on. */
uint32_t work_call_part(struct work *w, uint32_t at, uint32_t n, struct sluice_error *err);
uint32_t work_call(struct work *w, struct sluice_error *err);
const struct sluice_verdict *work_verdict(const struct work *w, uint32_t i);
/* Ends the case unless the verdicts are as what says. */
#define WORK_WRITTEN 1u /* each is there */
#define WORK_LEGAL 2u   /* each is one that the kind may give, and so is the call's answer */
#define WORK_REASON 4u  /* each has a fit reason where one is due */
#define WORK_ALL 7u
void work_check(struct work *w, uint32_t code, struct sluice_error *err, unsigned what);
/* Everything about a record that a plugin may see, as text. */
void work_dump(const struct work *w, uint32_t i, struct strbuf *out);
#define WORK_SAMPLES 40u
struct mock *work_begin(struct conf *c, struct work *w);      /* started, with WORK_SAMPLES records */
void work_must(struct conf *c, struct work *w);               /* a call that has to answer OK */
void work_dump_all(const struct work *w, struct strbuf *out); /* verdicts and documents; release out */
int work_is_legal(uint32_t kind, uint32_t code);              /* a verdict */

#endif
