/* pipeline_judge: the cheap end of most records: what a batch says in its peeked fields, and
 * what the gates in front make of it.  Only what cannot be peeked is decoded, to hear why.
 * Nothing is allocated. */
#include <string.h>

#include "pipeline_private.h"

static void peek_batch(struct pipeline *p, struct sluice_batch *b)
{
    const struct sluice_decoder_ops *ops = &instance_plugin(p->decoder)->ops.decoder;
    struct sluice_str names[RECORD_MAX_FIELDS];
    struct sluice_peek peek;
    struct sluice_error err;
    uint64_t i;

    for (i = 0; i < p->env.n_fields; i++)
        names[i] = sluice_str_of(p->env.fields[i]);
    for (i = 0; i < b->n; i++) {
        b->refs[i] = &b->records[i];
        b->records[i].fields = &b->values[i * b->n_fields];
        b->status[i] = SLUICE_PEEK_BROKEN;
    }
    memset(b->values, 0, b->n * b->n_fields * sizeof *b->values);
    if (ops->peek == NULL)
        return;
    peek = (struct sluice_peek){sizeof peek,     (uint32_t)b->n, b->refs,  names,
                                p->env.n_fields, b->values,      b->status};
    error_clear(&err);
    instance_enter(p->decoder);
    if (ops->peek(instance_self(p->decoder), &peek, &err) != SLUICE_OK)
        memset(b->status, SLUICE_PEEK_BROKEN, b->n);
    instance_leave(p->decoder);
}

/* A record that could not be decoded now: it waits, and only its own RETRY spends a try. */
static struct gate_answer not_decoded(const struct sluice_verdict *v, uint32_t call,
                                      const struct sluice_error *err)
{
    if (v->code == SLUICE_RETRY)
        return (struct gate_answer){SLUICE_RETRY, v->retry_after_ms,
                                    v->reason != NULL ? v->reason : "not_decoded", v->detail};
    if (v->code == SLUICE_DISCONNECTED || call == SLUICE_DISCONNECTED || call == SLUICE_CANCELLED)
        return (struct gate_answer){SLUICE_UNKNOWN, err->retry_after_ms, "not_decoded", NULL};
    return (struct gate_answer){SLUICE_RETRY, err->retry_after_ms, "not_decoded", NULL};
}

/* Records that cannot be peeked are decoded here, to hear what is wrong with them.
 * OK, or FATAL with err. */
static uint32_t decode_broken(struct pipeline *p, struct routing *t, struct sluice_error *err)
{
    struct sluice_batch *b = t->batch;
    const struct sluice_decoder_ops *ops = &instance_plugin(p->decoder)->ops.decoder;
    struct sluice_verdicts verdicts;
    uint32_t n = 0, i, f, call;
    uint64_t r;

    for (r = 0; r < b->n; r++)
        if (b->status[r] != SLUICE_PEEK_WHOLE && !pipeline_is_oversize(p, &b->records[r]))
            t->refs[n++] = &b->records[r];
    if (n == 0)
        return SLUICE_OK;
    memset(t->verdicts, 0, n * sizeof *t->verdicts);
    verdicts = (struct sluice_verdicts){n, sizeof *t->verdicts, t->verdicts};
    error_clear(err);
    instance_enter(p->decoder);
    call = ops->decode(instance_self(p->decoder), t->refs, n, &verdicts, err);
    instance_leave(p->decoder);
    if (call == SLUICE_FATAL)
        return call;
    for (i = 0; i < n; i++) {
        struct sluice_record *rec = t->refs[i];
        struct gate_answer *a = &t->answers[rec - b->records];

        if (t->verdicts[i].code == SLUICE_OK) {
            for (f = 0; f < p->env.n_fields; f++)
                rec->fields[f] = record_document_field(rec, p->env.fields[f]);
        } else if (t->verdicts[i].code == SLUICE_REJECT) {
            *a = (struct gate_answer){SLUICE_REJECT, 0, t->verdicts[i].reason, t->verdicts[i].detail};
            rec->mark = 1; /* rejected by the decoder */
        } else {
            *a = not_decoded(&t->verdicts[i], call, err);
        }
    }
    return SLUICE_OK;
}

/* Asks the cheap gates about all records that are still admitted. */
static uint32_t ask_gates(struct pipeline *p, struct routing *t, struct sluice_error *err)
{
    struct sluice_batch *b = t->batch;
    struct gate_answer *scratch = t->answers + b->cap;
    uint32_t n, i, code;
    uint64_t r;
    size_t g;

    for (g = 0; g < p->n_head; g++) {
        for (r = 0, n = 0; r < b->n; r++)
            if (t->answers[r].code == SLUICE_ADMIT)
                t->refs[n++] = &b->records[r];
        if (n == 0)
            return SLUICE_OK;
        code = gate_evaluate(p->head[g], t->refs, n, scratch, err);
        if (code != SLUICE_OK)
            return code;
        for (i = 0; i < n; i++)
            t->answers[t->refs[i] - b->records] = scratch[i];
    }
    return SLUICE_OK;
}

/* Peek, decode what cannot be peeked, ask the gates; 0, or -1: a gate failed for good. */
int pipeline_judge(struct pipeline *p, struct routing *t)
{
    struct sluice_batch *b = t->batch;
    struct sluice_error err;
    uint64_t i;

    for (i = 0; i < b->n; i++) {
        t->answers[i] = (struct gate_answer){SLUICE_ADMIT, 0, NULL, NULL};
        b->records[i].mark = 0;
        b->records[i].at_head = 1;
    }
    peek_batch(p, b);
    if (decode_broken(p, t, &err) != SLUICE_OK) {
        pipeline_fail(p, instance_name(p->decoder), &err);
        return -1;
    }
    if (ask_gates(p, t, &err) == SLUICE_OK)
        return 0;
    pipeline_fail(p, "gate", &err);
    return -1;
}
