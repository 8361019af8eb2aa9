/* schema: the tables of version 2, and the pragmas that name the file as ours.
 *
 * Everything of a user lies in one place, the table purchases: a write of one user then
 * touches one or two pages, however many users there are.  What can be derived from the
 * purchases is not stored: SHOPS_AT and SHOPS_IN are views.
 *
 * Invariant: a table never changes its meaning under one version; a file of another
 * version, or of another program, is refused by name (db.c). */
#ifndef SLUICE_SINK_SQLITE_SCHEMA_H
#define SLUICE_SINK_SQLITE_SCHEMA_H

#define SCHEMA_APPLICATION 1397512017 /* "SLGQ" */
#define SCHEMA_VERSION 2

/* Integer keys are local to the file; the text ids are the keys of the graph.
 *
 * Rows of purchases, by key:
 *   receipt not empty            a purchase: user, product, receipt, retailer, category (0: none);
 *                                time is the latest that it came with
 *   receipt ''                   the figures of the PURCHASED edge; time is its last, written_at
 *                                when something of it was written last
 *
 * When a user's edges changed last is in written_at, beside what changed: a clock in user_keys
 * would have to be touched with every receipt.  The one there is of the node itself. */
/* clang-format off */
#define SCHEMA_TABLES \
    "CREATE TABLE user_keys(" \
    " id INTEGER PRIMARY KEY, user_id TEXT NOT NULL UNIQUE, timezone TEXT, timezone_at INTEGER," \
    " created_at INTEGER NOT NULL, last_updated_at INTEGER NOT NULL);" \
    "CREATE TABLE products(" \
    " id INTEGER PRIMARY KEY, product_id TEXT NOT NULL UNIQUE, name TEXT," \
    " name_is_catalogue INTEGER NOT NULL, brand TEXT, category TEXT, category_id TEXT," \
    " category_hierarchy TEXT, created_at INTEGER NOT NULL);" \
    "CREATE TABLE categories(" \
    " id INTEGER PRIMARY KEY, category_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL," \
    " created_at INTEGER NOT NULL);" \
    "CREATE TABLE retailers(" \
    " id INTEGER PRIMARY KEY, retailer_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL," \
    " venue_type TEXT NOT NULL);" \
    "CREATE TABLE in_category(product INTEGER PRIMARY KEY, category INTEGER NOT NULL);" \
    "CREATE TABLE purchases(" \
    " user INTEGER NOT NULL, product INTEGER NOT NULL, receipt TEXT NOT NULL," \
    " retailer INTEGER NOT NULL, category INTEGER NOT NULL, time INTEGER NOT NULL," \
    " times INTEGER, avg_interval_days INTEGER, repurchase_likelihood REAL, written_at INTEGER," \
    " PRIMARY KEY(user, product, receipt, retailer, category)) WITHOUT ROWID;" \
    "CREATE TABLE older_counts(" \
    " user INTEGER NOT NULL, type TEXT NOT NULL CHECK(type IN ('SHOPS_AT', 'SHOPS_IN'))," \
    " target INTEGER NOT NULL, frequency INTEGER NOT NULL CHECK(frequency > 0), last INTEGER NOT NULL," \
    " PRIMARY KEY(user, type, target)) WITHOUT ROWID;"

/* A receipt of one edge that came with several times has the latest. */
#define SCHEMA_RECEIPTS(where, group) \
    "SELECT " group ", receipt, max(time) AS time FROM purchases WHERE receipt <> '' AND " where \
    " GROUP BY " group ", receipt"

/* Nodes and edges by the integer keys. */
#define SCHEMA_SHOPS(table, target, last, type) \
    "CREATE VIEW " table "_receipts AS " SCHEMA_RECEIPTS(target " <> 0", "user, " target) ";" \
    "CREATE VIEW " table " AS SELECT p.user AS user, p." target " AS " target "," \
    " count(DISTINCT p.receipt) + ifnull(max(o.frequency), 0) AS frequency," \
    " max(max(p.time), ifnull(max(o.last), max(p.time))) AS " last \
    " FROM purchases p LEFT JOIN older_counts o ON o.user = p.user AND o.type = '" type "'" \
    " AND o.target = p." target " WHERE p.receipt <> '' AND p." target " <> 0 GROUP BY p.user, p." target \
    " UNION ALL SELECT user, target, frequency, last FROM older_counts o WHERE type = '" type "'" \
    " AND NOT EXISTS (SELECT 1 FROM purchases p WHERE p.user = o.user AND p." target " = o.target);"

/* One JSON array of the receipts of an edge, by time then id. */
#define SCHEMA_ARRAY(what, user, target, key) \
    "(SELECT json_group_array(" what ") FROM (SELECT receipt, max(time) AS time FROM purchases" \
    " WHERE user = " user " AND " target " = " key " AND receipt <> '' GROUP BY receipt" \
    " ORDER BY max(time), receipt))"
#define SCHEMA_ISO(column) "strftime('%Y-%m-%dT%H:%M:%fZ', (" column ") / 1000.0, 'unixepoch')"

/* For people and scripts: the edges with the names of the graph.  json_each lists the
 * targets of one user, so that a query for one user reads his rows only. */
#define SCHEMA_OLDER(what, type) \
    "(SELECT " what " FROM older_counts WHERE user = u.id AND type = '" type "' AND target = n.id)"
#define SCHEMA_SHOPS_EDGES(view, target, nodes, key, last, type) \
    "CREATE VIEW " view " AS SELECT u.user_id, n." key ", " \
    SCHEMA_ARRAY("receipt", "u.id", target, "n.id") " AS receipt_ids, " \
    SCHEMA_ARRAY(SCHEMA_ISO("time"), "u.id", target, "n.id") " AS timestamps, " \
    "(SELECT count(DISTINCT receipt) FROM purchases WHERE user = u.id AND " target " = n.id AND receipt <> '')" \
    " + ifnull(" SCHEMA_OLDER("frequency", type) ", 0) AS frequency, " \
    SCHEMA_ISO("SELECT max(time) FROM (SELECT time FROM purchases WHERE user = u.id AND " target " = n.id" \
               " AND receipt <> '' UNION ALL SELECT last FROM older_counts WHERE user = u.id" \
               " AND type = '" type "' AND target = n.id)") " AS " last \
    " FROM user_keys u JOIN json_each((SELECT json_group_array(" target ") FROM" \
    " (SELECT " target " FROM purchases WHERE user = u.id AND " target " <> 0" \
    "  UNION SELECT target FROM older_counts WHERE user = u.id AND type = '" type "'))) x" \
    " JOIN " nodes " n ON n.id = x.value;"

#define SCHEMA_VIEWS \
    "CREATE VIEW users AS SELECT id, user_id, timezone, timezone_at, created_at," \
    " max(last_updated_at, ifnull((SELECT max(written_at) FROM purchases WHERE user = id AND receipt = ''), 0))" \
    " AS last_updated_at FROM user_keys;" \
    "CREATE VIEW purchased AS SELECT user, product, times, time AS last, avg_interval_days," \
    " repurchase_likelihood FROM purchases WHERE receipt = '';" \
    "CREATE VIEW purchased_receipts AS " SCHEMA_RECEIPTS("product <> 0", "user, product") ";" \
    SCHEMA_SHOPS("shops_at", "retailer", "last_visit", "SHOPS_AT") \
    SCHEMA_SHOPS("shops_in", "category", "last_purchase", "SHOPS_IN") \
    "CREATE VIEW purchased_edges AS SELECT u.user_id, n.product_id, " \
    SCHEMA_ARRAY("receipt", "e.user", "product", "e.product") " AS receipt_ids, " \
    SCHEMA_ARRAY(SCHEMA_ISO("time"), "e.user", "product", "e.product") " AS timestamps, " \
    "e.times, e.avg_interval_days, e.repurchase_likelihood, " SCHEMA_ISO("e.time") " AS last" \
    " FROM purchases e JOIN user_keys u ON u.id = e.user JOIN products n ON n.id = e.product" \
    " WHERE e.receipt = '';" \
    SCHEMA_SHOPS_EDGES("shops_at_edges", "retailer", "retailers", "retailer_id", "last_visit", "SHOPS_AT") \
    SCHEMA_SHOPS_EDGES("shops_in_edges", "category", "categories", "category_id", "last_purchase", "SHOPS_IN") \
    "CREATE VIEW in_category_edges AS SELECT p.product_id, c.category_id" \
    " FROM in_category e JOIN products p ON p.id = e.product JOIN categories c ON c.id = e.category;"
/* clang-format on */

#endif
