/* write_edges: purchases kept once, and the figures of touched PURCHASED edges.
 *
 * Invariant: what is kept is the set of purchases delivered, each with the latest time it
 * came with, but for those that say nothing new on any edge; so any order, repetition or
 * split of the batches ends in the same graph.  An edge with nothing new is not written. */
#include <stdlib.h>
#include <string.h>

#include "graph_sink.h"

#define DOING "writing edges"

/* The purchases of one edge and receipt: time by retailer and category. */
struct write_fact {
    int64_t retailer;
    int64_t category;
    int64_t time;
};

/* One edge being joined. */
struct write_join {
    struct row **rows; /* of the batch; those that bring something new move to the front */
    uint64_t n;
    uint64_t next; /* row to look at */
    uint64_t n_new;
    uint64_t n_facts; /* in s->facts: of the receipt at hand */
    uint64_t n_times; /* in s->times: of all receipts so far */
    int rc;           /* of the cursor over the stored purchases */
};

static int write_number(int64_t x, int64_t y)
{
    return x < y ? -1 : x > y;
}

/* Rows of one edge stand together, receipts in order; what says more stands first. */
static int write_by_edge(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    int order = write_number(x->user, y->user);

    if (order == 0)
        order = write_number(x->product, y->product);
    if (order == 0)
        order = graph_compare(x->receipt, y->receipt);
    if (order == 0)
        order = write_number(y->time, x->time);
    if (order == 0)
        order = write_number(y->retailer, x->retailer);
    return order != 0 ? order : write_number(y->category, x->category);
}

static int write_by_number(const void *a, const void *b)
{
    return write_number(*(const int64_t *)a, *(const int64_t *)b);
}

static int write_same_edge(const struct row *a, const struct row *b)
{
    return a->user == b->user && a->product == b->product;
}

static uint32_t write_no_memory(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the receipts of an edge");
}

/* --- one receipt of an edge --------------------------------------------------------- */

static uint32_t write_fact_add(struct graph_sink *s, struct write_join *j, struct write_fact fact,
                               struct sluice_error *err)
{
    if (j->n_facts >= s->facts_cap) {
        uint64_t cap = j->n_facts == 0 ? 16 : j->n_facts * 2;
        struct write_fact *grown = realloc(s->facts, cap * sizeof *grown);

        if (grown == NULL)
            return write_no_memory(err);
        s->facts = grown;
        s->facts_cap = cap;
    }
    s->facts[j->n_facts++] = fact;
    return SLUICE_OK;
}

static uint32_t write_time_add(struct graph_sink *s, struct write_join *j, int64_t time,
                               struct sluice_error *err)
{
    if (j->n_times >= s->times_cap) {
        uint64_t cap = j->n_times == 0 ? 64 : j->n_times * 2;
        int64_t *grown = realloc(s->times, cap * sizeof *grown);

        if (grown == NULL)
            return write_no_memory(err);
        s->times = grown;
        s->times_cap = cap;
    }
    s->times[j->n_times++] = time;
    return SLUICE_OK;
}

static int64_t write_latest(const struct graph_sink *s, const struct write_join *j)
{
    int64_t latest = INT64_MIN;
    uint64_t i;

    for (i = 0; i < j->n_facts; i++)
        if (s->facts[i].time > latest)
            latest = s->facts[i].time;
    return latest;
}

/* Does the row make its receipt later on PURCHASED, SHOPS_AT or SHOPS_IN? */
static int write_says_more(const struct graph_sink *s, const struct write_join *j, const struct row *row)
{
    int bought = 0, at = row->retailer == 0, in = row->category == 0;
    uint64_t i;

    for (i = 0; i < j->n_facts; i++) {
        const struct write_fact *f = &s->facts[i];

        if (f->time < row->time)
            continue;
        bought = 1;
        at |= f->retailer == row->retailer;
        in |= f->category == row->category;
    }
    return !(bought && at && in);
}

/* The stored purchases of the receipt that the cursor stands on, into s->facts; its name
 * into s->text, since the cursor moves on. */
static uint32_t write_take_stored(struct graph_sink *s, struct write_join *j, sqlite3_stmt *stored,
                                  struct sluice_error *err)
{
    uint32_t code = SLUICE_OK;

    strbuf_clear(&s->text);
    strbuf_add(&s->text, sqlite3_column_text(stored, 0), (size_t)sqlite3_column_bytes(stored, 0));
    if (s->text.failed)
        return write_no_memory(err);
    while (code == SLUICE_OK) {
        const struct write_fact fact = {sqlite3_column_int64(stored, 1), sqlite3_column_int64(stored, 2),
                                        sqlite3_column_int64(stored, 3)};
        struct sluice_str receipt;

        code = write_fact_add(s, j, fact, err);
        j->rc = sqlite3_step(stored);
        if (j->rc != SQLITE_ROW)
            break;
        receipt.data = (const char *)sqlite3_column_text(stored, 0);
        receipt.len = (uint64_t)sqlite3_column_bytes(stored, 0);
        if (receipt.len != s->text.len || memcmp(receipt.data, s->text.data, receipt.len) != 0)
            break;
    }
    return code;
}

/* Joins the receipt that comes next, stored or in the batch or both. */
static uint32_t write_join_receipt(struct graph_sink *s, struct write_join *j, sqlite3_stmt *stored,
                                   struct sluice_error *err)
{
    struct sluice_str receipt = {NULL, 0};
    uint32_t code = SLUICE_OK;
    int order = -1; /* of the batch's receipt to the stored one */

    if (j->rc == SQLITE_ROW) {
        receipt.data = (const char *)sqlite3_column_text(stored, 0);
        receipt.len = (uint64_t)sqlite3_column_bytes(stored, 0);
        order = j->next < j->n ? graph_compare(j->rows[j->next]->receipt, receipt) : 1;
    }
    j->n_facts = 0;
    if (order >= 0)
        code = write_take_stored(s, j, stored, err);
    if (order <= 0) {
        receipt = j->rows[j->next]->receipt;
        s->counted += order < 0;
        for (; code == SLUICE_OK && j->next < j->n && sluice_str_equal(j->rows[j->next]->receipt, receipt);
             j->next++) {
            struct row *row = j->rows[j->next];
            const struct write_fact fact = {row->retailer, row->category, row->time};

            if (!write_says_more(s, j, row))
                continue;
            code = write_fact_add(s, j, fact, err);
            j->rows[j->n_new++] = row;
        }
    }
    return code == SLUICE_OK ? write_time_add(s, j, write_latest(s, j), err) : code;
}

/* --- PURCHASED ---------------------------------------------------------------------- */

static uint32_t write_join_edge(struct graph_sink *s, struct write_join *j, struct sluice_error *err)
{
    sqlite3_stmt *stored = s->db.statements[DB_PURCHASES];
    uint32_t code = SLUICE_OK;

    (void)sqlite3_bind_int64(stored, 1, j->rows[0]->user);
    (void)sqlite3_bind_int64(stored, 2, j->rows[0]->product);
    j->rc = sqlite3_step(stored);
    while (code == SLUICE_OK && (j->rc == SQLITE_ROW || (j->rc == SQLITE_DONE && j->next < j->n)))
        code = write_join_receipt(s, j, stored, err);
    (void)sqlite3_reset(stored);
    if (code == SLUICE_OK && j->rc != SQLITE_DONE)
        code = db_fail(&s->db, j->rc, DOING, err);
    return code;
}

static uint32_t write_figures(struct graph_sink *s, const struct row *row, uint64_t n,
                              struct sluice_error *err)
{
    sqlite3_stmt *edge = s->db.statements[DB_PURCHASED];

    if (n > 1)
        qsort(s->times, n, sizeof *s->times, write_by_number);
    (void)sqlite3_bind_int64(edge, 1, row->user);
    (void)sqlite3_bind_int64(edge, 2, row->product);
    (void)sqlite3_bind_int64(edge, 3, s->times[n - 1]);
    (void)sqlite3_bind_int64(edge, 4, (int64_t)n);
    (void)sqlite3_bind_int64(edge, 5, graph_interval_days(s->times, n));
    (void)sqlite3_bind_double(edge, 6, graph_likelihood(s->times, n));
    (void)sqlite3_bind_int64(edge, 7, s->now_ms);
    return db_run(&s->db, DB_PURCHASED, DOING, err);
}

static uint32_t write_edge(struct graph_sink *s, struct row **rows, uint64_t n, struct sluice_error *err)
{
    sqlite3_stmt *purchase = s->db.statements[DB_PURCHASE];
    struct write_join j = {.rows = rows, .n = n};
    uint32_t code = write_join_edge(s, &j, err);
    uint64_t i;

    if (code != SLUICE_OK || j.n_new == 0)
        return code;
    for (i = 0; i < j.n_new && code == SLUICE_OK; i++) {
        (void)sqlite3_bind_int64(purchase, 1, rows[i]->user);
        (void)sqlite3_bind_int64(purchase, 2, rows[i]->product);
        db_bind_text(purchase, 3, rows[i]->receipt);
        (void)sqlite3_bind_int64(purchase, 4, rows[i]->retailer);
        (void)sqlite3_bind_int64(purchase, 5, rows[i]->category);
        (void)sqlite3_bind_int64(purchase, 6, rows[i]->time);
        code = db_run(&s->db, DB_PURCHASE, DOING, err);
    }
    return code == SLUICE_OK ? write_figures(s, rows[0], j.n_times, err) : code;
}

/* --- the batch ----------------------------------------------------------------- */

static uint64_t write_unique(int64_t *ids, uint64_t n)
{
    uint64_t i, kept = 0;

    if (n > 1)
        qsort(ids, n, sizeof *ids, write_by_number);
    for (i = 0; i < n; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return kept;
}

/* load: full: what an older system counted goes, from all edges of the users. */
static uint32_t write_full(struct graph_sink *s, struct sluice_error *err)
{
    sqlite3_stmt *forget = s->db.statements[DB_OLDER_FORGET], *touch = s->db.statements[DB_USER_TOUCH];
    uint64_t n = write_unique(s->users_of, s->n_records), i;
    uint32_t code = SLUICE_OK;

    for (i = 0; i < n && code == SLUICE_OK; i++) {
        (void)sqlite3_bind_int64(forget, 1, s->users_of[i]);
        code = db_run(&s->db, DB_OLDER_FORGET, DOING, err);
        if (code != SLUICE_OK || sqlite3_changes(s->db.handle) == 0)
            continue;
        (void)sqlite3_bind_int64(touch, 1, s->users_of[i]);
        (void)sqlite3_bind_int64(touch, 2, s->now_ms);
        code = db_run(&s->db, DB_USER_TOUCH, DOING, err);
    }
    return code;
}

uint32_t write_edges(struct graph_sink *s, struct sluice_error *err)
{
    uint32_t code = s->full ? write_full(s, err) : SLUICE_OK;
    uint64_t i, end;

    for (i = 0; i < s->n_rows; i++)
        s->order[i] = &s->rows[i];
    if (s->n_rows > 1)
        qsort(s->order, s->n_rows, sizeof(struct row *), write_by_edge);
    for (i = 0; i < s->n_rows && code == SLUICE_OK; i = end) {
        for (end = i + 1; end < s->n_rows && write_same_edge(s->order[i], s->order[end]); end++)
            ;
        code = write_edge(s, s->order + i, end - i, err);
    }
    return code;
}
