/* backfill_report: what a backfill would do, or did, in words and as JSON. */
#ifndef SLUICE_CORE_BACKFILL_REPORT_H
#define SLUICE_CORE_BACKFILL_REPORT_H

#include <jansson.h>

#include "backfill.h"

/* Where the messages go, as far as the name of the queue tells. */
struct backfill_queue {
    char name[1100];  /* the URL, or "plugin NAME of the config" */
    char region[64];  /* "" if the URL does not tell */
    char account[64]; /* the same */
};
/* url: NULL for a queue of the config.  queue: its block, or NULL. */
void backfill_queue_read(const char *url, const struct config_value *queue, struct backfill_queue *out);

struct backfill_report {
    const struct backfill_job *job;
    const struct backfill_list *list;
    const struct backfill_queue *queue;
    const char *from; /* where the users come from, for people */
    int dry_run;
    /* Of a run that sent. */
    struct backfill_send_state state;
    uint64_t unsent;
    int64_t elapsed_ms;
    int signal;                 /* that ended it; 0: none */
    const char *resume_file;    /* or NULL */
    const char *resume_command; /* or NULL */
    const char *error;          /* or NULL */
};

/* The plan: users, what is left out and why, rate, time, queue. */
void backfill_report_plan(const struct backfill_report *r, FILE *out);
json_t *backfill_report_json(const struct backfill_report *r);
/* "2:05", "1:02:03". */
void backfill_report_time(double seconds, char *out, size_t cap);

#endif
