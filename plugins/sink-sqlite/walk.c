/* walk: the graph shown to audit, fingerprint and explain (sluice/graph.h).
 *
 * Invariant: one read transaction, so one consistent state; memory holds one edge at
 * a time, whatever the size of the graph. */
#include <string.h>
#include <sluice/graph.h>

#include "graph_sink.h"

#define DOING "reading the graph"

struct walk {
    struct graph_sink *s;
    const struct sluice_graph_visitor *visitor;
    struct sluice_error *err;
    struct arena arena; /* of one node or edge */
    sqlite3_stmt *hierarchy;
    struct sluice_str *receipts;
    int64_t *times;
    uint64_t n;
    uint64_t cap;
};

/* The three edge types that belong to a user: a row a receipt, by target, then time and
 * receipt.  ?1 is the user's integer key. */
struct walk_edges {
    uint32_t type;
    const char *sql;
};

#define WALK_SHOPS(target, nodes, key, type)                                                                 \
    "SELECT x.target, t." key ", sum(x.n) OVER w, max(x.time) OVER w, 0, 0.0, x.receipt, x.time FROM ("      \
    "SELECT " target " AS target, receipt, max(time) AS time, 1 AS n FROM purchases"                         \
    " WHERE user = ?1 AND receipt <> '' AND " target " <> 0 GROUP BY " target ", receipt"                    \
    " UNION ALL SELECT target, NULL, last, frequency FROM older_counts"                                      \
    " WHERE user = ?1 AND type = '" type "') x LEFT JOIN " nodes " t ON t.id = x.target"                     \
    " WINDOW w AS (PARTITION BY x.target) ORDER BY x.target, x.time, x.receipt"

static const struct walk_edges walk_types[] = {
    {SLUICE_EDGE_PURCHASED, "SELECT e.product, t.product_id, e.times, e.time, e.avg_interval_days,"
                            " e.repurchase_likelihood, r.receipt, max(r.time)"
                            " FROM purchases e LEFT JOIN products t ON t.id = e.product LEFT JOIN purchases r"
                            " ON r.user = e.user AND r.product = e.product AND r.receipt <> ''"
                            " WHERE e.user = ?1 AND e.receipt = ''"
                            " GROUP BY e.product, r.receipt ORDER BY e.product, max(r.time), r.receipt"},
    {SLUICE_EDGE_SHOPS_AT, WALK_SHOPS("retailer", "retailers", "retailer_id", "SHOPS_AT")},
    {SLUICE_EDGE_SHOPS_IN, WALK_SHOPS("category", "categories", "category_id", "SHOPS_IN")},
};
#define WALK_TYPES (sizeof walk_types / sizeof walk_types[0])

static uint32_t walk_prepare(struct walk *w, const char *sql, sqlite3_stmt **out)
{
    int rc = sqlite3_prepare_v2(w->s->db.handle, sql, -1, out, NULL);

    return rc == SQLITE_OK ? SLUICE_OK : db_fail(&w->s->db, rc, DOING, w->err);
}

/* The statement with a tail for all, or the other with the one user as its parameter. */
static uint32_t walk_query(struct walk *w, const char *sql, const char *of_all, const char *of_user,
                           const char *user_id, sqlite3_stmt **out)
{
    struct strbuf text;
    uint32_t code;

    strbuf_init(&text, 4096);
    strbuf_puts(&text, sql);
    strbuf_puts(&text, user_id == NULL ? of_all : of_user);
    code = walk_prepare(w, strbuf_text(&text), out);
    strbuf_release(&text);
    if (code == SLUICE_OK && user_id != NULL)
        db_bind_text(*out, 1, sluice_str_of(user_id));
    return code;
}

static struct sluice_str walk_text(sqlite3_stmt *row, int at)
{
    struct sluice_str text = {(const char *)sqlite3_column_text(row, at), 0};

    if (text.data != NULL)
        text.len = (uint64_t)sqlite3_column_bytes(row, at);
    return text;
}

/* The column's text, copied for as long as the arena is not cleared. */
static uint32_t walk_keep(struct walk *w, sqlite3_stmt *row, int at, struct sluice_str *out)
{
    *out = walk_text(row, at);
    if (out->data == NULL)
        return SLUICE_OK;
    out->data = arena_copy(&w->arena, out->data, out->len);
    return out->data == NULL ? sluice_fail(w->err, SLUICE_RETRY, NULL, "no memory for the walk") : SLUICE_OK;
}

static uint32_t walk_room(struct walk *w)
{
    uint64_t cap = w->cap == 0 ? 16 : w->cap * 2;
    struct sluice_str *receipts;
    int64_t *times;

    if (w->n < w->cap)
        return SLUICE_OK;
    receipts = arena_alloc(&w->arena, cap * sizeof *receipts);
    times = arena_alloc(&w->arena, cap * sizeof *times);
    if (receipts == NULL || times == NULL)
        return sluice_fail(w->err, SLUICE_RETRY, NULL, "no memory for the walk");
    if (w->n > 0) {
        memcpy(receipts, w->receipts, w->n * sizeof *receipts);
        memcpy(times, w->times, w->n * sizeof *times);
    }
    w->receipts = receipts;
    w->times = times;
    w->cap = cap;
    return SLUICE_OK;
}

static void walk_clear(struct walk *w)
{
    arena_clear(&w->arena);
    w->n = 0;
    w->cap = 0;
}

/* The texts of a JSON array, into receipts (a list of texts like any other). */
static uint32_t walk_hierarchy(struct walk *w, struct sluice_str json)
{
    uint32_t code = SLUICE_OK;
    int rc;

    db_bind_text(w->hierarchy, 1, json);
    while (code == SLUICE_OK && (rc = sqlite3_step(w->hierarchy)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW)
            code = db_fail(&w->s->db, rc, DOING, w->err);
        if (code == SLUICE_OK)
            code = walk_room(w);
        if (code == SLUICE_OK)
            code = walk_keep(w, w->hierarchy, 0, &w->receipts[w->n]);
        if (code == SLUICE_OK)
            w->n++;
    }
    (void)sqlite3_reset(w->hierarchy);
    return code;
}

static uint32_t walk_node(struct walk *w, sqlite3_stmt *row, uint32_t type)
{
    struct sluice_graph_node node;
    uint32_t code = SLUICE_OK;

    memset(&node, 0, sizeof node);
    node.struct_size = sizeof node;
    node.type = type;
    node.id = walk_text(row, 0);
    switch (type) {
    case SLUICE_NODE_USER:
        node.timezone = walk_text(row, 1);
        if (node.timezone.data == NULL)
            node.timezone = sluice_str_of(GRAPH_DEFAULT_TIMEZONE);
        break;
    case SLUICE_NODE_PRODUCT:
        node.name = walk_text(row, 1);
        node.brand = walk_text(row, 2);
        node.category = walk_text(row, 3);
        node.category_id = walk_text(row, 4);
        walk_clear(w);
        if (sqlite3_column_type(row, 5) != SQLITE_NULL)
            code = walk_hierarchy(w, walk_text(row, 5));
        node.hierarchy = w->receipts;
        node.n_hierarchy = w->n;
        break;
    case SLUICE_NODE_RETAILER:
        node.venue_type = walk_text(row, 2);
        node.name = walk_text(row, 1);
        break;
    default:
        node.name = walk_text(row, 1);
        break;
    }
    return code == SLUICE_OK ? w->visitor->node(w->visitor->context, &node) : code;
}

static uint32_t walk_nodes(struct walk *w, uint32_t type, const char *sql, const char *of_user,
                           const char *user_id)
{
    sqlite3_stmt *row = NULL;
    uint32_t code = walk_query(w, sql, "", of_user, user_id, &row);
    int rc;

    while (code == SLUICE_OK && (rc = sqlite3_step(row)) != SQLITE_DONE)
        code = rc == SQLITE_ROW ? walk_node(w, row, type) : db_fail(&w->s->db, rc, DOING, w->err);
    (void)sqlite3_finalize(row);
    return code;
}

static uint32_t walk_in_category(struct walk *w, const char *user_id)
{
    sqlite3_stmt *row = NULL;
    uint32_t code =
        walk_query(w,
                   "SELECT p.product_id, c.category_id FROM in_category e"
                   " LEFT JOIN products p ON p.id = e.product LEFT JOIN categories c ON c.id = e.category",
                   "",
                   " WHERE e.product IN (SELECT product FROM purchases WHERE user ="
                   " (SELECT id FROM user_keys WHERE user_id = ?1))",
                   user_id, &row);
    struct sluice_graph_edge edge;
    int rc;

    while (code == SLUICE_OK && (rc = sqlite3_step(row)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW) {
            code = db_fail(&w->s->db, rc, DOING, w->err);
            break;
        }
        memset(&edge, 0, sizeof edge);
        edge.struct_size = sizeof edge;
        edge.type = SLUICE_EDGE_IN_CATEGORY;
        edge.from = walk_text(row, 0);
        edge.to = walk_text(row, 1);
        code = w->visitor->edge(w->visitor->context, &edge);
    }
    (void)sqlite3_finalize(row);
    return code;
}

/* Shows the edges that the statement lists, a row a receipt; neighbours with the same
 * target are one edge. */
static uint32_t walk_rows(struct walk *w, sqlite3_stmt *rows, uint32_t type, struct sluice_str user)
{
    struct sluice_graph_edge edge;
    int64_t target = 0;
    uint32_t code = SLUICE_OK;
    int rc = sqlite3_step(rows);

    memset(&edge, 0, sizeof edge);
    while (code == SLUICE_OK && rc == SQLITE_ROW) {
        walk_clear(w);
        edge.struct_size = sizeof edge;
        edge.type = type;
        edge.from = user;
        target = sqlite3_column_int64(rows, 0);
        code = walk_keep(w, rows, 1, &edge.to);
        edge.count = sqlite3_column_int64(rows, 2);
        edge.last_ms = sqlite3_column_int64(rows, 3);
        edge.interval_days = sqlite3_column_int64(rows, 4);
        edge.likelihood = sqlite3_column_double(rows, 5);
        while (code == SLUICE_OK && rc == SQLITE_ROW && sqlite3_column_int64(rows, 0) == target) {
            if (sqlite3_column_type(rows, 6) != SQLITE_NULL) {
                code = walk_room(w);
                if (code == SLUICE_OK)
                    code = walk_keep(w, rows, 6, &w->receipts[w->n]);
                if (code == SLUICE_OK)
                    w->times[w->n++] = sqlite3_column_int64(rows, 7);
            }
            rc = sqlite3_step(rows);
        }
        if (code != SLUICE_OK)
            break;
        edge.receipts = w->receipts;
        edge.times = w->times;
        edge.n_receipts = w->n;
        edge.n_times = w->n;
        code = w->visitor->edge(w->visitor->context, &edge);
    }
    if (code == SLUICE_OK && rc != SQLITE_DONE)
        code = db_fail(&w->s->db, rc, DOING, w->err);
    (void)sqlite3_reset(rows);
    return code;
}

static uint32_t walk_user_edges(struct walk *w, int64_t user, struct sluice_str user_id,
                                sqlite3_stmt *const *edges)
{
    uint32_t code = SLUICE_OK;
    size_t i;

    for (i = 0; i < WALK_TYPES && code == SLUICE_OK; i++) {
        (void)sqlite3_bind_int64(edges[i], 1, user);
        code = walk_rows(w, edges[i], walk_types[i].type, user_id);
    }
    return code;
}

/* Users in order of their id; then, if all are asked for, edges of users that are gone. */
static uint32_t walk_users(struct walk *w, const char *user_id, sqlite3_stmt *const *edges)
{
    sqlite3_stmt *users = NULL;
    uint32_t code = walk_query(w, "SELECT user_id, timezone, id FROM user_keys", " ORDER BY user_id",
                               " WHERE user_id = ?1", user_id, &users);
    int rc;

    while (code == SLUICE_OK && (rc = sqlite3_step(users)) != SQLITE_DONE) {
        code =
            rc == SQLITE_ROW ? walk_node(w, users, SLUICE_NODE_USER) : db_fail(&w->s->db, rc, DOING, w->err);
        if (code == SLUICE_OK)
            code = walk_user_edges(w, sqlite3_column_int64(users, 2), walk_text(users, 0), edges);
    }
    (void)sqlite3_finalize(users);
    return code;
}

static uint32_t walk_orphans(struct walk *w, sqlite3_stmt *const *edges)
{
    const struct sluice_str nobody = {NULL, 0};
    sqlite3_stmt *gone = NULL;
    uint32_t code =
        walk_prepare(w,
                     "SELECT user FROM (SELECT DISTINCT user FROM purchases UNION"
                     " SELECT user FROM older_counts) WHERE user NOT IN (SELECT id FROM user_keys)",
                     &gone);
    int rc;

    while (code == SLUICE_OK && (rc = sqlite3_step(gone)) != SQLITE_DONE)
        code = rc == SQLITE_ROW ? walk_user_edges(w, sqlite3_column_int64(gone, 0), nobody, edges)
                                : db_fail(&w->s->db, rc, DOING, w->err);
    (void)sqlite3_finalize(gone);
    return code;
}

static uint32_t walk_people(struct walk *w, const char *user_id)
{
    sqlite3_stmt *edges[WALK_TYPES] = {NULL};
    uint32_t code = SLUICE_OK;
    size_t i;

    for (i = 0; i < WALK_TYPES && code == SLUICE_OK; i++)
        code = walk_prepare(w, walk_types[i].sql, &edges[i]);
    if (code == SLUICE_OK)
        code = walk_users(w, user_id, edges);
    if (code == SLUICE_OK && user_id == NULL)
        code = walk_orphans(w, edges);
    for (i = 0; i < WALK_TYPES; i++)
        (void)sqlite3_finalize(edges[i]);
    return code;
}

/* What the one user reaches: of his purchases, and of what an older system counted. */
#define WALK_HIS "(SELECT id FROM user_keys WHERE user_id = ?1)"
#define WALK_BOUGHT "SELECT product FROM purchases WHERE user = " WALK_HIS
#define WALK_REACHED(target, type)                                                                           \
    "SELECT " target " FROM purchases WHERE user = " WALK_HIS                                                \
    " UNION SELECT target FROM older_counts WHERE user = " WALK_HIS " AND type = '" type "'"

static uint32_t walk_all(struct walk *w, const char *user_id)
{
    uint32_t code;

    code =
        walk_nodes(w, SLUICE_NODE_PRODUCT,
                   "SELECT product_id, name, brand, category, category_id, category_hierarchy FROM products",
                   " WHERE id IN (" WALK_BOUGHT ")", user_id);
    if (code == SLUICE_OK)
        code = walk_nodes(
            w, SLUICE_NODE_CATEGORY, "SELECT category_id, name FROM categories",
            " WHERE id IN (" WALK_REACHED(
                "category", "SHOPS_IN") " UNION"
                                        " SELECT category FROM in_category WHERE product IN (" WALK_BOUGHT
                                        "))",
            user_id);
    if (code == SLUICE_OK)
        code = walk_nodes(w, SLUICE_NODE_RETAILER, "SELECT retailer_id, name, venue_type FROM retailers",
                          " WHERE id IN (" WALK_REACHED("retailer", "SHOPS_AT") ")", user_id);
    if (code == SLUICE_OK)
        code = walk_in_category(w, user_id);
    return code == SLUICE_OK ? walk_people(w, user_id) : code;
}

static uint32_t walk_graph_walk(void *self, const char *user_id, const struct sluice_graph_visitor *visitor,
                                struct sluice_error *err)
{
    struct graph_sink *s = self;
    struct walk w;
    uint32_t code;
    int rc;

    if (s->db.handle == NULL)
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s is not open", s->db.path);
    memset(&w, 0, sizeof w);
    w.s = s;
    w.visitor = visitor;
    w.err = err;
    arena_init(&w.arena, UINT32_C(1) << 20);
    rc = sqlite3_exec(s->db.handle, "BEGIN", NULL, NULL, NULL);
    code = rc == SQLITE_OK ? walk_prepare(&w, "SELECT value FROM json_each(?1)", &w.hierarchy)
                           : db_fail(&s->db, rc, DOING, err);
    if (code == SLUICE_OK)
        code = walk_all(&w, user_id);
    (void)sqlite3_finalize(w.hierarchy);
    db_rollback(&s->db); /* nothing was written */
    arena_release(&w.arena);
    return code;
}

const struct sluice_graph walk_graph = {
    .struct_size = sizeof walk_graph, .walk = walk_graph_walk, .repair = repair_graph};
