/* sqs_write: records into batches, batches to the queue, answers to verdicts.
 *
 * Invariant: OK only for what the queue named as taken.  What it refuses as a whole is sent
 * message by message, so that one bad message costs no other one.  On a FIFO queue a message
 * never passes an earlier one of its group: one call at a time, a group at most once in it, and
 * nothing of a group behind one that failed. */
#include <stdlib.h>

#include "sink_sqs.h"

struct batch {
    struct aws_sqs_ask ask;
    uint32_t n;
    uint32_t record[AWS_SQS_BATCH];
    size_t size;
    char (*groups)[SINK_SQS_MAX_ID + 1]; /* FIFO: AWS_SQS_BATCH of them, else NULL */
};

struct send {
    const struct sqs_sink *sink;
    struct sluice_record *const *records;
    uint32_t n;
    const struct sluice_verdicts *verdicts;
    struct batch *batches;
    uint32_t most; /* batches at once */
    uint32_t used; /* of this wave */
    uint32_t next; /* record to come */
    uint32_t each; /* most messages of a batch */
    struct sqs_entry entry;
    int pending;                        /* entry is that of record next, and is in no batch yet */
    char (*stuck)[SINK_SQS_MAX_ID + 1]; /* groups in which something failed */
    uint32_t n_stuck;
    int refused; /* a batch as a whole */
};

static void count(const struct send *s, const char *result)
{
    s->sink->host->metric_add(s->sink->host, s->sink->metric_messages, result, 1);
}

static int is_stuck(const struct send *s, const char *group)
{
    uint32_t i;

    for (i = 0; i < s->n_stuck; i++)
        if (strcmp(s->stuck[i], group) == 0)
            return 1;
    return 0;
}

static void note_stuck(struct send *s, const char *group)
{
    if (s->stuck == NULL || is_stuck(s, group))
        return;
    memcpy(s->stuck[s->n_stuck++], group, sizeof s->stuck[0]);
}

static int holds_group(const struct batch *b, const char *group)
{
    uint32_t i;

    for (i = 0; b->groups != NULL && i < b->n; i++)
        if (strcmp(b->groups[i], group) == 0)
            return 1;
    return 0;
}

/* --- filling ----------------------------------------------------------------------- */

/* The next record that still needs to be sent is made an entry.  1; 0: there is none; -1 no memory. */
static int make_next(struct send *s)
{
    int made;

    if (s->pending)
        return 1;
    for (; s->next < s->n; s->next++) {
        struct sluice_verdict *v = sluice_verdict_at(s->verdicts, s->next);

        if (v->code != SLUICE_NONE)
            continue;
        made = sqs_entry_make(s->sink, s->records[s->next], &s->entry, v);
        if (made < 0)
            return -1;
        if (made == 0) {
            count(s, "refused");
        } else if (s->sink->queue.fifo && is_stuck(s, s->entry.group)) {
            sluice_verdict_set(s->verdicts, s->next, SLUICE_RETRY, "behind_another",
                               "an earlier message of its group was not taken");
            count(s, "again");
        } else {
            s->pending = 1;
            return 1;
        }
    }
    return 0;
}

static int fits(const struct send *s, const struct batch *b)
{
    if (b->n == 0)
        return 1;
    return b->n < s->each && b->size + s->entry.size <= s->sink->max && !holds_group(b, s->entry.group);
}

static void add_entry(struct send *s, struct batch *b)
{
    strbuf_printf(&b->ask.body, "%s{\"Id\":\"%u\",", b->n > 0 ? "," : "", b->n);
    strbuf_add(&b->ask.body, s->entry.json.data, s->entry.json.len);
    strbuf_puts(&b->ask.body, "}");
    if (b->groups != NULL)
        memcpy(b->groups[b->n], s->entry.group, sizeof b->groups[0]);
    b->record[b->n++] = s->next++;
    b->size += s->entry.size;
    s->pending = 0;
}

/* Batches for one wave.  0, or -1 no memory. */
static int fill_wave(struct send *s)
{
    int made = 1;

    for (s->used = 0; s->used < s->most && (made = make_next(s)) > 0; s->used++) {
        struct batch *b = &s->batches[s->used];

        aws_sqs_ask_clear(&b->ask);
        b->n = 0;
        b->size = 0;
        strbuf_puts(&b->ask.body, "{\"QueueUrl\":");
        strbuf_json(&b->ask.body, s->sink->queue.url, strlen(s->sink->queue.url));
        strbuf_puts(&b->ask.body, ",\"Entries\":[");
        while ((made = make_next(s)) > 0 && fits(s, b))
            add_entry(s, b);
        strbuf_puts(&b->ask.body, "]}");
        if (made < 0 || b->ask.body.failed)
            return -1;
    }
    return made < 0 ? -1 : 0;
}

/* --- answers ----------------------------------------------------------------------- */

static void judge_entry(struct send *s, const struct batch *b, uint32_t i)
{
    const struct sluice_host *host = s->sink->host;
    struct sluice_record *record = s->records[b->record[i]];
    struct aws_sqs_entry e;

    aws_sqs_entry(b->ask.answer, i, &e);
    if (e.fate == AWS_SQS_DONE) {
        sluice_verdict_set(s->verdicts, b->record[i], SLUICE_OK, NULL, NULL);
        count(s, "sent");
        return;
    }
    if (e.fate == AWS_SQS_REFUSED) {
        sluice_verdict_set(
            s->verdicts, b->record[i], SLUICE_REJECT, "refused",
            sluice_record_text(host, record, "the queue refuses it: %s: %s", e.code, e.message));
        count(s, "refused");
        return;
    }
    sluice_verdict_set(
        s->verdicts, b->record[i], SLUICE_RETRY, "not_taken",
        sluice_record_text(host, record, "the queue did not take it: %s: %s", e.code, e.message));
    count(s, "again");
    if (b->groups != NULL)
        note_stuck(s, b->groups[i]);
}

/* A batch that was refused as a whole: alone each, or, if it was alone, that is its end. */
static void judge_refused(struct send *s, const struct batch *b)
{
    if (b->n > 1) { /* no verdict: comes again alone */
        s->refused = 1;
        return;
    }
    sluice_verdict_set(s->verdicts, b->record[0], SLUICE_REJECT, "refused",
                       sluice_record_text(s->sink->host, s->records[b->record[0]], "%s", b->ask.message));
    count(s, "refused");
}

/* 0; -1 with the trouble in err: nothing more is sent in this call. */
static int judge_wave(struct send *s, struct sluice_error *err)
{
    uint32_t i, k, trouble = SLUICE_OK;

    for (i = 0; i < s->used; i++) {
        const struct batch *b = &s->batches[i];
        uint32_t code = b->ask.code;

        if (code == SLUICE_UNSURE && !s->sink->unsure)
            code = SLUICE_DISCONNECTED;
        if (code == SLUICE_OK)
            for (k = 0; k < b->n; k++)
                judge_entry(s, b, k);
        else if (code == SLUICE_REJECT)
            judge_refused(s, b);
        else if (code == SLUICE_UNSURE)
            for (k = 0; k < b->n; k++)
                sluice_verdict_set(
                    s->verdicts, b->record[k], SLUICE_UNSURE, "no_answer",
                    "it was sent and no answer came; no_answer: unsure forbids to send it again");
        if (code != SLUICE_OK && code != SLUICE_REJECT && trouble == SLUICE_OK) {
            (void)aws_sqs_fail(&b->ask, err);
            trouble = code == SLUICE_CANCELLED ? SLUICE_CANCELLED : SLUICE_DISCONNECTED;
        }
    }
    if (trouble == SLUICE_OK)
        return 0;
    if (err != NULL)
        err->code = trouble;
    return -1;
}

static uint32_t run(struct send *s, struct sluice_error *err)
{
    struct aws_sqs_ask *asks[AWS_SQS_ASKS];
    uint32_t i;

    s->next = 0;
    s->pending = 0;
    s->refused = 0;
    for (;;) {
        if (fill_wave(s) != 0)
            return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for messages");
        if (s->used == 0)
            return SLUICE_OK;
        for (i = 0; i < s->used; i++)
            asks[i] = &s->batches[i].ask;
        aws_sqs_perform(&s->sink->queue, NULL, asks, s->used, s->sink->queue.timeout_ms);
        if (judge_wave(s, err) != 0)
            return err->code;
        if (s->refused && s->sink->queue.fifo)
            return SLUICE_OK; /* nothing may pass what is sent alone now */
    }
}

/* --- the call ---------------------------------------------------------------------- */

static void release(struct send *s)
{
    uint32_t i;

    for (i = 0; s->batches != NULL && i < s->most; i++) {
        aws_sqs_ask_release(&s->batches[i].ask);
        free(s->batches[i].groups);
    }
    free(s->batches);
    free(s->stuck);
    strbuf_release(&s->entry.json);
    strbuf_release(&s->entry.text);
}

/* A message of max bytes is at most six times as long in JSON. */
static int prepare(struct send *s)
{
    size_t longest = 6 * s->sink->max + 65536;
    uint32_t i;

    strbuf_init(&s->entry.json, longest);
    strbuf_init(&s->entry.text, 4 * s->sink->max + 4096);
    s->most = s->sink->queue.fifo ? 1 : s->sink->parallel;
    s->batches = calloc(s->most, sizeof *s->batches);
    if (s->batches == NULL)
        return -1;
    for (i = 0; i < s->most; i++)
        aws_sqs_ask_init(&s->batches[i].ask, "SendMessageBatch", longest + AWS_SQS_BATCH * 4096);
    if (!s->sink->queue.fifo)
        return 0;
    s->batches[0].groups = calloc(AWS_SQS_BATCH, sizeof s->batches[0].groups[0]);
    s->stuck = calloc(s->n, sizeof s->stuck[0]);
    return s->batches[0].groups == NULL || s->stuck == NULL ? -1 : 0;
}

uint32_t sqs_write(void *self, struct sluice_record *const *records, uint32_t n,
                   const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct sluice_error own = {.struct_size = sizeof own};
    struct send s = {.sink = self, .records = records, .n = n, .verdicts = verdicts};
    uint32_t code;

    if (n == 0)
        return SLUICE_OK;
    if (err == NULL)
        err = &own;
    if (prepare(&s) != 0) {
        code = sluice_fail(err, SLUICE_RETRY, NULL, "no memory for messages");
    } else {
        s.each = AWS_SQS_BATCH;
        code = run(&s, err);
        s.each = 1;
        if (code == SLUICE_OK && s.refused)
            code = run(&s, err);
    }
    release(&s);
    return code;
}
