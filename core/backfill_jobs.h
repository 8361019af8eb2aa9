/* backfill_jobs: the jobs of the ledger that a run sends.
 *
 * A thread looks for jobs with users to send and has a sender (a thread each) for every one whose
 * lease it gets.  Killed at any point, the next start goes on with the users that are pending: nobody
 * is skipped, and who was sent and not yet marked is sent again with the same request id. */
#ifndef SLUICE_CORE_BACKFILL_JOBS_H
#define SLUICE_CORE_BACKFILL_JOBS_H

#include "job.h"
#include "module.h"

struct backfill_jobs;

/* All outlive it.  NULL with err. */
struct backfill_jobs *backfill_jobs_start(const struct plan *plan, const struct registry *registry,
                                          struct job_ledger *ledger, struct sluice_error *err);
/* Senders finish what is on its way and give their leases back. */
void backfill_jobs_stop(struct backfill_jobs *jobs);
void backfill_jobs_wake(struct backfill_jobs *jobs); /* [any] there is something new in the ledger */

#endif
