/* json_report: a report as JSON on stdout, whole or not at all.
 *
 * Built by many small calls of jansson, of which each may lack memory and none is looked
 * at: what lacks it is noted for the whole report instead.  One thread. */
#ifndef SLUICE_CORE_JSON_REPORT_H
#define SLUICE_CORE_JSON_REPORT_H

#include <jansson.h>

#include "problem.h"

void json_report_begin(void); /* before the first value of the report is made */
/* Text of any bytes as a JSON string; NULL: no memory, which is noted for the report. */
json_t *json_report_text(const char *data, size_t len);
/* Prints it, if nothing of it is missing; else, or if it is NULL, a problem says so. */
void json_report_print(const json_t *report, struct problems *p);

#endif
