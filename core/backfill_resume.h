/* backfill_resume: the file with the users that were not sent, and the command that goes on. */
#ifndef SLUICE_CORE_BACKFILL_RESUME_H
#define SLUICE_CORE_BACKFILL_RESUME_H

#include <sluice/abi.h>

#include "backfill_config.h"

struct backfill_resume {
    /* What was given on the command line; NULL: was not. */
    const struct backfill_job *job;
    const char *const *files; /* -c, NULL-terminated */
    const char *env, *queue_url;
    const char *old;  /* the resume file that this run began with: it is replaced */
    const char *list; /* the user file: the new one stands beside it */
    /* Made by write. */
    char *file;
    char *command;
};

/* Writes the text there, whole or not at all and durable, never over a file of somebody else's.
 * 0, or -1 with err. */
int backfill_resume_write(struct backfill_resume *r, const char *text, size_t len, struct sluice_error *err);
void backfill_resume_release(struct backfill_resume *r);

#endif
