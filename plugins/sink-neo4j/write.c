/* write: one batch, one transaction of two requests.
 *
 *   1. make what is new, lock what is touched (products, categories, retailers, users,
 *      each in the order of their ids), read the touched edges
 *   2. write whole values of what changed, and commit
 *
 * Invariant: between the lock of a user and the commit no other sink/neo4j writes that
 * user's edges, in whatever process, so what was read is what is written over. */
#include "neo4j_sink.h"

#define TRIES 10u

void write_expect(struct work *w, uint64_t n)
{
    strbuf_putc(&w->call.body, ']');
    neo4j_param_integer(&w->call, "n", (int64_t)n);
    neo4j_statement_end(&w->call);
}

static uint32_t write_random(struct work *w, uint32_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random % below);
}

int write_again(struct sink *s, struct work *w, uint32_t tries, enum neo4j_trouble trouble)
{
    static const char *const names[] = {"none",   "deadlock",         "missing_node",
                                        "memory", "lost_transaction", "other"};
    uint32_t most = 5u << (tries < 8 ? tries : 8);

    if (trouble == NEO4J_DEADLOCK)
        s->host->metric_add(s->host, s->metric_deadlocks, NULL, 1);
    if (trouble != NEO4J_DEADLOCK && trouble != NEO4J_LOST && trouble != NEO4J_MISSING)
        return 0;
    if (tries + 1 >= (trouble == NEO4J_DEADLOCK ? TRIES : 3))
        return 0;
    s->host->metric_add(s->host, s->metric_retries, names[trouble], 1);
    return !s->host->wait(s->host, most / 2 + write_random(w, most));
}

static uint32_t write_first(struct sink *s, struct work *w, struct sluice_error *err)
{
    uint32_t code;

    neo4j_call_clear(&w->call);
    catalogue_ask(w);
    write_ask(s, w);
    code = neo4j_run(&s->neo4j, &w->tx, &w->call, 0, &w->reply, err);
    if (code == SLUICE_OK && (catalogue_hear(w) != 0 || write_hear(s, w) != 0)) {
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
    if (w->call.n == 0) { /* nothing changed: end the transaction, which undoes nothing */
        neo4j_statement(&w->call, "RETURN 1");
        neo4j_statement_end(&w->call);
    }
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
    neo4j_rollback(&s->neo4j, &w->tx);
    return code;
}

uint32_t write_batch(struct sink *s, struct work *w, struct sluice_error *err)
{
    uint32_t code, tries;

    for (tries = 0;; tries++) {
        code = write_once(s, w, err);
        if (code == SLUICE_OK || code == SLUICE_UNSURE || code == SLUICE_FATAL)
            break;
        /* a node that was seen is gone: ask for all again */
        if (w->reply.trouble == NEO4J_MISSING)
            catalogue_forget(s);
        if (!write_again(s, w, tries, w->reply.trouble))
            break;
    }
    if (code == SLUICE_SPLIT && w->reply.trouble == NEO4J_MEMORY && w->batch.n_records <= 1)
        code = SLUICE_RETRY; /* it cannot be made smaller, and it is not at fault */
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
