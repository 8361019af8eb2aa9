/* write: one batch, two requests; no lock outlives a request.
 *
 *   1. read the users' revisions, each under its lock, and the touched edges; no transaction
 *      stays open
 *   2. one transaction in one request: merge the catalogue, lock the users and compare
 *      their revisions, write whole values of what changed, commit
 *
 * If a revision moved, somebody else wrote that user meanwhile: nothing is written, and
 * both come again.  A transaction that stayed open between requests would hold its locks
 * while its commit waits for one of the server's few HTTP threads, which those may occupy
 * who wait for the locks; and a worker that dies would leave its locks behind.
 *
 * Invariant: a user's edges are written only over what they were computed from. */
#include "neo4j_sink.h"

#define TRIES 10u
#define CLASHES 200u /* of each, one of those who clash gets through */

void write_expect(struct work *w, uint64_t n)
{
    strbuf_putc(&w->call.body, ']');
    neo4j_param_integer(&w->call, "n", (int64_t)n);
    neo4j_statement_end(&w->call);
}

static uint32_t write_random(const struct sink *s, struct work *w, uint32_t below)
{
    if (w->random == 0)
        w->random = (uint64_t)(uintptr_t)w ^ (uint64_t)s->host->steady_ms(s->host) << 20 ^
                    UINT64_C(0x9e3779b97f4a7c15);
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random % below);
}

int write_again(struct sink *s, struct work *w, uint32_t tries, enum neo4j_trouble trouble)
{
    static const char *const names[] = {[NEO4J_DEADLOCK] = "deadlock",
                                        [NEO4J_MISSING] = "missing_node",
                                        [NEO4J_CHANGED] = "clash",
                                        [NEO4J_LOST] = "lost_transaction"};
    uint32_t most = 4u << (tries < 7 ? tries : 7), limit = 3;

    if (trouble == NEO4J_DEADLOCK)
        s->host->metric_add(s->host, s->metric_deadlocks, NULL, 1);
    if (trouble != NEO4J_DEADLOCK && trouble != NEO4J_LOST && trouble != NEO4J_MISSING &&
        trouble != NEO4J_CHANGED)
        return 0;
    if (trouble == NEO4J_DEADLOCK || trouble == NEO4J_MISSING) /* a commit becomes visible bit by bit */
        limit = TRIES;
    if (trouble == NEO4J_CHANGED) {
        limit = CLASHES;
        most = most < 64 ? most : 64;
    }
    if (tries + 1 >= limit)
        return 0;
    s->host->metric_add(s->host, s->metric_retries, names[trouble], 1);
    return !s->host->wait(s->host, write_random(s, w, most));
}

static uint32_t write_first(struct sink *s, struct work *w, struct sluice_error *err)
{
    uint32_t code;

    neo4j_call_clear(&w->call);
    write_ask(s, w);
    code = neo4j_read(&s->neo4j, &w->call, &w->reply, err);
    if (code == SLUICE_OK && write_hear(s, w) != 0) {
        w->reply.trouble = NEO4J_MEMORY; /* by halves, in either case */
        code = sluice_fail(err, SLUICE_SPLIT, NULL,
                           "no memory, or the graph holds values of another type than this sink writes");
    }
    neo4j_reply_release(&s->neo4j, &w->reply);
    return code;
}

static uint32_t write_second(struct sink *s, struct work *w, struct sluice_error *err)
{
    uint32_t code;

    neo4j_call_clear(&w->call);
    catalogue_write(w);
    write_changes(s, w);
    if (w->call.n == 0)
        return SLUICE_OK; /* nothing is new */
    code = neo4j_run(&s->neo4j, &w->tx, &w->call, 1, &w->reply, err);
    neo4j_reply_release(&s->neo4j, &w->reply);
    return code;
}

static uint32_t write_once(struct sink *s, struct work *w, struct sluice_error *err)
{
    uint32_t code;

    w->tx.open = 0;
    w->tx.affinity[0] = '\0';
    w->reply.trouble = NEO4J_OTHER;
    if (catalogue_plan(s, w) != 0)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a batch of purchases");
    code = write_first(s, w, err);
    if (code == SLUICE_OK)
        code = write_second(s, w, err);
    if (code == SLUICE_OK)
        catalogue_keep(s, w);
    return code;
}

uint32_t write_batch(struct sink *s, struct work *w, struct sluice_error *err)
{
    uint32_t tries[NEO4J_OTHER + 1] = {0}; /* of each trouble: many clashes leave a deadlock its own */
    uint32_t code;

    for (;;) {
        code = write_once(s, w, err);
        if (code == SLUICE_OK || code == SLUICE_UNSURE || code == SLUICE_FATAL)
            break;
        /* a node that was seen is gone: ask for all again */
        if (w->reply.trouble == NEO4J_MISSING)
            catalogue_forget(s);
        if (!write_again(s, w, tries[w->reply.trouble]++, w->reply.trouble))
            break;
    }
    if (code == SLUICE_SPLIT && w->reply.trouble == NEO4J_MEMORY && w->batch.n_records <= 1)
        code = SLUICE_RETRY; /* it cannot be made smaller, and it is not at fault */
    if (code == SLUICE_RETRY && (w->reply.trouble == NEO4J_CHANGED || w->reply.trouble == NEO4J_DEADLOCK))
        code = sluice_fail(err, s->host->cancelled(s->host) ? SLUICE_CANCELLED : SLUICE_DISCONNECTED, NULL,
                           "%s: others write the same users all the time; this batch waits for its turn",
                           s->neo4j.url);
    if (code == SLUICE_SPLIT && w->reply.trouble == NEO4J_MISSING)
        code =
            sluice_fail(err, SLUICE_RETRY, NULL,
                        "%s: nodes that this batch needs go away while it is written; does another program "
                        "delete them",
                        s->neo4j.url);
    if (err != NULL && code != SLUICE_OK)
        err->code = code;
    return code;
}
