/* purchase_row: flat rows, one purchase each, by the mapping in `fields`. */
#include "enrich_purchase.h"

static const struct {
    const char *name;
    const char *no;
    const char *bad;
    int required;
} row_targets[TARGET_COUNT] = {
    [TARGET_USER_ID] = {"user_id", "no_user_id", "bad_user_id", 1},
    [TARGET_RECEIPT_ID] = {"receipt_id", "no_receipt_id", "bad_receipt_id", 1},
    [TARGET_PRODUCT_ID] = {"product_id", "no_product_id", "bad_product_id", 1},
    [TARGET_TIME] = {"time", "no_time", "bad_time", 1},
    [TARGET_RETAILER] = {"retailer", "no_retailer", "bad_retailer", 0},
    [TARGET_QUANTITY] = {"quantity", "no_quantity", "bad_quantity", 0},
    [TARGET_DESCRIPTION] = {"description", "no_description", "bad_description", 0},
    [TARGET_TIMEZONE] = {"timezone", "no_timezone", "bad_timezone", 0},
    [TARGET_NAME] = {"name", "no_name", "bad_name", 0},
    [TARGET_BRAND] = {"brand", "no_brand", "bad_brand", 0},
    [TARGET_CATEGORY] = {"category", "no_category", "bad_category", 0},
    [TARGET_CATEGORY_ID] = {"category_id", "no_category_id", "bad_category_id", 0},
};

static int target_of(const char *name)
{
    int t;

    for (t = 0; t < TARGET_COUNT; t++)
        if (strcmp(row_targets[t].name, name) == 0)
            return t;
    return -1;
}

uint32_t purchase_row_fields(struct purchase *p, const struct sluice_config *config, struct sluice_error *err)
{
    const struct sluice_host *host = p->host;
    uint64_t i;
    int t;

    if (p->from != PURCHASE_FROM_ROW) {
        if (host->option_given(config, "fields"))
            return sluice_fail(err, SLUICE_INVALID, "fields",
                               "fields maps the columns of rows: it goes with from: row only");
        return SLUICE_OK;
    }
    for (i = 0; i < host->option_count(config, "fields"); i++) {
        const char *name = host->option_item(config, "fields", i);

        t = target_of(name);
        if (t < 0)
            return sluice_fail(
                err, SLUICE_INVALID, "fields",
                "fields: %.60s is not something a purchase has; known are user_id, receipt_id, "
                "product_id, time, retailer, quantity, description, timezone, name, brand, category "
                "and category_id",
                name);
        if (host->option_values(config, "fields", i) != 1 ||
            host->option_value(config, "fields", i, 0)[0] == '\0')
            return sluice_fail(err, SLUICE_INVALID, "fields", "fields: %s needs the name of one column",
                               name);
        p->columns[t] = host->option_value(config, "fields", i, 0);
    }
    for (t = 0; t < TARGET_COUNT; t++) {
        if (row_targets[t].required && p->columns[t] == NULL)
            return sluice_fail(err, SLUICE_INVALID, "fields",
                               "fields: %s is missing; name the column that holds it", row_targets[t].name);
        p->members[t].name = p->columns[t];
        p->members[t].no = row_targets[t].no;
        p->members[t].bad = row_targets[t].bad;
    }
    return SLUICE_OK;
}

static const struct sluice_node *column(const struct purchase_work *w, const struct sluice_node *root,
                                        enum purchase_target t)
{
    return w->self->columns[t] == NULL ? NULL : sluice_get(w->self->host, root, w->self->columns[t]);
}

static int row_id(struct purchase_work *w, const struct sluice_node *root, enum purchase_target t,
                  struct sluice_str *out)
{
    return purchase_id(w, column(w, root, t), &w->self->members[t], out);
}

static int row_text(struct purchase_work *w, const struct sluice_node *root, enum purchase_target t,
                    uint64_t max, struct sluice_str *out)
{
    return purchase_text(w, column(w, root, t), &w->self->members[t], max, out);
}

int purchase_from_row(struct purchase_work *w, const struct sluice_node *root)
{
    const struct purchase_member *members = w->self->members;
    struct purchase_line line = {0};
    struct sluice_str user_id, timezone;
    struct sluice_node *document, *list;

    if (!row_id(w, root, TARGET_USER_ID, &user_id) || !row_id(w, root, TARGET_RECEIPT_ID, &line.receipt_id) ||
        !row_id(w, root, TARGET_PRODUCT_ID, &line.product_id) ||
        !purchase_time(w, column(w, root, TARGET_TIME), &members[TARGET_TIME], &line.time) ||
        !row_text(w, root, TARGET_RETAILER, PURCHASE_MAX_ID, &line.retailer) ||
        !purchase_number(w, column(w, root, TARGET_QUANTITY), &members[TARGET_QUANTITY], &line.quantity) ||
        !row_text(w, root, TARGET_DESCRIPTION, PURCHASE_MAX_TEXT, &line.description) ||
        !row_text(w, root, TARGET_TIMEZONE, PURCHASE_MAX_TIMEZONE, &timezone) ||
        !row_text(w, root, TARGET_NAME, PURCHASE_MAX_TEXT, &line.name) ||
        !row_text(w, root, TARGET_BRAND, PURCHASE_MAX_TEXT, &line.brand) ||
        !row_text(w, root, TARGET_CATEGORY, PURCHASE_MAX_TEXT, &line.category) ||
        !row_text(w, root, TARGET_CATEGORY_ID, PURCHASE_MAX_ID, &line.category_id))
        return 0;
    if (!purchase_begin(w, user_id, timezone, &document, &list) || !purchase_push(w, list, &line))
        return 0;
    return purchase_finish(w, document);
}
