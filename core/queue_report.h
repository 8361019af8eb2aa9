/* queue_report: what `sluice queue depth` says of its queues. */
#ifndef SLUICE_CORE_QUEUE_REPORT_H
#define SLUICE_CORE_QUEUE_REPORT_H

#include "queue_source.h"

/* To stdout: a table, or one JSON object.  0; -1 with a problem. */
int queue_print(const struct queue_sources *s, int json, struct problems *p);
/* One line a queue, with the time. */
int queue_print_lines(const struct queue_sources *s, struct problems *p);

#endif
