/* conformance_batch: what decoders, gates, enrichers and sinks have in common: a
 * batch goes in, a verdict a record comes out. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance_host.h"

#define SAMPLE_BATCH 40u

static struct mock *begin(struct conf *c, struct work *w, uint32_t n)
{
    struct mock *m = mock_new(c, "a");

    mock_start(m);
    work_init(m, w);
    work_samples(w, 0, n);
    return m;
}

static void end(struct mock *m, struct work *w)
{
    work_release(w);
    mock_free(m);
}

static void call_and_check(struct conf *c, uint32_t n, unsigned what)
{
    struct sluice_error err;
    struct work w;
    struct mock *m = begin(c, &w, n);

    work_check(&w, work_call(&w, &err), &err, what);
    end(m, &w);
}

static void batch_of_none(struct conf *c)
{
    call_and_check(c, 0, WORK_LEGAL);
}

static void batch_of_one(struct conf *c)
{
    struct sluice_error err;
    struct work w;
    struct mock *m = begin(c, &w, 0);
    uint32_t i;

    for (i = 0; i < SAMPLE_BATCH; i++) {
        work_clear(&w);
        work_samples(&w, i, 1);
        work_check(&w, work_call(&w, &err), &err, WORK_LEGAL);
    }
    end(m, &w);
}

static void batch_of_max(struct conf *c)
{
    call_and_check(c, MOCK_MAX_BATCH, WORK_LEGAL);
}

static void verdicts_are_written(struct conf *c)
{
    call_and_check(c, SAMPLE_BATCH, WORK_WRITTEN);
}

static void verdicts_are_legal(struct conf *c)
{
    call_and_check(c, SAMPLE_BATCH, WORK_LEGAL);
}

static void reasons_are_tokens(struct conf *c)
{
    call_and_check(c, SAMPLE_BATCH, WORK_REASON);
}

static void accepts_something(struct conf *c)
{
    struct sluice_error err;
    struct work w;
    struct mock *m = begin(c, &w, SAMPLE_BATCH);
    uint32_t i, code = work_call(&w, &err);

    mock_need_service(c, code, &err);
    CONF_REQUIRE(c, code == SLUICE_OK, "the call answered %s: %s", mock_code(code), mock_said(&err));
    for (i = 0; i < w.batch.n; i++)
        if (work_verdict(&w, i)->code != SLUICE_REJECT && work_verdict(&w, i)->code != SLUICE_NONE)
            break;
    if (i == w.batch.n)
        conf_skip(c, "none of the sample records fits it; give some by --records");
    end(m, &w);
}

/* A gate sees const records; the others must leave what the source delivered. */
static void records_are_left_alone(struct conf *c)
{
    struct sluice_error err;
    struct strbuf before, after;
    struct work w;
    struct mock *m = begin(c, &w, SAMPLE_BATCH);
    uint32_t i;
    int whole = c->plugin->desc.kind == SLUICE_GATE || c->plugin->desc.kind == SLUICE_SINK;

    strbuf_init(&before, (size_t)4 << 20);
    strbuf_init(&after, (size_t)4 << 20);
    for (i = 0; whole && i < w.batch.n; i++)
        work_dump(&w, i, &before);
    (void)work_call(&w, &err);
    for (i = 0; whole && i < w.batch.n; i++)
        work_dump(&w, i, &after);
    CONF_REQUIRE(c, strcmp(strbuf_text(&before), strbuf_text(&after)) == 0,
                 "changed a record, which a %s may only read", kind_name(c->plugin->desc.kind));
    for (i = 0; i < w.batch.n; i++) {
        struct sluice_str was = conf_sample(c, i), is = w.batch.refs[i]->payload;

        CONF_REQUIRE(c, sluice_str_equal(was, is), "changed the payload of record %u", i);
    }
    end(m, &w);
}

static int has_memory_of_records(struct conf *c)
{
    return (c->plugin->desc.flags & SLUICE_TWO_PHASE) != 0 ||
           (c->plugin->desc.kind == SLUICE_SINK && (c->plugin->desc.flags & SLUICE_IDEMPOTENT) == 0);
}

static void whole_equals_single(struct conf *c)
{
    struct sluice_error err;
    struct work w;
    struct mock *m;
    uint32_t whole[SAMPLE_BATCH], i;

    if (has_memory_of_records(c))
        conf_skip(c, "its verdicts depend on what it saw before");
    m = begin(c, &w, SAMPLE_BATCH);
    if (work_call(&w, &err) != SLUICE_OK)
        conf_skip(c, "the call does not answer OK here: %s", mock_said(&err));
    for (i = 0; i < SAMPLE_BATCH; i++)
        whole[i] = work_verdict(&w, i)->code;
    /* the same records, at the same places: a plugin may know a record that comes again */
    w.item.next = w.batch.records[0].position;
    w.item.ordinal = w.batch.records[0].ordinal - 1;
    for (i = 0; i < SAMPLE_BATCH; i++) {
        uint32_t code;

        work_clear(&w);
        work_samples(&w, i, 1);
        code = work_call(&w, &err);
        code = code == SLUICE_OK ? work_verdict(&w, 0)->code : code;
        CONF_REQUIRE(c, code == whole[i] || whole[i] == SLUICE_SPLIT,
                     "record %u is %s in a batch and %s alone", i, mock_code(whole[i]), mock_code(code));
    }
    end(m, &w);
}

static void instances_share_nothing(struct conf *c)
{
    struct sluice_error err;
    struct work a, b;
    struct mock *first, *second;
    uint32_t codes[SAMPLE_BATCH], i;

    first = begin(c, &a, SAMPLE_BATCH);
    if (work_call(&a, &err) != SLUICE_OK)
        conf_skip(c, "the call does not answer OK here: %s", mock_said(&err));
    for (i = 0; i < SAMPLE_BATCH; i++)
        codes[i] = work_verdict(&a, i)->code;
    second = mock_new(c, "b");
    mock_start(second);
    work_init(second, &b);
    work_samples(&b, 0, SAMPLE_BATCH);
    (void)work_call(&b, &err);
    for (i = 0; i < SAMPLE_BATCH; i++)
        CONF_REQUIRE(c, work_verdict(&b, i)->code == codes[i],
                     "record %u is %s for the first instance and %s for a second one: they share something",
                     i, mock_code(codes[i]), mock_code(work_verdict(&b, i)->code));
    end(first, &a);
    work_clear(&b);
    work_samples(&b, 0, SAMPLE_BATCH);
    work_check(&b, work_call(&b, &err), &err, WORK_WRITTEN);
    end(second, &b);
}

static void works_after_restart(struct conf *c)
{
    struct sluice_error err;
    struct work w;
    struct mock *m = begin(c, &w, SAMPLE_BATCH);
    uint32_t code;

    (void)work_call(&w, &err);
    mock_stop(m);
    mock_start(m);
    work_clear(&w);
    work_samples(&w, SAMPLE_BATCH, SAMPLE_BATCH);
    code = work_call(&w, &err);
    mock_need_service(c, code, &err);
    CONF_REQUIRE(c, code == SLUICE_OK, "the call answered %s after stop and start: %s", mock_code(code),
                 mock_said(&err));
    end(m, &w);
}

static const char *const odd_texts[] = {
    "",
    "null",
    "[]",
    "{}",
    "0",
    "\"text\"",
    "{\"user_id\":null}",
    "{\"user_id\":17}",
    "{\"user_id\":{\"a\":1}}",
    "{\"user_id\":\"\"}",
    "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
    "{\"purchases\":{}}",
    "{\"user_id\":\"u\",\"purchases\":[1]}",
    "{\"user_id\":\"u\",\"purchases\":[{}]}",
    "{\"items\":null,\"receipt_id\":7}",
    "{\"a\":1e308,\"b\":-9223372036854775808}",
    "{\"user_id\":\"\xff\xfe\"}",
    "{\"broken\":",
    "\xef\xbb\xbf{}",
    "a,b,c\n",
    "=;=;",
    "\\",
    "\"",
    "{\"user_id\":\"u1\"}{}",
};

static void odd_records_do_no_harm(struct conf *c)
{
    struct sluice_error err;
    struct work w;
    struct mock *m = begin(c, &w, 0);
    uint32_t i, j, code;
    char noise[64];

    for (i = 0; i < sizeof odd_texts / sizeof odd_texts[0]; i++)
        work_add(&w, sluice_str_of(odd_texts[i]));
    for (i = 0; i < 100; i++) {
        for (j = 0; j < sizeof noise; j++)
            noise[j] = (char)conf_random(c);
        work_add(&w, (struct sluice_str){noise, conf_random(c) % sizeof noise});
    }
    code = work_call(&w, &err);
    mock_need_service(c, code, &err);
    CONF_REQUIRE(c, code == SLUICE_OK, "one odd record fails the whole call: %s: %s", mock_code(code),
                 mock_said(&err));
    work_check(&w, code, &err, WORK_ALL);
    end(m, &w);
}

struct parallel {
    struct mock *m;
    struct work w;
    uint32_t bad, code;
};

static void *call_in_parallel(void *context)
{
    struct parallel *p = context;
    struct sluice_error err;
    uint32_t round, i;

    for (round = 0; round < 30 && p->bad == 0; round++) {
        p->code = work_call(&p->w, &err);
        for (i = 0; i < p->w.batch.n && p->code == SLUICE_OK; i++)
            p->bad += work_verdict(&p->w, i)->code == SLUICE_NONE;
    }
    return NULL;
}

static void calls_in_parallel(struct conf *c)
{
    struct parallel p[4];
    pthread_t threads[4];
    struct mock *m;
    uint32_t i;

    if ((c->plugin->desc.flags & SLUICE_PARALLEL) == 0)
        conf_skip(c, "it does not say SLUICE_PARALLEL");
    m = mock_new(c, "a");
    mock_start(m);
    memset(p, 0, sizeof p);
    for (i = 0; i < 4; i++) {
        p[i].m = m;
        work_init(m, &p[i].w);
        work_samples(&p[i].w, (uint64_t)i * SAMPLE_BATCH, SAMPLE_BATCH);
    }
    for (i = 0; i < 4; i++)
        CONF_REQUIRE(c, pthread_create(&threads[i], NULL, call_in_parallel, &p[i]) == 0,
                     "the suite has no thread");
    for (i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    for (i = 0; i < 4; i++) {
        CONF_REQUIRE(c, p[i].bad == 0, "a verdict was not written when four calls ran at once");
        work_release(&p[i].w);
    }
    mock_free(m);
}

#define LONG_RUN 100000u
#define LONG_TRIES 400u /* of one record, before it counts as stuck */

/* Numbers of the samples that have no end yet, each with its tries; a ring. */
struct unfinished {
    struct {
        uint32_t sample, tries;
    } items[2 * MOCK_MAX_BATCH];
    uint32_t n;
    uint32_t next; /* the first sample that was never given */
};

/* Fills a batch: what waits for another try first, as a host would. */
static void fill_batch(struct conf *c, struct work *w, struct unfinished *u)
{
    uint32_t i, n = 1 + (uint32_t)(conf_random(c) % 100);

    while (u->n < n && u->next < LONG_RUN) {
        u->items[u->n].sample = u->next++;
        u->items[u->n++].tries = 0;
    }
    n = n < u->n ? n : u->n;
    work_clear(w);
    for (i = 0; i < n; i++)
        work_samples(w, u->items[i].sample, 1);
}

/* Takes out what came to an end. */
static void drop_finished(struct conf *c, const struct work *w, uint32_t code, struct unfinished *u)
{
    uint32_t i, kept = 0;

    for (i = 0; i < u->n; i++) {
        uint32_t verdict = i >= w->batch.n ? SLUICE_NONE : work_verdict(w, i)->code;
        int ended = i < w->batch.n &&
                    (verdict == SLUICE_NONE ? code == SLUICE_OK
                                            : verdict != SLUICE_RETRY && verdict != SLUICE_SPLIT &&
                                                  verdict != SLUICE_UNSURE && verdict != SLUICE_DISCONNECTED);

        if (ended)
            continue;
        u->items[kept] = u->items[i];
        u->items[kept].tries += i < w->batch.n;
        CONF_REQUIRE(c, u->items[kept].tries < LONG_TRIES, "record %u has no end after %u tries",
                     u->items[kept].sample, LONG_TRIES);
        kept++;
    }
    u->n = kept;
}

/* Services that fail 25, 10 or 1 times in a hundred, as the batch has it: each record is
 * tried until it has an end, and none may be forgotten. */
static void loses_nothing(struct conf *c)
{
    static const unsigned percents[] = {25, 10, 1, 1};
    struct unfinished u = {.n = 0, .next = 0};
    struct sluice_error err;
    struct work w;
    struct mock *m = begin(c, &w, 0);

    for (fill_batch(c, &w, &u); w.batch.n > 0; fill_batch(c, &w, &u)) {
        uint32_t code;

        atomic_store(&mock_world.fail_percent, percents[conf_random(c) % 4]);
        code = work_call(&w, &err);
        mock_need_service(c, code, &err);
        work_check(&w, code, &err, WORK_WRITTEN | WORK_LEGAL);
        drop_finished(c, &w, code, &u);
    }
    atomic_store(&mock_world.fail_percent, 0);
    end(m, &w);
}

const struct conf_case conf_work_cases[] = {
    {"batch-of-none", "takes a batch without records", CONF_WORK, 0, batch_of_none},
    {"batch-of-one", "takes records one by one", CONF_WORK, 0, batch_of_one},
    {"batch-of-max", "takes a large batch", CONF_WORK, 0, batch_of_max},
    {"verdicts-are-written", "writes a verdict on each record, by the stride", CONF_WORK, 0,
     verdicts_are_written},
    {"verdicts-are-legal", "gives only verdicts and answers of its kind", CONF_WORK, 0, verdicts_are_legal},
    {"reasons-are-tokens", "gives a reason of [a-z0-9_] where one is due", CONF_WORK, 0, reasons_are_tokens},
    {"accepts-something", "accepts at least one of the sample records", CONF_WORK, 0, accepts_something},
    {"records-are-left-alone", "changes nothing that it may only read", CONF_WORK, 0, records_are_left_alone},
    {"whole-equals-single", "says the same of a record in a batch and alone", CONF_WORK, 0,
     whole_equals_single},
    {"instances-share-nothing", "two instances do not know of each other", CONF_WORK, 0,
     instances_share_nothing},
    {"works-after-restart", "works on after stop and start", CONF_WORK, 0, works_after_restart},
    {"odd-records-do-no-harm", "gives odd and broken records a verdict of their own", CONF_WORK, 0,
     odd_records_do_no_harm},
    {"calls-in-parallel", "takes four calls at once if it says so", CONF_WORK, 60, calls_in_parallel},
    {"loses-nothing", "brings 100,000 records to an end while services fail", CONF_WORK, 240, loses_nothing},
    {NULL, NULL, 0, 0, NULL},
};
