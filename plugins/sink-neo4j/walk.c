/* walk: the catalogue, and what the pages have in common.
 *
 * Neo4j has no snapshot reads: each page shows what was committed when it was read.
 * Bookmarks tell whether anything was committed between the first page and the last;
 * if so a warning says that the walk is not of one state. */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 5000

struct node_page {
    uint32_t type;
    const char *all;    /* $after, $limit: all nodes of the next ids */
    const char *nobody; /* without an id */
    const char *of_user;
};

/* Nodes of one id (there should be one) stand in one page, so that none is lost at its end. */
#define PAGE_OF(label, key, values)                                                                          \
    "MATCH (n:" label ") WHERE n." key " > $after WITH DISTINCT n." key " AS id ORDER BY id LIMIT $limit "   \
    "MATCH (n:" label " {" key ": id}) RETURN id, " values
#define NOBODY(label, key, values) "MATCH (n:" label ") WHERE n." key " IS NULL RETURN null, " values
#define PRODUCT_VALUES                                                                                       \
    "n.name, n.brand, n.category, n.category_id, CASE WHEN n.category_hierarchy IS NULL THEN [] "            \
    "ELSE n.category_hierarchy END"

static const struct node_page node_pages[] = {
    {SLUICE_NODE_PRODUCT, PAGE_OF("Product", "product_id", PRODUCT_VALUES),
     NOBODY("Product", "product_id", PRODUCT_VALUES),
     "MATCH (:User {user_id: $user})-[:PURCHASED]->(n:Product) WITH DISTINCT n RETURN "
     "n.product_id, " PRODUCT_VALUES},
    {SLUICE_NODE_CATEGORY, PAGE_OF("Category", "category_id", "n.name"),
     NOBODY("Category", "category_id", "n.name"),
     "MATCH (u:User {user_id: $user}) CALL { WITH u MATCH (u)-[:SHOPS_IN]->(n:Category) RETURN n UNION "
     "WITH u MATCH (u)-[:PURCHASED]->(:Product)-[:IN_CATEGORY]->(n:Category) RETURN n } "
     "WITH DISTINCT n RETURN n.category_id, n.name"},
    {SLUICE_NODE_RETAILER, PAGE_OF("Retailer", "retailer_id", "n.name, n.venue_type"),
     NOBODY("Retailer", "retailer_id", "n.name, n.venue_type"),
     "MATCH (:User {user_id: $user})-[:SHOPS_AT]->(n:Retailer) WITH DISTINCT n "
     "RETURN n.retailer_id, n.name, n.venue_type"},
};

static const char links_of_all[] =
    "MATCH (p:Product) WHERE p.product_id > $after WITH DISTINCT p.product_id AS id ORDER BY id LIMIT $limit "
    "OPTIONAL MATCH (p:Product {product_id: id})-[e:IN_CATEGORY]->(c) "
    "RETURN id, e IS NOT NULL, CASE WHEN c:Category THEN c.category_id END";
static const char links_of_nobody[] =
    "MATCH (p)-[:IN_CATEGORY]->(c) WHERE NOT p:Product OR p.product_id IS NULL "
    "RETURN null, true, CASE WHEN c:Category THEN c.category_id END";
static const char links_of_user[] =
    "MATCH (:User {user_id: $user})-[:PURCHASED]->(p:Product) WITH DISTINCT p MATCH (p)-[:IN_CATEGORY]->(c) "
    "RETURN p.product_id, true, CASE WHEN c:Category THEN c.category_id END";

uint32_t walk_run(struct walk *w)
{
    uint32_t code = neo4j_read(&w->s->neo4j, &w->call, &w->reply, w->err);

    if (code == SLUICE_OK) {
        if (w->bookmark[0] == '\0')
            memcpy(w->bookmark, w->reply.bookmark, sizeof w->bookmark);
        w->changed |= strcmp(w->bookmark, w->reply.bookmark) != 0;
        return SLUICE_OK;
    }
    neo4j_reply_release(&w->s->neo4j, &w->reply);
    /* it only read: whatever happened, it may be asked again */
    if (code != SLUICE_DISCONNECTED && code != SLUICE_RETRY && code != SLUICE_CANCELLED)
        code = code == SLUICE_UNSURE ? SLUICE_DISCONNECTED : SLUICE_FATAL;
    if (w->err != NULL)
        w->err->code = code;
    return code;
}

uint32_t walk_broken(struct walk *w)
{
    return sluice_fail(w->err, SLUICE_FATAL, NULL,
                       "%s: no memory, or the graph holds values of another type than this sink writes",
                       w->s->neo4j.url);
}

static uint32_t walk_node(struct walk *w, uint32_t type, struct neo4j_rows *rows, struct sluice_str *id)
{
    struct sluice_graph_node node;
    struct sluice_str *hierarchy = NULL;
    int good;

    memset(&node, 0, sizeof node);
    node.struct_size = sizeof node;
    node.type = type;
    good = neo4j_text(rows, &w->arena, &node.id) && neo4j_text(rows, &w->arena, &node.name);
    if (type == SLUICE_NODE_PRODUCT)
        good = good && neo4j_text(rows, &w->arena, &node.brand) &&
               neo4j_text(rows, &w->arena, &node.category) &&
               neo4j_text(rows, &w->arena, &node.category_id) &&
               neo4j_texts(rows, &w->arena, &hierarchy, &node.n_hierarchy);
    if (type == SLUICE_NODE_RETAILER)
        good = good && neo4j_text(rows, &w->arena, &node.venue_type);
    if (!good)
        return walk_broken(w);
    node.hierarchy = hierarchy;
    *id = node.id;
    return w->visitor->node(w->visitor->context, &node);
}

static uint32_t walk_link(struct walk *w, uint32_t type, struct neo4j_rows *rows, struct sluice_str *id)
{
    struct sluice_graph_edge edge;
    int there;

    memset(&edge, 0, sizeof edge);
    edge.struct_size = sizeof edge;
    edge.type = type;
    if (!neo4j_text(rows, &w->arena, &edge.from) || !neo4j_boolean(rows, &there, 0) ||
        !neo4j_text(rows, &w->arena, &edge.to))
        return walk_broken(w);
    *id = edge.from;
    return there ? w->visitor->edge(w->visitor->context, &edge) : SLUICE_OK;
}

/* One page; *after moves to its last id, or is absent if there was no row. */
static uint32_t walk_page(struct walk *w, uint32_t type, struct sluice_str *after)
{
    struct sluice_str id = {NULL, 0};
    struct neo4j_rows rows;
    uint32_t code = walk_run(w);

    if (code != SLUICE_OK)
        return code;
    neo4j_rows_open(&rows, &w->reply, 0);
    while (code == SLUICE_OK && neo4j_row(&rows))
        code =
            type == SLUICE_EDGE_IN_CATEGORY ? walk_link(w, type, &rows, &id) : walk_node(w, type, &rows, &id);
    if (code == SLUICE_OK && rows.broken)
        code = walk_broken(w);
    neo4j_reply_release(&w->s->neo4j, &w->reply);
    *after = id;
    return code;
}

/* All pages of one statement.  The id that a page ended with is its arena's: the next
 * call is written before that is cleared. */
static uint32_t walk_pages(struct walk *w, uint32_t type, const char *statement)
{
    struct sluice_str after = {"", 0};
    uint32_t code = SLUICE_OK;

    while (code == SLUICE_OK && after.data != NULL) {
        neo4j_call_clear(&w->call);
        neo4j_statement(&w->call, statement);
        neo4j_param_text(&w->call, "after", after);
        neo4j_param_integer(&w->call, "limit", PAGE);
        neo4j_statement_end(&w->call);
        arena_clear(&w->arena);
        code = walk_page(w, type, &after);
    }
    return code;
}

static uint32_t walk_single(struct walk *w, uint32_t type, const char *statement, const char *user_id)
{
    struct sluice_str last;

    neo4j_call_clear(&w->call);
    neo4j_statement(&w->call, statement);
    if (user_id != NULL)
        neo4j_param_text(&w->call, "user", sluice_str_of(user_id));
    neo4j_statement_end(&w->call);
    arena_clear(&w->arena);
    return walk_page(w, type, &last);
}

static uint32_t walk_all(struct walk *w, const char *user_id)
{
    uint32_t code = SLUICE_OK;
    size_t i;

    for (i = 0; i < sizeof node_pages / sizeof *node_pages && code == SLUICE_OK; i++) {
        const struct node_page *p = &node_pages[i];

        if (user_id != NULL) {
            code = walk_single(w, p->type, p->of_user, user_id);
            continue;
        }
        code = walk_pages(w, p->type, p->all);
        if (code == SLUICE_OK)
            code = walk_single(w, p->type, p->nobody, NULL);
    }
    if (code == SLUICE_OK && user_id != NULL)
        code = walk_single(w, SLUICE_EDGE_IN_CATEGORY, links_of_user, user_id);
    if (code == SLUICE_OK && user_id == NULL)
        code = walk_pages(w, SLUICE_EDGE_IN_CATEGORY, links_of_all);
    if (code == SLUICE_OK && user_id == NULL)
        code = walk_single(w, SLUICE_EDGE_IN_CATEGORY, links_of_nobody, NULL);
    return code == SLUICE_OK ? walk_users(w, user_id) : code;
}

static uint32_t walk_graph_walk(void *self, const char *user_id, const struct sluice_graph_visitor *visitor,
                                struct sluice_error *err)
{
    struct walk *w = calloc(1, sizeof *w);
    uint32_t code;

    if (w == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the walk");
    w->s = self;
    w->visitor = visitor;
    w->err = err;
    arena_init(&w->arena, UINT32_C(4) << 20);
    neo4j_call_init(&w->call, UINT32_C(4) << 20);
    code = walk_all(w, user_id);
    if (code == SLUICE_OK && w->changed)
        sluice_log(
            w->s->host, SLUICE_WARN,
            "%s: something was written while the graph was read, so what was shown is not one state; stop "
            "the writers for a fingerprint that can be compared",
            w->s->neo4j.url);
    arena_release(&w->arena);
    neo4j_call_release(&w->call);
    free(w);
    return code;
}

const struct sluice_graph walk_graph = {
    .struct_size = sizeof walk_graph, .walk = walk_graph_walk, .repair = repair_graph};
