/* identity: which database it is, by its name and by its id. */
#include <sluice/identity.h>
#include <string.h>

#include "neo4j_sink.h"

#define QUESTION_MAX 4096u

static uint32_t neo4j_sink_knows(void *self, const char *what)
{
    (void)self;
    return strcmp(what, SLUICE_NEO4J_DATABASE) == 0;
}

static uint32_t neo4j_sink_tell(void *self, const char *what, uint32_t timeout_ms,
                                const struct sluice_identity_visitor *visitor, struct sluice_error *err)
{
    struct sink *s = self;
    struct neo4j n = s->neo4j; /* what connect finds out is for this question only */
    struct neo4j_call call;
    struct neo4j_reply reply;
    struct neo4j_rows rows;
    struct sluice_str name, id;
    struct arena arena;
    uint32_t code;

    (void)what;
    if (timeout_ms < n.timeout_ms)
        n.timeout_ms = timeout_ms;
    code = neo4j_connect(&n, err);
    if (code != SLUICE_OK)
        return code;
    memset(&reply, 0, sizeof reply);
    arena_init(&arena, QUESTION_MAX);
    neo4j_call_init(&call, QUESTION_MAX);
    neo4j_statement(&call, "CALL db.info() YIELD id, name RETURN name, id");
    neo4j_statement_end(&call);
    code = neo4j_read(&n, &call, &reply, err);
    if (code == SLUICE_OK) {
        neo4j_rows_open(&rows, &reply, 0);
        if (neo4j_row(&rows) && neo4j_text(&rows, &arena, &name) && neo4j_text(&rows, &arena, &id)) {
            visitor->name(visitor->context, name);
            visitor->name(visitor->context, id);
        } else {
            code =
                sluice_fail(err, SLUICE_FATAL, NULL, "db.info() answered something that names no database");
        }
    }
    neo4j_reply_release(&n, &reply);
    neo4j_call_release(&call);
    arena_release(&arena);
    return code;
}

const struct sluice_identity neo4j_identity = {
    .struct_size = sizeof neo4j_identity,
    .knows = neo4j_sink_knows,
    .tell = neo4j_sink_tell,
};
