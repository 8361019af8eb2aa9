#include "toy.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "dead_letter.h"
#include "temp_dir.h"

struct toy toy;

void toy_reset(void)
{
    memset(&toy, 0, sizeof toy);
}

/* --- source ------------------------------------------------------------------------ */

struct toy_source {
    const struct sluice_host *host;
    uint64_t at;
    uint64_t last_poll; /* place where the last poll began */
    uint32_t lane;
};

static uint32_t toy_source_create(const struct sluice_host *host, const struct sluice_config *config,
                                  void **self, struct sluice_error *err)
{
    struct toy_source *s = calloc(1, sizeof *s);

    (void)config;
    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    s->host = host;
    *self = s;
    return SLUICE_OK;
}

static uint32_t toy_poll(void *self, struct sluice_batch *batch, uint64_t max, uint32_t timeout_ms,
                         struct sluice_error *err)
{
    struct toy_source *s = self;
    uint64_t n = 0;
    uint32_t call = atomic_fetch_add(&toy.polls, 1), code = SLUICE_NONE;

    if (s->lane == 0)
        s->lane = s->host->lane_open(s->host, "toy", NULL, 0);
    if (toy.poll != NULL)
        code = toy.poll(s->host, batch, &s->at, call, err);
    if (code != SLUICE_NONE)
        return code;
    s->last_poll = s->at;
    for (; n < max && s->at < toy.n_texts; n++, s->at++) {
        uint64_t len = strlen(toy.texts[s->at]);
        struct sluice_item item = {.struct_size = sizeof item,
                                   .lane = s->lane,
                                   .data = toy.texts[s->at],
                                   .len = len,
                                   .size = toy.oversize > len ? toy.oversize : len,
                                   .position = s->at,
                                   .next = s->at + 1,
                                   .ordinal = s->at + 1};

        s->host->batch_add(batch, &item, 1, sizeof item);
    }
    atomic_store(&toy.polled, s->at);
    if (n > 0 || s->at < toy.n_texts)
        return SLUICE_OK;
    if (!toy.endless)
        return SLUICE_END;
    return s->host->wait(s->host, timeout_ms) ? SLUICE_CANCELLED : SLUICE_OK;
}

static uint32_t toy_settle(void *self, const struct sluice_acks *acks, struct sluice_error *err)
{
    const struct toy_source *s = self;
    uint32_t call = atomic_fetch_add(&toy.settles, 1), code = SLUICE_NONE, i;

    if (s->host->cancelled(s->host))
        atomic_fetch_add(&toy.settles_cancelled, 1);
    if (toy.settle_call != NULL)
        code = toy.settle_call(call, acks->n, err);
    if (code != SLUICE_NONE && code != SLUICE_OK)
        return code;
    for (i = 0; i < acks->n; i++) {
        const struct sluice_ack *ack =
            (const struct sluice_ack *)(const void *)((const char *)acks->items + (size_t)i * acks->stride);

        if (toy.on_settle != NULL)
            toy.on_settle(ack);
        if (ack->next < atomic_load(&toy.settled))
            atomic_fetch_add(&toy.settles_backwards, 1);
        atomic_store(&toy.settled, ack->next);
    }
    return SLUICE_OK;
}

/* The claimed payload is its first bytes and then the letter x. */
static int64_t toy_fetch(void *self, uint32_t lane, uint64_t position, uint64_t offset, void *out,
                         uint64_t cap, struct sluice_error *err)
{
    const struct toy_source *s = self;
    uint64_t left = toy.oversize > offset ? toy.oversize - offset : 0, n = left < cap ? left : cap, i;
    const char *text = toy.texts[position];
    uint64_t len = strlen(text);

    (void)lane;
    if (position < s->last_poll) {
        (void)sluice_fail(err, SLUICE_RETRY, NULL, "it is not of the last poll");
        return -1;
    }
    for (i = 0; i < n; i++)
        ((char *)out)[i] = offset + i < len ? text[offset + i] : 'x';
    return (int64_t)n;
}

static uint32_t toy_keepalive(void *self, struct sluice_error *err)
{
    const struct toy_source *s = self;

    (void)err;
    if (toy.on_keepalive != NULL)
        toy.on_keepalive(s->host);
    atomic_fetch_add(&toy.keepalives, 1);
    return SLUICE_OK;
}

static pthread_mutex_t life_lock = PTHREAD_MUTEX_INITIALIZER; /* several pipelines may stop at once */

static void note_life(char what)
{
    size_t n;

    pthread_mutex_lock(&life_lock);
    n = strlen(toy.life);
    if (n + 1 < sizeof toy.life)
        toy.life[n] = what;
    pthread_mutex_unlock(&life_lock);
}

static uint32_t toy_source_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)err;
    note_life('S');
    return SLUICE_OK;
}

static void toy_destroy(void *self)
{
    free(self);
}

/* --- gate, enricher, sink ------------------------------------------------------------ */

struct toy_stage {
    const struct sluice_host *host;
    int second; /* sink/toy2 */
};

static uint32_t toy_stage_create(const struct sluice_host *host, const struct sluice_config *config,
                                 void **self, struct sluice_error *err)
{
    struct toy_stage *s = calloc(1, sizeof *s);

    (void)config;
    if (s == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    s->host = host;
    toy.host = host;
    *self = s;
    return SLUICE_OK;
}

static uint32_t toy_stage2_create(const struct sluice_host *host, const struct sluice_config *config,
                                  void **self, struct sluice_error *err)
{
    uint32_t code = toy_stage_create(host, config, self, err);

    if (code == SLUICE_OK)
        ((struct toy_stage *)*self)->second = 1;
    return code;
}

static uint32_t answer(const struct toy_stage *s, const struct sluice_record *const *records, uint32_t n,
                       const struct sluice_verdicts *verdicts, toy_answer fn, uint32_t fine)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        *sluice_verdict_at(verdicts, i) =
            fn == NULL ? (struct sluice_verdict){fine, 0, NULL, NULL}
                       : fn(s->host->record->position(records[i]), s->host->record->attempts(records[i]));
    return SLUICE_OK;
}

static uint32_t toy_decide(void *self, const struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    uint32_t call = atomic_fetch_add(&toy.decides, 1), code = SLUICE_NONE;

    if (toy.gate_call != NULL)
        code = toy.gate_call(call, n, err);
    return code != SLUICE_NONE ? code : answer(self, records, n, verdicts, toy.gate, SLUICE_ADMIT);
}

static uint32_t toy_conclude(void *self, const struct sluice_record *const *records, uint32_t n,
                             const struct sluice_outcome *outcomes, uint64_t stride, struct sluice_error *err)
{
    uint32_t i;

    (void)self;
    (void)records;
    (void)err;
    for (i = 0; i < n; i++) {
        const struct sluice_outcome *o =
            (const struct sluice_outcome *)(const void *)((const char *)outcomes + i * stride);

        atomic_fetch_add(o->code == SLUICE_OK ? &toy.concluded_ok : &toy.concluded_back, 1);
    }
    return SLUICE_OK;
}

static uint32_t toy_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    (void)err;
    return answer(self, (const struct sluice_record *const *)records, n, verdicts, toy.enrich, SLUICE_OK);
}

static uint32_t toy_decode(void *self, struct sluice_record *const *records, uint32_t n,
                           const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    const struct toy_stage *s = self;
    uint32_t call = atomic_fetch_add(&toy.decodes, 1), code = SLUICE_NONE, i;
    struct sluice_node *root;

    if (toy.decode_call != NULL)
        code = toy.decode_call(call, n, err);
    if (code != SLUICE_NONE)
        return code;
    for (i = 0; i < n; i++) {
        root = s->host->record->parse_json(records[i], s->host->record->payload(records[i]), err);
        s->host->record->set_document(records[i], root);
        sluice_verdict_set(verdicts, i, root != NULL ? SLUICE_OK : SLUICE_REJECT, "broken", NULL);
    }
    return SLUICE_OK;
}

static uint32_t toy_sink_start(void *self, struct sluice_error *err)
{
    uint32_t call = atomic_fetch_add(&toy.starts, 1), code = SLUICE_NONE;

    (void)self;
    if (toy.start_call != NULL)
        code = toy.start_call(call, 0, err);
    return code == SLUICE_NONE ? SLUICE_OK : code;
}

static uint32_t toy_sink_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)err;
    note_life('K');
    return SLUICE_OK;
}

static uint32_t toy_flush(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)err;
    note_life('f');
    return SLUICE_OK;
}

static uint32_t toy_write(void *self, struct sluice_record *const *records, uint32_t n,
                          const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    const struct toy_stage *s = self;
    uint32_t call = atomic_fetch_add(&toy.calls, 1), code = SLUICE_NONE, i;

    if (n > atomic_load(&toy.largest))
        atomic_store(&toy.largest, n);
    if (toy.on_write != NULL)
        toy.on_write(records, n);
    if (toy.sink_call != NULL && !s->second)
        code = toy.sink_call(call, n, err);
    if (code != SLUICE_NONE && code != SLUICE_OK)
        return code;
    code = answer(s, (const struct sluice_record *const *)records, n, verdicts,
                  s->second ? toy.sink2 : toy.sink, SLUICE_OK);
    for (i = 0; i < n; i++)
        if (sluice_verdict_at(verdicts, i)->code == SLUICE_SPLIT && n == 1)
            return sluice_fail(err, SLUICE_SPLIT, NULL, "this record is bad");
        else if (sluice_verdict_at(verdicts, i)->code == SLUICE_SPLIT)
            return SLUICE_SPLIT;
    for (i = 0; i < n; i++)
        if (sluice_verdict_at(verdicts, i)->code == SLUICE_OK)
            atomic_fetch_add(s->second ? &toy.writes2[s->host->record->position(records[i])]
                                       : &toy.writes[s->host->record->position(records[i])],
                             1);
    return code;
}

/* --- descriptors ------------------------------------------------------------------- */

static const struct sluice_lifecycle source_life = {.struct_size = sizeof source_life,
                                                    .create = toy_source_create,
                                                    .destroy = toy_destroy,
                                                    .stop = toy_source_stop};
static const struct sluice_lifecycle stage_life = {
    .struct_size = sizeof stage_life, .create = toy_stage_create, .destroy = toy_destroy};
static const struct sluice_lifecycle sink_life = {.struct_size = sizeof sink_life,
                                                  .create = toy_stage_create,
                                                  .destroy = toy_destroy,
                                                  .start = toy_sink_start,
                                                  .stop = toy_sink_stop};
static const struct sluice_lifecycle stage2_life = {
    .struct_size = sizeof stage2_life, .create = toy_stage2_create, .destroy = toy_destroy};
static const struct sluice_source_ops source_ops = {.struct_size = sizeof source_ops,
                                                    .poll = toy_poll,
                                                    .settle = toy_settle,
                                                    .keepalive = toy_keepalive,
                                                    .fetch = toy_fetch};
static const struct sluice_decoder_ops decoder_ops = {.struct_size = sizeof decoder_ops,
                                                      .decode = toy_decode};
static const struct sluice_gate_ops gate_ops = {.struct_size = sizeof gate_ops, .decide = toy_decide};
static const struct sluice_gate_ops hold_ops = {
    .struct_size = sizeof hold_ops, .decide = toy_decide, .conclude = toy_conclude};
static const struct sluice_enricher_ops enricher_ops = {.struct_size = sizeof enricher_ops,
                                                        .enrich = toy_enrich};
static const struct sluice_sink_ops sink_ops = {
    .struct_size = sizeof sink_ops, .write = toy_write, .flush = toy_flush};
static const struct sluice_sink_ops sink2_ops = {.struct_size = sizeof sink2_ops, .write = toy_write};

#define TOY_PLUGIN(symbol, k, n, f, life, table)                                                             \
    static const struct sluice_plugin symbol = {.struct_size = sizeof symbol,                                \
                                                .kind = (k),                                                 \
                                                .flags = (f),                                                \
                                                .name = (n),                                                 \
                                                .version = "1.0.0",                                          \
                                                .summary = "scripted by a test",                             \
                                                .licence = "MIT",                                            \
                                                .option_size = sizeof(struct sluice_option),                 \
                                                .lifecycle = &(life),                                        \
                                                .ops = &(table)}

TOY_PLUGIN(toy_source, SLUICE_SOURCE, "toy", SLUICE_FINITE, source_life, source_ops);
TOY_PLUGIN(toy_gate, SLUICE_GATE, "toy", SLUICE_PARALLEL, stage_life, gate_ops);
TOY_PLUGIN(toy_hold, SLUICE_GATE, "toy-hold", SLUICE_PARALLEL | SLUICE_TWO_PHASE, stage_life, hold_ops);
TOY_PLUGIN(toy_enricher, SLUICE_ENRICHER, "toy", SLUICE_PARALLEL, stage_life, enricher_ops);
TOY_PLUGIN(toy_sink, SLUICE_SINK, "toy", SLUICE_PARALLEL | SLUICE_IDEMPOTENT | SLUICE_COMMUTATIVE, sink_life,
           sink_ops);
TOY_PLUGIN(toy_decoder, SLUICE_DECODER, "toy", SLUICE_PARALLEL, stage_life, decoder_ops);
TOY_PLUGIN(toy_sink2, SLUICE_SINK, "toy2", 0, stage2_life, sink2_ops);

static const struct sluice_plugin *const toy_plugins[] = {
    &toy_source, &toy_gate, &toy_hold, &toy_enricher, &toy_sink, &toy_sink2, &toy_decoder, NULL};
const struct sluice_module toy_module = {
    sizeof toy_module, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR, 0, "toy", NULL, NULL, toy_plugins};

/* --- running ----------------------------------------------------------------------- */

static void refuse(struct problems *p, const char *what)
{
    problems_print(p, stderr);
    ck_abort_msg("%s", what);
}

void toy_open(struct toy_run *r, const char *pipelines)
{
    struct sluice_error err = {.struct_size = sizeof err};
    struct plan_flags flags = {0};
    struct problems problems;
    char text[8192];

    memset(r, 0, sizeof *r);
    problems_init(&problems);
    r->dir = temp_dir_make();
    (void)snprintf(text, sizeof text, "state_dir: %s\npipelines:\n%s", r->dir, pipelines);
    r->registry = registry_new();
    ck_assert_int_eq(registry_add(r->registry, &toy_module, "built in"), 0);
    r->config = config_parse("toy.yaml", text, strlen(text), &problems);
    if (r->config == NULL || (r->plan = plan_build(r->config, r->registry, flags, &problems)) == NULL)
        refuse(&problems, "the toy's config is refused");
    r->state = state_db_open(r->plan->state_dir, STATE_RUN, &err);
    ck_assert_msg(r->state != NULL, "%s", err.message);
    r->metrics = metrics_new();
    for (; r->n < r->plan->n_pipelines; r->n++) {
        r->pipelines[r->n] = pipeline_new(&r->plan->pipelines[r->n], r->metrics, r->state, &problems);
        if (r->pipelines[r->n] == NULL)
            refuse(&problems, "a pipeline could not be made");
    }
    problems_release(&problems);
}

void toy_start(struct toy_run *r)
{
    size_t i;

    for (i = 0; i < r->n; i++)
        ck_assert_int_eq(pipeline_start(r->pipelines[i]), 0);
}

void toy_until(int (*fn)(void *), void *context)
{
    int64_t deadline = clock_steady_ms() + 20000;
    struct timespec pause = {0, 1000000};

    while (!fn(context)) {
        ck_assert_msg(clock_steady_ms() < deadline, "waited for 20 s");
        (void)nanosleep(&pause, NULL);
    }
}

static int all_over(void *context)
{
    struct toy_run *r = context;
    size_t i;

    for (i = 0; i < r->n; i++)
        if (pipeline_state(r->pipelines[i]) < PIPELINE_DONE)
            return 0;
    return 1;
}

void toy_wait(struct toy_run *r)
{
    size_t i;

    toy_until(all_over, r);
    for (i = 0; i < r->n; i++)
        pipeline_join(r->pipelines[i]);
}

void toy_close(struct toy_run *r)
{
    size_t i;

    for (i = 0; i < r->n; i++) {
        pipeline_drain(r->pipelines[i]);
        pipeline_abort(r->pipelines[i]);
        pipeline_join(r->pipelines[i]);
        pipeline_free(r->pipelines[i]);
    }
    state_db_close(r->state);
    metrics_free(r->metrics);
    plan_free(r->plan);
    config_free(r->config);
    registry_free(r->registry);
    temp_dir_remove(r->dir);
}

struct flow_counts toy_counts(struct toy_run *r, size_t i)
{
    struct pipeline_progress p;

    pipeline_progress(r->pipelines[i], &p);
    ck_assert_uint_eq(p.counts.in, p.counts.written + p.counts.gated + p.counts.dead + p.counts.returned +
                                       p.counts.in_flight);
    return p.counts;
}

static int count_letter(void *context, int64_t id, const struct dead_letter *letter)
{
    (void)id;
    (void)letter;
    ++*(unsigned *)context;
    return 0;
}

unsigned toy_letters(struct toy_run *r, const char *reason)
{
    struct dead_letter_filter filter = {.reason = reason};
    struct sluice_error err = {.struct_size = sizeof err};
    unsigned n = 0;

    ck_assert_uint_eq(dead_letter_list(r->state, &filter, count_letter, &n, &err), SLUICE_OK);
    return n;
}
