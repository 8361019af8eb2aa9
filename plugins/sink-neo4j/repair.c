/* repair: SHOPS_IN edges as PURCHASED and the present categories give them (sluice/graph.h).
 *
 * A page of users is looked at without a lock.  Those who differ are read again, each revision under the
 * user's lock, and written by one transaction that makes sure that no revision moved: what a writer does
 * (write.c), so that repairs and writers never undo each other.
 *
 * Invariant: an edge is told of after the commit that changed it. */
#include <stdlib.h>
#include <string.h>
#include <sluice/graph.h>

#include "repair.h"

static const char next_users[] = "MATCH (u:User) WHERE u.user_id > $after WITH DISTINCT u.user_id AS id "
                                 "ORDER BY id LIMIT $limit RETURN id";
static const char look[] = "UNWIND $ids AS id MATCH (u:User {user_id: id}) "
                           "RETURN u.user_id, coalesce(u.revision, 0)";
static const char look_locked[] = "UNWIND $ids AS id MATCH (u:User {user_id: id}) "
                                  "SET u.user_id = u.user_id " /* a lock and no change */
                                  "RETURN u.user_id, coalesce(u.revision, 0)";
static const char gives[] =
    "UNWIND range(0, size($ids) - 1) AS i MATCH (u:User {user_id: $ids[i]})-[e:PURCHASED]->(:Product)"
    "-[:IN_CATEGORY]->(c:Category) "
    "RETURN i, c.category_id, e.receipt_ids, [t IN e.timestamps | t.epochMillis]";
static const char has[] =
    "UNWIND range(0, size($ids) - 1) AS i MATCH (u:User {user_id: $ids[i]})-[e:SHOPS_IN]->(c:Category) "
    "RETURN i, c.category_id, elementId(e), e.receipt_ids, e.receipt_times, e.frequency, "
    "e.last_purchase.epochMillis";
static const char lock_users[] =
    "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) SET u.user_id = u.user_id "
    "WITH u, row WHERE coalesce(u.revision, 0) = row.v "
    "SET u.revision = row.v + 1, u.last_updated_at = datetime({epochMillis: $now}) " EXPECT_UNCHANGED;

static uint32_t repair_no_memory(struct sluice_error *err)
{
    return sluice_fail(err, SLUICE_RETRY, NULL,
                       "no memory for the repair, or the graph holds values of another type "
                       "than this sink writes");
}

/* --- asking ---------------------------------------------------------------------------- */

static void ask_ids(struct work *w, const char *statement)
{
    uint32_t i;

    neo4j_statement(&w->call, statement);
    neo4j_param(&w->call, "ids");
    strbuf_putc(&w->call.body, '[');
    for (i = 0; i < w->batch.users.n; i++) {
        if (i > 0)
            strbuf_putc(&w->call.body, ',');
        neo4j_put_text(&w->call.body, w->batch.users.ids[i]);
    }
    strbuf_putc(&w->call.body, ']');
    neo4j_statement_end(&w->call);
}

static int hear_revisions(struct work *w)
{
    struct neo4j_rows rows;
    struct sluice_str id;
    int64_t revision;
    uint32_t i;

    for (i = 0; i < w->batch.users.n; i++)
        w->batch.zones[i].there = 0;
    neo4j_rows_open(&rows, &w->reply, 0);
    while (neo4j_row(&rows)) {
        if (!neo4j_text(&rows, &w->arena, &id) || !neo4j_integer(&rows, &revision, 0) ||
            (i = keys_find(&w->batch.users, id)) == NO_KEY)
            return -1;
        w->batch.zones[i].there = 1;
        w->batch.zones[i].revision = revision;
    }
    return rows.broken ? -1 : 0;
}

/* What PURCHASED gives, a fact a receipt. */
static int hear_gives(struct repair *r, struct work *w)
{
    struct neo4j_rows rows;
    struct sluice_str category;
    struct edge e;
    int64_t user;

    neo4j_rows_open(&rows, &w->reply, 1);
    while (neo4j_row(&rows)) {
        memset(&e, 0, sizeof e);
        if (!neo4j_integer(&rows, &user, -1) || user < 0 || user >= w->batch.users.n ||
            !neo4j_text(&rows, &w->arena, &category) || write_hear_receipts(w, &rows, &e) != 0 ||
            (category.data != NULL && repair_facts_add(r, (uint32_t)user, category, &e) != 0))
            return -1;
    }
    return rows.broken ? -1 : 0;
}

static int hear_has(struct repair *r, struct work *w)
{
    struct neo4j_rows rows;
    struct edge e;
    int64_t user;

    neo4j_rows_open(&rows, &w->reply, 2);
    while (neo4j_row(&rows)) {
        memset(&e, 0, sizeof e);
        if (!neo4j_integer(&rows, &user, -1) || user < 0 || user >= w->batch.users.n ||
            !neo4j_text(&rows, &w->arena, &e.key) || !neo4j_text(&rows, &w->arena, &e.id) ||
            write_hear_receipts(w, &rows, &e) != 0 || !neo4j_integer(&rows, &e.count, 0) ||
            !neo4j_integer(&rows, &e.last, INT64_MIN))
            return -1;
        e.user = (uint32_t)user;
        if (e.key.data != NULL && repair_has_add(r, &e) != 0)
            return -1;
    }
    return rows.broken ? -1 : 0;
}

/* Reads the users of the batch and finds what differs of them. */
static uint32_t repair_read(struct repair *r, int locked, struct sluice_error *err)
{
    struct work *w = r->w;
    uint32_t code;

    neo4j_call_clear(&w->call);
    ask_ids(w, locked ? look_locked : look);
    ask_ids(w, gives);
    ask_ids(w, has);
    repair_forget(r);
    code = neo4j_read(&r->s->neo4j, &w->call, &w->reply, err);
    if (code == SLUICE_OK && (hear_revisions(w) != 0 || hear_gives(r, w) != 0 || hear_has(r, w) != 0))
        code = repair_no_memory(err);
    neo4j_reply_release(&r->s->neo4j, &w->reply);
    return code == SLUICE_OK ? repair_compare(r, err) : code;
}

/* --- writing --------------------------------------------------------------------------- */

static void write_locks(struct work *w)
{
    struct strbuf *b = &w->call.body;
    uint64_t n = 0;
    uint32_t i;

    neo4j_statement(&w->call, lock_users);
    neo4j_param_integer(&w->call, "now", w->now_ms);
    neo4j_param(&w->call, "rows");
    for (i = 0; i < w->batch.users.n; i++) {
        if (!w->batch.touched[i])
            continue;
        strbuf_puts(b, n++ == 0 ? "[{\"u\":" : ",{\"u\":");
        neo4j_put_text(b, w->batch.users.ids[i]);
        strbuf_printf(b, ",\"v\":%lld}", (long long)w->batch.zones[i].revision);
    }
    write_expect(w, n);
}

static uint32_t repair_once(struct repair *r, struct sluice_error *err)
{
    struct work *w = r->w;
    uint32_t code;

    w->tx.open = 0;
    w->tx.affinity[0] = '\0';
    w->reply.trouble = NEO4J_OTHER;
    w->now_ms = r->s->host->now_ms(r->s->host);
    code = repair_read(r, 1, err);
    if (code != SLUICE_OK || w->batch.edges[SHOPS_IN].n == 0)
        return code;
    neo4j_call_clear(&w->call);
    write_locks(w);
    write_type(w, SHOPS_IN, 1);
    code = neo4j_run(&r->s->neo4j, &w->tx, &w->call, 1, &w->reply, err);
    neo4j_reply_release(&r->s->neo4j, &w->reply);
    return code;
}

/* Of a page only those who differ are locked. */
static void repair_narrow(struct work *w)
{
    struct batch *b = &w->batch;
    uint32_t i, n = 0;

    for (i = 0; i < b->users.n; i++)
        if (b->touched[i])
            b->users.ids[n++] = b->users.ids[i];
    b->users.n = n;
}

/* A commit whose end was not heard ends the repair: the next one finds what is left to do. */
static uint32_t repair_write(struct repair *r, struct sluice_error *err)
{
    struct work *w = r->w;
    uint32_t code, tries;

    repair_narrow(w);
    for (tries = 0;; tries++) {
        code = repair_once(r, err);
        if (code == SLUICE_OK || !write_again(r->s, w, tries, w->reply.trouble))
            return code;
    }
}

static uint32_t repair_tell(struct repair *r)
{
    const struct edges *edges = &r->w->batch.edges[SHOPS_IN];
    struct sluice_graph_edge before, after;
    uint32_t code = SLUICE_OK;
    uint64_t i;

    for (i = 0; i < edges->n && code == SLUICE_OK; i++) {
        const struct edge *e = &edges->items[i], *had = &r->had[i];

        memset(&before, 0, sizeof before);
        before.struct_size = sizeof before;
        before.type = SLUICE_EDGE_SHOPS_IN;
        before.from = r->w->batch.users.ids[e->user];
        before.to = e->key;
        after = before;
        before.receipts = had->receipts;
        before.times = had->times;
        before.n_receipts = before.n_times = had->n;
        before.count = had->count;
        before.last_ms = had->last;
        after.receipts = e->receipts;
        after.times = e->times;
        after.n_receipts = after.n_times = e->n;
        after.count = e->count;
        after.last_ms = e->last;
        code = r->told->changed(r->told->context, &before, &after);
    }
    return code;
}

static uint32_t repair_page(struct repair *r, struct sluice_error *err)
{
    uint32_t code, tries = 0;

    do
        code = repair_read(r, 0, err);
    while (code != SLUICE_OK && write_again(r->s, r->w, tries++, r->w->reply.trouble));
    if (code == SLUICE_OK && !r->told->dry_run && r->w->batch.edges[SHOPS_IN].n > 0)
        code = repair_write(r, err);
    return code == SLUICE_OK ? repair_tell(r) : code;
}

/* --- users ----------------------------------------------------------------------------- */

static int batch_room(struct work *w)
{
    struct batch *b = &w->batch;

    memset(b, 0, sizeof *b);
    b->arena = &w->arena;
    b->users.ids = arena_alloc(&w->arena, REPAIR_USERS * sizeof *b->users.ids);
    b->zones = arena_alloc(&w->arena, REPAIR_USERS * sizeof *b->zones);
    b->touched = arena_alloc(&w->arena, REPAIR_USERS);
    if (b->users.ids == NULL || b->zones == NULL || b->touched == NULL)
        return -1;
    memset(b->zones, 0, REPAIR_USERS * sizeof *b->zones);
    return 0;
}

/* Who comes next.  The id that the last page ended with is the arena's: the call is written first. */
static uint32_t repair_next(struct repair *r, struct sluice_str after, struct sluice_error *err)
{
    struct work *w = r->w;
    struct neo4j_rows rows;
    uint32_t code;

    neo4j_call_clear(&w->call);
    neo4j_statement(&w->call, next_users);
    neo4j_param_text(&w->call, "after", after);
    neo4j_param_integer(&w->call, "limit", REPAIR_USERS);
    neo4j_statement_end(&w->call);
    arena_clear(&w->arena);
    if (batch_room(w) != 0)
        return repair_no_memory(err);
    code = neo4j_read(&r->s->neo4j, &w->call, &w->reply, err);
    if (code == SLUICE_OK) {
        neo4j_rows_open(&rows, &w->reply, 0);
        while (w->batch.users.n < REPAIR_USERS && neo4j_row(&rows) &&
               neo4j_text(&rows, &w->arena, &w->batch.users.ids[w->batch.users.n]))
            w->batch.users.n++;
        if (rows.broken)
            code = repair_no_memory(err);
    }
    neo4j_reply_release(&r->s->neo4j, &w->reply);
    return code;
}

/* The last id of the page, kept over the page: narrowing forgets it. */
static uint32_t repair_all(struct repair *r, struct sluice_error *err)
{
    struct strbuf after;
    uint32_t code, n;

    strbuf_init(&after, (size_t)1 << 20);
    do {
        code = repair_next(r, (struct sluice_str){strbuf_text(&after), after.len}, err);
        n = code == SLUICE_OK ? r->w->batch.users.n : 0;
        if (n == 0)
            break;
        strbuf_clear(&after);
        strbuf_add(&after, r->w->batch.users.ids[n - 1].data, (size_t)r->w->batch.users.ids[n - 1].len);
        code = after.failed ? repair_no_memory(err) : repair_page(r, err);
    } while (code == SLUICE_OK && n == REPAIR_USERS);
    strbuf_release(&after);
    return code;
}

uint32_t repair_graph(void *self, const struct sluice_graph_repair *told, struct sluice_error *err)
{
    struct repair r = {.s = self, .told = told};
    uint32_t code;

    r.w = calloc(1, sizeof *r.w);
    if (r.w == NULL)
        return repair_no_memory(err);
    arena_init(&r.w->arena, UINT32_C(4) << 20);
    neo4j_call_init(&r.w->call, UINT32_C(64) << 20);
    code = repair_all(&r, err);
    arena_release(&r.w->arena);
    neo4j_call_release(&r.w->call);
    free(r.w);
    return code;
}
