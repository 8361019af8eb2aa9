/* job_print: a job and its users for people and as JSON, and the figures of its progress. */
#ifndef SLUICE_CORE_JOB_PRINT_H
#define SLUICE_CORE_JOB_PRINT_H

#include "job.h"
#include "strbuf.h"

struct job_progress {
    uint64_t ended;      /* users who are done, failed or skipped */
    uint64_t of;         /* of the job: the total if it is known, else those added so far */
    double percent;      /* 0 to 100; 100 for a job that is over and has no users */
    double rate;         /* users a second that came to an end, since the job was made */
    double seconds_left; /* at this rate; -1: cannot be told */
};
void job_progress(const struct job *j, int64_t now_ms, struct job_progress *out);

/* One line of a list, and a page about one job. */
void job_print_row(const struct job *j, int64_t now_ms);
void job_print(const struct job *j, int64_t now_ms);
/* One JSON object, without a newline. */
void job_json(const struct job *j, int64_t now_ms, struct strbuf *out);
/* A user: a line; with his steps of job j as JSON. */
void job_print_user(const struct job_user *u);
void job_user_json(const struct job *j, const struct job_user *u, struct strbuf *out);

#endif
