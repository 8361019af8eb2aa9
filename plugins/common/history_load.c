/* history_load: the pages of the users of a batch.
 *
 * Each round asks for the next page of every user that has one, several at once; a user
 * whose page fails is out, the others go on. */
#include <stdlib.h>

#include "history.h"
#include "lookup.h"
#include "purchase.h"

#define WAVE 32u
#define PAGES_MAX 100000u
#define AGAIN_MS 100u  /* after a page that failed; doubles */
#define PAUSE_MS 1000u /* after 429 without Retry-After */

/* One record on its way. */
struct load {
    struct purchase_work work;
    struct sluice_str user;
    int64_t days;
    char *cursor; /* of the page to ask for; NULL: the first */
    struct sluice_node *root, *list;
    uint64_t entries;
    uint32_t pages;
    uint32_t retry_after_ms;
    uint32_t tries;   /* of this page, with a budget */
    int64_t again_ms; /* not before, steady … */
    int64_t until_ms; /* … and not after */
    int done;         /* the work's answer stands */
};

struct wave {
    struct load *loads[WAVE];
    struct strbuf urls[WAVE];
    struct sluice_http_request requests[WAVE];
    struct sluice_http_response responses[WAVE];
    uint32_t n;
};

static void load_end(struct load *l, uint32_t code, const char *reason, const char *text)
{
    (void)purchase_end(&l->work, code, reason, "%s", text);
    l->done = 1;
}

/* --- the record --------------------------------------------------------------------- */

static void load_begin(struct history *h, struct load *l)
{
    static const struct purchase_member user = PURCHASE_MEMBER("user_id", "user_id");
    static const struct purchase_member zone = PURCHASE_MEMBER("timezone", "timezone");
    static const struct purchase_member days = PURCHASE_MEMBER("lookback_days", "lookback_days");
    const struct sluice_document_api *document = h->host->document;
    const struct sluice_node *root = h->host->record->document(l->work.record), *node;
    struct sluice_str lives_in;

    l->done = 1;
    if (document->type(root) != SLUICE_OBJECT) {
        load_end(l, SLUICE_REJECT, "not_an_object", "the record is not a JSON object: it names no user");
        return;
    }
    node = sluice_get(h->host, root, "lookback_days");
    l->days = h->lookback_days;
    if (document->type(node) != SLUICE_NULL &&
        (!document->integer(node, &l->days) || l->days < 1 || l->days > 36500)) {
        (void)purchase_unfit(&l->work, &days, node, "whole days, 1 to 36500");
        return;
    }
    if (!purchase_id(&l->work, sluice_get(h->host, root, "user_id"), &user, &l->user) ||
        !purchase_text(&l->work, sluice_get(h->host, root, "timezone"), &zone, PURCHASE_MAX_TIMEZONE,
                       &lives_in) ||
        !purchase_begin(&l->work, l->user, lives_in, &l->root, &l->list))
        return;
    l->done = 0;
}

static void load_finish(struct history *h, struct load *l)
{
    h->host->metric_add(h->host, h->metric_entries, NULL, l->entries);
    (void)purchase_finish(&l->work, l->root);
    l->done = 1;
}

/* --- a page ------------------------------------------------------------------------- */

/* The lines of an entry, all or none: one that cannot be read leaves nothing behind. */
static int add_entry(struct history *h, struct load *l, const struct sluice_node *entry)
{
    const struct sluice_document_api *document = h->host->document;
    struct sluice_node *lines = document->make(l->work.record, SLUICE_ARRAY), *line, *next;

    if (lines == NULL)
        return purchase_no_memory(&l->work);
    if (!h->add(&l->work, entry, lines))
        return 0;
    for (line = document->first(lines); line != NULL; line = next) {
        next = document->next(line);
        document->detach(line);
        if (!document->push(l->list, line))
            return purchase_no_memory(&l->work);
    }
    return 1;
}

/* 0: the load is at its end. */
static int take_entry(struct history *h, struct load *l, const struct sluice_node *entry)
{
    static const struct purchase_member any = PURCHASE_MEMBER("entry", "entry");
    const struct sluice_host *host = h->host;
    struct sluice_str owner = host->document->string(sluice_get(host, entry, "user_id"));
    int taken;

    if (owner.data != NULL && !sluice_str_equal(owner, l->user)) {
        load_end(l, SLUICE_RETRY, "history_failed", "the page holds an entry of another user");
        return 0;
    }
    taken = purchase_object(&l->work, entry, &any) && add_entry(h, l, entry);
    l->work.list = NULL;
    if (taken) {
        l->entries++;
    } else if (l->work.answer.code == SLUICE_DROP ||
               (l->work.answer.code == SLUICE_REJECT && h->bad == HISTORY_BAD_SKIP)) {
        host->metric_add(host, h->metric_left_out, l->work.answer.reason, 1);
        memset(&l->work.answer, 0, sizeof l->work.answer);
    } else {
        l->done = 1;
        return 0;
    }
    if (l->entries > h->max_entries) {
        load_end(l, SLUICE_REJECT, "too_many", "the user has more entries than max_entries allows");
        return 0;
    }
    return 1;
}

/* The cursor of the next page into *cursor (malloc'ed), or NULL.  0: the load is at its end. */
static int next_cursor(struct history *h, struct load *l, const struct sluice_node *page, char **cursor)
{
    const struct sluice_document_api *document = h->host->document;
    const struct sluice_node *node = sluice_get(h->host, page, h->next);
    struct sluice_str text = document->string(node);
    char digits[32];

    *cursor = NULL;
    if (node == NULL) {
        load_end(l, SLUICE_RETRY, "history_failed",
                 "the page does not say whether there is another one (next)");
        return 0;
    }
    if (document->type(node) == SLUICE_INT || document->type(node) == SLUICE_UINT) {
        text.len = document->write_json(node, digits, sizeof digits);
        text.data = digits;
    } else if (document->type(node) != SLUICE_NULL &&
               (text.data == NULL || memchr(text.data, '\0', text.len) != NULL)) {
        load_end(l, SLUICE_RETRY, "history_failed", "the page's next is neither a text nor null");
        return 0;
    }
    if (text.len == 0)
        return 1;
    *cursor = strndup(text.data, text.len);
    if (*cursor == NULL) {
        load_end(l, SLUICE_RETRY, "no_memory", "no memory for a cursor");
        return 0;
    }
    if (++l->pages == PAGES_MAX || (l->cursor != NULL && strcmp(*cursor, l->cursor) == 0)) {
        free(*cursor);
        load_end(l, SLUICE_RETRY, "history_failed", "the pages never end: one names itself as the next");
        return 0;
    }
    return 1;
}

static void take_page(struct history *h, struct load *l, struct sluice_str body)
{
    const struct sluice_host *host = h->host;
    struct sluice_error err = {.struct_size = sizeof err};
    const struct sluice_node *page = host->record->parse_json(l->work.record, body, &err), *list, *entry;
    char text[300], *cursor;

    if (page == NULL) {
        (void)snprintf(text, sizeof text, "the page cannot be read: %.200s", err.message);
        load_end(l, SLUICE_RETRY, "history_failed", text);
        return;
    }
    list = sluice_get(host, page, h->list);
    if (host->document->type(page) != SLUICE_OBJECT || host->document->type(list) != SLUICE_ARRAY) {
        load_end(l, SLUICE_RETRY, "history_failed", "the page has no list where the entries should be");
        return;
    }
    host->metric_add(host, h->metric_pages, NULL, 1);
    for (entry = host->document->first(list); entry != NULL; entry = host->document->next(entry))
        if (!take_entry(h, l, entry))
            return;
    if (!next_cursor(h, l, page, &cursor))
        return;
    free(l->cursor);
    l->cursor = cursor;
    l->tries = 0;
    if (cursor == NULL)
        load_finish(h, l);
}

/* With a budget a page is asked for again here and not by the HTTP service, since each try takes a
 * token; what a service says by Retry-After holds for all workers.  1: it will be. */
static int ask_again(struct history *h, struct load *l, const struct sluice_http_response *r)
{
    int busy = r->code == SLUICE_OK && r->status == 429;
    uint32_t wait_ms = r->retry_after_ms;

    if (h->budget == NULL || h->host->cancelled(h->host))
        return 0;
    if (r->code != SLUICE_UNSURE && r->code != SLUICE_DISCONNECTED && !busy &&
        (r->code != SLUICE_OK || r->status < 500))
        return 0;
    if (r->code == SLUICE_OK && (busy || wait_ms > 0))
        budget_pause(h->budget, wait_ms > 0 ? wait_ms : PAUSE_MS);
    if (wait_ms == 0)
        wait_ms = AGAIN_MS << (l->tries < 5 ? l->tries : 5);
    l->again_ms = h->host->steady_ms(h->host) + wait_ms;
    return ++l->tries < h->attempts && l->again_ms < l->until_ms;
}

static void take_response(struct history *h, struct load *l, const char *url,
                          const struct sluice_http_response *r)
{
    enum lookup_state state;
    char text[400];
    int split;

    if (r->code == SLUICE_OK && r->status == 200) {
        take_page(h, l, r->body);
        return;
    }
    if (ask_again(h, l, r))
        return;
    state = lookup_trouble(h->host, url, r, &split, text, sizeof text);
    l->retry_after_ms = r->retry_after_ms;
    if (r->code == SLUICE_OK && r->status == 404 && h->absent != HISTORY_ABSENT_WAIT) {
        /* In the middle of a history it means something else than "no such user". */
        if (l->cursor != NULL)
            load_end(l, SLUICE_RETRY, "history_failed", text);
        else if (h->absent == HISTORY_ABSENT_EMPTY)
            load_finish(h, l);
        else
            load_end(l, SLUICE_REJECT, "user_not_found", text);
        return;
    }
    load_end(l,
             state == LOOKUP_CANCELLED ? SLUICE_CANCELLED
             : state == LOOKUP_AWAY    ? SLUICE_DISCONNECTED
                                       : SLUICE_RETRY,
             "history_failed", text);
}

/* --- rounds ------------------------------------------------------------------------- */

static void add_request(struct history *h, struct wave *w, struct load *l)
{
    struct strbuf *url = &w->urls[w->n];

    strbuf_init(url, 65536);
    history_url(h, l->user, l->days, l->cursor, url);
    if (url->failed || url->data == NULL) {
        strbuf_release(url);
        load_end(l, SLUICE_RETRY, "no_memory", "no memory for the address of a page, or it is too long");
        return;
    }
    w->requests[w->n] = (struct sluice_http_request){.struct_size = sizeof w->requests[0],
                                                     .flags = SLUICE_HTTP_REPEAT,
                                                     .method = "GET",
                                                     .url = strbuf_text(url),
                                                     .headers = h->headers,
                                                     .n_headers = h->n_headers};
    memset(&w->responses[w->n], 0, sizeof w->responses[0]);
    w->responses[w->n].struct_size = offsetof(struct sluice_http_response, headers);
    w->loads[w->n++] = l;
}

/* So many of want as the budget lets pass; 0: none before `until`, or the host stops. */
static uint32_t await_budget(struct history *h, uint32_t want, int64_t until, uint32_t *wait_ms)
{
    uint32_t n;

    if (h->budget == NULL)
        return want;
    if (want > h->max_parallel) /* what waits for a connection must not hold tokens */
        want = h->max_parallel;
    for (;;) {
        n = budget_take(h->budget, want, wait_ms);
        if (n > 0 || h->host->steady_ms(h->host) + *wait_ms > until || h->host->wait(h->host, *wait_ms))
            return n;
    }
}

static void send_some(struct history *h, struct wave *w, uint32_t from, uint32_t n, int64_t until)
{
    int64_t left = until - h->host->steady_ms(h->host);
    uint32_t code, i;

    code = h->http->perform(h->client, w->requests + from, n, sizeof w->requests[0], w->responses + from,
                            sizeof w->responses[0], left < 1 ? 1 : (uint32_t)left, NULL);
    for (i = from; i < from + n; i++) {
        if (code == SLUICE_OK)
            take_response(h, w->loads[i], w->requests[i].url, &w->responses[i]);
        else
            load_end(w->loads[i], SLUICE_RETRY, "no_memory", "no memory for a request");
    }
    if (code == SLUICE_OK)
        h->http->release(w->responses + from, n, sizeof w->responses[0]);
}

static void send_wave(struct history *h, struct wave *w, int64_t until)
{
    uint32_t from = 0, n, i, wait_ms = 0;

    while (from < w->n && (n = await_budget(h, w->n - from, until, &wait_ms)) > 0) {
        send_some(h, w, from, n, until);
        from += n;
    }
    for (i = from; i < w->n; i++) {
        load_end(w->loads[i], h->host->cancelled(h->host) ? SLUICE_CANCELLED : SLUICE_DISCONNECTED,
                 "history_failed", "the budget of requests leaves no room for this user within timeout");
        w->loads[i]->retry_after_ms = wait_ms;
    }
    for (i = 0; i < w->n; i++)
        strbuf_release(&w->urls[i]);
    w->n = 0;
}

/* One page of each that has one and is due; *next_ms: when the next one is, if none was. */
static uint32_t load_round(struct history *h, struct load *loads, uint32_t n, struct wave *w, int64_t until,
                           int64_t *next_ms)
{
    int64_t now = h->host->steady_ms(h->host);
    uint32_t i, open = 0;

    *next_ms = until;
    for (i = 0; i < n; i++) {
        if (loads[i].done)
            continue;
        open++;
        if (loads[i].again_ms > now && !h->host->cancelled(h->host)) {
            *next_ms = loads[i].again_ms < *next_ms ? loads[i].again_ms : *next_ms;
            continue;
        }
        *next_ms = now;
        add_request(h, w, &loads[i]);
        if (w->n == WAVE)
            send_wave(h, w, until);
    }
    send_wave(h, w, until);
    return open;
}

static void load_all(struct history *h, struct load *loads, uint32_t n, struct wave *w)
{
    int64_t until = h->host->steady_ms(h->host) + h->timeout_ms, next_ms, now;
    uint32_t i;

    for (i = 0; i < n; i++)
        loads[i].until_ms = until;
    while (load_round(h, loads, n, w, until, &next_ms) > 0) {
        now = h->host->steady_ms(h->host);
        if (next_ms > now)
            (void)h->host->wait(h->host, (uint32_t)(next_ms - now));
    }
}

static uint32_t judge(struct load *loads, uint32_t n, const struct sluice_verdicts *verdicts,
                      struct sluice_error *err)
{
    uint32_t code = SLUICE_OK, wait = 0, i;
    const char *why = NULL;

    for (i = 0; i < n; i++) {
        const struct sluice_verdict *v = &loads[i].work.answer;

        if (v->code == SLUICE_DISCONNECTED || v->code == SLUICE_CANCELLED) {
            /* The call's answer is this record's too. */
            code = code == SLUICE_CANCELLED ? code : v->code;
            why = v->detail;
            wait = loads[i].retry_after_ms > wait ? loads[i].retry_after_ms : wait;
            continue;
        }
        sluice_verdict_set(verdicts, i, v->code, v->reason, v->detail);
        sluice_verdict_at(verdicts, i)->retry_after_ms = loads[i].retry_after_ms;
    }
    if (code != SLUICE_OK) {
        (void)sluice_fail(err, code, NULL, "%.400s", why == NULL ? "no memory" : why);
        if (err != NULL)
            err->retry_after_ms = wait;
    }
    return code;
}

uint32_t history_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                        const struct sluice_verdicts *verdicts, struct sluice_error *err)
{
    struct history *h = self;
    struct load *loads = calloc((size_t)n + 1, sizeof *loads);
    struct wave *w = calloc(1, sizeof *w);
    uint32_t code, i;

    if (loads == NULL || w == NULL) {
        free(loads);
        free(w);
        return sluice_fail(err, SLUICE_RETRY, NULL, "no memory");
    }
    for (i = 0; i < n; i++) {
        loads[i].work.self = &h->purchase;
        loads[i].work.record = records[i];
        load_begin(h, &loads[i]);
    }
    load_all(h, loads, n, w);
    code = judge(loads, n, verdicts, err);
    for (i = 0; i < n; i++)
        free(loads[i].cursor);
    free(loads);
    free(w);
    return code;
}
