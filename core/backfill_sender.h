/* backfill_sender: one job of the ledger, sent by this run.  Part of backfill_jobs. */
#ifndef SLUICE_CORE_BACKFILL_SENDER_H
#define SLUICE_CORE_BACKFILL_SENDER_H

#include <stdatomic.h>

#include "backfill_jobs.h"

struct backfill_sender {
    const struct plan *plan;
    const struct registry *registry;
    struct job_ledger *ledger;
    const char *owner;
    const atomic_int *stopping;
    char id[JOB_ID_MAX + 1];
};

/* Until the job has nothing to send, is cancelled, belongs to somebody else, or the run stops.
 * 0: there may be more to do, ask again later.  1: through.  -1: a plugin does not come back. */
int backfill_sender_run(const struct backfill_sender *s);

#endif
