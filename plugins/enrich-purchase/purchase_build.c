/* purchase_build: the one writer of the purchase document. */
#include "../common/purchase.h"
#include "enrich_purchase.h"

static uint32_t set_text(const struct purchase_work *w, struct sluice_node *object, const char *key,
                         struct sluice_str text)
{
    const struct sluice_host *host = w->self->host;

    if (text.data == NULL)
        return 1;
    return sluice_set(host, w->record, object, key,
                      host->document->make_text(w->record, text.data, text.len));
}

int purchase_begin(struct purchase_work *w, struct sluice_str user_id, struct sluice_str timezone,
                   struct sluice_node **root, struct sluice_node **list)
{
    const struct sluice_host *host = w->self->host;
    struct sluice_node *object = host->document->make(w->record, SLUICE_OBJECT);
    struct sluice_node *array = host->document->make(w->record, SLUICE_ARRAY);

    if (object == NULL || !set_text(w, object, PURCHASE_USER_ID, user_id) ||
        !set_text(w, object, PURCHASE_TIMEZONE, timezone) ||
        !sluice_set(host, w->record, object, PURCHASE_LIST, array))
        return purchase_no_memory(w);
    *root = object;
    *list = array;
    return 1;
}

/* Numbers are made anew: a node has one parent, and the message keeps its own. */
static struct sluice_node *copy_number(const struct purchase_work *w, const struct sluice_node *number)
{
    const struct sluice_host *host = w->self->host;
    struct sluice_error err = {.struct_size = sizeof err};
    struct sluice_str json;
    char text[64];
    int64_t integer;
    double real;

    if (host->document->integer(number, &integer))
        return host->document->make_int(w->record, integer);
    if (host->document->real(number, &real))
        return host->document->make_real(w->record, real);
    json.data = text;
    json.len = host->document->write_json(number, text, sizeof text);
    return json.len > sizeof text ? NULL : host->record->parse_json(w->record, json, &err);
}

int purchase_push(struct purchase_work *w, struct sluice_node *list, const struct purchase_line *line)
{
    const struct sluice_host *host = w->self->host;
    struct sluice_node *p = host->document->make(w->record, SLUICE_OBJECT);

    if (p == NULL || !set_text(w, p, PURCHASE_RECEIPT_ID, line->receipt_id) ||
        !sluice_set(host, w->record, p, PURCHASE_TIME, host->document->make_int(w->record, line->time)) ||
        !set_text(w, p, PURCHASE_PRODUCT_ID, line->product_id) ||
        !set_text(w, p, PURCHASE_RETAILER, line->retailer) ||
        (line->quantity != NULL &&
         !sluice_set(host, w->record, p, PURCHASE_QUANTITY, copy_number(w, line->quantity))) ||
        !set_text(w, p, PURCHASE_DESCRIPTION, line->description) ||
        !set_text(w, p, PURCHASE_NAME, line->name) || !set_text(w, p, PURCHASE_BRAND, line->brand) ||
        !set_text(w, p, PURCHASE_CATEGORY, line->category) ||
        !set_text(w, p, PURCHASE_CATEGORY_ID, line->category_id) || !host->document->push(list, p))
        return purchase_no_memory(w);
    return 1;
}

int purchase_finish(struct purchase_work *w, struct sluice_node *root)
{
    w->self->host->record->set_document(w->record, root);
    w->answer.code = SLUICE_OK;
    return 1;
}
