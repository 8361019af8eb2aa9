/* metric: counters and gauges, and their Prometheus text.
 *
 * A family has a name, help and label names; a series is one set of label
 * values.  Adding to a series is one atomic operation; finding it takes a lock,
 * so keep the pointer on hot paths.  [any] */
#ifndef SLUICE_CORE_METRIC_H
#define SLUICE_CORE_METRIC_H

#include <stdint.h>

#include "strbuf.h"

#define METRIC_MAX_LABELS 4u
#define METRIC_MAX_SERIES 1000u /* a family; further ones are folded into label value "other" */

struct metrics;
struct metric_family;
struct metric_series;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* kind: SLUICE_COUNTER or SLUICE_GAUGE.  The same name gives the same family;
 * another kind or other labels under it, or a bad name, gives NULL.  Bad is what
 * `promtool check metrics` dislikes: other than [a-z0-9_], units that are not base
 * units ("_ms"), a gauge ending in _total, no help.  A counter shows as NAME_total,
 * whether or not the name given ends so. */
struct metric_family *metric_family(struct metrics *m, uint32_t kind, const char *name, const char *help,
                                    const char *const *labels, uint32_t n_labels);
/* NULL only if memory ran out; adding to NULL is harmless. */
struct metric_series *metric_series(struct metric_family *f, const char *const *values);
void metric_add(struct metric_series *s, uint64_t n);
void metric_set(struct metric_series *s, double value);
double metric_value(const struct metric_series *s);
/* Called with the lock of the caller's data before each rendering, so that a
 * group of numbers is taken at one moment. */
typedef void (*metric_collect)(void *context);
int metrics_on_collect(struct metrics *m, metric_collect fn, void *context);
void metrics_remove_collect(struct metrics *m, void *context);
/* The value of a series that may or may not exist; 0 if it does not. */
double metrics_lookup(struct metrics *m, const char *name, const char *const *values, uint32_t n_labels);
void metrics_render(struct metrics *m, struct strbuf *out); /* Prometheus text format 0.0.4 */

#endif
