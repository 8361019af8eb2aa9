/* purchase_message: receipts and shop orders.
 *
 * The keep rules come before every other check: most of the traffic is dropped by
 * them, and a message that nobody wants need not be whole. */
#include "../common/fido.h"
#include "enrich_purchase.h"

/* The items of a message, as far as both messages have them. */
struct message_items {
    const struct sluice_node *list;
    const char *path;   /* of the list, for people */
    const char *fido;   /* member of an item that holds the FIDO */
    uint64_t with_fido; /* items that have one, good or bad */
    uint64_t good;
    char first_bad[160]; /* why the first bad one is bad */
};

static const struct purchase_member item_member = PURCHASE_MEMBER("quantity", "quantity");
static const struct purchase_member text_member = PURCHASE_MEMBER("description", "description");
static const struct purchase_member user_member = PURCHASE_MEMBER("user_id", "user_id");
static const struct purchase_member zone_member = PURCHASE_MEMBER("timezone", "timezone");

static const struct sluice_node *member(const struct purchase_work *w, const struct sluice_node *object,
                                        const char *name)
{
    return sluice_get(w->self->host, object, name);
}

/* A text that a keep rule looks at: 1 and whether it is the wanted one. */
static int keep_word(struct purchase_work *w, const struct sluice_node *root, const struct purchase_member *m,
                     const char *wanted, int *same)
{
    const struct sluice_document_api *document = w->self->host->document;
    const struct sluice_node *node = member(w, root, m->name);

    if (document->type(node) != SLUICE_TEXT)
        return purchase_unfit(w, m, node, "a text");
    *same = sluice_str_equal(document->string(node), sluice_str_of(wanted));
    return 1;
}

/* What the item's FIDO is: NULL a good one (product written), else the reason it is left out. */
static const char *item_fido(const struct purchase_work *w, const struct message_items *items,
                             const struct sluice_node *item, char product[FIDO_LEN + 1])
{
    const struct sluice_document_api *document = w->self->host->document;
    const struct sluice_node *fido;
    const char *reason = NULL;
    struct sluice_str text;

    if (document->type(item) != SLUICE_OBJECT)
        return "not_an_object";
    fido = member(w, item, items->fido);
    if (document->type(fido) == SLUICE_NULL)
        return "no_fido";
    text = document->string(fido);
    if (text.data == NULL)
        return "not_text";
    if (fido_parse(text.data, (size_t)text.len, product, &reason))
        return NULL;
    return strcmp(reason, "empty") == 0 ? "no_fido" : reason;
}

/* Counts the items by what their FIDOs are. */
static void items_survey(struct purchase_work *w, struct message_items *items)
{
    const struct sluice_host *host = w->self->host;
    const struct sluice_node *item = host->document->first(items->list);
    char product[FIDO_LEN + 1], shown[PURCHASE_SHOW];
    uint64_t i;

    for (i = 0; item != NULL; item = host->document->next(item), i++) {
        const char *reason = item_fido(w, items, item, product);

        if (reason == NULL) {
            items->with_fido++;
            items->good++;
            continue;
        }
        host->metric_add(host, w->self->items_left_out, reason, 1);
        if (strcmp(reason, "no_fido") == 0)
            continue;
        items->with_fido++;
        if (items->first_bad[0] == '\0')
            (void)snprintf(
                items->first_bad, sizeof items->first_bad, "%s[%llu]: found %s (%s)", items->path,
                (unsigned long long)i,
                purchase_show(w, strcmp(reason, "not_an_object") == 0 ? item : member(w, item, items->fido),
                              shown),
                reason);
    }
}

/* Once the keep rules are passed: the record is worth a purchase only with a good item. */
static int items_usable(struct purchase_work *w, const struct message_items *items)
{
    if (items->good > 0)
        return 1;
    return purchase_end(
        w, SLUICE_REJECT, "bad_fido",
        "%s, expected UUID text, or base64 of 16 bytes or of UUID text; no item has a good FIDO",
        items->first_bad);
}

static int items_build(struct purchase_work *w, const struct message_items *items, struct purchase_line *line,
                       struct sluice_node *list)
{
    const struct sluice_document_api *document = w->self->host->document;
    const struct sluice_node *item = document->first(items->list);
    char product[FIDO_LEN + 1];

    w->list = items->path;
    for (w->item = 0; item != NULL; item = document->next(item), w->item++) {
        if (item_fido(w, items, item, product) != NULL)
            continue;
        line->product_id = sluice_str_of(product);
        if (!purchase_number(w, member(w, item, "quantity"), &item_member, &line->quantity) ||
            !purchase_text(w, member(w, item, "description"), &text_member, PURCHASE_MAX_TEXT,
                           &line->description) ||
            !purchase_push(w, list, line))
            return 0;
    }
    w->list = NULL;
    return 1;
}

/* What follows once the message's own members are read: user, items, document. */
static int message_build(struct purchase_work *w, const struct sluice_node *root,
                         const struct message_items *items, struct purchase_line *line)
{
    struct sluice_str user_id, timezone;
    struct sluice_node *document, *list;

    if (!purchase_id(w, member(w, root, "user_id"), &user_member, &user_id) ||
        !purchase_text(w, member(w, root, "timezone"), &zone_member, PURCHASE_MAX_TIMEZONE, &timezone) ||
        !items_usable(w, items) || !purchase_begin(w, user_id, timezone, &document, &list) ||
        !items_build(w, items, line, list))
        return 0;
    return purchase_finish(w, document);
}

/* The receipt's own members and a survey of its items, if the keep rules keep it. */
static int receipt_read(struct purchase_work *w, const struct sluice_node *root, struct message_items *items,
                        struct purchase_line *line)
{
    static const struct purchase_member status = PURCHASE_MEMBER("status", "status");
    static const struct purchase_member items_member = PURCHASE_MEMBER("items", "items");
    static const struct purchase_member receipt = PURCHASE_MEMBER("receipt_id", "receipt_id");
    static const struct purchase_member when = PURCHASE_MEMBER("purchased_at", "time");
    static const struct purchase_member store = PURCHASE_MEMBER("store_name", "store_name");
    int finished;

    if (!keep_word(w, root, &status, "FINISHED", &finished))
        return 0;
    if (!finished)
        return purchase_end(w, SLUICE_DROP, "not_finished", "the receipt's status is not FINISHED");
    if (w->self->host->document->type(member(w, root, "digital_receipt_data")) != SLUICE_NULL)
        return purchase_end(w, SLUICE_DROP, "digital", "the receipt has digital_receipt_data");
    items->list = member(w, root, "items");
    if (!purchase_list(w, items->list, &items_member))
        return 0;
    items_survey(w, items);
    if (items->with_fido == 0)
        return purchase_end(w, SLUICE_DROP, "no_fido", "no item of the receipt has a FIDO");
    return purchase_id(w, member(w, root, "receipt_id"), &receipt, &line->receipt_id) &&
           purchase_time(w, member(w, root, "purchased_at"), &when, &line->time) &&
           purchase_text(w, member(w, root, "store_name"), &store, PURCHASE_MAX_ID, &line->retailer);
}

int purchase_from_receipt(struct purchase_work *w, const struct sluice_node *root)
{
    struct message_items items = {.path = "items", .fido = "fido"};
    struct purchase_line line = {0};

    return receipt_read(w, root, &items, &line) && message_build(w, root, &items, &line);
}

int purchase_add_receipt(struct purchase_work *w, const struct sluice_node *receipt, struct sluice_node *list)
{
    struct message_items items = {.path = "items", .fido = "fido"};
    struct purchase_line line = {0};

    return receipt_read(w, receipt, &items, &line) && items_usable(w, &items) &&
           items_build(w, &items, &line, list);
}

int purchase_add_order(struct purchase_work *w, const struct sluice_node *order, struct sluice_node *list)
{
    static const struct purchase_member items_member = PURCHASE_MEMBER("items", "items");
    static const struct purchase_member id = PURCHASE_MEMBER("buttonOrderId", "receipt_id");
    static const struct purchase_member when = PURCHASE_MEMBER("orderedAt", "time");
    static const struct purchase_member retailer = PURCHASE_MEMBER("retailer", "retailer");
    struct message_items items = {.path = "items", .fido = "fido"};
    struct purchase_line line = {0};

    items.list = member(w, order, "items");
    if (!purchase_list(w, items.list, &items_member))
        return 0;
    items_survey(w, &items);
    if (items.with_fido == 0)
        return purchase_end(w, SLUICE_DROP, "no_fido", "no item of the order has a FIDO");
    return purchase_id(w, member(w, order, "buttonOrderId"), &id, &line.receipt_id) &&
           purchase_time(w, member(w, order, "orderedAt"), &when, &line.time) &&
           purchase_text(w, member(w, order, "retailer"), &retailer, PURCHASE_MAX_ID, &line.retailer) &&
           items_usable(w, &items) && items_build(w, &items, &line, list);
}

/* fido_count may be missing, then the list counts; 1 and whether it says "none". */
static int count_says_none(struct purchase_work *w, const struct sluice_node *data, int *none)
{
    static const struct purchase_member count = PURCHASE_MEMBER("data.fido_count", "fido_count");
    const struct sluice_document_api *document = w->self->host->document;
    const struct sluice_node *node = member(w, data, "fido_count");
    int64_t value;

    *none = 0;
    if (document->type(node) == SLUICE_NULL)
        return 1;
    if (!document->integer(node, &value))
        return purchase_unfit(w, &count, node, "a whole number");
    *none = value <= 0;
    return 1;
}

static int order_kept(struct purchase_work *w, const struct sluice_node *root, struct message_items *items)
{
    static const struct purchase_member source = PURCHASE_MEMBER("source", "source");
    static const struct purchase_member event = PURCHASE_MEMBER("event_type", "event_type");
    static const struct purchase_member data_member = PURCHASE_MEMBER("data", "data");
    static const struct purchase_member fidos = PURCHASE_MEMBER("data.fidos", "items");
    const struct sluice_node *data = member(w, root, "data");
    int same, none;

    if (!keep_word(w, root, &source, "SHOP", &same))
        return 0;
    if (!same)
        return purchase_end(w, SLUICE_DROP, "not_shop", "the factoid's source is not SHOP");
    if (!keep_word(w, root, &event, "ORDER_FINALIZED", &same))
        return 0;
    if (!same)
        return purchase_end(w, SLUICE_DROP, "not_finalized", "the factoid's event is not ORDER_FINALIZED");
    if (!purchase_object(w, data, &data_member) || !count_says_none(w, data, &none))
        return 0;
    if (none)
        return purchase_end(w, SLUICE_DROP, "no_fido", "the order's fido_count is not above 0");
    items->list = member(w, data, "fidos");
    if (!purchase_list(w, items->list, &fidos))
        return 0;
    items_survey(w, items);
    if (items->with_fido == 0)
        return purchase_end(w, SLUICE_DROP, "no_fido", "no item of the order has a FIDO");
    return 1;
}

int purchase_from_shop_order(struct purchase_work *w, const struct sluice_node *root)
{
    static const struct purchase_member summary = PURCHASE_MEMBER("summary_id", "receipt_id");
    static const struct purchase_member when = PURCHASE_MEMBER("occurred_at", "time");
    static const struct purchase_member info = PURCHASE_MEMBER("data.retailer_info", "retailer_info");
    static const struct purchase_member name = PURCHASE_MEMBER("data.retailer_info.name", "retailer");
    const struct sluice_document_api *document = w->self->host->document;
    struct message_items items = {.path = "data.fidos", .fido = "id"};
    struct purchase_line line = {0};
    const struct sluice_node *retailer;

    if (!order_kept(w, root, &items))
        return 0;
    retailer = member(w, member(w, root, "data"), "retailer_info");
    if (document->type(retailer) != SLUICE_NULL && !purchase_object(w, retailer, &info))
        return 0;
    if (!purchase_id(w, member(w, root, "summary_id"), &summary, &line.receipt_id) ||
        !purchase_time(w, member(w, root, "occurred_at"), &when, &line.time) ||
        !purchase_text(w, member(w, retailer, "name"), &name, PURCHASE_MAX_ID, &line.retailer))
        return 0;
    return message_build(w, root, &items, &line);
}
