/* graph_alias: a sorted table, searched by halving. */
#include "graph_alias.h"

#include <stdlib.h>
#include <string.h>

#include "graph.h"

static int graph_alias_order(const void *a, const void *b)
{
    return graph_compare(((const struct graph_alias *)a)->spelling,
                         ((const struct graph_alias *)b)->spelling);
}

static const struct graph_alias *graph_alias_find(const struct graph_aliases *a, struct sluice_str store)
{
    struct graph_alias key = {store, store};

    if (a->n == 0)
        return NULL;
    return bsearch(&key, a->items, a->n, sizeof *a->items, graph_alias_order);
}

static uint32_t graph_alias_check(const struct graph_aliases *a, const char *option, struct sluice_error *err)
{
    uint64_t i;

    for (i = 0; i < a->n; i++) {
        const struct graph_alias *item = &a->items[i];

        if (item->spelling.len == 0 || item->name.len == 0 || item->name.len > GRAPH_MAX_ID)
            return sluice_fail(err, SLUICE_INVALID, option, "a store's name must have 1 to %u bytes",
                               GRAPH_MAX_ID);
        if (i > 0 && sluice_str_equal(item->spelling, a->items[i - 1].spelling))
            return sluice_fail(err, SLUICE_INVALID, option,
                               "'%.100s' is a spelling of both '%.100s' and '%.100s'; keep one of them",
                               item->spelling.data, a->items[i - 1].name.data, item->name.data);
        if (graph_alias_find(a, item->name) != NULL)
            return sluice_fail(err, SLUICE_INVALID, option,
                               "'%.100s' is a name to keep and also a spelling of another; list all "
                               "spellings under one name",
                               item->name.data);
    }
    return SLUICE_OK;
}

uint32_t graph_aliases_init(struct graph_aliases *a, const struct sluice_host *host,
                            const struct sluice_config *config, const char *option, struct sluice_error *err)
{
    uint64_t names = host->option_count(config, option), total = 0, i, j;
    uint32_t code;

    a->items = NULL;
    a->n = 0;
    for (i = 0; i < names; i++)
        total += host->option_values(config, option, i);
    if (total == 0)
        return SLUICE_OK;
    a->items = calloc(total, sizeof *a->items);
    if (a->items == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory for %s", option);
    for (i = 0; i < names; i++) {
        for (j = 0; j < host->option_values(config, option, i); j++) {
            a->items[a->n].name = sluice_str_of(host->option_item(config, option, i));
            a->items[a->n].spelling = sluice_str_of(host->option_value(config, option, i, j));
            a->n++;
        }
    }
    qsort(a->items, a->n, sizeof *a->items, graph_alias_order);
    code = graph_alias_check(a, option, err);
    if (code != SLUICE_OK)
        graph_aliases_release(a);
    return code;
}

void graph_aliases_release(struct graph_aliases *a)
{
    free(a->items);
    a->items = NULL;
    a->n = 0;
}

struct sluice_str graph_alias_of(const struct graph_aliases *a, struct sluice_str store)
{
    const struct graph_alias *found = graph_alias_find(a, store);

    return found == NULL ? store : found->name;
}
