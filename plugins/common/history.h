/* history: loads everything that a service knows of a user, page by page, into the
 * purchase document.
 *
 *   GET URL/users/u1/purchases?lookback_days=365&cursor=
 *   200 {"receipts": [ … ], "next_cursor": "…" or null}
 *
 * Invariant: a record gets its document only when the last page was read whole, so part
 * of a history never passes for all of it; until then it is as it came. */
#ifndef SLUICE_PLUGINS_HISTORY_H
#define SLUICE_PLUGINS_HISTORY_H

#include <sluice/http.h>

#include "../enrich-purchase/enrich_purchase.h"
#include "budget.h"
#include "strbuf.h"

enum history_bad { HISTORY_BAD_REJECT, HISTORY_BAD_SKIP };
enum history_absent { HISTORY_ABSENT_WAIT, HISTORY_ABSENT_EMPTY, HISTORY_ABSENT_REJECT };

/* Appends one entry of a page to the list of purchases. */
typedef int (*history_add)(struct purchase_work *w, const struct sluice_node *entry,
                           struct sluice_node *list);

struct history {
    const struct sluice_host *host;
    const struct sluice_http_api *http;
    struct sluice_http_client *client;
    history_add add;
    struct purchase purchase; /* how entries are read */
    const char *url, *path, *list, *next, *days_parameter, *cursor_parameter;
    int64_t lookback_days;
    uint64_t max_entries;
    uint32_t timeout_ms;
    uint32_t attempts, max_parallel; /* with a budget */
    struct budget *budget;           /* NULL: none is shared */
    enum history_bad bad;
    enum history_absent absent;
    struct strbuf bearer;
    struct sluice_str headers[4];
    uint32_t n_headers;
    uint32_t metric_pages, metric_entries, metric_left_out;
};

uint32_t history_create(const struct sluice_host *host, const struct sluice_config *config, history_add add,
                        void **self, struct sluice_error *err);
void history_destroy(void *self);
uint32_t history_start(void *self, struct sluice_error *err);
uint32_t history_stop(void *self, uint32_t deadline_ms, struct sluice_error *err);
uint32_t history_probe(void *self, struct sluice_error *err);
/* history_load.c */
uint32_t history_enrich(void *self, struct sluice_record *const *records, uint32_t n,
                        const struct sluice_verdicts *verdicts, struct sluice_error *err);
/* The address of a page into out; cursor NULL: the first. */
void history_url(const struct history *h, struct sluice_str user, int64_t days, const char *cursor,
                 struct strbuf *out);

#define HISTORY_LIFECYCLE(create_fn)                                                                         \
    {                                                                                                        \
        .struct_size = sizeof(struct sluice_lifecycle), .create = (create_fn), .destroy = history_destroy,   \
        .start = history_start, .stop = history_stop, .probe = history_probe                                 \
    }

/* The options, with what differs. */
#define HISTORY_OPTIONS(url_example, path_default, list_default, budget_default)                             \
    {.name = "url",                                                                                          \
     .type = SLUICE_URL,                                                                                     \
     .flags = SLUICE_REQUIRED,                                                                               \
     .summary = "the service",                                                                               \
     .example = url_example},                                                                                \
        {.name = "path",                                                                                     \
         .type = SLUICE_STRING,                                                                              \
         .default_text = path_default,                                                                       \
         .summary = "path of the call, behind url; {user_id} is the user"},                                  \
        {.name = "token",                                                                                    \
         .type = SLUICE_STRING,                                                                              \
         .flags = SLUICE_SECRET,                                                                             \
         .summary = "sent as Authorization: Bearer TOKEN",                                                   \
         .example = "${file:/run/secrets/token}"},                                                           \
        {.name = "ca_file",                                                                                  \
         .type = SLUICE_PATH,                                                                                \
         .summary = "PEM file of the authorities to trust, in place of the system's"},                       \
        {.name = "list",                                                                                     \
         .type = SLUICE_STRING,                                                                              \
         .default_text = list_default,                                                                       \
         .summary = "member of a page that holds its entries"},                                              \
        {.name = "next",                                                                                     \
         .type = SLUICE_STRING,                                                                              \
         .default_text = "next_cursor",                                                                      \
         .summary = "member of a page that names the next one",                                              \
         .details = "It must be there; null or empty says that this page is the last."},                     \
        {.name = "cursor_parameter",                                                                         \
         .type = SLUICE_STRING,                                                                              \
         .default_text = "cursor",                                                                           \
         .summary = "parameter that carries it back"},                                                       \
        {.name = "lookback_parameter",                                                                       \
         .type = SLUICE_STRING,                                                                              \
         .default_text = "lookback_days",                                                                    \
         .summary = "parameter for how far to look back"},                                                   \
        {.name = "lookback_days",                                                                            \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "365",                                                                              \
         .min = "1",                                                                                         \
         .max = "36500",                                                                                     \
         .summary = "how far to look back, unless the record's lookback_days says it"},                      \
        {.name = "bad",                                                                                      \
         .type = SLUICE_CHOICE,                                                                              \
         .default_text = "reject",                                                                           \
         .choices = "reject|skip",                                                                           \
         .summary = "what an entry that cannot be read means",                                               \
         .details =                                                                                          \
             "reject: the record goes to the dead letters. skip: the entry is left out and counted."},       \
        {.name = "not_found",                                                                                \
         .type = SLUICE_CHOICE,                                                                              \
         .default_text = "wait",                                                                             \
         .choices = "wait|empty|reject",                                                                     \
         .summary = "what the answer 404 means",                                                             \
         .details = "wait: the path is wrong, somebody has to look at it. empty: a user without history. "   \
                    "reject: the record goes to the dead letters."},                                         \
        {.name = "max_entries",                                                                              \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "100000",                                                                           \
         .min = "1",                                                                                         \
         .max = "10000000",                                                                                  \
         .summary = "a user with more is rejected"},                                                         \
        {.name = "max_parallel",                                                                             \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "8",                                                                                \
         .min = "1",                                                                                         \
         .max = "256",                                                                                       \
         .summary = "requests at once"},                                                                     \
        {.name = "per_second",                                                                               \
         .type = SLUICE_NUMBER,                                                                              \
         .min = "0.01",                                                                                      \
         .max = "100000",                                                                                    \
         .summary = "requests a second, at most; of all workers together with budget_address"},              \
        {.name = "attempts",                                                                                 \
         .type = SLUICE_INTEGER,                                                                             \
         .default_text = "4",                                                                                \
         .min = "1",                                                                                         \
         .max = "100",                                                                                       \
         .summary = "tries of one request, within timeout"},                                                 \
        {.name = "timeout",                                                                                  \
         .type = SLUICE_DURATION,                                                                            \
         .default_text = "60s",                                                                              \
         .min = "10ms",                                                                                      \
         .max = "10m",                                                                                       \
         .summary = "for all pages of all users of a batch, tries and waits included"},                      \
        BUDGET_OPTIONS(budget_default)

#endif
