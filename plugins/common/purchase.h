/* purchase: the document that enrich/purchase makes and the purchase-graph sinks
 * read.  It is the meeting point of everything that knows receipts, shop orders or
 * histories with everything that knows the graph.
 *
 *  { "user_id": "u1",
 *    "timezone": "Europe/Berlin",               only if delivered
 *    "purchases": [
 *      { "receipt_id": "r1", "time": 1483706821000,      ms since 1970 UTC
 *        "product_id": "p1",
 *        "retailer": "Corner Shop",             only if known
 *        "quantity": 2, "description": "MILK",  only if delivered
 *        "name": …, "brand": …, "category": …,  by catalogue enrichers
 *        "category_id": …, "category_hierarchy": [ … ] } ] }
 *
 * An empty "purchases" is a user without history: a User node and nothing else. */
#ifndef SLUICE_PLUGINS_PURCHASE_H
#define SLUICE_PLUGINS_PURCHASE_H

#define PURCHASE_USER_ID "user_id"
#define PURCHASE_TIMEZONE "timezone"
#define PURCHASE_LIST "purchases"
#define PURCHASE_RECEIPT_ID "receipt_id"
#define PURCHASE_TIME "time"
#define PURCHASE_PRODUCT_ID "product_id"
#define PURCHASE_RETAILER "retailer"
#define PURCHASE_QUANTITY "quantity"
#define PURCHASE_DESCRIPTION "description"
#define PURCHASE_NAME "name"
#define PURCHASE_BRAND "brand"
#define PURCHASE_CATEGORY "category"
#define PURCHASE_CATEGORY_ID "category_id"
#define PURCHASE_HIERARCHY "category_hierarchy"

#endif
