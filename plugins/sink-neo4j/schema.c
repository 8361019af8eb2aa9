/* schema: uniqueness constraints on the four keys, an index on PURCHASED.last.
 *
 * Invariant: nothing is written to a graph without the constraints: MERGE alone lets two
 * writers make one node twice, and each look-up would be a scan. */
#include <stdlib.h>
#include <string.h>

#include "neo4j_sink.h"

#define SHOWN 3

struct constraint {
    const char *label, *key, *create, *duplicates;
};

#define CONSTRAINT(label, key)                                                                               \
    {                                                                                                        \
        label, key,                                                                                          \
            "CREATE CONSTRAINT sluice_" key " IF NOT EXISTS FOR (n:" label ") REQUIRE n." key " IS UNIQUE",  \
            "MATCH (n:" label ") WHERE n." key " IS NOT NULL WITH n." key " AS id, count(*) AS c "           \
            "WHERE c > 1 WITH id, c ORDER BY c DESC, id WITH collect(toString(id)) AS ids, sum(c) AS c "     \
            "RETURN size(ids), c, ids[0..3]"                                                                 \
    }

static const struct constraint constraints[] = {
    CONSTRAINT("User", "user_id"),
    CONSTRAINT("Product", "product_id"),
    CONSTRAINT("Category", "category_id"),
    CONSTRAINT("Retailer", "retailer_id"),
};
#define CONSTRAINTS (sizeof constraints / sizeof *constraints)

static const char show[] =
    "SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties "
    "WHERE type CONTAINS 'UNIQUE' OR type CONTAINS 'KEY' RETURN labelsOrTypes, properties";
static const char create_index[] =
    "CREATE INDEX sluice_purchased_last IF NOT EXISTS FOR ()-[e:PURCHASED]-() ON (e.last)";
static const char await_indexes[] = "CALL db.awaitIndexes(300)";

static uint32_t schema_run(struct sink *s, struct work *w, const char *statement, struct sluice_error *err)
{
    uint32_t code, tries = 0;

    /* workers that start together stand in each other's way */
    do {
        neo4j_reply_release(&s->neo4j, &w->reply);
        w->tx.open = 0;
        w->tx.affinity[0] = '\0';
        neo4j_call_clear(&w->call);
        neo4j_statement(&w->call, statement);
        neo4j_statement_end(&w->call);
        code = neo4j_run(&s->neo4j, &w->tx, &w->call, 1, &w->reply, err);
    } while (code != SLUICE_OK && write_again(s, w, tries++, w->reply.trouble));
    /* another worker that starts just now was faster */
    if (code != SLUICE_OK && strstr(w->reply.code, "EquivalentSchemaRuleAlreadyExists") != NULL)
        return SLUICE_OK;
    /* whether it was done shows at the next start */
    if (code == SLUICE_UNSURE || code == SLUICE_RETRY)
        code = SLUICE_DISCONNECTED;
    if (err != NULL && code != SLUICE_OK)
        err->code = code;
    return code;
}

static int list_is(struct neo4j_rows *rows, struct arena *arena, const char *only)
{
    struct sluice_str *items;
    uint64_t n;

    return neo4j_texts(rows, arena, &items, &n) && n == 1 && items[0].len == strlen(only) &&
           memcmp(items[0].data, only, items[0].len) == 0;
}

/* Which of the constraints are there: a bit each. */
static uint32_t schema_look(struct sink *s, struct work *w, uint32_t *there, struct sluice_error *err)
{
    struct neo4j_rows rows;
    uint32_t code = schema_run(s, w, show, err);
    size_t i;

    *there = 0;
    for (i = 0; i < CONSTRAINTS && code == SLUICE_OK; i++) {
        neo4j_rows_open(&rows, &w->reply, 0);
        while (neo4j_row(&rows))
            if (list_is(&rows, &w->arena, constraints[i].label) &&
                list_is(&rows, &w->arena, constraints[i].key))
                *there |= 1u << i;
    }
    neo4j_reply_release(&s->neo4j, &w->reply);
    return code;
}

/* Why the constraint could not be made, if it is for duplicates; else err stays. */
static uint32_t schema_duplicates(struct sink *s, struct work *w, const struct constraint *c, uint32_t failed,
                                  struct sluice_error *err)
{
    struct sluice_error ignored = {.struct_size = sizeof ignored};
    struct sluice_str *ids = NULL;
    struct neo4j_rows rows;
    int64_t keys = 0, nodes = 0;
    uint64_t n = 0, i;
    struct strbuf text;

    if (schema_run(s, w, c->duplicates, &ignored) == SLUICE_OK) {
        neo4j_rows_open(&rows, &w->reply, 0);
        if (neo4j_row(&rows) && neo4j_integer(&rows, &keys, 0) && neo4j_integer(&rows, &nodes, 0))
            (void)neo4j_texts(&rows, &w->arena, &ids, &n);
    }
    neo4j_reply_release(&s->neo4j, &w->reply);
    if (keys == 0)
        return failed;
    strbuf_init(&text, 240);
    for (i = 0; i < n && i < SHOWN; i++)
        strbuf_printf(&text, "%s%.60s", i > 0 ? ", " : "", ids[i].data);
    (void)sluice_fail(
        err, SLUICE_FATAL, NULL,
        "%s: the constraint on :%s(%s) cannot be made: %lld of its ids stand on more than one node "
        "(%lld nodes): %s%s; merge or delete the duplicates",
        s->neo4j.url, c->label, c->key, (long long)keys, (long long)nodes, strbuf_text(&text),
        keys > (int64_t)n ? ", …" : "");
    strbuf_release(&text);
    return SLUICE_FATAL;
}

static uint32_t schema_constraint(struct sink *s, struct work *w, const struct constraint *c,
                                  struct sluice_error *err)
{
    uint32_t code = schema_run(s, w, c->create, err);
    char words[200];

    neo4j_reply_release(&s->neo4j, &w->reply);
    if (code == SLUICE_OK)
        return SLUICE_OK;
    if (code != SLUICE_FATAL && code != SLUICE_SPLIT)
        return code;
    /* the query api says only "an unknown error", so look for the most likely reason in any case */
    (void)snprintf(words, sizeof words, "%.190s", w->reply.message);
    code = sluice_fail(err, SLUICE_FATAL, NULL,
                       "%s: the constraint on :%s(%s) cannot be made (%.120s); make it: %s", s->neo4j.url,
                       c->label, c->key, words, c->create);
    return schema_duplicates(s, w, c, code, err);
}

static uint32_t schema_all(struct sink *s, struct work *w, struct sluice_error *err)
{
    uint32_t there, code = schema_look(s, w, &there, err);
    size_t i;

    for (i = 0; i < CONSTRAINTS && code == SLUICE_OK; i++)
        if ((there & 1u << i) == 0)
            code = schema_constraint(s, w, &constraints[i], err);
    if (code == SLUICE_OK) {
        code = schema_run(s, w, create_index, err);
        neo4j_reply_release(&s->neo4j, &w->reply);
    }
    if (code == SLUICE_OK) {
        code = schema_run(s, w, await_indexes, err);
        neo4j_reply_release(&s->neo4j, &w->reply);
    }
    /* what is refused here is refused for good */
    if (code == SLUICE_SPLIT) {
        code = SLUICE_FATAL;
        if (err != NULL)
            err->code = code;
    }
    return code;
}

uint32_t schema_make(struct sink *s, struct sluice_error *err)
{
    struct work *w = calloc(1, sizeof *w);
    uint32_t code;

    if (w == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for the sink");
    arena_init(&w->arena, 4096);
    neo4j_call_init(&w->call, 65536);
    code = schema_all(s, w, err);
    arena_release(&w->arena);
    neo4j_call_release(&w->call);
    free(w);
    return code;
}
