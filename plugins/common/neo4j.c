/* neo4j: options, authorization, finding the endpoint out. */
#include "neo4j.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_add(struct strbuf *out, const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t i;

    for (i = 0; i < len; i += 3) {
        uint32_t word = (uint32_t)p[i] << 16;

        if (i + 1 < len)
            word |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < len)
            word |= p[i + 2];
        strbuf_putc(out, base64_digits[word >> 18]);
        strbuf_putc(out, base64_digits[word >> 12 & 63]);
        strbuf_putc(out, i + 1 < len ? base64_digits[word >> 6 & 63] : '=');
        strbuf_putc(out, i + 2 < len ? base64_digits[word & 63] : '=');
    }
}

static void neo4j_wipe(char *text, size_t len)
{
    volatile char *p = text;

    while (text != NULL && len-- > 0)
        *p++ = '\0';
}

/* The header's value; 0, or -1: no memory. */
static int neo4j_authorize(struct neo4j *n, const char *user, const char *password, const char *token)
{
    struct strbuf plain, header;

    strbuf_init(&plain, 64u * 1024u);
    strbuf_init(&header, 128u * 1024u);
    if (token == NULL) {
        strbuf_puts(&plain, user);
        strbuf_putc(&plain, ':');
        strbuf_puts(&plain, password);
    } else {
        strbuf_puts(&plain, token);
    }
    strbuf_puts(&header, token == NULL ? "Basic " : "Bearer ");
    if (!plain.failed)
        base64_add(&header, plain.data, plain.len);
    n->authorization = plain.failed ? NULL : strbuf_take(&header);
    neo4j_wipe(plain.data, plain.len);
    strbuf_release(&plain);
    strbuf_release(&header);
    return n->authorization == NULL ? -1 : 0;
}

static uint32_t neo4j_login(struct neo4j *n, const struct sluice_config *config, struct sluice_error *err)
{
    const char *user = n->host->option_string(config, "user");
    const char *password = n->host->option_string(config, "password");
    const char *token = n->host->option_string(config, "token");

    if (token != NULL && (user != NULL || password != NULL))
        return sluice_fail(err, SLUICE_INVALID, "token", "give either token, or user and password");
    if (user != NULL && password == NULL)
        return sluice_fail(err, SLUICE_INVALID, "password",
                           "user has no password; give it, or leave both out");
    if (user == NULL && password != NULL)
        return sluice_fail(err, SLUICE_INVALID, "user", "password is of nobody; name the user");
    if (user != NULL && strchr(user, ':') != NULL)
        return sluice_fail(err, SLUICE_INVALID, "user", "a user name cannot have a colon");
    if (user == NULL && token == NULL)
        return SLUICE_OK;
    return neo4j_authorize(n, user, password, token) == 0
               ? SLUICE_OK
               : sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the authorization");
}

/* The name goes into a path. */
static int neo4j_is_name(const char *name)
{
    const char *p;

    for (p = name; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '-' ||
              *p == '_' || (*p == '.' && p > name)))
            return 0;
    return p > name && p - name <= 63;
}

uint32_t neo4j_open(struct neo4j *n, const struct sluice_host *host, const struct sluice_config *config,
                    uint64_t max_body, struct sluice_error *err)
{
    struct sluice_http_options options = {.struct_size = sizeof options, .max_parallel = 1};
    const char *url = host->option_string(config, "url");
    size_t len = strlen(url);
    uint32_t code;

    memset(n, 0, sizeof *n);
    n->host = host;
    n->database = host->option_string(config, "database");
    n->timeout_ms = (uint64_t)host->option_integer(config, "timeout");
    n->wanted = (enum neo4j_api)host->option_integer(config, "api");
    if (!neo4j_is_name(n->database))
        return sluice_fail(err, SLUICE_INVALID, "database",
                           "a database has a name of letters, digits, dots, dashes and underscores");
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (len > 512 || memchr(url, '?', len) != NULL || memchr(url, '#', len) != NULL)
        return sluice_fail(err, SLUICE_INVALID, "url",
                           "must be an address of at most 512 bytes without ? and #");
    n->http = host->extension(host, SLUICE_HTTP_ID);
    if (n->http == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "this host has no HTTP service");
    code = neo4j_login(n, config, err);
    if (code != SLUICE_OK)
        return code;
    options.ca_file = host->option_string(config, "ca_file");
    options.max_body = max_body;
    n->url = strndup(url, len);
    n->client = n->url == NULL ? NULL : n->http->client(host, &options, err);
    if (n->url == NULL)
        code = sluice_fail(err, SLUICE_FATAL, NULL, "no memory for the sink");
    else if (n->client == NULL)
        code = SLUICE_FATAL;
    if (code != SLUICE_OK)
        neo4j_close(n);
    return code;
}

void neo4j_close(struct neo4j *n)
{
    if (n->client != NULL)
        n->http->free(n->client);
    if (n->authorization != NULL)
        neo4j_wipe(n->authorization, strlen(n->authorization));
    free(n->authorization);
    free(n->url);
    n->client = NULL;
    n->authorization = NULL;
    n->url = NULL;
}

/* Does the page at / name an endpoint of that key? */
static int discovery_names(struct sluice_str body, const char *key)
{
    char quoted[40];
    size_t len = (size_t)snprintf(quoted, sizeof quoted, "\"%s\"", key);

    return body.data != NULL && memmem(body.data, body.len, quoted, len) != NULL;
}

static void discovery_version(struct neo4j *n, struct sluice_str body)
{
    static const char key[] = "\"neo4j_version\":\"";
    const char *at = body.data == NULL ? NULL : memmem(body.data, body.len, key, sizeof key - 1);
    size_t i;

    (void)snprintf(n->version, sizeof n->version, "?");
    if (at == NULL)
        return;
    at += sizeof key - 1;
    for (i = 0; i + 1 < sizeof n->version && at[i] != '"' && at[i] >= ' ' && at[i] <= '~'; i++)
        n->version[i] = at[i];
    n->version[i] = '\0';
}

/* The page at / needs no password.  A server that shows none gets the Query API: it is
 * what there is behind a proxy or on Aura. */
static uint32_t neo4j_discover(struct neo4j *n, struct sluice_error *err)
{
    struct sluice_str headers[2] = {sluice_str_of("Accept"), sluice_str_of("application/json")};
    struct sluice_http_request request = {.struct_size = sizeof request, .method = "GET"};
    struct sluice_http_response r = {.struct_size = sizeof r};
    char url[600];
    uint32_t code;

    (void)snprintf(url, sizeof url, "%s/", n->url);
    request.url = url;
    request.headers = headers;
    request.n_headers = 1;
    code =
        n->http->perform(n->client, &request, 1, sizeof request, &r, sizeof r, (uint32_t)n->timeout_ms, err);
    if (code != SLUICE_OK)
        return code;
    if (r.code != SLUICE_OK) {
        code = neo4j_unreached(n, r.code == SLUICE_CANCELLED ? SLUICE_CANCELLED : SLUICE_DISCONNECTED,
                               r.message, err);
    } else if (r.status >= 500 || r.status == 429) {
        code = sluice_fail(err, SLUICE_DISCONNECTED, NULL, "%s answers status %u", n->url, r.status);
        if (err != NULL)
            err->retry_after_ms = r.retry_after_ms;
    } else {
        discovery_version(n, r.body);
        n->api = n->wanted != NEO4J_AUTO                  ? n->wanted
                 : discovery_names(r.body, "transaction") ? NEO4J_TX
                                                          : NEO4J_QUERY;
    }
    n->http->release(&r, 1, sizeof r);
    return code;
}

uint32_t neo4j_connect(struct neo4j *n, struct sluice_error *err)
{
    uint32_t code;

    n->proven = 0;
    code = neo4j_discover(n, err);
    if (code != SLUICE_OK)
        return code;
    code = neo4j_ping(n, err);
    if (code != SLUICE_OK)
        return code;
    n->proven = 1;
    sluice_log(n->host, SLUICE_INFO, "%s: neo4j %s, database %s, through %s", n->url, n->version, n->database,
               n->api == NEO4J_TX ? "tx/commit" : "the query api");
    return SLUICE_OK;
}

uint32_t neo4j_ping(struct neo4j *n, struct sluice_error *err)
{
    struct neo4j_reply *reply = calloc(1, sizeof *reply);
    struct neo4j_tx tx = {.open = 0};
    struct neo4j_call call;
    uint32_t code;

    if (reply == NULL)
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    neo4j_call_init(&call, 4096);
    neo4j_statement(&call, "RETURN 1 AS one");
    neo4j_statement_end(&call);
    code = neo4j_run(n, &tx, &call, 1, reply, err);
    if (code == SLUICE_UNSURE) /* it wrote nothing */
        code = SLUICE_DISCONNECTED;
    if (code == SLUICE_SPLIT) /* there is nothing to halve */
        code = reply->trouble == NEO4J_MEMORY ? SLUICE_RETRY : SLUICE_FATAL;
    if (err != NULL && code != SLUICE_OK)
        err->code = code;
    neo4j_reply_release(n, reply);
    neo4j_call_release(&call);
    free(reply);
    return code;
}
