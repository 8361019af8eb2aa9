/* history: options and life of an enricher that loads histories. */
#include "history.h"

#include <stdlib.h>

#include "lookup.h"

#define PAGE_MAX (16u * 1024u * 1024u)
#define BREAKER_FAILURES 8u
#define BREAKER_OPEN_MS 2000u
#define NOBODY "00000000-0000-0000-0000-000000000000"
#define PLACEHOLDER "{user_id}"

static void read_options(struct history *h, const struct sluice_config *config)
{
    const struct sluice_host *host = h->host;

    h->url = host->option_string(config, "url");
    h->path = host->option_string(config, "path");
    h->list = host->option_string(config, "list");
    h->next = host->option_string(config, "next");
    h->days_parameter = host->option_string(config, "lookback_parameter");
    h->cursor_parameter = host->option_string(config, "cursor_parameter");
    h->lookback_days = host->option_integer(config, "lookback_days");
    h->max_entries = (uint64_t)host->option_integer(config, "max_entries");
    h->timeout_ms = (uint32_t)host->option_integer(config, "timeout");
    h->attempts = (uint32_t)host->option_integer(config, "attempts");
    h->max_parallel = (uint32_t)host->option_integer(config, "max_parallel");
    h->bad = (enum history_bad)host->option_integer(config, "bad");
    h->absent = (enum history_absent)host->option_integer(config, "not_found");
}

static void add_header(struct history *h, const char *name, const char *value)
{
    h->headers[2 * h->n_headers] = sluice_str_of(name);
    h->headers[2 * h->n_headers + 1] = sluice_str_of(value);
    h->n_headers++;
}

static void add_metrics(struct history *h)
{
    const struct sluice_host *host = h->host;

    h->metric_pages = host->metric(host, SLUICE_COUNTER, "pages_total", "Pages read", NULL);
    h->metric_entries =
        host->metric(host, SLUICE_COUNTER, "entries_total", "Entries of histories that were taken", NULL);
    h->metric_left_out = host->metric(host, SLUICE_COUNTER, "entries_left_out_total",
                                      "Entries of histories left out, by reason", "reason");
    h->purchase.host = host;
    h->purchase.clock = PURCHASE_RFC3339;
    h->purchase.items_left_out =
        host->metric(host, SLUICE_COUNTER, "items_left_out_total",
                     "Items left out of their purchase, by what their FIDO was", "reason");
}

static uint32_t open_client(struct history *h, const struct sluice_config *config, struct sluice_error *err)
{
    const struct sluice_host *host = h->host;
    struct sluice_http_options o = {
        .struct_size = sizeof o,
        .max_parallel = (uint32_t)host->option_integer(config, "max_parallel"),
        .max_body = PAGE_MAX,
        .ca_file = host->option_string(config, "ca_file"),
        /* each try of a shared budget takes a token: history_load.c tries again */
        .attempts = h->budget != NULL ? 1 : h->attempts,
        .per_second = host->option_number(config, "per_second"),
        .breaker_failures = BREAKER_FAILURES,
        .breaker_open_ms = BREAKER_OPEN_MS};
    const char *token = host->option_string(config, "token");

    add_header(h, "Accept", "application/json");
    if (token != NULL) {
        strbuf_printf(&h->bearer, "Bearer %s", token);
        add_header(h, "Authorization", strbuf_text(&h->bearer));
    }
    h->http = host->extension == NULL ? NULL : host->extension(host, SLUICE_HTTP_ID);
    if (h->http == NULL)
        return sluice_fail(err, SLUICE_INVALID, "url", "this host has no HTTP for plugins (%s)",
                           SLUICE_HTTP_ID);
    h->client = h->bearer.failed ? NULL : h->http->client(host, &o, err);
    if (h->client == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory, or the token is too long");
    return SLUICE_OK;
}

uint32_t history_create(const struct sluice_host *host, const struct sluice_config *config, history_add add,
                        void **self, struct sluice_error *err)
{
    struct history *h = calloc(1, sizeof *h);
    uint32_t code;

    if (h == NULL)
        return sluice_fail(err, SLUICE_FATAL, NULL, "no memory");
    h->host = host;
    h->add = add;
    strbuf_init(&h->bearer, 65536);
    read_options(h, config);
    if (strstr(h->path, PLACEHOLDER) == NULL)
        code = sluice_fail(err, SLUICE_INVALID, "path",
                           "path has no " PLACEHOLDER ": every user would get the same history");
    else
        code = budget_new(host, config, &h->budget, err);
    if (code == SLUICE_OK)
        code = open_client(h, config, err);
    if (code != SLUICE_OK) {
        history_destroy(h);
        return code;
    }
    add_metrics(h);
    *self = h;
    return SLUICE_OK;
}

void history_destroy(void *self)
{
    struct history *h = self;

    if (h->client != NULL)
        h->http->free(h->client);
    if (h->bearer.data != NULL)
        explicit_bzero(h->bearer.data, h->bearer.cap);
    strbuf_release(&h->bearer);
    budget_free(h->budget);
    free(h);
}

uint32_t history_start(void *self, struct sluice_error *err)
{
    struct history *h = self;

    return budget_start(h->budget, err);
}

uint32_t history_stop(void *self, uint32_t deadline_ms, struct sluice_error *err)
{
    struct history *h = self;

    (void)deadline_ms;
    (void)err;
    budget_stop(h->budget);
    return SLUICE_OK;
}

/* What is not unreserved in RFC 3986 is escaped, so that no id can change the path. */
static void add_escaped(struct strbuf *out, const char *data, uint64_t len)
{
    uint64_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c != '\0' && strchr("-_~", c) != NULL) || (c == '.' && len > 2))
            strbuf_putc(out, (char)c);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}

void history_url(const struct history *h, struct sluice_str user, int64_t days, const char *cursor,
                 struct strbuf *out)
{
    const char *at = strstr(h->path, PLACEHOLDER);
    size_t len = strlen(h->url);

    while (len > 0 && h->url[len - 1] == '/')
        len--;
    strbuf_add(out, h->url, len);
    if (h->path[0] != '/')
        strbuf_putc(out, '/');
    strbuf_add(out, h->path, (size_t)(at - h->path));
    add_escaped(out, user.data, user.len);
    strbuf_puts(out, at + strlen(PLACEHOLDER));
    strbuf_printf(out, "%s%s=%lld", strchr(h->path, '?') == NULL ? "?" : "&", h->days_parameter,
                  (long long)days);
    if (cursor != NULL) {
        strbuf_printf(out, "&%s=", h->cursor_parameter);
        add_escaped(out, cursor, strlen(cursor));
    }
}

uint32_t history_probe(void *self, struct sluice_error *err)
{
    struct history *h = self;
    struct sluice_http_response r = {.struct_size = offsetof(struct sluice_http_response, headers)};
    struct sluice_http_request request = {
        .struct_size = sizeof request, .method = "GET", .headers = h->headers, .n_headers = h->n_headers};
    uint32_t code = SLUICE_OK;
    struct strbuf url;
    char text[300];
    int split;

    strbuf_init(&url, 16384);
    history_url(h, sluice_str_of(NOBODY), 1, NULL, &url);
    request.url = strbuf_text(&url);
    if (url.failed || h->http->perform(h->client, &request, 1, sizeof request, &r, sizeof r, h->timeout_ms,
                                       err) != SLUICE_OK) {
        strbuf_release(&url);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    }
    /* Nobody's history may be empty or not there: the service has answered. */
    if (r.code != SLUICE_OK || (r.status != 200 && r.status != 404)) {
        (void)lookup_trouble(h->host, request.url, &r, &split, text, sizeof text);
        code = sluice_fail(err, SLUICE_DISCONNECTED,
                           r.code == SLUICE_OK && (r.status == 401 || r.status == 403) ? "token" : "url",
                           "%s", text);
    }
    h->http->release(&r, 1, sizeof r);
    strbuf_release(&url);
    return code == SLUICE_OK ? budget_probe(h->budget, err) : code;
}
