/* write_edges: the second request: users locked and compared, edges by whole values.
 *
 * Invariant: an edge with nothing new is in no statement, so a replay writes nothing. */
#include "neo4j_sink.h"

#define TIMES(list) "[t IN " list " | datetime({epochMillis: t})]"
#define CREATE(label, key, edge, values)                                                                     \
    "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) UNWIND row.e AS e "                                 \
    "MATCH (x:" label " {" key ": e.x}) CREATE (u)-[:" edge " {" values "}]->(x) " EXPECT
#define CHANGE(edge, values)                                                                                 \
    "UNWIND $rows AS e MATCH ()-[r:" edge "]->() WHERE elementId(r) = e.id SET " values " " EXPECT
#define SHOPS_CREATE(last)                                                                                   \
    "receipt_ids: e.r, receipt_times: e.t, frequency: e.n, " last ": datetime({epochMillis: e.l})"
#define SHOPS_CHANGE(last)                                                                                   \
    "r.receipt_ids = e.r, r.receipt_times = e.t, r.frequency = e.n, r." last " = datetime({epochMillis: "    \
    "e.l})"

static const char *const create_edges[] = {
    CREATE(
        "Product", "product_id", "PURCHASED",
        "receipt_ids: e.r, timestamps: " TIMES("e.t") ", times: e.n, last: datetime({epochMillis: e.l}), "
                                                      "avg_interval_days: e.i, repurchase_likelihood: e.k"),
    CREATE("Retailer", "retailer_id", "SHOPS_AT", SHOPS_CREATE("last_visit")),
    CREATE("Category", "category_id", "SHOPS_IN", SHOPS_CREATE("last_purchase")),
};
static const char *const change_edges[] = {
    CHANGE("PURCHASED", "r.receipt_ids = e.r, r.timestamps = " TIMES(
                            "e.t") ", r.times = e.n, "
                                   "r.last = datetime({epochMillis: e.l}), r.avg_interval_days = e.i, "
                                   "r.repurchase_likelihood = e.k"),
    CHANGE("SHOPS_AT", SHOPS_CHANGE("last_visit")),
    CHANGE("SHOPS_IN", SHOPS_CHANGE("last_purchase")),
};
#define REMOVE(edge) "UNWIND $rows AS id MATCH ()-[r:" edge "]->() WHERE elementId(r) = id DELETE r " EXPECT
static const char *const remove_edges[] = {NULL, REMOVE("SHOPS_AT"), REMOVE("SHOPS_IN")};

/* Makes and locks the users, and fails if one of them was changed since it was read. */
static const char lock_users[] =
    "UNWIND $rows AS row MERGE (u:User {user_id: row.u}) "
    "ON CREATE SET u.timezone = $zone, u.created_at = datetime({epochMillis: $now}) "
    "ON MATCH SET u.user_id = u.user_id WITH u, row WHERE coalesce(u.revision, 0) = row.v "
    "SET u.revision = row.v + row.d, u.last_updated_at = datetime({epochMillis: $now}) " EXPECT_UNCHANGED;
static const char change_zones[] = "UNWIND $rows AS row MATCH (u:User {user_id: row.u}) "
                                   "SET u.timezone = row.z, u.timezone_at = row.t " EXPECT;

static void put_integer(struct strbuf *b, int64_t value)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do
        *--p = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0)
        *--p = '-';
    strbuf_add(b, p, (size_t)(digits + sizeof digits - p));
}

static void put_values(struct strbuf *b, enum edge_type type, const struct edge *e)
{
    uint64_t i;

    strbuf_puts(b, ",\"r\":[");
    for (i = 0; i < e->n; i++) {
        if (i > 0)
            strbuf_putc(b, ',');
        neo4j_put_text(b, e->receipts[i]);
    }
    strbuf_puts(b, "],\"t\":[");
    for (i = 0; i < e->n; i++) {
        if (i > 0)
            strbuf_putc(b, ',');
        put_integer(b, e->times[i]);
    }
    strbuf_puts(b, "],\"n\":");
    put_integer(b, e->count);
    strbuf_puts(b, ",\"l\":");
    put_integer(b, e->last);
    if (type == PURCHASED) {
        strbuf_puts(b, ",\"i\":");
        put_integer(b, graph_interval_days(e->times, e->n));
        strbuf_puts(b, ",\"k\":");
        neo4j_put_float(b, graph_likelihood(e->times, e->n));
    }
    strbuf_putc(b, '}');
}

/* Edges that are not there yet, a row a user. */
static void write_new(struct work *w, enum edge_type type)
{
    const struct edges *edges = &w->batch.edges[type];
    struct strbuf *b = &w->call.body;
    uint32_t user = NO_KEY;
    uint64_t i, n = 0;

    for (i = 0; i < edges->n; i++) {
        const struct edge *e = &edges->items[i];

        if (!e->changed || e->id.data != NULL)
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, create_edges[type]);
            neo4j_param(&w->call, "rows");
        }
        if (e->user != user) {
            strbuf_puts(b, n == 0 ? "[{\"u\":" : "]},{\"u\":");
            neo4j_put_text(b, w->batch.users.ids[e->user]);
            strbuf_puts(b, ",\"e\":[");
            user = e->user;
        } else {
            strbuf_putc(b, ',');
        }
        strbuf_puts(b, "{\"x\":");
        neo4j_put_text(b, e->key);
        put_values(b, type, e);
        n++;
    }
    if (n == 0)
        return;
    strbuf_puts(b, "]}");
    write_expect(w, n);
}

static const struct edge *edge_at(const struct edges *edges, uint64_t i)
{
    return i < edges->n ? &edges->items[i] : &edges->more[i - edges->n];
}

static int edge_empty(const struct edge *e)
{
    return e->n == 0 && e->count <= 0;
}

/* Edges that are there. */
static void write_changed(struct work *w, enum edge_type type)
{
    const struct edges *edges = &w->batch.edges[type];
    struct strbuf *b = &w->call.body;
    uint64_t i, n = 0;

    for (i = 0; i < edges->n + edges->n_more; i++) {
        const struct edge *e = edge_at(edges, i);

        if (!e->changed || e->id.data == NULL || edge_empty(e))
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, change_edges[type]);
            neo4j_param(&w->call, "rows");
        }
        strbuf_puts(b, n++ == 0 ? "[{\"id\":" : ",{\"id\":");
        neo4j_put_text(b, e->id);
        put_values(b, type, e);
    }
    if (n > 0)
        write_expect(w, n);
}

/* load: full, repair: edges that nothing explains. */
static void write_removed(struct work *w, enum edge_type type)
{
    const struct edges *edges = &w->batch.edges[type];
    uint64_t i, n = 0;

    for (i = 0; i < edges->n + edges->n_more; i++) {
        const struct edge *e = edge_at(edges, i);

        if (!e->changed || e->id.data == NULL || !edge_empty(e))
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, remove_edges[type]);
            neo4j_param(&w->call, "rows");
        }
        strbuf_putc(&w->call.body, n++ == 0 ? '[' : ',');
        neo4j_put_text(&w->call.body, e->id);
    }
    if (n > 0)
        write_expect(w, n);
}

/* Users that are new or of which something changes. */
static void write_users(struct work *w)
{
    struct strbuf *b = &w->call.body;
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.users.n; i++) {
        if (!w->batch.touched[i] && w->batch.zones[i].there)
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, lock_users);
            neo4j_param_integer(&w->call, "now", w->now_ms);
            neo4j_param_text(&w->call, "zone", sluice_str_of(GRAPH_DEFAULT_TIMEZONE));
            neo4j_param(&w->call, "rows");
        }
        strbuf_puts(b, n++ == 0 ? "[{\"u\":" : ",{\"u\":");
        neo4j_put_text(b, w->batch.users.ids[i]);
        strbuf_puts(b, ",\"v\":");
        put_integer(b, w->batch.zones[i].revision);
        strbuf_puts(b, w->batch.touched[i] ? ",\"d\":1}" : ",\"d\":0}");
    }
    if (n > 0)
        write_expect(w, n);
}

static void write_zones(struct work *w)
{
    struct strbuf *b = &w->call.body;
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < w->batch.users.n; i++) {
        const struct zone *zone = &w->batch.zones[i];

        if (!zone->changed)
            continue;
        if (n == 0) {
            neo4j_statement(&w->call, change_zones);
            neo4j_param(&w->call, "rows");
        }
        strbuf_puts(b, n++ == 0 ? "[{\"u\":" : ",{\"u\":");
        neo4j_put_text(b, w->batch.users.ids[i]);
        strbuf_puts(b, ",\"z\":");
        neo4j_put_text(b, zone->name);
        strbuf_puts(b, ",\"t\":");
        put_integer(b, zone->at);
        strbuf_putc(b, '}');
    }
    if (n > 0)
        write_expect(w, n);
}

void write_type(struct work *w, enum edge_type type, int removing)
{
    write_new(w, type);
    write_changed(w, type);
    if (removing)
        write_removed(w, type);
}

void write_changes(struct sink *s, struct work *w)
{
    int type;

    write_users(w);
    for (type = PURCHASED; type < EDGE_TYPES; type++)
        write_type(w, (enum edge_type)type, s->full && type != PURCHASED);
    write_zones(w);
}
