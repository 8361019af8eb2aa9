/* timestamp: RFC 3339 text to milliseconds since 1970 UTC.
 *
 * Offset or Z is required: a local time is a guess.  Years 0001 to 9999, before and
 * after the offset is applied.  Digits finer than a millisecond are cut (towards
 * the past).  A leap second, 23:59:60 UTC, is the first instant of the next day. */
#ifndef SLUICE_PLUGINS_TIMESTAMP_H
#define SLUICE_PLUGINS_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* 1 and *ms; or 0 and *why, a literal for people ("has no offset, …"). */
int timestamp_parse(const char *text, size_t len, int64_t *ms, const char **why);

#endif
