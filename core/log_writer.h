/* log_writer: a ring of bytes and the thread that empties it into a descriptor. */
#ifndef SLUICE_CORE_LOG_WRITER_H
#define SLUICE_CORE_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "log.h"

struct log_writer;

struct log_writer *log_writer_new(int fd, size_t ring); /* NULL: no memory or no thread */
/* Writes what is queued, for at most ms.  1, or 0 if the descriptor stayed blocked:
 * the thread is then left to itself, and what it held counts as lost. */
int log_writer_free(struct log_writer *w, int ms);
/* Never blocks.  0: no room. */
int log_writer_add(struct log_writer *w, const char *line, size_t len);
void log_writer_progress(struct log_writer *w, const char *text);

/* Without a writer.  0: the line was not written whole.  wait 0: only if it fits now. */
int log_write_plain(int fd, const char *line, size_t len, int wait);
void log_progress_plain(int fd, const char *text);

/* Given by log.c. */
void log_count_lost(uint64_t lines);
enum log_format log_current_format(void);

#endif
