/* backfill_marks: who was sent, on its way to the ledger.
 *
 * Filled by the threads of a pipeline, which may not wait; emptied by the sender.  Grows to the
 * users of a job at most. */
#ifndef SLUICE_CORE_BACKFILL_MARKS_H
#define SLUICE_CORE_BACKFILL_MARKS_H

#include <pthread.h>

#include "job.h"
#include "strbuf.h"

struct backfill_mark {
    size_t user, user_len, why; /* places in text */
    int sent;
};

struct backfill_marks {
    pthread_mutex_t lock;
    struct backfill_mark *items;
    size_t n, cap;
    struct strbuf text;
};

int backfill_marks_init(struct backfill_marks *m); /* 0, or -1 */
void backfill_marks_release(struct backfill_marks *m);
/* backfill_told of a send: text is an id, or {"user_id":"ID",…}.  Without memory the user stays
 * pending, and is sent again. */
void backfill_marks_add(void *context, struct sluice_str text, int sent, const char *why);
/* Tells the ledger all there is.  As job_mark; what was not told stays. */
uint32_t backfill_marks_flush(struct backfill_marks *m, struct job_ledger *ledger, const char *id,
                              struct sluice_error *err);

/* The line of a spool for a user: the id, or, forced, an object. */
#define BACKFILL_FORCED_HEAD "{\"user_id\":\""

#endif
