/* graph_alias: one name for a store that is spelt in several ways.
 *
 * The option is a map, the name to keep -> its other spellings.  Invariant: no
 * spelling leads to two names and no name is itself a spelling of another, so that
 * one look-up is all there is. */
#ifndef SLUICE_PLUGINS_GRAPH_ALIAS_H
#define SLUICE_PLUGINS_GRAPH_ALIAS_H

#include <sluice/plugin.h>

struct graph_alias {
    struct sluice_str spelling;
    struct sluice_str name;
};

struct graph_aliases {
    struct graph_alias *items; /* by spelling, bytewise */
    uint64_t n;
};

/* Strings are borrowed from the config, which lives as long as the instance.
 * SLUICE_OK, INVALID (err names the option) or FATAL (no memory). */
uint32_t graph_aliases_init(struct graph_aliases *a, const struct sluice_host *host,
                            const struct sluice_config *config, const char *option, struct sluice_error *err);
void graph_aliases_release(struct graph_aliases *a);
/* The name to keep for this store. */
struct sluice_str graph_alias_of(const struct graph_aliases *a, struct sluice_str store);

#endif
