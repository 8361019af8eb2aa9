/* config_module: plugins that only have options, for tests of config and plan.
 *
 * source/mem, gate/list, gate/once (two-phase), enrich/table, sink/graph
 * (parallel) and sink/null; with decoder/json built in. */
#ifndef SLUICE_TESTS_CONFIG_MODULE_H
#define SLUICE_TESTS_CONFIG_MODULE_H

#include <sluice/plugin.h>

extern const struct sluice_module config_module;

#endif
