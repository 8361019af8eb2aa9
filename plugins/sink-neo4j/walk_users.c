/* walk_users: users in bytewise order, each with its edges.
 *
 * Neo4j orders strings by code point, which is the bytewise order of UTF-8. */
#include <stdlib.h>
#include <string.h>

#include "walk.h"

#define USERS 100

#define EDGES(type, label, key, values)                                                                      \
    "UNWIND $ids AS id MATCH (u:User {user_id: id})-[e:" type "]->(x) "                                      \
    "RETURN id, CASE WHEN x:" label " THEN x." key " END, e.receipt_ids, " values
#define NOBODY(type, label, key, values)                                                                     \
    "MATCH (u)-[e:" type "]->(x) WHERE NOT u:User OR u.user_id IS NULL "                                     \
    "RETURN null, CASE WHEN x:" label " THEN x." key " END, e.receipt_ids, " values
#define PURCHASED_VALUES                                                                                     \
    "[t IN e.timestamps | t.epochMillis], e.times, e.last.epochMillis, e.avg_interval_days, "                \
    "e.repurchase_likelihood"
#define SHOPS_VALUES(last) "e.receipt_times, e.frequency, e." last ".epochMillis, 0, 0.0"

struct edge_page {
    uint32_t type;
    const char *of_users;
    const char *of_nobody;
};

static const struct edge_page edge_pages[] = {
    {SLUICE_EDGE_PURCHASED, EDGES("PURCHASED", "Product", "product_id", PURCHASED_VALUES),
     NOBODY("PURCHASED", "Product", "product_id", PURCHASED_VALUES)},
    {SLUICE_EDGE_SHOPS_AT, EDGES("SHOPS_AT", "Retailer", "retailer_id", SHOPS_VALUES("last_visit")),
     NOBODY("SHOPS_AT", "Retailer", "retailer_id", SHOPS_VALUES("last_visit"))},
    {SLUICE_EDGE_SHOPS_IN, EDGES("SHOPS_IN", "Category", "category_id", SHOPS_VALUES("last_purchase")),
     NOBODY("SHOPS_IN", "Category", "category_id", SHOPS_VALUES("last_purchase"))},
};
#define TYPES (sizeof edge_pages / sizeof *edge_pages)

static const char users_of_all[] =
    "MATCH (n:User) WHERE n.user_id > $after WITH DISTINCT n.user_id AS id ORDER BY id LIMIT $limit "
    "MATCH (n:User {user_id: id}) RETURN id, n.timezone";
static const char users_of_one[] = "MATCH (n:User {user_id: $user}) RETURN n.user_id, n.timezone";
static const char users_nobody[] = "MATCH (n:User) WHERE n.user_id IS NULL RETURN null, n.timezone";

struct user_page {
    struct sluice_str ids[USERS * 4]; /* nodes, so that duplicates have room */
    struct sluice_str zones[USERS * 4];
    uint32_t n;
};

/* The next edge of a statement, read ahead by one row. */
struct edge_cursor {
    struct neo4j_rows rows;
    struct sluice_graph_edge edge;
    int there;
};

static uint32_t cursor_next(struct walk *w, struct edge_cursor *c, uint32_t type)
{
    struct sluice_graph_edge *e = &c->edge;
    struct sluice_str *receipts;
    int64_t *times;

    memset(e, 0, sizeof *e);
    e->struct_size = sizeof *e;
    e->type = type;
    c->there = neo4j_row(&c->rows);
    if (!c->there)
        return c->rows.broken ? walk_broken(w) : SLUICE_OK;
    if (!neo4j_text(&c->rows, &w->arena, &e->from) || !neo4j_text(&c->rows, &w->arena, &e->to) ||
        !neo4j_texts(&c->rows, &w->arena, &receipts, &e->n_receipts) ||
        !neo4j_integers(&c->rows, &w->arena, &times, &e->n_times) || !neo4j_integer(&c->rows, &e->count, 0) ||
        !neo4j_integer(&c->rows, &e->last_ms, 0) || !neo4j_integer(&c->rows, &e->interval_days, 0) ||
        !neo4j_float(&c->rows, &e->likelihood, 0.0))
        return walk_broken(w);
    e->receipts = receipts;
    e->times = times;
    return SLUICE_OK;
}

/* Arrays of an older system may differ in length; the reader is told (n_times), and may
 * still take a time for each receipt. */
static uint32_t walk_edge(struct walk *w, const struct sluice_graph_edge *edge)
{
    struct sluice_graph_edge shown = *edge;
    int64_t *times;

    if (edge->n_times < edge->n_receipts) {
        times = arena_alloc(&w->arena, edge->n_receipts * sizeof *times);
        if (times == NULL)
            return walk_broken(w);
        memset(times, 0, edge->n_receipts * sizeof *times);
        if (edge->n_times > 0)
            memcpy(times, edge->times, edge->n_times * sizeof *times);
        shown.times = times;
    }
    return w->visitor->edge(w->visitor->context, &shown);
}

static uint32_t walk_user(struct walk *w, struct sluice_str id, struct sluice_str zone)
{
    struct sluice_graph_node node;

    memset(&node, 0, sizeof node);
    node.struct_size = sizeof node;
    node.type = SLUICE_NODE_USER;
    node.id = id;
    node.timezone = zone.data == NULL ? sluice_str_of(GRAPH_DEFAULT_TIMEZONE) : zone;
    return w->visitor->node(w->visitor->context, &node);
}

static void ask_edges(struct walk *w, const struct user_page *page)
{
    uint32_t i;
    size_t t;

    neo4j_call_clear(&w->call);
    for (t = 0; t < TYPES; t++) {
        neo4j_statement(&w->call, edge_pages[t].of_users);
        neo4j_param(&w->call, "ids");
        strbuf_putc(&w->call.body, '[');
        for (i = 0; i < page->n; i++) {
            if (i > 0 && sluice_str_equal(page->ids[i], page->ids[i - 1]))
                continue;
            if (i > 0)
                strbuf_putc(&w->call.body, ',');
            neo4j_put_text(&w->call.body, page->ids[i]);
        }
        strbuf_putc(&w->call.body, ']');
        neo4j_statement_end(&w->call);
    }
}

/* The statements answer in the order of the ids, so three cursors go along with the users. */
static uint32_t walk_page_of_users(struct walk *w, const struct user_page *page)
{
    struct edge_cursor cursors[TYPES];
    uint32_t code, i;
    size_t t;

    ask_edges(w, page);
    code = walk_run(w);
    if (code != SLUICE_OK)
        return code;
    for (t = 0; t < TYPES && code == SLUICE_OK; t++) {
        neo4j_rows_open(&cursors[t].rows, &w->reply, (uint32_t)t);
        code = cursor_next(w, &cursors[t], edge_pages[t].type);
    }
    for (i = 0; i < page->n && code == SLUICE_OK; i++) {
        code = walk_user(w, page->ids[i], page->zones[i]);
        if (i + 1 < page->n && sluice_str_equal(page->ids[i], page->ids[i + 1]))
            continue; /* the edges of both stand behind the last */
        for (t = 0; t < TYPES; t++)
            while (code == SLUICE_OK && cursors[t].there &&
                   sluice_str_equal(cursors[t].edge.from, page->ids[i])) {
                code = walk_edge(w, &cursors[t].edge);
                if (code == SLUICE_OK)
                    code = cursor_next(w, &cursors[t], edge_pages[t].type);
            }
    }
    neo4j_reply_release(&w->s->neo4j, &w->reply);
    return code;
}

/* Reads who comes next; the page stays in the arena. */
static uint32_t walk_read_users(struct walk *w, struct user_page *page)
{
    struct neo4j_rows rows;
    uint32_t code = walk_run(w);

    page->n = 0;
    if (code != SLUICE_OK)
        return code;
    neo4j_rows_open(&rows, &w->reply, 0);
    while (neo4j_row(&rows) && page->n < USERS * 4) {
        if (!neo4j_text(&rows, &w->arena, &page->ids[page->n]) ||
            !neo4j_text(&rows, &w->arena, &page->zones[page->n]))
            break;
        page->n++;
    }
    if (rows.broken)
        code = walk_broken(w);
    neo4j_reply_release(&w->s->neo4j, &w->reply);
    return code;
}

static void ask_users(struct walk *w, const char *user_id, struct sluice_str after)
{
    neo4j_call_clear(&w->call);
    neo4j_statement(&w->call, user_id == NULL ? users_of_all : users_of_one);
    if (user_id == NULL) {
        neo4j_param_text(&w->call, "after", after);
        neo4j_param_integer(&w->call, "limit", USERS);
    } else {
        neo4j_param_text(&w->call, "user", sluice_str_of(user_id));
    }
    neo4j_statement_end(&w->call);
    arena_clear(&w->arena);
}

/* Edges that start at something else than a user with an id. */
static uint32_t walk_nobody(struct walk *w)
{
    struct edge_cursor cursor;
    uint32_t code = SLUICE_OK;
    size_t t;

    for (t = 0; t < TYPES && code == SLUICE_OK; t++) {
        neo4j_call_clear(&w->call);
        neo4j_statement(&w->call, edge_pages[t].of_nobody);
        neo4j_statement_end(&w->call);
        arena_clear(&w->arena);
        code = walk_run(w);
        if (code != SLUICE_OK)
            break;
        neo4j_rows_open(&cursor.rows, &w->reply, 0);
        do {
            code = cursor_next(w, &cursor, edge_pages[t].type);
            if (code == SLUICE_OK && cursor.there)
                code = walk_edge(w, &cursor.edge);
        } while (code == SLUICE_OK && cursor.there);
        neo4j_reply_release(&w->s->neo4j, &w->reply);
    }
    return code;
}

uint32_t walk_users(struct walk *w, const char *user_id)
{
    struct user_page *page = calloc(1, sizeof *page);
    struct sluice_str after = {"", 0};
    uint32_t code, i;

    if (page == NULL)
        return sluice_fail(w->err, SLUICE_RETRY, NULL, "no memory for the walk");
    do {
        ask_users(w, user_id, after);
        code = walk_read_users(w, page);
        if (code == SLUICE_OK && page->n > 0) {
            after = page->ids[page->n - 1];
            code = walk_page_of_users(w, page);
        }
    } while (code == SLUICE_OK && user_id == NULL && page->n > 0);
    if (code == SLUICE_OK && user_id == NULL) {
        neo4j_call_clear(&w->call);
        neo4j_statement(&w->call, users_nobody);
        neo4j_statement_end(&w->call);
        arena_clear(&w->arena);
        code = walk_read_users(w, page);
        for (i = 0; i < page->n && code == SLUICE_OK; i++)
            code = walk_user(w, page->ids[i], page->zones[i]);
        if (code == SLUICE_OK)
            code = walk_nobody(w);
    }
    free(page);
    return code;
}
