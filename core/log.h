/* log: one line an event, to stderr, as JSON or logfmt.
 *
 * A log line never blocks a pipeline: lines go through a bounded queue to one
 * writer thread; when it is full, or the pipe is blocked, lines are counted and
 * the count is logged later.  Before log_start and after log_stop lines are
 * written at once, by the caller. */
#ifndef SLUICE_CORE_LOG_H
#define SLUICE_CORE_LOG_H

#include <stdint.h>
#include <sluice/host.h>

enum log_format { LOG_LOGFMT, LOG_JSON };

/* One member of a line.  Text values may be NULL: the member is left out. */
struct log_field {
    const char *name;
    const char *text;
    int64_t number; /* used when text is NULL and is_number */
    int is_number;
};

#define LOG_TEXT(n, t) ((struct log_field){(n), (t), 0, 0})
#define LOG_NUMBER(n, v) ((struct log_field){(n), NULL, (int64_t)(v), 1})

int log_start(enum log_format format, uint32_t level, int fd); /* 0, or -1: no thread */
void log_stop(void);                                           /* writes what is queued, for at most 1 s */
void log_set_level(uint32_t level);
uint32_t log_level(void);
int log_parse_level(const char *text, uint32_t *level); /* 1 if known */
/* Members every line has: time (RFC 3339, ms), level, event; then the fields. [any] */
void log_event(uint32_t level, const char *event, const struct log_field *fields, uint32_t n);
uint64_t log_lost(void); /* lines dropped so far */
/* While a progress line stands on the terminal, log lines go above it. */
void log_progress(const char *text); /* NULL or "" takes it away; only if stderr is a terminal */

#endif
