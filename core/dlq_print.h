/* dlq_print: a dead letter for people and as JSON, on stdout. */
#ifndef SLUICE_CORE_DLQ_PRINT_H
#define SLUICE_CORE_DLQ_PRINT_H

#include "dead_letter.h"
#include "strbuf.h"

/* For people: at most max bytes, control characters as \xNN. */
void dlq_print_safe(struct sluice_str s, uint64_t max);
void dlq_print_row(int64_t id, const struct dead_letter *l);    /* one or two lines */
void dlq_print_letter(int64_t id, const struct dead_letter *l); /* all of it, payload up to 2000 bytes */
/* whole: with headers and the first MiB of the payload. */
void dlq_letter_json(struct strbuf *out, int64_t id, const struct dead_letter *l, int whole);

#endif
