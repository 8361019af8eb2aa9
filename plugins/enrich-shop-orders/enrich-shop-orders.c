/* enrich/shop-orders: the orders that the Button Transaction Service has of a user.
 *
 * Invariant: see plugins/common/history.h: a history is taken whole or not at all. */
#include "../common/history.h"

static const struct sluice_option orders_options[] = {
    HISTORY_OPTIONS("https://shop-orders.example", "/users/{user_id}/orders", "orders",
                    "sluice:budget:shop-orders"),
};

static uint32_t orders_create(const struct sluice_host *host, const struct sluice_config *config, void **self,
                              struct sluice_error *err)
{
    return history_create(host, config, purchase_add_order, self, err);
}

static const struct sluice_lifecycle orders_lifecycle = HISTORY_LIFECYCLE(orders_create);

static const struct sluice_enricher_ops orders_ops = {
    .struct_size = sizeof orders_ops,
    .enrich = history_enrich,
};

static const struct sluice_plugin orders_plugin = {
    .struct_size = sizeof orders_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_ENRICHER,
    .flags = SLUICE_PARALLEL,
    .name = "shop-orders",
    .version = "0.1.0",
    .summary = "loads the shop orders of a user from the Button Transaction Service",
    .licence = "MIT",
    SLUICE_OPTIONS(orders_options),
    .lifecycle = &orders_lifecycle,
    .ops = &orders_ops,
    .example = "plugin: shop-orders\n"
               "url: http://127.0.0.1:9\n",
};

SLUICE_MODULE("enrich-shop-orders", NULL, NULL, &orders_plugin);
