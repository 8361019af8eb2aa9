/* enrich/fps: what the product service (FPS) knows of the products of a record.
 *
 * Invariant: a product that the service does not know gets nothing, never a placeholder;
 * one that it could not be asked about holds its record back. */
#include "../common/lookup_enrich.h"

static const struct sluice_option fps_options[] = {
    LOOKUP_OPTIONS("https://fps.example", "/products:batchGet", "products", "purchases[].product_id",
                   "Without it: { name: name, brand: brand, category: category, category_id: categoryId }. "
                   "A null, empty or absent member sets nothing.",
                   "{ name: name, brand: brand }", "Without it: nothing."),
};

static uint32_t fps_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                           struct sluice_error *err)
{
    static const struct lookup_default defaults[] = {
        {"name", "name", 0},
        {"brand", "brand", 0},
        {"category", "category", 0},
        {"category_id", "categoryId", 0},
    };

    return lookup_enricher_create(host, config, defaults, sizeof defaults / sizeof *defaults, self, err);
}

static const struct sluice_lifecycle fps_lifecycle = LOOKUP_LIFECYCLE(fps_create);

static const struct sluice_enricher_ops fps_ops = {
    .struct_size = sizeof fps_ops,
    .enrich = lookup_enricher_enrich,
};

static const struct sluice_plugin fps_plugin = {
    .struct_size = sizeof fps_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_ENRICHER,
    .flags = SLUICE_PARALLEL,
    .name = "fps",
    .version = "0.1.0",
    .summary = "looks products up at the product service, in batches",
    .licence = "MIT",
    SLUICE_OPTIONS(fps_options),
    .lifecycle = &fps_lifecycle,
    .ops = &fps_ops,
    .example = "plugin: fps\n"
               "url: http://127.0.0.1:9\n",
};

SLUICE_MODULE("enrich-fps", NULL, NULL, &fps_plugin);
