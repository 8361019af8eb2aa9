/* neo4j: Neo4j over HTTP, through the host's HTTP service.
 *
 * Two endpoints do the same work: tx/commit takes many statements a request, the Query
 * API one.  A caller writes statements into a neo4j_call, runs them in a transaction
 * and reads rows; which endpoint it was it need not know.
 *
 * Invariants: an answer is good only if its status and its list of errors both say so
 * (errors come with 200 and 202); UNSURE is answered only when a commit was sent and
 * its end was not heard; the authorization appears in no message. */
#ifndef SLUICE_PLUGINS_NEO4J_H
#define SLUICE_PLUGINS_NEO4J_H

#include <sluice/http.h>
#include <sluice/plugin.h>

#include "neo4j_answer.h"
#include "strbuf.h"

enum neo4j_api { NEO4J_AUTO, NEO4J_TX, NEO4J_QUERY };

/* What a plugin that speaks to Neo4j can be told. */
#define NEO4J_OPTIONS                                                                                        \
    {.name = "url",                                                                                          \
     .type = SLUICE_URL,                                                                                     \
     .flags = SLUICE_REQUIRED,                                                                               \
     .summary = "where Neo4j answers HTTP, as http://HOST:7474 or https://HOST:7473",                        \
     .example = "http://127.0.0.1:7474"},                                                                    \
        {.name = "database", .type = SLUICE_STRING, .default_text = "neo4j", .summary = "the database"},     \
        {.name = "user", .type = SLUICE_STRING, .summary = "who logs in; with password"},                    \
        {.name = "password",                                                                                 \
         .type = SLUICE_STRING,                                                                              \
         .flags = SLUICE_SECRET,                                                                             \
         .summary = "of that user",                                                                          \
         .example = "${file:/run/secrets/neo4j}"},                                                           \
        {.name = "token",                                                                                    \
         .type = SLUICE_STRING,                                                                              \
         .flags = SLUICE_SECRET,                                                                             \
         .summary = "a bearer token of the single sign-on, in place of user and password",                   \
         .details = "As the identity provider gives it; it is sent in base64, as Neo4j wants it.",           \
         .example = "${file:/run/secrets/neo4j-token}"},                                                     \
        {.name = "ca_file",                                                                                  \
         .type = SLUICE_PATH,                                                                                \
         .summary = "PEM file of the authorities that may sign the server's certificate",                    \
         .details = "Without it those of the system. The certificate is always verified."},                  \
        {.name = "api",                                                                                      \
         .type = SLUICE_CHOICE,                                                                              \
         .default_text = "auto",                                                                             \
         .choices = "auto|tx|query",                                                                         \
         .summary = "which endpoint: tx/commit, or the Query API",                                           \
         .details = "auto asks the server, and takes tx/commit where both are there: it is faster. Aura "    \
                    "has only the Query API (url: https://ID.databases.neo4j.io)."},                         \
    {                                                                                                        \
        .name = "timeout", .type = SLUICE_DURATION, .default_text = "90s", .min = "1s", .max = "1h",         \
        .summary = "how long one request may take",                                                          \
        .details = "It covers the time that the server waits for locks of others. A read that takes longer " \
                   "is an outage, a write of which the outcome is unknown.",                                 \
    }

struct neo4j {
    const struct sluice_host *host;
    const struct sluice_http_api *http;
    struct sluice_http_client *client;
    char *url; /* without a slash at its end */
    const char *database;
    char *authorization; /* NULL: none */
    uint64_t timeout_ms;
    enum neo4j_api wanted;
    enum neo4j_api api; /* as found at start */
    int proven;         /* a statement of this start succeeded */
    char version[32];
};

/* create: reads NEO4J_OPTIONS.  max_body bounds an answer. */
uint32_t neo4j_open(struct neo4j *n, const struct sluice_host *host, const struct sluice_config *config,
                    uint64_t max_body, struct sluice_error *err);
void neo4j_close(struct neo4j *n);
/* start: finds the endpoint out and runs a statement.  A wrong password, an unknown
 * database and the like are FATAL here and an outage later. */
uint32_t neo4j_connect(struct neo4j *n, struct sluice_error *err);
/* One statement, to see that all still answers. */
uint32_t neo4j_ping(struct neo4j *n, struct sluice_error *err);

/* --- statements ------------------------------------------------------------------ */

#define NEO4J_STATEMENTS 24u

struct neo4j_call {
    struct strbuf body;
    uint32_t n;
    size_t starts[NEO4J_STATEMENTS];
    size_t texts[NEO4J_STATEMENTS]; /* where the statement's text ends, before its quote */
    size_t ends[NEO4J_STATEMENTS];
};

void neo4j_call_init(struct neo4j_call *c, size_t max);
void neo4j_call_release(struct neo4j_call *c);
void neo4j_call_clear(struct neo4j_call *c);
/* Begins a statement; its parameters follow: neo4j_param, then the value's JSON into
 * body; then neo4j_statement_end. */
void neo4j_statement(struct neo4j_call *c, const char *text);
void neo4j_param(struct neo4j_call *c, const char *name);
void neo4j_param_integer(struct neo4j_call *c, const char *name, int64_t value);
void neo4j_param_text(struct neo4j_call *c, const char *name, struct sluice_str value);
void neo4j_statement_end(struct neo4j_call *c);
/* All statements as one, for an endpoint that takes one a request: each must end in
 * "AS ok".  NULL: no memory; free() it. */
char *neo4j_call_joined(const struct neo4j_call *c, size_t *len);
/* JSON values: a text (null if absent), a float that stays one. */
void neo4j_put_text(struct strbuf *b, struct sluice_str value);
void neo4j_put_float(struct strbuf *b, double value);

/* --- transactions ------------------------------------------------------------------ */

struct neo4j_tx {
    int open;
    char id[80];
    char affinity[160]; /* which member of a cluster has it */
};

/* Runs the statements of the call: opens the transaction if it is not open, ends it if
 * commit.  OK: reply has an answer for each; release it in any case.  Else err, and the
 * transaction is gone: RETRY (reply->trouble says why), DISCONNECTED, UNSURE (only with
 * commit), SPLIT (the server refused what the statements carry), FATAL, CANCELLED. */
uint32_t neo4j_run(struct neo4j *n, struct neo4j_tx *tx, const struct neo4j_call *c, int commit,
                   struct neo4j_reply *reply, struct sluice_error *err);
/* Runs statements that change nothing (they may lock), each by itself, in their order; OK, or err as of
 * neo4j_run (never UNSURE). */
uint32_t neo4j_read(struct neo4j *n, const struct neo4j_call *c, struct neo4j_reply *reply,
                    struct sluice_error *err);
/* Gives an open transaction up; what it did is undone, now or when the server misses us. */
void neo4j_rollback(struct neo4j *n, struct neo4j_tx *tx);
void neo4j_reply_release(struct neo4j *n, struct neo4j_reply *reply);

/* Nobody answered: fills err with the words of the HTTP service, and with the option that they are
 * about where TLS failed; returns code. */
uint32_t neo4j_unreached(const struct neo4j *n, uint32_t code, const char *words, struct sluice_error *err);
/* What a code of the server means: a SLUICE_ code, and which trouble it is. */
uint32_t neo4j_classify(const char *code, int proven, int in_tx, int commit, enum neo4j_trouble *trouble);

#endif
