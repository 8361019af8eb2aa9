/* write_edges: receipts counted once per edge, and the figures of touched edges.
 *
 * Invariant: what an edge has counted is the set of its receipts, each with the latest
 * time it came with; so any order, repetition or split of the batches ends in the same
 * rows.  An edge with nothing new is not written at all. */
#include <stdlib.h>
#include <string.h>

#include "graph_sink.h"

#define DOING "writing edges"

/* Rows of one edge stand together, receipts in order, the latest time first. */
#define WRITE_ORDER(target)                                                                                  \
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;                             \
    int order;                                                                                               \
                                                                                                             \
    if (x->user != y->user)                                                                                  \
        return x->user < y->user ? -1 : 1;                                                                   \
    if (x->target != y->target)                                                                              \
        return x->target < y->target ? -1 : 1;                                                               \
    order = graph_compare(x->receipt, y->receipt);                                                           \
    if (order != 0)                                                                                          \
        return order;                                                                                        \
    return x->time > y->time ? -1 : x->time < y->time;

static int write_by_product(const void *a, const void *b)
{
    WRITE_ORDER(product)
}

static int write_by_retailer(const void *a, const void *b)
{
    WRITE_ORDER(retailer)
}

static int write_by_category(const void *a, const void *b)
{
    WRITE_ORDER(category)
}

static int write_by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Puts the rows in order and leaves out repetitions; the number that remain. */
static uint64_t write_sort(struct graph_sink *s, int (*compare)(const void *, const void *),
                           int (*same)(const struct row *, const struct row *))
{
    uint64_t i, n = 0;

    for (i = 0; i < s->n_rows; i++)
        s->order[i] = &s->rows[i];
    if (s->n_rows > 1)
        qsort(s->order, s->n_rows, sizeof(struct row *), compare);
    for (i = 0; i < s->n_rows; i++) {
        if (n > 0 && same(s->order[n - 1], s->order[i]) &&
            sluice_str_equal(s->order[n - 1]->receipt, s->order[i]->receipt))
            continue; /* the same receipt, not later */
        s->order[n++] = s->order[i];
    }
    return n;
}

static int write_same_product(const struct row *a, const struct row *b)
{
    return a->user == b->user && a->product == b->product;
}

static int write_same_retailer(const struct row *a, const struct row *b)
{
    return a->user == b->user && a->retailer == b->retailer;
}

static int write_same_category(const struct row *a, const struct row *b)
{
    return a->user == b->user && a->category == b->category;
}

/* --- PURCHASED --------------------------------------------------------------------- */

static int write_time(struct graph_sink *s, uint64_t n, int64_t time)
{
    int64_t *grown;

    if (n >= s->times_cap) {
        uint64_t cap = n == 0 ? 64 : n * 2;

        grown = realloc(s->times, cap * sizeof *grown);
        if (grown == NULL)
            return -1;
        s->times = grown;
        s->times_cap = cap;
    }
    s->times[n] = time;
    return 0;
}

/* Joins the stored receipts of an edge with n sorted rows: all times go to s->times,
 * rows that bring something new to the front of rows.  A stored receipt that now has a
 * later time counts once, with that. */
static uint32_t write_join(struct graph_sink *s, struct row **rows, uint64_t n, uint64_t *n_times,
                           uint64_t *n_new, struct sluice_error *err)
{
    sqlite3_stmt *stored = s->db.statements[DB_PURCHASED_RECEIPTS];
    uint64_t i = 0;
    int rc, failed = 0;

    *n_times = 0;
    *n_new = 0;
    (void)sqlite3_bind_int64(stored, 1, rows[0]->user);
    (void)sqlite3_bind_int64(stored, 2, rows[0]->product);
    while ((rc = sqlite3_step(stored)) == SQLITE_ROW && !failed) {
        struct sluice_str receipt = {(const char *)sqlite3_column_text(stored, 0), 0};
        int64_t time = sqlite3_column_int64(stored, 1);

        receipt.len = (uint64_t)sqlite3_column_bytes(stored, 0);
        while (i < n && graph_compare(rows[i]->receipt, receipt) < 0) {
            failed |= write_time(s, (*n_times)++, rows[i]->time);
            s->counted++;
            rows[(*n_new)++] = rows[i++];
        }
        if (i < n && sluice_str_equal(rows[i]->receipt, receipt)) {
            if (rows[i]->time > time) {
                time = rows[i]->time;
                rows[(*n_new)++] = rows[i];
            }
            i++;
        }
        failed |= write_time(s, (*n_times)++, time);
    }
    (void)sqlite3_reset(stored);
    for (; i < n && !failed; s->counted++) {
        failed |= write_time(s, (*n_times)++, rows[i]->time);
        rows[(*n_new)++] = rows[i++];
    }
    if (failed)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the times of an edge");
    return rc == SQLITE_DONE ? SLUICE_OK : db_fail(&s->db, rc, DOING, err);
}

static uint32_t write_purchased_edge(struct graph_sink *s, struct row **rows, uint64_t n,
                                     struct sluice_error *err)
{
    sqlite3_stmt *receipt = s->db.statements[DB_PURCHASED_RECEIPT], *edge = s->db.statements[DB_PURCHASED];
    uint64_t n_times, n_new, i;
    uint32_t code = write_join(s, rows, n, &n_times, &n_new, err);

    if (code != SLUICE_OK || n_new == 0)
        return code;
    for (i = 0; i < n_new && code == SLUICE_OK; i++) {
        (void)sqlite3_bind_int64(receipt, 1, rows[i]->user);
        (void)sqlite3_bind_int64(receipt, 2, rows[i]->product);
        db_bind_text(receipt, 3, rows[i]->receipt);
        (void)sqlite3_bind_int64(receipt, 4, rows[i]->time);
        code = db_run(&s->db, DB_PURCHASED_RECEIPT, DOING, err);
    }
    if (code != SLUICE_OK)
        return code;
    if (n_times > 1)
        qsort(s->times, n_times, sizeof *s->times, write_by_time);
    (void)sqlite3_bind_int64(edge, 1, rows[0]->user);
    (void)sqlite3_bind_int64(edge, 2, rows[0]->product);
    (void)sqlite3_bind_int64(edge, 3, (int64_t)n_times);
    (void)sqlite3_bind_int64(edge, 4, s->times[n_times - 1]);
    (void)sqlite3_bind_int64(edge, 5, graph_interval_days(s->times, n_times));
    (void)sqlite3_bind_double(edge, 6, graph_likelihood(s->times, n_times));
    write_changed(s, rows[0]->user);
    return db_run(&s->db, DB_PURCHASED, DOING, err);
}

static uint32_t write_purchased(struct graph_sink *s, struct sluice_error *err)
{
    uint64_t n = write_sort(s, write_by_product, write_same_product), i, end;
    uint32_t code = SLUICE_OK;

    for (i = 0; i < n && code == SLUICE_OK; i = end) {
        for (end = i + 1; end < n && write_same_product(s->order[i], s->order[end]); end++)
            ;
        code = write_purchased_edge(s, s->order + i, end - i, err);
    }
    return code;
}

/* --- SHOPS_AT and SHOPS_IN ------------------------------------------------------- */

/* The two differ in their tables only. */
struct shops {
    int (*compare)(const void *, const void *);
    int (*same)(const struct row *, const struct row *);
    int64_t (*target)(const struct row *);
    enum db_statement receipt, later, edge, explain, empty;
};

static int64_t write_retailer_of(const struct row *r)
{
    return r->retailer;
}

static int64_t write_category_of(const struct row *r)
{
    return r->category;
}

static const struct shops write_at = {write_by_retailer, write_same_retailer, write_retailer_of,
                                      DB_AT_RECEIPT,     DB_AT_LATER,         DB_AT,
                                      DB_AT_EXPLAIN,     DB_AT_EMPTY};
static const struct shops write_in = {write_by_category, write_same_category, write_category_of,
                                      DB_IN_RECEIPT,     DB_IN_LATER,         DB_IN,
                                      DB_IN_EXPLAIN,     DB_IN_EMPTY};

static void write_bind_four(sqlite3_stmt *statement, const struct row *row, int64_t target)
{
    (void)sqlite3_bind_int64(statement, 1, row->user);
    (void)sqlite3_bind_int64(statement, 2, target);
    db_bind_text(statement, 3, row->receipt);
    (void)sqlite3_bind_int64(statement, 4, row->time);
}

static uint32_t write_shops_edge(struct graph_sink *s, const struct shops *kind, struct row **rows,
                                 uint64_t n, struct sluice_error *err)
{
    int64_t target = kind->target(rows[0]), fresh = 0, last = GRAPH_MIN_TIME;
    sqlite3_stmt *edge = s->db.statements[kind->edge];
    uint32_t code = SLUICE_OK;
    int changed = 0;
    uint64_t i;

    for (i = 0; i < n; i++) {
        write_bind_four(s->db.statements[kind->receipt], rows[i], target);
        code = db_run(&s->db, kind->receipt, DOING, err);
        if (code != SLUICE_OK)
            return code;
        if (sqlite3_changes(s->db.handle) > 0) {
            fresh++;
        } else {
            write_bind_four(s->db.statements[kind->later], rows[i], target);
            code = db_run(&s->db, kind->later, DOING, err);
            if (code != SLUICE_OK)
                return code;
            if (sqlite3_changes(s->db.handle) == 0)
                continue;
        }
        changed = 1;
        if (rows[i]->time > last)
            last = rows[i]->time;
    }
    if (!changed)
        return SLUICE_OK;
    write_changed(s, rows[0]->user);
    (void)sqlite3_bind_int64(edge, 1, rows[0]->user);
    (void)sqlite3_bind_int64(edge, 2, target);
    (void)sqlite3_bind_int64(edge, 3, fresh);
    (void)sqlite3_bind_int64(edge, 4, last);
    return db_run(&s->db, kind->edge, DOING, err);
}

static uint32_t write_shops(struct graph_sink *s, const struct shops *kind, struct sluice_error *err)
{
    uint64_t n = write_sort(s, kind->compare, kind->same), i, end;
    uint32_t code = SLUICE_OK;

    for (i = 0; i < n && code == SLUICE_OK; i = end) {
        for (end = i + 1; end < n && kind->same(s->order[i], s->order[end]); end++)
            ;
        if (kind->target(s->order[i]) != 0)
            code = write_shops_edge(s, kind, s->order + i, end - i, err);
    }
    return code;
}

/* load: full: what no known receipt explains goes, from all edges of the user. */
static uint32_t write_explain(struct graph_sink *s, const struct shops *kind, int64_t user,
                              struct sluice_error *err)
{
    uint32_t code;

    (void)sqlite3_bind_int64(s->db.statements[kind->explain], 1, user);
    code = db_run(&s->db, kind->explain, DOING, err);
    if (code != SLUICE_OK || sqlite3_changes(s->db.handle) == 0)
        return code;
    write_changed(s, user);
    (void)sqlite3_bind_int64(s->db.statements[kind->empty], 1, user);
    return db_run(&s->db, kind->empty, DOING, err);
}

/* --- the batch ----------------------------------------------------------------- */

static uint64_t write_unique(int64_t *ids, uint64_t n)
{
    uint64_t i, kept = 0;

    if (n > 1)
        qsort(ids, n, sizeof *ids, write_by_time);
    for (i = 0; i < n; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return kept;
}

static uint32_t write_full(struct graph_sink *s, struct sluice_error *err)
{
    uint64_t n = write_unique(s->users_of, s->n_records), i;
    uint32_t code = SLUICE_OK;

    for (i = 0; i < n && code == SLUICE_OK; i++) {
        code = write_explain(s, &write_at, s->users_of[i], err);
        if (code == SLUICE_OK)
            code = write_explain(s, &write_in, s->users_of[i], err);
    }
    return code;
}

static uint32_t write_touch(struct graph_sink *s, struct sluice_error *err)
{
    sqlite3_stmt *touch = s->db.statements[DB_USER_TOUCH];
    uint64_t n = write_unique(s->changed, s->n_changed), i;
    uint32_t code = SLUICE_OK;

    for (i = 0; i < n && code == SLUICE_OK; i++) {
        (void)sqlite3_bind_int64(touch, 1, s->changed[i]);
        (void)sqlite3_bind_int64(touch, 2, s->now_ms);
        code = db_run(&s->db, DB_USER_TOUCH, DOING, err);
    }
    return code;
}

uint32_t write_edges(struct graph_sink *s, struct sluice_error *err)
{
    uint32_t code = s->full ? write_full(s, err) : SLUICE_OK;

    if (code == SLUICE_OK)
        code = write_purchased(s, err);
    if (code == SLUICE_OK)
        code = write_shops(s, &write_at, err);
    if (code == SLUICE_OK)
        code = write_shops(s, &write_in, err);
    return code == SLUICE_OK ? write_touch(s, err) : code;
}
