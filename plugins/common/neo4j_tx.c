/* neo4j_tx: statements through either endpoint, one transaction.
 *
 *              tx/commit                         Query API
 *   all        POST db/N/tx/commit               one: POST db/N/query/v2, else as below
 *   open       POST db/N/tx                      POST db/N/query/v2/tx, then one a statement
 *   go on      POST db/N/tx/ID                   POST db/N/query/v2/tx/ID
 *   commit     POST db/N/tx/ID/commit            POST db/N/query/v2/tx/ID/commit
 *   give up    DELETE db/N/tx/ID                 DELETE db/N/query/v2/tx/ID
 *
 * Paths are made of the url of the config, never of one that the server names: behind a
 * proxy that would lead elsewhere. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neo4j.h"

#define URL_ROOM 1024u
#define ROLLBACK_MS 2000u

static const char *const tx_path[] = {"", "tx", "query/v2/tx"};

static void tx_url(const struct neo4j *n, const struct neo4j_tx *tx, int commit, int alone, char *url)
{
    const char *root = alone && n->api == NEO4J_QUERY ? "query/v2" : tx_path[n->api];

    if (tx->open)
        (void)snprintf(url, URL_ROOM, "%s/db/%s/%s/%s%s", n->url, n->database, root, tx->id,
                       commit ? "/commit" : "");
    else
        (void)snprintf(url, URL_ROOM, "%s/db/%s/%s%s", n->url, n->database, root,
                       commit && n->api == NEO4J_TX ? "/commit" : "");
}

/* One request; the reply's next http response holds the answer. */
static uint32_t tx_send(struct neo4j *n, const struct neo4j_tx *tx, const char *method, const char *url,
                        struct sluice_str body, uint64_t deadline_ms, struct neo4j_reply *reply,
                        struct sluice_error *err)
{
    struct sluice_str headers[8];
    struct sluice_http_request request = {.struct_size = sizeof request, .method = method, .url = url};
    struct sluice_http_response *response = &reply->http[reply->n_http];
    uint64_t k = 0;
    uint32_t code;

    headers[k++] = sluice_str_of("Content-Type");
    headers[k++] = sluice_str_of("application/json");
    headers[k++] = sluice_str_of("Accept");
    headers[k++] = sluice_str_of("application/json");
    if (n->authorization != NULL) {
        headers[k++] = sluice_str_of("Authorization");
        headers[k++] = sluice_str_of(n->authorization);
    }
    if (tx->affinity[0] != '\0') {
        headers[k++] = sluice_str_of("neo4j-cluster-affinity");
        headers[k++] = sluice_str_of(tx->affinity);
    }
    request.headers = headers;
    request.n_headers = k / 2;
    request.body = body;
    memset(response, 0, sizeof *response);
    response->struct_size = sizeof *response;
    code = n->http->perform(n->client, &request, 1, sizeof request, response, sizeof *response,
                            (uint32_t)deadline_ms, err);
    if (code == SLUICE_OK)
        reply->n_http++;
    return code;
}

/* What it means that no whole answer came. */
static uint32_t tx_silence(const struct neo4j *n, const struct sluice_http_response *r, int commit,
                           struct neo4j_reply *reply, struct sluice_error *err)
{
    switch (r->code) {
    case SLUICE_UNSURE:
        if (commit)
            return sluice_fail(err, SLUICE_UNSURE, NULL,
                               "%s: the connection was lost while committing, so the outcome is unknown (%s)",
                               n->url, r->message);
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s: no answer; nothing was committed (%s)",
                           n->url, r->message);
    case SLUICE_REJECT:
        /* what was asked for is too much at once */
        reply->trouble = NEO4J_MEMORY;
        return sluice_fail(err, commit ? SLUICE_UNSURE : SLUICE_SPLIT, NULL, "%s: %s", n->url, r->message);
    case SLUICE_CANCELLED: /* also said of a deadline */
        return sluice_fail(err, n->host->cancelled(n->host) ? SLUICE_CANCELLED : SLUICE_DISCONNECTED, NULL,
                           "%s: %s", n->url, r->message);
    default:
        return neo4j_unreached(n, r->code, r->message, err);
    }
}

static uint32_t tx_refused(const struct neo4j *n, int in_tx, int commit, uint32_t retry_after_ms,
                           struct neo4j_reply *reply, struct sluice_error *err)
{
    uint32_t code = neo4j_classify(reply->code, n->proven, in_tx, commit, &reply->trouble);
    char *p;

    /* of the two that statements fail with on purpose */
    if (reply->trouble == NEO4J_MISSING && strstr(reply->message, "9223372036854775807") != NULL) {
        reply->trouble = NEO4J_CHANGED;
        code = SLUICE_RETRY;
    }

    for (p = reply->message; *p != '\0'; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    if (strstr(reply->code, "Security.Unauthorized") != NULL)
        (void)sluice_fail(err, code, n->proven ? NULL : "password",
                          "%s does not accept the user name, password or token (%s); check them", n->url,
                          reply->message);
    else if (strstr(reply->code, "DatabaseNotFound") != NULL)
        (void)sluice_fail(err, code, n->proven ? NULL : "database", "%s has no database '%s'", n->url,
                          n->database);
    else
        (void)sluice_fail(err, code, NULL, "%s: %.300s (%s)", n->url, reply->message, reply->code);
    if (err != NULL)
        err->retry_after_ms = retry_after_ms;
    return code;
}

/* Status and errors, both. */
static uint32_t tx_judge(struct neo4j *n, const struct neo4j_tx *tx, int commit, struct neo4j_reply *reply,
                         struct sluice_error *err)
{
    const struct sluice_http_response *r = &reply->http[reply->n_http - 1];
    int readable;
    uint32_t code;

    if (r->code != SLUICE_OK)
        return tx_silence(n, r, commit, reply, err);
    readable = neo4j_answer_read(reply, r->body);
    if (reply->code[0] != '\0') {
        if (r->status == 404 && tx->open && strstr(reply->code, "Request.Invalid") != NULL)
            (void)snprintf(reply->code, sizeof reply->code,
                           "Neo.ClientError.Transaction.TransactionNotFound");
        return tx_refused(n, tx->open, commit, r->retry_after_ms, reply, err);
    }
    if (readable && r->status >= 200 && r->status < 300)
        return SLUICE_OK;
    if (r->status == 404 && !n->proven)
        code =
            sluice_fail(err, SLUICE_FATAL, "url",
                        "%s answers 404 Not Found, so this is not Neo4j's HTTP address, or this server lacks "
                        "the endpoint; check url and api",
                        n->url);
    else if (r->status == 401 && !n->proven)
        code = sluice_fail(err, SLUICE_FATAL, "password",
                           "%s does not accept the user name, password or token", n->url);
    else if (r->status >= 200 && r->status < 300)
        code = sluice_fail(err, commit ? SLUICE_UNSURE : SLUICE_DISCONNECTED, NULL,
                           "%s answers %u with something that is not an answer of Neo4j", n->url, r->status);
    else
        code = sluice_fail(err, commit && r->status >= 500 ? SLUICE_UNSURE : SLUICE_DISCONNECTED, NULL,
                           "%s answers status %u", n->url, r->status);
    if (err != NULL)
        err->retry_after_ms = r->retry_after_ms;
    return code;
}

static void tx_opened(struct neo4j_tx *tx, const struct neo4j_reply *reply)
{
    struct sluice_str affinity =
        sluice_http_header(&reply->http[reply->n_http - 1], "neo4j-cluster-affinity");

    memcpy(tx->id, reply->id, sizeof tx->id);
    tx->affinity[0] = '\0';
    if (affinity.data != NULL && affinity.len < sizeof tx->affinity) {
        memcpy(tx->affinity, affinity.data, affinity.len);
        tx->affinity[affinity.len] = '\0';
    }
    tx->open = 1;
}

/* One request of the transaction; alone: nothing came before and nothing comes after. */
static uint32_t tx_step(struct neo4j *n, struct neo4j_tx *tx, struct sluice_str body, int commit, int alone,
                        struct neo4j_reply *reply, struct sluice_error *err)
{
    char url[URL_ROOM];
    uint32_t code;

    tx_url(n, tx, commit, alone, url);
    code = tx_send(n, tx, "POST", url, body, n->timeout_ms, reply, err);
    if (code == SLUICE_OK)
        code = tx_judge(n, tx, commit, reply, err);
    if (code == SLUICE_OK && !commit && !tx->open) {
        if (reply->id[0] == '\0')
            return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s opened no transaction", n->url);
        tx_opened(tx, reply);
    }
    return code;
}

/* Several statements that must be one transaction, as one statement: a transaction that is
 * open between requests holds its locks for too long. */
static uint32_t tx_run_joined(struct neo4j *n, struct neo4j_tx *tx, const struct neo4j_call *c,
                              struct neo4j_reply *reply, struct sluice_error *err)
{
    size_t len = 0;
    char *text = neo4j_call_joined(c, &len);
    uint32_t code;

    if (text == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a request");
    code = tx_step(n, tx, (struct sluice_str){text, len}, 1, 1, reply, err);
    free(text);
    return code;
}

static uint32_t tx_run_query(struct neo4j *n, struct neo4j_tx *tx, const struct neo4j_call *c, int commit,
                             struct neo4j_reply *reply, struct sluice_error *err)
{
    uint32_t i, code = SLUICE_OK, before;
    const int alone = !tx->open && commit && c->n <= 1;

    if (!tx->open && commit && c->n > 1)
        return tx_run_joined(n, tx, c, reply, err);
    for (i = 0; i < c->n && code == SLUICE_OK; i++) {
        struct sluice_str body = {c->body.data + c->starts[i], c->ends[i] - c->starts[i]};

        before = reply->n;
        code = tx_step(n, tx, body, commit && i + 1 == c->n && (alone || tx->open), alone, reply, err);
        if (code == SLUICE_OK && reply->n != before + 1)
            return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s gave an answer without data", n->url);
    }
    return code;
}

static void reply_clear(struct neo4j_reply *reply, int is_query)
{
    reply->n_http = 0;
    reply->n = 0;
    reply->is_query = is_query;
    reply->trouble = NEO4J_FINE;
    reply->code[0] = reply->message[0] = reply->id[0] = reply->bookmark[0] = '\0';
}

uint32_t neo4j_run(struct neo4j *n, struct neo4j_tx *tx, const struct neo4j_call *c, int commit,
                   struct neo4j_reply *reply, struct sluice_error *err)
{
    struct strbuf *body = (struct strbuf *)(uintptr_t)&c->body;
    uint32_t code;

    reply_clear(reply, n->api == NEO4J_QUERY);
    if (body->failed) {
        reply->trouble = NEO4J_MEMORY;
        code = sluice_fail(err, SLUICE_SPLIT, NULL, "the batch is too large for one request, or no memory");
    } else if (n->api == NEO4J_QUERY) {
        code = tx_run_query(n, tx, c, commit, reply, err);
    } else {
        size_t len = body->len;

        strbuf_puts(body, "]}");
        code = body->failed
                   ? sluice_fail(err, SLUICE_RETRY, NULL, "no memory for a request")
                   : tx_step(n, tx, (struct sluice_str){body->data, body->len}, commit, 1, reply, err);
        if (!body->failed) {
            body->len = len;
            body->data[len] = '\0';
        }
        if (code == SLUICE_OK && reply->n != c->n)
            code = sluice_fail(err, commit ? SLUICE_UNSURE : SLUICE_DISCONNECTED, NULL,
                               "%s gave %u answers to %u statements", n->url, reply->n, c->n);
    }
    if (code != SLUICE_OK && code != SLUICE_UNSURE)
        neo4j_rollback(n, tx); /* most often it is gone already; if not, its locks go now */
    if (code != SLUICE_OK || commit)
        tx->open = 0;
    return code;
}

uint32_t neo4j_read(struct neo4j *n, const struct neo4j_call *c, struct neo4j_reply *reply,
                    struct sluice_error *err)
{
    struct neo4j_tx tx = {.open = 0};
    struct sluice_str body;
    uint32_t code = SLUICE_OK, i;

    if (n->api == NEO4J_TX || c->n <= 1 || c->body.failed) {
        code = neo4j_run(n, &tx, c, 1, reply, err);
    } else {
        reply_clear(reply, 1);
        for (i = 0; i < c->n && code == SLUICE_OK; i++) {
            body = (struct sluice_str){c->body.data + c->starts[i], c->ends[i] - c->starts[i]};
            code = tx_step(n, &tx, body, 1, 1, reply, err);
            if (code == SLUICE_OK && reply->n != i + 1)
                code = sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s gave an answer without data", n->url);
        }
    }
    if (code != SLUICE_UNSURE)
        return code;
    if (reply->n_http == 0 || reply->http[reply->n_http - 1].code != SLUICE_OK)
        return sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s: no whole answer; nothing was written",
                           n->url);
    if (err != NULL)
        err->code = SLUICE_DISCONNECTED;
    return SLUICE_DISCONNECTED;
}

void neo4j_rollback(struct neo4j *n, struct neo4j_tx *tx)
{
    struct neo4j_reply *reply;
    char url[URL_ROOM];
    struct sluice_error err = {.struct_size = sizeof err};
    const struct sluice_str nothing = {NULL, 0};

    if (!tx->open)
        return;
    tx_url(n, tx, 0, 0, url);
    tx->open = 0;
    reply = calloc(1, sizeof *reply);
    if (reply == NULL)
        return;
    (void)tx_send(n, tx, "DELETE", url, nothing, ROLLBACK_MS, reply, &err);
    neo4j_reply_release(n, reply);
    free(reply);
}

void neo4j_reply_release(struct neo4j *n, struct neo4j_reply *reply)
{
    if (reply->n_http > 0)
        n->http->release(reply->http, reply->n_http, sizeof reply->http[0]);
    reply->n_http = 0;
    reply->n = 0;
}
