/* record: one unit of work, and the batch that holds its memory.
 *
 * Two kinds of batch use the same structs.  In a poll batch payloads are the
 * source's own bytes, borrowed until its next poll; in a work batch they are
 * copies in the batch's arena.  A record belongs to one batch and is touched by
 * one thread at a time. */
#ifndef SLUICE_CORE_RECORD_H
#define SLUICE_CORE_RECORD_H

#include <sluice/host.h>

#include "arena.h"

#define RECORD_MAX_FIELDS 16u /* peeked fields a pipeline */

/* A lane of a source: what its records have in common.  Made by lane_open,
 * lives as long as the pipeline. */
struct lane_info {
    char *name;
    char **attributes;   /* name, value, … */
    size_t n_attributes; /* pairs */
    uint32_t generation; /* how often the source lost it; of the source's thread */
};

struct sluice_record {
    struct sluice_str payload;
    uint64_t size; /* whole payload; > payload.len: oversize */
    uint64_t position;
    uint64_t next;
    uint64_t ordinal;
    int64_t time_ms;
    struct sluice_str key;
    struct sluice_str message_id;
    const struct sluice_str *headers;
    uint64_t n_headers;
    const struct lane_info *lane;
    uint32_t lane_id;
    uint32_t attempts;
    uint32_t ticket;     /* of the flow; 0: none yet */
    uint32_t mark;       /* free for whoever holds the batch */
    uint32_t at_head;    /* 1: the pipeline's cheap gates have not admitted it yet */
    uint32_t n_fields;   /* of a record without a batch, as in a parcel */
    uint32_t generation; /* of its lane when it was polled */
    uint32_t reserved;
    uint64_t order; /* hash of the order key */
    struct sluice_node *document;
    struct sluice_batch *batch;
    struct sluice_str *fields; /* by slot, n_fields of the batch; NULL before a peek */
};

struct sluice_batch {
    struct sluice_record *records; /* cap of them, allocated once */
    struct sluice_record **refs;   /* the same as pointers, for plugin calls; may be permuted or cut */
    uint64_t n;
    uint64_t cap;
    uint64_t n_fields;                    /* slots the pipeline declared */
    struct sluice_str *values;            /* cap x n_fields, allocated once */
    uint8_t *status;                      /* cap, of peek */
    uint64_t bytes;                       /* payload bytes */
    struct arena arena;                   /* documents, texts, copies */
    const struct lane_info *const *lanes; /* by lane id - 1; owned by the pipeline */
    uint64_t n_lanes;
};

/* Everything a batch of cap records needs is allocated here; 0, or -1 no memory. */
int batch_init(struct sluice_batch *b, uint64_t cap, uint64_t n_fields, size_t keep);
void batch_release(struct sluice_batch *b);
void batch_clear(struct sluice_batch *b);

/* host->batch_add. */
uint64_t batch_add(struct sluice_batch *b, const struct sluice_item *items, uint64_t n, uint64_t stride);
/* Copies a record with payload, key, headers, fields (not its document) into
 * the batch.  NULL: full, or no memory. */
struct sluice_record *batch_copy(struct sluice_batch *b, const struct sluice_record *from);
/* Bytes that batch_copy takes for it, for the memory budget. */
uint64_t record_bytes(const struct sluice_record *r);

extern const struct sluice_record_api record_api;
extern const struct sluice_document_api document_api;

/* A field by name from the document (top-level member) as the gates see it. */
struct sluice_str record_document_field(const struct sluice_record *r, const char *name);

#endif
