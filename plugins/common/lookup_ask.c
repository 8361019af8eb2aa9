/* lookup_ask: ids to requests, answers to entries.
 *
 * Invariant: each entry given to lookup_ask is settled when it returns.  A range of
 * entries that a service refuses as a whole (400, 413, 422, or an answer too large) is
 * asked about in halves, so that one odd id does not cost 99 others. */
#include <stdio.h>
#include <stdlib.h>

#include "lookup.h"

#define WAVE 32u       /* requests whose answers are held at once */
#define SPLITS_MAX 32u /* of one fetch: a service that refuses everything is not worn out */

struct range {
    uint32_t from, n;
};

struct asking {
    struct lookup *l;
    struct lookup_entry **entries;
    struct range *todo; /* ranges do not overlap: never more than there are entries */
    uint32_t n_todo;
    uint32_t splits;
    int64_t until;
    uint64_t found, unknown, failed, away;
};

int lookup_request(const struct lookup *l, struct lookup_entry *const *entries, uint32_t n,
                   struct strbuf *out, struct sluice_http_request *request)
{
    uint32_t i;

    strbuf_init(out, (size_t)64 * 1024 * 1024);
    strbuf_putc(out, '{');
    strbuf_json(out, l->options.ids, strlen(l->options.ids));
    strbuf_puts(out, ":[");
    for (i = 0; i < n; i++) {
        if (i > 0)
            strbuf_putc(out, ',');
        strbuf_json(out, entries[i]->id, (size_t)entries[i]->id_len);
    }
    strbuf_puts(out, "]}");
    *request = (struct sluice_http_request){.struct_size = sizeof *request,
                                            .flags = SLUICE_HTTP_REPEAT,
                                            .method = l->options.method,
                                            .url = strbuf_text(&l->url),
                                            .headers = l->headers,
                                            .n_headers = l->n_headers,
                                            .body = {strbuf_text(out), out->len}};
    if (out->failed)
        strbuf_release(out);
    return !out->failed && out->data != NULL;
}

/* --- what an answer means --------------------------------------------------------- */

static enum lookup_state status_means(uint32_t status)
{
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 502:
    case 503:
    case 504:
        return LOOKUP_AWAY;
    case 400:
    case 413:
    case 422:
        return LOOKUP_FAILED; /* because of what was asked */
    default:
        /* 401, 404, a redirect: no record is at fault, and none gets better by waiting
         * in a dead-letter store; somebody has to look at it. */
        return status < 500 ? LOOKUP_AWAY : LOOKUP_FAILED;
    }
}

static const char *hint(uint32_t status)
{
    switch (status) {
    case 401:
    case 403:
        return "; look at token";
    case 404:
    case 405:
        return "; look at url, path and method";
    default:
        return "";
    }
}

enum lookup_state lookup_trouble(const struct sluice_host *host, const char *url,
                                 const struct sluice_http_response *r, int *split, char *text, size_t cap)
{
    int cancelled = host->cancelled(host) != 0;

    *split = 0;
    if (r->code == SLUICE_OK) {
        *split = r->status == 400 || r->status == 413 || r->status == 422;
        (void)snprintf(text, cap, "%.200s answered %u%s", url, r->status, hint(r->status));
        return status_means(r->status);
    }
    (void)snprintf(text, cap, "%.200s: %s", url, r->message);
    if (cancelled && (r->code == SLUICE_CANCELLED || r->code == SLUICE_UNSURE))
        return LOOKUP_CANCELLED;
    *split = r->code == SLUICE_REJECT;
    return r->code == SLUICE_DISCONNECTED || r->code == SLUICE_CANCELLED ? LOOKUP_AWAY : LOOKUP_FAILED;
}

/* --- settling --------------------------------------------------------------------- */

static void settle(struct asking *a, struct lookup_entry *e, enum lookup_state state,
                   struct lookup_value *value, const char *why, uint32_t retry_after_ms)
{
    switch (state) {
    case LOOKUP_FOUND:
        a->found++;
        break;
    case LOOKUP_UNKNOWN:
        a->unknown++;
        break;
    case LOOKUP_AWAY:
        a->away++;
        break;
    default:
        a->failed++;
        break;
    }
    lookup_cache_settle(&a->l->cache, e, state, value, why, retry_after_ms,
                        a->l->host->steady_ms(a->l->host));
}

static void settle_range(struct asking *a, struct range range, enum lookup_state state, const char *why,
                         uint32_t retry_after_ms)
{
    uint32_t i;

    for (i = 0; i < range.n; i++)
        settle(a, a->entries[range.from + i], state, NULL, why, retry_after_ms);
}

static void take_answer(struct asking *a, struct range range, const struct sluice_http_response *r)
{
    struct lookup_item *items = calloc(range.n, sizeof *items);
    char text[400];
    uint32_t i;

    if (items == NULL) {
        settle_range(a, range, LOOKUP_FAILED, "no memory", 0);
        return;
    }
    for (i = 0; i < range.n; i++)
        items[i].id = (struct sluice_str){a->entries[range.from + i]->id, a->entries[range.from + i]->id_len};
    (void)lookup_answer_read(&a->l->options.spec, r->body.data, (size_t)r->body.len, items, range.n);
    for (i = 0; i < range.n; i++) {
        if (items[i].state == LOOKUP_FAILED)
            (void)snprintf(text, sizeof text, "the answer of %.200s cannot be used: %s",
                           strbuf_text(&a->l->url), items[i].why);
        settle(a, a->entries[range.from + i], items[i].state, items[i].value,
               items[i].state == LOOKUP_FAILED ? text : NULL, 0);
    }
    free(items);
}

static void take_response(struct asking *a, struct range range, const struct sluice_http_response *r)
{
    enum lookup_state state;
    char text[400];
    int split;

    if (r->code == SLUICE_OK && r->status == 200) {
        take_answer(a, range, r);
        return;
    }
    state = lookup_trouble(a->l->host, strbuf_text(&a->l->url), r, &split, text, sizeof text);
    if (split && range.n > 1 && a->splits < SPLITS_MAX) {
        a->splits++;
        a->todo[a->n_todo++] = (struct range){range.from, range.n / 2};
        a->todo[a->n_todo++] = (struct range){range.from + range.n / 2, range.n - range.n / 2};
        return;
    }
    settle_range(a, range, state, text, r->retry_after_ms);
}

/* --- asking ----------------------------------------------------------------------- */

struct wave {
    struct range ranges[WAVE];
    struct strbuf bodies[WAVE];
    struct sluice_http_request requests[WAVE];
    struct sluice_http_response responses[WAVE];
    uint32_t n;
};

static void fill_wave(struct asking *a, struct wave *w)
{
    w->n = 0;
    while (a->n_todo > 0 && w->n < WAVE) {
        struct range range = a->todo[--a->n_todo];

        if (!lookup_request(a->l, a->entries + range.from, range.n, &w->bodies[w->n], &w->requests[w->n])) {
            settle_range(a, range, LOOKUP_FAILED, "no memory for the request", 0);
            continue;
        }
        memset(&w->responses[w->n], 0, sizeof w->responses[w->n]);
        w->responses[w->n].struct_size = offsetof(struct sluice_http_response, headers);
        w->ranges[w->n++] = range;
    }
}

static void send_wave(struct asking *a, struct wave *w)
{
    struct lookup *l = a->l;
    int64_t left = a->until - l->host->steady_ms(l->host);
    uint32_t code, i;

    if (w->n == 0)
        return;
    l->host->metric_add(l->host, l->metric_batches, NULL, w->n);
    code = l->http->perform(l->client, w->requests, w->n, sizeof w->requests[0], w->responses,
                            sizeof w->responses[0], left < 1 ? 1 : (uint32_t)left, NULL);
    for (i = 0; i < w->n; i++) {
        if (code == SLUICE_OK)
            take_response(a, w->ranges[i], &w->responses[i]);
        else
            settle_range(a, w->ranges[i], LOOKUP_FAILED, "no memory for the request", 0);
        strbuf_release(&w->bodies[i]);
    }
    if (code == SLUICE_OK)
        l->http->release(w->responses, w->n, sizeof w->responses[0]);
}

static void tell(const struct asking *a)
{
    const struct sluice_host *host = a->l->host;
    const struct {
        const char *label;
        uint64_t n;
    } counts[] = {{"found", a->found}, {"unknown", a->unknown}, {"failed", a->failed}, {"away", a->away}};
    size_t i;

    for (i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].n > 0)
            host->metric_add(host, a->l->metric_answers, counts[i].label, counts[i].n);
}

void lookup_ask(struct lookup *l, struct lookup_entry **entries, uint32_t n)
{
    struct asking a = {.l = l, .entries = entries};
    struct wave *w = malloc(sizeof *w);
    uint32_t from;

    a.todo = calloc(n, sizeof *a.todo);
    a.until = l->host->steady_ms(l->host) + l->options.timeout_ms;
    if (w == NULL || a.todo == NULL) {
        settle_range(&a, (struct range){0, n}, LOOKUP_FAILED, "no memory", 0);
    } else {
        for (from = 0; from < n; from += l->options.batch)
            a.todo[a.n_todo++] =
                (struct range){from, n - from < l->options.batch ? n - from : l->options.batch};
        while (a.n_todo > 0) {
            fill_wave(&a, w);
            send_wave(&a, w);
        }
    }
    tell(&a);
    free(a.todo);
    free(w);
}
