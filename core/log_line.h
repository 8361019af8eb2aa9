/* log_line: the text of one log line. */
#ifndef SLUICE_CORE_LOG_LINE_H
#define SLUICE_CORE_LOG_LINE_H

#include "log.h"
#include "strbuf.h"

#define LOG_LINE_MAX (64u * 1024u)
#define LOG_TEXT_MAX 8192u /* of one value; longer ones are cut and say so */

/* The line and its newline into an empty buffer.  out->failed: no memory, or above out->max. */
void log_line(struct strbuf *out, enum log_format format, int64_t time_ms, uint32_t level, const char *event,
              const struct log_field *fields, uint32_t n);

#endif
