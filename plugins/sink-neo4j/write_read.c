/* write_read: the first request: users' revisions, then the touched edges.
 *
 * Invariant: a user's revision is read under the user's lock and before its edges.  If it
 * is still the same when the second request has locked the user, the edges are as they were
 * read.  Without the lock a revision can be seen whose edges cannot be seen yet: the server
 * makes a commit visible bit by bit, and gives its locks back when all of it is. */
#include <string.h>

#include "neo4j_sink.h"

static const char read_users[] = "UNWIND $ids AS id MATCH (u:User {user_id: id}) "
                                 "SET u.user_id = u.user_id " /* a lock and no change */
                                 "RETURN u.user_id, coalesce(u.revision, 0), u.timezone, u.timezone_at";

/* Touched edges: row.i numbers the first of a user's. */
#define READ(type, label, key, values)                                                                       \
    "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) UNWIND range(0, size(row.x) - 1) AS k "             \
    "MATCH (x:" label " {" key ": row.x[k]}) MATCH (u)-[e:" type "]->(x) "                                   \
    "RETURN row.i + k, elementId(e), e.receipt_ids, " values
/* load: full: all of the users'. */
#define READ_ALL(type, label, key, values)                                                                   \
    "UNWIND range(0, size($ids) - 1) AS i MATCH (u:User {user_id: $ids[i]})-[e:" type "]->(x:" label ") "    \
    "RETURN i, elementId(e), e.receipt_ids, " values ", x." key

static const char *const read_edges[] = {
    READ("PURCHASED", "Product", "product_id", "[t IN e.timestamps | t.epochMillis]"),
    READ("SHOPS_AT", "Retailer", "retailer_id", "e.receipt_times, e.frequency, e.last_visit.epochMillis"),
    READ("SHOPS_IN", "Category", "category_id", "e.receipt_times, e.frequency, e.last_purchase.epochMillis"),
};
static const char *const read_all_edges[] = {
    NULL,
    READ_ALL("SHOPS_AT", "Retailer", "retailer_id", "e.receipt_times, e.frequency, e.last_visit.epochMillis"),
    READ_ALL("SHOPS_IN", "Category", "category_id",
             "e.receipt_times, e.frequency, e.last_purchase.epochMillis"),
};

static void put_ids(struct strbuf *b, const struct keys *keys)
{
    uint32_t i;

    strbuf_putc(b, '[');
    for (i = 0; i < keys->n; i++) {
        if (i > 0)
            strbuf_putc(b, ',');
        neo4j_put_text(b, keys->ids[i]);
    }
    strbuf_putc(b, ']');
}

static void ask_users(struct work *w)
{
    neo4j_statement(&w->call, read_users);
    neo4j_param(&w->call, "ids");
    put_ids(&w->call.body, &w->batch.users);
    neo4j_statement_end(&w->call);
}

static void ask_edges(struct work *w, enum edge_type type)
{
    const struct edges *edges = &w->batch.edges[type];
    struct strbuf *b = &w->call.body;
    uint64_t i;

    w->at_edges[type] = NO_STATEMENT;
    if (edges->n == 0)
        return;
    w->at_edges[type] = w->call.n;
    neo4j_statement(&w->call, read_edges[type]);
    neo4j_param(&w->call, "rows");
    for (i = 0; i < edges->n; i++) {
        const struct edge *e = &edges->items[i];

        if (i > 0 && e->user == e[-1].user) {
            strbuf_putc(b, ',');
        } else {
            strbuf_puts(b, i == 0 ? "[{\"u\":" : "]},{\"u\":");
            neo4j_put_text(b, w->batch.users.ids[e->user]);
            strbuf_printf(b, ",\"i\":%llu,\"x\":[", (unsigned long long)i);
        }
        neo4j_put_text(b, e->key);
    }
    strbuf_puts(b, "]}]");
    neo4j_statement_end(&w->call);
}

static void ask_all_edges(struct work *w, enum edge_type type)
{
    w->at_edges[type] = w->call.n;
    neo4j_statement(&w->call, read_all_edges[type]);
    neo4j_param(&w->call, "ids");
    put_ids(&w->call.body, &w->batch.users);
    neo4j_statement_end(&w->call);
}

void write_ask(const struct sink *s, struct work *w)
{
    int type;

    ask_users(w);
    for (type = PURCHASED; type < EDGE_TYPES; type++) {
        if (s->full && type != PURCHASED)
            ask_all_edges(w, (enum edge_type)type);
        else
            ask_edges(w, (enum edge_type)type);
    }
}

/* --- what was heard ------------------------------------------------------------------ */

static int hear_users(struct work *w)
{
    struct sluice_str id, name;
    struct neo4j_rows rows;
    int64_t at, revision;
    struct zone *zone;
    uint32_t i;

    for (i = 0; i < w->batch.users.n; i++) {
        zone = &w->batch.zones[i];
        zone->there = 0;
        zone->revision = 0;
        zone->changed = zone->name.data != NULL;
    }
    neo4j_rows_open(&rows, &w->reply, 0);
    while (neo4j_row(&rows)) {
        if (!neo4j_text(&rows, &w->arena, &id) || !neo4j_integer(&rows, &revision, 0) ||
            !neo4j_text(&rows, &w->arena, &name) || !neo4j_integer(&rows, &at, INT64_MIN) ||
            (i = keys_find(&w->batch.users, id)) == NO_KEY)
            return -1;
        zone = &w->batch.zones[i];
        zone->there = 1;
        zone->revision = revision;
        zone->changed = zone->name.data != NULL && (at == INT64_MIN || name.data == NULL || at < zone->at ||
                                                    (at == zone->at && graph_compare(zone->name, name) < 0));
    }
    for (i = 0; i < w->batch.users.n; i++)
        w->batch.touched[i] = (unsigned char)w->batch.zones[i].changed;
    return rows.broken ? -1 : 0;
}

/* Receipts without a time (an older system's arrays may differ in length) count from the
 * last moment that the edge knows of. */
int write_hear_receipts(struct work *w, struct neo4j_rows *rows, struct edge *e)
{
    int64_t *times, *all, latest = 0;
    uint64_t n, i;

    if (!neo4j_texts(rows, &w->arena, &e->receipts, &e->n) || !neo4j_integers(rows, &w->arena, &times, &n))
        return -1;
    e->times = times;
    if (n >= e->n)
        return 0;
    all = arena_alloc(&w->arena, e->n * sizeof *all);
    if (all == NULL)
        return -1;
    for (i = 0; i < n; i++)
        if (i == 0 || times[i] > latest)
            latest = times[i];
    for (i = 0; i < e->n; i++)
        all[i] = i < n ? times[i] : latest;
    e->times = all;
    return 0;
}

static struct edge *edge_more(struct work *w, struct edges *edges, uint32_t user)
{
    struct edge *grown;

    if (edges->n_more == edges->cap_more) {
        uint64_t cap = edges->cap_more == 0 ? 64 : edges->cap_more * 2;

        grown = arena_alloc(&w->arena, cap * sizeof *grown);
        if (grown == NULL)
            return NULL;
        if (edges->n_more > 0)
            memcpy(grown, edges->more, edges->n_more * sizeof *grown);
        edges->more = grown;
        edges->cap_more = cap;
    }
    grown = &edges->more[edges->n_more++];
    memset(grown, 0, sizeof *grown);
    grown->user = user;
    grown->target = NO_KEY;
    return grown;
}

/* A row of the whole: it tells its edge by the target's id, which comes last. */
static int hear_any_edge(struct work *w, enum edge_type type, struct neo4j_rows *rows, int64_t user)
{
    const struct keys *keys = type == SHOPS_AT ? &w->batch.retailers : &w->batch.categories;
    struct edges *edges = &w->batch.edges[type];
    struct edge heard, *e;
    uint32_t target;

    memset(&heard, 0, sizeof heard);
    if (user < 0 || user >= w->batch.users.n || !neo4j_text(rows, &w->arena, &heard.id) ||
        write_hear_receipts(w, rows, &heard) != 0 || !neo4j_integer(rows, &heard.count, 0) ||
        !neo4j_integer(rows, &heard.last, INT64_MIN) || !neo4j_text(rows, &w->arena, &heard.key))
        return -1;
    target = keys_find(keys, heard.key);
    e = target == NO_KEY ? NULL : edges_find(edges, (uint32_t)user, target);
    if (e == NULL)
        e = edge_more(w, edges, (uint32_t)user);
    if (e == NULL)
        return -1;
    e->id = heard.id;
    e->receipts = heard.receipts;
    e->times = heard.times;
    e->n = heard.n;
    e->count = heard.count;
    e->last = heard.last;
    return 0;
}

static int hear_edge(struct work *w, enum edge_type type, struct neo4j_rows *rows, int64_t at)
{
    struct edges *edges = &w->batch.edges[type];
    struct edge *e;

    if (at < 0 || (uint64_t)at >= edges->n)
        return -1;
    e = &edges->items[at];
    if (!neo4j_text(rows, &w->arena, &e->id) || write_hear_receipts(w, rows, e) != 0)
        return -1;
    if (type == PURCHASED)
        return 0;
    return neo4j_integer(rows, &e->count, 0) && neo4j_integer(rows, &e->last, INT64_MIN) ? 0 : -1;
}

/* The rule, for the edges of one type. */
static int join_edges(const struct sink *s, struct work *w, enum edge_type type)
{
    struct edges *edges = &w->batch.edges[type];
    uint64_t i, fresh;

    for (i = 0; i < edges->n + edges->n_more; i++) {
        struct edge *e = i < edges->n ? &edges->items[i] : &edges->more[i - edges->n];

        if (edge_join(e, &w->arena, type, s->full, &fresh) != 0)
            return -1;
        if (type == PURCHASED)
            w->batch.counted += fresh;
        w->batch.touched[e->user] |= (unsigned char)e->changed;
    }
    return 0;
}

static void edges_unknown(struct edges *edges)
{
    uint64_t i;

    edges->n_more = 0;
    edges->cap_more = 0;
    for (i = 0; i < edges->n; i++) {
        struct edge *e = &edges->items[i];

        e->id = (struct sluice_str){NULL, 0};
        e->n = 0;
        e->count = 0;
        e->last = INT64_MIN;
        e->changed = 0;
    }
}

int write_hear(const struct sink *s, struct work *w)
{
    struct neo4j_rows rows;
    int64_t at;
    int type;

    w->batch.counted = 0;
    if (hear_users(w) != 0)
        return -1;
    for (type = PURCHASED; type < EDGE_TYPES; type++) {
        edges_unknown(&w->batch.edges[type]);
        if (w->at_edges[type] != NO_STATEMENT) {
            neo4j_rows_open(&rows, &w->reply, w->at_edges[type]);
            while (neo4j_row(&rows)) {
                if (!neo4j_integer(&rows, &at, -1))
                    return -1;
                if ((s->full && type != PURCHASED ? hear_any_edge(w, (enum edge_type)type, &rows, at)
                                                  : hear_edge(w, (enum edge_type)type, &rows, at)) != 0)
                    return -1;
            }
            if (rows.broken)
                return -1;
        }
        if (join_edges(s, w, (enum edge_type)type) != 0)
            return -1;
    }
    return 0;
}
