/* lookup: see lookup.h. */
#include "lookup.h"

#include <stdlib.h>

#define ANSWER_MAX (8u * 1024u * 1024u)
#define BREAKER_FAILURES 8u
#define BREAKER_OPEN_MS 2000u
#define NOBODY "00000000-0000-0000-0000-000000000000"

static void add_header(struct lookup *l, const char *name, const char *value)
{
    l->headers[2 * l->n_headers] = sluice_str_of(name);
    l->headers[2 * l->n_headers + 1] = sluice_str_of(value);
    l->n_headers++;
}

/* 0: no memory, or a url too long. */
static int set_target(struct lookup *l)
{
    const struct lookup_options *o = &l->options;
    size_t len = strlen(o->url);

    while (len > 0 && o->url[len - 1] == '/')
        len--;
    strbuf_init(&l->url, 8192);
    strbuf_init(&l->bearer, 65536);
    strbuf_add(&l->url, o->url, len);
    strbuf_printf(&l->url, "%s%s", o->path[0] == '/' ? "" : "/", o->path);
    add_header(l, "Content-Type", "application/json");
    add_header(l, "Accept", "application/json");
    if (o->token != NULL) {
        strbuf_printf(&l->bearer, "Bearer %s", o->token);
        add_header(l, "Authorization", strbuf_text(&l->bearer));
    }
    return !l->url.failed && !l->bearer.failed;
}

static void wipe(struct strbuf *b)
{
    if (b->data != NULL)
        explicit_bzero(b->data, b->cap);
    strbuf_release(b);
}

static void add_metrics(struct lookup *l)
{
    const struct sluice_host *host = l->host;

    l->metric_lookups = host->metric(host, SLUICE_COUNTER, "lookups_total",
                                     "Distinct ids of a batch looked up, by where the answer was", "result");
    l->metric_answers = host->metric(host, SLUICE_COUNTER, "answers_total",
                                     "Ids that the service was asked about, by what came of it", "result");
    l->metric_batches =
        host->metric(host, SLUICE_COUNTER, "batches_total", "Requests with a batch of ids", NULL);
    l->metric_bytes = host->metric(host, SLUICE_GAUGE, "cache_bytes", "Memory of the cache", NULL);
    l->metric_ids = host->metric(host, SLUICE_GAUGE, "cached_ids", "Ids in the cache, by kind", "kind");
}

uint32_t lookup_open(struct lookup *l, const struct sluice_host *host, const struct lookup_options *options,
                     struct sluice_error *err)
{
    struct sluice_http_options o = {.struct_size = sizeof o,
                                    .max_parallel = options->max_parallel,
                                    .max_body = ANSWER_MAX,
                                    .ca_file = options->ca_file,
                                    .attempts = options->attempts,
                                    .per_second = options->per_second,
                                    .breaker_failures = BREAKER_FAILURES,
                                    .breaker_open_ms = BREAKER_OPEN_MS};

    memset(l, 0, sizeof *l);
    l->host = host;
    l->options = *options;
    l->http = host->extension == NULL ? NULL : host->extension(host, SLUICE_HTTP_ID);
    if (l->http == NULL)
        return sluice_fail(err, SLUICE_INVALID, "url", "this host has no HTTP for plugins (%s)",
                           SLUICE_HTTP_ID);
    if (!lookup_cache_init(&l->cache, options->cache_bytes, options->ttl_ms, options->unknown_ttl_ms))
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory, or no random numbers");
    if (!set_target(l) || (l->client = l->http->client(host, &o, err)) == NULL) {
        lookup_close(l);
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory, or url or token is too long");
    }
    add_metrics(l);
    return SLUICE_OK;
}

void lookup_close(struct lookup *l)
{
    if (l->client != NULL)
        l->http->free(l->client);
    lookup_cache_release(&l->cache);
    strbuf_release(&l->url);
    wipe(&l->bearer);
}

static void add_counts(struct lookup *l, const enum lookup_how *how, uint32_t n)
{
    static const char *const labels[] = {"hit", "negative", "joined", "miss", "no_memory"};
    uint64_t counts[5] = {0};
    uint32_t i;

    for (i = 0; i < n; i++)
        counts[how[i]]++;
    for (i = 0; i < 5; i++)
        if (counts[i] > 0)
            l->host->metric_add(l->host, l->metric_lookups, labels[i], counts[i]);
}

void lookup_fetch(struct lookup *l, const struct sluice_str *ids, uint32_t n, struct lookup_entry **entries,
                  enum lookup_how *how)
{
    struct lookup_entry **made = NULL;
    uint32_t n_made = 0, i;

    lookup_cache_take(&l->cache, ids, n, l->host->steady_ms(l->host), entries, how);
    add_counts(l, how, n);
    for (i = 0; i < n; i++)
        n_made += how[i] == LOOKUP_MADE;
    if (n_made > 0 && (made = calloc(n_made, sizeof *made)) != NULL) {
        n_made = 0;
        for (i = 0; i < n; i++)
            if (how[i] == LOOKUP_MADE)
                made[n_made++] = entries[i];
        lookup_ask(l, made, n_made);
        free(made);
    } else {
        for (i = 0; i < n; i++)
            if (how[i] == LOOKUP_MADE)
                lookup_cache_settle(&l->cache, entries[i], LOOKUP_FAILED, NULL, "no memory", 0, 0);
    }
    /* Our own flights have landed, so two calls never wait for each other. */
    for (i = 0; i < n; i++)
        if (how[i] == LOOKUP_JOINED)
            lookup_cache_wait(&l->cache, entries[i]);
}

static const char *option_at_fault(const struct sluice_http_response *r)
{
    if (r->code != SLUICE_OK)
        return "url";
    if (r->status == 401 || r->status == 403)
        return "token";
    return r->status == 404 || r->status == 405 ? "path" : "url";
}

uint32_t lookup_probe(struct lookup *l, struct sluice_error *err)
{
    struct sluice_http_response r = {.struct_size = sizeof r};
    struct lookup_item item = {.id = sluice_str_of(NOBODY)};
    struct sluice_http_request request;
    struct strbuf body;
    char text[300];
    const char *why;
    uint32_t code = SLUICE_OK;
    int split;

    if (!lookup_request(l, NULL, 0, &body, &request))
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    strbuf_clear(&body);
    strbuf_putc(&body, '{');
    strbuf_json(&body, l->options.ids, strlen(l->options.ids));
    strbuf_puts(&body, ":[\"" NOBODY "\"]}");
    request.body = (struct sluice_str){strbuf_text(&body), body.len};
    request.flags = 0;
    if (body.failed || l->http->perform(l->client, &request, 1, sizeof request, &r, sizeof r,
                                        l->options.timeout_ms, err) != SLUICE_OK) {
        strbuf_release(&body);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    }
    if (r.code == SLUICE_OK && r.status == 200) {
        why = lookup_answer_read(&l->options.spec, r.body.data, (size_t)r.body.len, &item, 1);
        free(item.value);
        if (why != NULL)
            code = sluice_fail(err, SLUICE_FATAL, "url", "the answer of %.200s cannot be used: %s",
                               strbuf_text(&l->url), why);
    } else {
        (void)lookup_trouble(l->host, strbuf_text(&l->url), &r, &split, text, sizeof text);
        code = sluice_fail(err, SLUICE_DISCONNECTED, option_at_fault(&r), "%s", text);
    }
    l->http->release(&r, 1, sizeof r);
    strbuf_release(&body);
    return code;
}

void lookup_stats(struct lookup *l)
{
    uint64_t bytes, known, unknown;

    lookup_cache_size(&l->cache, &bytes, &known, &unknown);
    l->host->metric_set(l->host, l->metric_bytes, NULL, (double)bytes);
    l->host->metric_set(l->host, l->metric_ids, "known", (double)known);
    l->host->metric_set(l->host, l->metric_ids, "unknown", (double)unknown);
}
