/* sink_sqs: what the parts of sink/sqs share. */
#ifndef SLUICE_PLUGINS_SINK_SQS_H
#define SLUICE_PLUGINS_SINK_SQS_H

#include <sluice/plugin.h>

#include "../common/aws_sqs.h"

#define SINK_SQS_ATTRIBUTES 10u /* most message attributes, as SQS has it */
#define SINK_SQS_MAX_ID 128u    /* bytes of a group or deduplication id */

struct sqs_sink {
    const struct sluice_host *host;
    struct aws_sqs queue;
    int payload;    /* send payloads, not documents */
    int unsure;     /* a message without answer is not sent again */
    size_t max;     /* bytes of a message, and of a batch */
    uint32_t delay; /* seconds; 0: the queue's own */
    uint32_t parallel;
    const char *group, *deduplication; /* members of the document, or NULL */
    uint32_t n_attributes;
    struct {
        const char *name, *member;
    } attributes[SINK_SQS_ATTRIBUTES];
    uint32_t metric_messages;
};

/* One record as an entry of a batch. */
struct sqs_entry {
    struct strbuf json; /* what follows the Id: "MessageBody":… */
    struct strbuf text; /* the message itself, before it is escaped */
    size_t size;        /* as SQS counts: body and attributes */
    char group[SINK_SQS_MAX_ID + 1];
};

/* sqs_entry.c.  1; 0 with the verdict written since it can't be sent; -1 no memory. */
int sqs_entry_make(const struct sqs_sink *s, const struct sluice_record *record, struct sqs_entry *e,
                   struct sluice_verdict *verdict);

/* sqs_write.c: sluice_sink_ops.write */
uint32_t sqs_write(void *self, struct sluice_record *const *records, uint32_t n,
                   const struct sluice_verdicts *verdicts, struct sluice_error *err);

#endif
