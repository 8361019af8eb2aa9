/* schema: the tables of version 1, and the pragmas that name the file as ours.
 *
 * Invariant: a table never changes its meaning under one version; a file of a newer
 * version, or of another program, is refused by name (db.c). */
#ifndef SLUICE_SINK_SQLITE_SCHEMA_H
#define SLUICE_SINK_SQLITE_SCHEMA_H

#define SCHEMA_APPLICATION 1397512017 /* "SLGQ" */
#define SCHEMA_VERSION 1

/* Rowids are local to the file; the text ids are the keys of the graph.  Each edge
 * table has beside it the receipts that its edges have counted. */
#define SCHEMA_TABLES                                                                                        \
    "CREATE TABLE users("                                                                                    \
    " id INTEGER PRIMARY KEY, user_id TEXT NOT NULL UNIQUE, timezone TEXT, timezone_at INTEGER,"             \
    " created_at INTEGER NOT NULL, last_updated_at INTEGER NOT NULL);"                                       \
    "CREATE TABLE products("                                                                                 \
    " id INTEGER PRIMARY KEY, product_id TEXT NOT NULL UNIQUE, name TEXT, name_is_catalogue INTEGER NOT "    \
    "NULL,"                                                                                                  \
    " brand TEXT, category TEXT, category_id TEXT, category_hierarchy TEXT, created_at INTEGER NOT NULL);"   \
    "CREATE TABLE categories("                                                                               \
    " id INTEGER PRIMARY KEY, category_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, created_at INTEGER NOT " \
    "NULL);"                                                                                                 \
    "CREATE TABLE retailers("                                                                                \
    " id INTEGER PRIMARY KEY, retailer_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, venue_type TEXT NOT "    \
    "NULL);"                                                                                                 \
    "CREATE TABLE purchased("                                                                                \
    " user INTEGER NOT NULL, product INTEGER NOT NULL, times INTEGER NOT NULL, last INTEGER NOT NULL,"       \
    " avg_interval_days INTEGER NOT NULL, repurchase_likelihood REAL NOT NULL,"                              \
    " PRIMARY KEY(user, product)) WITHOUT ROWID;"                                                            \
    "CREATE TABLE shops_at("                                                                                 \
    " user INTEGER NOT NULL, retailer INTEGER NOT NULL, frequency INTEGER NOT NULL, last_visit INTEGER NOT " \
    "NULL,"                                                                                                  \
    " PRIMARY KEY(user, retailer)) WITHOUT ROWID;"                                                           \
    "CREATE TABLE shops_in("                                                                                 \
    " user INTEGER NOT NULL, category INTEGER NOT NULL, frequency INTEGER NOT NULL,"                         \
    " last_purchase INTEGER NOT NULL, PRIMARY KEY(user, category)) WITHOUT ROWID;"                           \
    "CREATE TABLE in_category(product INTEGER PRIMARY KEY, category INTEGER NOT NULL);"                      \
    "CREATE TABLE purchased_receipts("                                                                       \
    " user INTEGER NOT NULL, product INTEGER NOT NULL, receipt TEXT NOT NULL, time INTEGER NOT NULL,"        \
    " PRIMARY KEY(user, product, receipt)) WITHOUT ROWID;"                                                   \
    "CREATE TABLE shops_at_receipts("                                                                        \
    " user INTEGER NOT NULL, retailer INTEGER NOT NULL, receipt TEXT NOT NULL, time INTEGER NOT NULL,"       \
    " PRIMARY KEY(user, retailer, receipt)) WITHOUT ROWID;"                                                  \
    "CREATE TABLE shops_in_receipts("                                                                        \
    " user INTEGER NOT NULL, category INTEGER NOT NULL, receipt TEXT NOT NULL, time INTEGER NOT NULL,"       \
    " PRIMARY KEY(user, category, receipt)) WITHOUT ROWID;"

/* One JSON array of the receipts of an edge, by time then id. */
#define SCHEMA_ARRAY(what, table, target)                                                                    \
    "(SELECT json_group_array(" what ") FROM (SELECT receipt, time FROM " table                              \
    " WHERE user = e.user AND " target " = e." target " ORDER BY time, receipt))"
#define SCHEMA_ISO(column) "strftime('%Y-%m-%dT%H:%M:%fZ', " column " / 1000.0, 'unixepoch')"

/* For people and scripts: the edges with the names of the graph. */
/* clang-format off */
#define SCHEMA_VIEW(name, table, target, nodes, key, last, more) \
    "CREATE VIEW " name " AS SELECT u.user_id, n." key ", " \
    SCHEMA_ARRAY("receipt", table "_receipts", target) " AS receipt_ids, " \
    SCHEMA_ARRAY(SCHEMA_ISO("time"), table "_receipts", target) " AS timestamps, " \
    more ", " SCHEMA_ISO("e." last) " AS " last \
    " FROM " table " e JOIN users u ON u.id = e.user JOIN " nodes " n ON n.id = e." target ";"

#define SCHEMA_VIEWS \
    SCHEMA_VIEW("purchased_edges", "purchased", "product", "products", "product_id", "last", \
                "e.times, e.avg_interval_days, e.repurchase_likelihood") \
    SCHEMA_VIEW("shops_at_edges", "shops_at", "retailer", "retailers", "retailer_id", "last_visit", \
                "e.frequency") \
    SCHEMA_VIEW("shops_in_edges", "shops_in", "category", "categories", "category_id", "last_purchase", \
                "e.frequency") \
    "CREATE VIEW in_category_edges AS SELECT p.product_id, c.category_id" \
    " FROM in_category e JOIN products p ON p.id = e.product JOIN categories c ON c.id = e.category;"
/* clang-format on */

#endif
