/* backfill_pass: one pipeline, alone, from its config to its end. */
#ifndef SLUICE_CORE_BACKFILL_PASS_H
#define SLUICE_CORE_BACKFILL_PASS_H

#include "pipeline.h"

struct backfill_pass;

/* Plans the config (taken, also on failure) and starts its only pipeline; watcher as
 * pipeline_watch.  registry must outlive it.  NULL with problems. */
struct backfill_pass *backfill_pass_start(struct config *config, const struct registry *registry,
                                          pipeline_watcher watcher, void *context, struct problems *p);
struct pipeline *backfill_pass_pipeline(const struct backfill_pass *pass);
/* 1 once everything is settled, or it failed. */
int backfill_pass_over(const struct backfill_pass *pass);
/* A counter of the source ("blank_lines_total"). */
uint64_t backfill_pass_source_count(const struct backfill_pass *pass, const char *name);
/* Ends its threads, giving up what is still in work: 1, or 0: a plugin does not come back, and
 * nothing of the pass may be freed. */
int backfill_pass_join(struct backfill_pass *pass);
void backfill_pass_free(struct backfill_pass *pass); /* after a join that worked */

#endif
