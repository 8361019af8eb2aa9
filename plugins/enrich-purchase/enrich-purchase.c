/* enrich/purchase: receipts, shop orders and flat rows to the purchase document of
 * plugins/common/purchase.h.
 *
 * Invariant: each record ends OK, DROP or REJECT by what it holds and nothing else
 * (but for a purchase in the future, which the clock decides), so a replay ends the
 * same way. */
#include <stdlib.h>

#include "enrich_purchase.h"

static const struct sluice_option purchase_options[] = {
    {.name = "from",
     .type = SLUICE_CHOICE,
     .flags = SLUICE_REQUIRED,
     .choices = "receipt|shop-order|row",
     .summary = "what the records are",
     .details = "receipt: kept if FINISHED, not digital and with a FIDO. shop-order: a factoid, kept if its "
                "source is SHOP, its event ORDER_FINALIZED and it has a FIDO. row: one purchase a record, "
                "by the mapping in fields, ids as they are.",
     .example = "receipt"},
    {.name = "fields",
     .type = SLUICE_MAP,
     .summary = "rows: which column is what",
     .details = "user_id, receipt_id, product_id and time are required; retailer, quantity, description, "
                "timezone, name, brand, category and category_id may be given.",
     .example = "{ user_id: household_id, receipt_id: basket_id, product_id: product_id, time: bought_at }"},
    {.name = "time_format",
     .type = SLUICE_CHOICE,
     .default_text = "rfc3339",
     .choices = "rfc3339|epoch_s|epoch_ms",
     .summary = "how times are written",
     .details = "rfc3339 needs an offset or Z. Numbers are refused unless one of the epochs is chosen, since "
                "seconds and milliseconds cannot be told apart.",
     .example = "epoch_ms"},
};

static uint32_t purchase_create(const struct sluice_host *host, const struct sluice_config *config,
                                void **self, struct sluice_error *err)
{
    struct purchase *p = calloc(1, sizeof *p);
    uint32_t code;

    if (p == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    p->host = host;
    p->from = (enum purchase_from)host->option_integer(config, "from");
    p->clock = (enum purchase_clock)host->option_integer(config, "time_format");
    code = purchase_row_fields(p, config, err);
    if (code != SLUICE_OK) {
        free(p);
        return code;
    }
    p->items_left_out = host->metric(host, SLUICE_COUNTER, "items_left_out_total",
                                     "Items left out of their purchase, by what their FIDO was", "reason");
    *self = p;
    return SLUICE_OK;
}

static void purchase_destroy(void *self)
{
    free(self);
}

static uint32_t purchase_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                                const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    const struct purchase *p = self;
    uint32_t i;

    (void)err;
    for (i = 0; i < n; i++) {
        struct purchase_work w = {.self = p, .record = records[i]};
        const struct sluice_node *root = p->host->record->document(records[i]);

        if (p->host->document->type(root) != SLUICE_OBJECT)
            purchase_end(&w, SLUICE_REJECT, "not_an_object",
                         "the record is not a JSON object: nothing in it has a name");
        else if (p->from == PURCHASE_FROM_RECEIPT)
            purchase_from_receipt(&w, root);
        else if (p->from == PURCHASE_FROM_SHOP_ORDER)
            purchase_from_shop_order(&w, root);
        else
            purchase_from_row(&w, root);
        sluice_verdict_set(verdicts, i, w.answer.code, w.answer.reason, w.answer.detail);
    }
    return SLUICE_OK;
}

static const struct sluice_lifecycle purchase_lifecycle = {
    .struct_size = sizeof purchase_lifecycle,
    .create = purchase_create,
    .destroy = purchase_destroy,
};

static const struct sluice_enricher_ops purchase_ops = {
    .struct_size = sizeof purchase_ops,
    .enrich = purchase_enrich,
};

static const struct sluice_plugin purchase_plugin = {
    .struct_size = sizeof purchase_plugin,
    .min_host_minor = 1,
    .kind = SLUICE_ENRICHER,
    .flags = SLUICE_PARALLEL,
    .name = "purchase",
    .version = "0.1.0",
    .summary = "receipts, shop orders or rows to purchases",
    .licence = "MIT",
    SLUICE_OPTIONS(purchase_options),
    .lifecycle = &purchase_lifecycle,
    .ops = &purchase_ops,
    .example = "plugin: purchase\n"
               "from: receipt\n",
};

SLUICE_MODULE("enrich-purchase", NULL, NULL, &purchase_plugin);
