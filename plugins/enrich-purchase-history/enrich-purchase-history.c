/* enrich/purchase-history: the receipts that Purchase History has of a user.
 *
 * Invariant: see plugins/common/history.h: a history is taken whole or not at all. */
#include "../common/history.h"

static const struct sluice_option receipts_options[] = {
    HISTORY_OPTIONS("https://purchase-history.example", "/users/{user_id}/purchases", "receipts",
                    "sluice:budget:purchase-history"),
};

static uint32_t receipts_create(const struct sluice_host *host, const struct sluice_config *config,
                                void **self, struct sluice_error *err)
{
    return history_create(host, config, purchase_add_receipt, self, err);
}

static const struct sluice_lifecycle receipts_lifecycle = HISTORY_LIFECYCLE(receipts_create);

static const struct sluice_enricher_ops receipts_ops = {
    .struct_size = sizeof receipts_ops,
    .enrich = history_enrich,
};

static const struct sluice_plugin receipts_plugin = {
    .struct_size = sizeof receipts_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_ENRICHER,
    .flags = SLUICE_PARALLEL,
    .name = "purchase-history",
    .version = "0.1.0",
    .summary = "loads the receipts of a user from Purchase History",
    .licence = "MIT",
    SLUICE_OPTIONS(receipts_options),
    .lifecycle = &receipts_lifecycle,
    .ops = &receipts_ops,
    .example = "plugin: purchase-history\n"
               "url: http://127.0.0.1:9\n",
};

SLUICE_MODULE("enrich-purchase-history", NULL, NULL, &receipts_plugin);
