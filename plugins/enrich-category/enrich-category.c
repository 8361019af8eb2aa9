/* enrich/category: where the categories of a record stand in the category tree.
 *
 * Invariant: a category that the service does not know gets nothing; one that it could
 * not be asked about holds its record back. */
#include "../common/lookup_enrich.h"

static const struct sluice_option category_options[] = {
    LOOKUP_OPTIONS("https://category.example", "/categories:batchGet", "categories",
                   "purchases[].category_id",
                   "Without it: { category_hierarchy: hierarchy }, ids from the root to the leaf. "
                   "A null, empty or absent member sets nothing.",
                   "{ category_hierarchy: hierarchy }",
                   "Without it: { category: name }, for products that came with a category id alone."),
};

static uint32_t category_create(const struct sluice_host *host, const struct sluice_config *config,
                                void **self, struct sluice_error *err)
{
    static const struct lookup_default defaults[] = {
        {"category_hierarchy", "hierarchy", 0},
        {"category", "name", 1},
    };

    return lookup_enricher_create(host, config, defaults, sizeof defaults / sizeof *defaults, self, err);
}

static const struct sluice_lifecycle category_lifecycle = LOOKUP_LIFECYCLE(category_create);

static const struct sluice_enricher_ops category_ops = {
    .struct_size = sizeof category_ops,
    .enrich = lookup_enricher_enrich,
};

static const struct sluice_plugin category_plugin = {
    .struct_size = sizeof category_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_ENRICHER,
    .flags = SLUICE_PARALLEL,
    .name = "category",
    .version = "0.1.0",
    .summary = "looks categories up at the category service, in batches",
    .licence = "MIT",
    SLUICE_OPTIONS(category_options),
    .lifecycle = &category_lifecycle,
    .ops = &category_ops,
    .example = "plugin: category\n"
               "url: http://127.0.0.1:9\n",
};

SLUICE_MODULE("enrich-category", NULL, NULL, &category_plugin);
