/* backfill: users from a list to the queue of the workers.
 *
 *   backfill_collect   the list, once: good users, each once, to a file; the rest counted, with lines
 *   backfill_send_*    that file to the queue at the asked rate; which user is sent is known at
 *                      every moment
 *   backfill_unsent    the users that are not
 *
 * The list is read once, so that what is sent, what a dry run tells and what a resume file holds
 * are of the same users, wherever they come from and however that changes meanwhile.
 *
 *   backfill_config.c  the configs of both passes
 *   backfill_pass.c    a pipeline run alone
 *   backfill_list.c    collect
 *   backfill_send.c    send, unsent
 *   backfill_jobs.c    the jobs of the ledger, in `run` (backfill_sender.c: one of them) */
#ifndef SLUICE_CORE_BACKFILL_H
#define SLUICE_CORE_BACKFILL_H

#include "backfill_config.h"
#include "backfill_pass.h"

#define BACKFILL_BAD_KEPT 1000u /* invalid ids that are told one by one */

/* An id that was refused. */
struct backfill_bad {
    uint64_t line;
    char text[64];    /* its first bytes, printable */
    char detail[160]; /* why */
};

struct backfill_list {
    uint64_t users, duplicates, invalid, blank, header;
    struct backfill_bad *bad; /* the first BACKFILL_BAD_KEPT, by line */
    uint64_t n_bad;
};

/* Reads the list; spool gets a line a user.  stop (may be NULL) is asked often: 1 gives up.
 * 0, or -1 with problems (none if it was told to stop). */
int backfill_collect(struct config *config, const struct registry *registry, struct backfill_list *list,
                     int (*stop)(void *context), void *context, struct problems *p);
void backfill_list_release(struct backfill_list *list);

struct backfill_send;

/* A user (his line of the spool) whose message is in the queue, or is dead.  From any thread; must not
 * wait. */
typedef void (*backfill_told)(void *context, struct sluice_str text, int sent, const char *why);

/* users: lines of the spool.  told may be NULL.  NULL with problems. */
struct backfill_send *backfill_send_start(struct config *config, const struct registry *registry,
                                          uint64_t users, backfill_told told, void *context,
                                          struct problems *p);
struct backfill_send_state {
    uint64_t sent, failed;
    int over;      /* nothing will change any more */
    int waiting;   /* the queue does not take anything at present */
    char why[512]; /* of waiting, of a failure of the whole, or of the last dead user; or "" */
};
void backfill_send_look(struct backfill_send *s, struct backfill_send_state *out);
void backfill_send_drain(struct backfill_send *s); /* finish what is in work, take no more */
/* 1, or 0 as backfill_pass_join. */
int backfill_send_join(struct backfill_send *s);
/* Lines of the spool that are not sent, as text; *n how many.  After a join.  The caller frees;
 * NULL with err. */
char *backfill_unsent(const struct backfill_send *s, const char *spool, size_t *len, uint64_t *n,
                      struct sluice_error *err);
void backfill_send_free(struct backfill_send *s);

#endif
