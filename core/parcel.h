/* parcel: a record that left its batch, to wait for its retry or its burial.
 *
 * One allocation holds everything, so that a waiting record keeps no batch and no
 * arena alive.  The document is not kept: the next try decodes again. */
#ifndef SLUICE_CORE_PARCEL_H
#define SLUICE_CORE_PARCEL_H

#include "record.h"

struct parcel {
    struct sluice_record record;
    struct parcel *next;
    const char *stage; /* why it waits; for a dead letter that could not be stored */
    const char *reason;
    const char *detail;
};

/* stage, reason, detail may be NULL.  n_fields: of the record's batch.  NULL: no memory. */
struct parcel *parcel_new(const struct sluice_record *record, uint64_t n_fields, const char *stage,
                          const char *reason, const char *detail);
void parcel_free(struct parcel *p);

#endif
