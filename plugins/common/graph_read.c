/* graph_read: a purchase document into plain structs.
 *
 * Invariant: whoever gets SLUICE_OK need not check anything again: ids are there,
 * of legal length and without NUL, times are in range, empty strings are absent. */
#include <inttypes.h>
#include <string.h>

#include "graph.h"
#include "purchase.h"

#define FUTURE_MS GRAPH_DAY_MS

struct reading {
    const struct sluice_host *host;
    const struct sluice_record *record;
    struct arena *arena;
    int64_t now_ms;
    uint64_t at; /* purchase, from 1; 0: the record itself */
    const char *reason;
    const char *detail;
};

static uint32_t graph_refuse(struct reading *r, const char *reason, const char *member, const char *what)
{
    r->reason = reason;
    if (r->at == 0)
        r->detail = sluice_record_text(r->host, r->record, "%s %s", member, what);
    else
        r->detail =
            sluice_record_text(r->host, r->record, "purchase %" PRIu64 ": %s %s", r->at, member, what);
    return SLUICE_REJECT;
}

/* A text member; absent if missing, null or empty. */
static uint32_t graph_text(struct reading *r, const struct sluice_node *object, const char *member,
                           const char *reason, uint64_t max, struct sluice_str *out)
{
    struct sluice_node *node = sluice_get(r->host, object, member);
    uint32_t type = r->host->document->type(node);
    struct sluice_str text;

    out->data = NULL;
    out->len = 0;
    if (type == SLUICE_NULL)
        return SLUICE_OK;
    if (type != SLUICE_TEXT)
        return graph_refuse(r, reason, member, "must be text");
    text = r->host->document->string(node);
    if (text.len == 0)
        return SLUICE_OK;
    if (text.len > max)
        return graph_refuse(r, reason, member, "is longer than 512 bytes");
    if (memchr(text.data, '\0', text.len) != NULL)
        return graph_refuse(r, reason, member, "holds a NUL character");
    *out = text;
    return SLUICE_OK;
}

static uint32_t graph_key(struct reading *r, const struct sluice_node *object, const char *member,
                          const char *missing, const char *bad, struct sluice_str *out)
{
    uint32_t code = graph_text(r, object, member, bad, GRAPH_MAX_ID, out);

    if (code == SLUICE_OK && out->data == NULL)
        return graph_refuse(r, missing, member, "is missing or empty");
    return code;
}

static uint32_t graph_time(struct reading *r, const struct sluice_node *object, int64_t *out)
{
    struct sluice_node *node = sluice_get(r->host, object, PURCHASE_TIME);
    int64_t ms;

    if (r->host->document->type(node) == SLUICE_NULL)
        return graph_refuse(r, "no_time", PURCHASE_TIME, "is missing");
    if (!r->host->document->integer(node, &ms))
        return graph_refuse(r, "bad_time", PURCHASE_TIME, "must be whole milliseconds since 1970 UTC");
    if (ms > r->now_ms && ms - r->now_ms > FUTURE_MS)
        return graph_refuse(r, "future", PURCHASE_TIME, "is more than 24 hours in the future");
    if (ms < GRAPH_MIN_TIME || ms > GRAPH_MAX_TIME)
        return graph_refuse(r, "bad_time", PURCHASE_TIME, "is outside the years 1 to 9999");
    *out = ms;
    return SLUICE_OK;
}

static uint32_t graph_hierarchy(struct reading *r, const struct sluice_node *object,
                                struct graph_purchase *out)
{
    const struct sluice_document_api *doc = r->host->document;
    struct sluice_node *list = sluice_get(r->host, object, PURCHASE_HIERARCHY), *child;
    uint32_t type = doc->type(list);
    struct sluice_str *items;
    uint64_t n = 0;

    if (type == SLUICE_NULL)
        return SLUICE_OK;
    if (type != SLUICE_ARRAY)
        return graph_refuse(r, "bad_hierarchy", PURCHASE_HIERARCHY, "must be a list of texts");
    if (doc->count(list) == 0)
        return SLUICE_OK;
    items = arena_alloc(r->arena, doc->count(list) * sizeof *items);
    if (items == NULL)
        return SLUICE_RETRY;
    for (child = doc->first(list); child != NULL; child = doc->next(child)) {
        struct sluice_str text = doc->string(child);

        if (doc->type(child) == SLUICE_NULL || (text.data != NULL && text.len == 0))
            continue;
        if (text.data == NULL || memchr(text.data, '\0', text.len) != NULL)
            return graph_refuse(r, "bad_hierarchy", PURCHASE_HIERARCHY,
                                "must be a list of texts without NUL");
        items[n++] = text;
    }
    out->hierarchy = n == 0 ? NULL : items;
    out->n_hierarchy = n;
    return SLUICE_OK;
}

static uint32_t graph_purchase_read(struct reading *r, const struct sluice_node *node,
                                    struct graph_purchase *out)
{
    uint32_t code;

    memset(out, 0, sizeof *out);
    if (r->host->document->type(node) != SLUICE_OBJECT)
        return graph_refuse(r, "bad_purchase", "it", "must be an object");
    code = graph_key(r, node, PURCHASE_RECEIPT_ID, "no_receipt_id", "bad_receipt_id", &out->receipt);
    if (code == SLUICE_OK)
        code = graph_key(r, node, PURCHASE_PRODUCT_ID, "no_product_id", "bad_product_id", &out->product);
    if (code == SLUICE_OK)
        code = graph_time(r, node, &out->time);
    if (code == SLUICE_OK)
        code = graph_text(r, node, PURCHASE_RETAILER, "bad_retailer", GRAPH_MAX_ID, &out->retailer);
    if (code == SLUICE_OK)
        code = graph_text(r, node, PURCHASE_CATEGORY, "bad_category", GRAPH_MAX_ID, &out->category);
    if (code == SLUICE_OK)
        code = graph_text(r, node, PURCHASE_CATEGORY_ID, "bad_category_id", GRAPH_MAX_ID, &out->category_id);
    if (code == SLUICE_OK)
        code = graph_text(r, node, PURCHASE_NAME, "bad_name", UINT64_MAX, &out->name);
    if (code == SLUICE_OK)
        code = graph_text(r, node, PURCHASE_BRAND, "bad_brand", UINT64_MAX, &out->brand);
    if (code == SLUICE_OK)
        code = graph_text(r, node, PURCHASE_DESCRIPTION, "bad_description", UINT64_MAX, &out->description);
    if (code == SLUICE_OK)
        code = graph_hierarchy(r, node, out);
    return code;
}

static uint32_t graph_purchases(struct reading *r, const struct sluice_node *root, struct graph_record *out)
{
    const struct sluice_document_api *doc = r->host->document;
    struct sluice_node *list = sluice_get(r->host, root, PURCHASE_LIST), *child;
    uint64_t count = doc->count(list);
    uint32_t code = SLUICE_OK;

    if (doc->type(list) == SLUICE_NULL)
        return graph_refuse(r, "no_purchases", PURCHASE_LIST,
                            "is missing (a user without history has an empty list)");
    if (doc->type(list) != SLUICE_ARRAY)
        return graph_refuse(r, "bad_purchases", PURCHASE_LIST, "must be a list");
    if (count > SIZE_MAX / sizeof *out->purchases)
        return SLUICE_RETRY;
    out->purchases = arena_alloc(r->arena, (count == 0 ? 1 : count) * sizeof *out->purchases);
    if (out->purchases == NULL)
        return SLUICE_RETRY;
    for (child = doc->first(list); child != NULL && code == SLUICE_OK; child = doc->next(child)) {
        r->at = out->n + 1;
        code = graph_purchase_read(r, child, &out->purchases[out->n]);
        out->n++;
    }
    r->at = 0;
    return code;
}

uint32_t graph_read(const struct sluice_host *host, const struct sluice_record *record, int64_t now_ms,
                    struct arena *arena, struct graph_record *out, const char **reason, const char **detail)
{
    struct reading r = {host, record, arena, now_ms, 0, NULL, NULL};
    struct sluice_node *root = host->record->document(record);
    uint32_t code;

    memset(out, 0, sizeof *out);
    if (host->document->type(root) != SLUICE_OBJECT) {
        code = graph_refuse(&r, "not_a_purchase", "the document",
                            "must be an object with user_id and purchases (put enrich/purchase before)");
    } else {
        code = graph_key(&r, root, PURCHASE_USER_ID, "no_user_id", "bad_user_id", &out->user);
        if (code == SLUICE_OK)
            code = graph_text(&r, root, PURCHASE_TIMEZONE, "bad_timezone", GRAPH_MAX_ID, &out->timezone);
        if (code == SLUICE_OK)
            code = graph_purchases(&r, root, out);
    }
    *reason = r.reason;
    *detail = r.detail;
    return code;
}
