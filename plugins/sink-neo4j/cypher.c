/* cypher: a statement of the user's own over $rows, the documents of a batch.
 *
 * Invariant: a batch is one transaction of one request.  What the statement makes of a
 * row that comes twice is its own affair; the host repeats a batch of unknown outcome
 * only where `idempotent: true` says that it may. */
#include "neo4j_sink.h"

static uint32_t cypher_rows(struct sink *s, struct work *w, struct sluice_record *const *records, uint32_t n,
                            struct sluice_error *err)
{
    const struct sluice_document_api *doc = s->host->document;
    struct strbuf *b = &w->call.body;
    uint32_t i;

    neo4j_call_clear(&w->call);
    neo4j_statement(&w->call, s->statement);
    neo4j_param(&w->call, "rows");
    strbuf_putc(b, '[');
    for (i = 0; i < n; i++) {
        const struct sluice_node *root = s->host->record->document(records[i]);
        uint64_t len = doc->write_json(root, NULL, 0);
        char *text = arena_alloc(&w->arena, len + 1);

        if (text == NULL)
            return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch of %u records", n);
        (void)doc->write_json(root, text, len);
        if (i > 0)
            strbuf_putc(b, ',');
        strbuf_add(b, text, len);
        arena_clear(&w->arena);
    }
    strbuf_putc(b, ']');
    neo4j_statement_end(&w->call);
    return SLUICE_OK;
}

uint32_t cypher_write(struct sink *s, struct work *w, struct sluice_record *const *records, uint32_t n,
                      struct sluice_error *err)
{
    uint32_t code = cypher_rows(s, w, records, n, err), tries;

    for (tries = 0; code == SLUICE_OK; tries++) {
        w->tx.open = 0;
        w->tx.affinity[0] = '\0';
        code = neo4j_run(&s->neo4j, &w->tx, &w->call, 1, &w->reply, err);
        neo4j_reply_release(&s->neo4j, &w->reply);
        if (code == SLUICE_OK || code == SLUICE_UNSURE || code == SLUICE_FATAL)
            return code;
        /* the statement may divide by zero as it likes */
        if (w->reply.trouble == NEO4J_MISSING || !write_again(s, w, tries, w->reply.trouble))
            break;
        code = SLUICE_OK;
    }
    if (code == SLUICE_SPLIT && w->reply.trouble == NEO4J_MEMORY && n <= 1)
        code = SLUICE_RETRY;
    if (err != NULL && code != SLUICE_OK)
        err->code = code;
    return code;
}
