/* config_compare: where two configs differ. */
#ifndef SLUICE_CORE_CONFIG_COMPARE_H
#define SLUICE_CORE_CONFIG_COMPARE_H

#include "config.h"

/* path: "pipelines.receipts.batch.records", list members by place "[0]".  a or b is
 * NULL where a side has nothing there.  Called for the outermost place that differs;
 * members of the root that begin with x- are not looked at. */
typedef void (*config_difference)(void *context, const char *path, const struct config_value *a,
                                  const struct config_value *b);

/* How many differences; -1: no memory. */
int config_compare(const struct config_value *a, const struct config_value *b, config_difference fn,
                   void *context);

#endif
