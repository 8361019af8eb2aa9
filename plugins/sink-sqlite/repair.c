/* repair: SHOPS_IN edges as PURCHASED and the present categories give them (sluice/graph.h).
 *
 * SHOPS_IN is derived from the category that each purchase was delivered with, so a repair gives purchases
 * the category that their product has now.  A page of users is one transaction under the write lock, as a
 * batch is.
 *
 * Invariant: an edge is told of after the commit that changed it. */
#include <stdlib.h>
#include <string.h>
#include <sluice/graph.h>

#include "graph_sink.h"

#define DOING "repairing the graph"
#define USERS 100

/* Of ?1 on, users with a purchase in another category than its product is in now: nobody else can differ. */
static const char next_users[] =
    "SELECT DISTINCT p.user, u.user_id FROM purchases p JOIN user_keys u ON u.id = p.user"
    " LEFT JOIN in_category c ON c.product = p.product"
    " WHERE p.user > ?1 AND p.receipt <> '' AND p.category <> ifnull(c.category, 0) ORDER BY p.user LIMIT ?2";

#define EDGES(category, from)                                                                                \
    "SELECT " category                                                                                       \
    ", k.category_id, p.receipt, max(p.time), ifnull(o.frequency, 0), ifnull(o.last, 0)" from                \
    " LEFT JOIN categories k ON k.id = " category                                                            \
    " LEFT JOIN older_counts o ON o.user = p.user AND o.type = 'SHOPS_IN' AND o.target = " category          \
    " WHERE p.user = ?1 AND p.receipt <> '' AND " category " <> 0"                                           \
    " GROUP BY " category ", p.receipt ORDER BY " category ", max(p.time), p.receipt"
static const char has[] = EDGES("p.category", " FROM purchases p");
static const char gives[] =
    EDGES("c.category", " FROM purchases p JOIN in_category c ON c.product = p.product");

/* The purchases under their present category; where one is there already, the later time stays. */
static const char put[] =
    "INSERT INTO purchases(user, product, receipt, retailer, category, time)"
    " SELECT p.user, p.product, p.receipt, p.retailer, ifnull(c.category, 0) AS present, max(p.time)"
    " FROM purchases p LEFT JOIN in_category c ON c.product = p.product"
    " WHERE p.user = ?1 AND p.receipt <> '' AND p.category <> ifnull(c.category, 0)"
    " GROUP BY p.user, p.product, p.receipt, p.retailer, present"
    " ON CONFLICT(user, product, receipt, retailer, category) DO UPDATE SET time = max(time, excluded.time)";
static const char drop[] =
    "DELETE FROM purchases WHERE user = ?1 AND receipt <> '' AND category <>"
    " ifnull((SELECT c.category FROM in_category c WHERE c.product = purchases.product), 0)";

enum repair_statement { NEXT, HAS, GIVES, PUT, DROP, STATEMENTS };
static const char *const repair_sql[STATEMENTS] = {next_users, has, gives, put, drop};

struct repair_edge {
    int64_t target;
    struct sluice_graph_edge edge;
};

struct repair_edges {
    struct repair_edge *items;
    uint64_t n, cap;
};

struct repair_change {
    struct sluice_graph_edge before, after;
};

struct repair {
    struct graph_sink *s;
    const struct sluice_graph_repair *told;
    sqlite3_stmt *statements[STATEMENTS];
    struct arena arena; /* of the page */
    struct repair_change *changes;
    uint64_t n, cap;
    int64_t after; /* the last user of the page before */
};

static uint32_t repair_no_memory(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the repair of a page of users");
}

/* items[n] may be written; NULL: no memory. */
static void *repair_room(struct arena *arena, void *items, uint64_t n, uint64_t *cap, size_t size)
{
    uint64_t more = *cap == 0 ? 16 : *cap * 2;
    void *wider;

    if (n < *cap)
        return items;
    wider = arena_alloc(arena, more * size);
    if (wider == NULL)
        return NULL;
    if (n > 0)
        memcpy(wider, items, n * size);
    *cap = more;
    return wider;
}

/* The column's text in the arena; 0: no memory. */
static int repair_text(struct repair *r, sqlite3_stmt *row, int at, struct sluice_str *out)
{
    const void *text = sqlite3_column_text(row, at);

    out->len = text == NULL ? 0 : (uint64_t)sqlite3_column_bytes(row, at);
    out->data = text == NULL ? NULL : arena_copy(&r->arena, text, out->len);
    return text == NULL || out->data != NULL;
}

/* --- what is and what should be ---------------------------------------------------------- */

static int repair_edge_open(struct repair *r, struct repair_edges *edges, sqlite3_stmt *row,
                            struct sluice_str user)
{
    struct repair_edge *e;

    edges->items = repair_room(&r->arena, edges->items, edges->n, &edges->cap, sizeof *edges->items);
    if (edges->items == NULL)
        return 0;
    e = &edges->items[edges->n++];
    memset(e, 0, sizeof *e);
    e->target = sqlite3_column_int64(row, 0);
    e->edge.struct_size = sizeof e->edge;
    e->edge.type = SLUICE_EDGE_SHOPS_IN;
    e->edge.from = user;
    e->edge.count = sqlite3_column_int64(row, 4);
    e->edge.last_ms = sqlite3_column_int64(row, 5);
    return repair_text(r, row, 1, &e->edge.to);
}

static int repair_receipt(struct repair *r, struct sluice_graph_edge *e, sqlite3_stmt *row)
{
    uint64_t cap = e->n_times; /* while it grows: the room */
    struct sluice_str *receipts = (struct sluice_str *)(uintptr_t)e->receipts;
    int64_t *times = (int64_t *)(uintptr_t)e->times;

    if (e->n_receipts == e->n_times) {
        uint64_t other = cap;

        receipts = repair_room(&r->arena, receipts, e->n_receipts, &cap, sizeof *receipts);
        times = repair_room(&r->arena, times, e->n_receipts, &other, sizeof *times);
        if (receipts == NULL || times == NULL)
            return 0;
        e->receipts = receipts;
        e->times = times;
        e->n_times = cap;
    }
    times[e->n_receipts] = sqlite3_column_int64(row, 3);
    if (times[e->n_receipts] > e->last_ms)
        e->last_ms = times[e->n_receipts];
    e->count++;
    return repair_text(r, row, 2, &receipts[e->n_receipts++]);
}

/* The edges of the user, as one of the two statements says. */
static uint32_t repair_edges_read(struct repair *r, enum repair_statement which, int64_t user,
                                  struct sluice_str user_id, struct repair_edges *edges,
                                  struct sluice_error *err)
{
    sqlite3_stmt *row = r->statements[which];
    int rc, good = 1;
    uint64_t i;

    memset(edges, 0, sizeof *edges);
    (void)sqlite3_bind_int64(row, 1, user);
    while (good && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        if (edges->n == 0 || edges->items[edges->n - 1].target != sqlite3_column_int64(row, 0))
            good = repair_edge_open(r, edges, row, user_id);
        good = good && repair_receipt(r, &edges->items[edges->n - 1].edge, row);
    }
    (void)sqlite3_reset(row);
    if (!good)
        return repair_no_memory(err);
    for (i = 0; i < edges->n; i++)
        edges->items[i].edge.n_times = edges->items[i].edge.n_receipts;
    return rc == SQLITE_DONE ? SLUICE_OK : db_fail(&r->s->db, rc, DOING, err);
}

static int repair_same(const struct sluice_graph_edge *a, const struct sluice_graph_edge *b)
{
    uint64_t i;

    if (a->n_receipts != b->n_receipts)
        return 0;
    for (i = 0; i < a->n_receipts; i++)
        if (a->times[i] != b->times[i] || !sluice_str_equal(a->receipts[i], b->receipts[i]))
            return 0;
    return 1;
}

/* The same edge without receipts: what an older system counted stays. */
static struct sluice_graph_edge repair_older(const struct sluice_graph_edge *e)
{
    struct sluice_graph_edge older = *e;

    older.count -= (int64_t)e->n_receipts;
    older.receipts = NULL;
    older.times = NULL;
    older.n_receipts = older.n_times = 0;
    return older;
}

static int repair_change(struct repair *r, const struct sluice_graph_edge *before,
                         const struct sluice_graph_edge *after)
{
    r->changes = repair_room(&r->arena, r->changes, r->n, &r->cap, sizeof *r->changes);
    if (r->changes == NULL)
        return 0;
    r->changes[r->n].before = before == NULL ? repair_older(after) : *before;
    r->changes[r->n++].after = after == NULL ? repair_older(before) : *after;
    return 1;
}

/* Both lists are in the order of their targets. */
static int repair_compare(struct repair *r, const struct repair_edges *is, const struct repair_edges *should)
{
    uint64_t i = 0, j = 0;

    while (i < is->n || j < should->n) {
        const struct repair_edge *a = i < is->n ? &is->items[i] : NULL,
                                 *b = j < should->n ? &should->items[j] : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : a->target < b->target ? -1 : a->target > b->target;

        if ((order != 0 || !repair_same(&a->edge, &b->edge)) &&
            !repair_change(r, order <= 0 ? &a->edge : NULL, order >= 0 ? &b->edge : NULL))
            return 0;
        i += order <= 0;
        j += order >= 0;
    }
    return 1;
}

/* --- a page ------------------------------------------------------------------------------- */

static uint32_t repair_run(struct repair *r, enum repair_statement which, int64_t user,
                           struct sluice_error *err)
{
    sqlite3_stmt *statement = r->statements[which];
    int rc;

    (void)sqlite3_bind_int64(statement, 1, user);
    rc = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SLUICE_OK : db_fail(&r->s->db, rc, DOING, err);
}

static uint32_t repair_write(struct repair *r, int64_t user, struct sluice_error *err)
{
    sqlite3_stmt *touch = r->s->db.statements[DB_USER_TOUCH];
    uint32_t code = repair_run(r, PUT, user, err);

    if (code == SLUICE_OK)
        code = repair_run(r, DROP, user, err);
    if (code != SLUICE_OK)
        return code;
    (void)sqlite3_bind_int64(touch, 1, user);
    (void)sqlite3_bind_int64(touch, 2, r->s->host->now_ms(r->s->host));
    return db_run(&r->s->db, DB_USER_TOUCH, DOING, err);
}

static uint32_t repair_user(struct repair *r, int64_t user, struct sluice_str user_id,
                            struct sluice_error *err)
{
    struct repair_edges is, should;
    uint32_t code = repair_edges_read(r, HAS, user, user_id, &is, err);

    if (code == SLUICE_OK)
        code = repair_edges_read(r, GIVES, user, user_id, &should, err);
    if (code == SLUICE_OK && !repair_compare(r, &is, &should))
        code = repair_no_memory(err);
    return code == SLUICE_OK && !r->told->dry_run ? repair_write(r, user, err) : code;
}

/* Who is next; how many in *n. */
static uint32_t repair_next(struct repair *r, int64_t *users, struct sluice_str *ids, uint32_t *n,
                            struct sluice_error *err)
{
    sqlite3_stmt *next = r->statements[NEXT];
    int rc = SQLITE_DONE, good = 1;

    *n = 0;
    (void)sqlite3_bind_int64(next, 1, r->after);
    (void)sqlite3_bind_int64(next, 2, USERS);
    while (good && *n < USERS && (rc = sqlite3_step(next)) == SQLITE_ROW) {
        users[*n] = sqlite3_column_int64(next, 0);
        good = repair_text(r, next, 1, &ids[*n]);
        *n += good ? 1 : 0;
    }
    (void)sqlite3_reset(next);
    if (!good)
        return repair_no_memory(err);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SLUICE_OK : db_fail(&r->s->db, rc, DOING, err);
}

static uint32_t repair_page(struct repair *r, uint32_t *n, struct sluice_error *err)
{
    struct sluice_str ids[USERS];
    int64_t users[USERS];
    uint32_t code = repair_next(r, users, ids, n, err), i;

    for (i = 0; i < *n && code == SLUICE_OK; i++)
        code = repair_user(r, users[i], ids[i], err);
    if (*n > 0)
        r->after = users[*n - 1];
    return code;
}

static uint32_t repair_pages(struct repair *r, struct sluice_error *err)
{
    uint32_t code, n = 0;
    uint64_t i;
    int changed;

    do {
        arena_clear(&r->arena);
        r->changes = NULL;
        r->n = r->cap = 0;
        code = db_begin(&r->s->db, &changed, err);
        if (code != SLUICE_OK)
            return code;
        code = repair_page(r, &n, err);
        if (code == SLUICE_OK && !r->told->dry_run && n > 0)
            code = db_commit(&r->s->db, err);
        db_rollback(&r->s->db); /* what was not committed; nothing if all was */
        for (i = 0; i < r->n && code == SLUICE_OK; i++)
            code = r->told->changed(r->told->context, &r->changes[i].before, &r->changes[i].after);
    } while (code == SLUICE_OK && n == USERS);
    return code;
}

uint32_t repair_graph(void *self, const struct sluice_graph_repair *told, struct sluice_error *err)
{
    struct repair r = {.s = self, .told = told};
    uint32_t code = SLUICE_OK;
    int i;

    if (r.s->db.handle == NULL)
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s is not open", r.s->db.path);
    arena_init(&r.arena, UINT32_C(1) << 20);
    for (i = 0; i < STATEMENTS && code == SLUICE_OK; i++) {
        int rc = sqlite3_prepare_v2(r.s->db.handle, repair_sql[i], -1, &r.statements[i], NULL);

        if (rc != SQLITE_OK)
            code = db_fail(&r.s->db, rc, DOING, err);
    }
    if (code == SLUICE_OK)
        code = repair_pages(&r, err);
    for (i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(r.statements[i]);
    arena_release(&r.arena);
    return code;
}
