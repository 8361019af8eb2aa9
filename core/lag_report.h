/* lag_report: what `sluice lag` says of its sources. */
#ifndef SLUICE_CORE_LAG_REPORT_H
#define SLUICE_CORE_LAG_REPORT_H

#include "lag_source.h"

/* To stdout, for people or as JSON.  0; -1 with a problem. */
int lag_print(const struct lag_sources *s, int64_t limit, int json, struct problems *p);

#endif
